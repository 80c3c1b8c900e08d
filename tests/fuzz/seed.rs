//! Fills `corpus/` with the seeds of the tests, and writes the dictionaries. Must not touch what a fuzzer has found.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wslint_fuzz::seeds;

fn main() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let testdata = home.join("../../testdata");
    let cases = seeds::cases(&testdata);
    let corpus = home.join("corpus");
    for target in ["nginx_grammar", "apache_grammar", "check", "trace", "remarks"] {
        fs::create_dir_all(corpus.join(target)).expect("a directory for the corpus");
    }
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::write(corpus.join(target).join(format!("seed-{name}")), bytes)
            .expect("the corpus can be written");
    };
    for (name, case) in &cases {
        write("check", name, &case.text());
        write("trace", name, &case.text());
        if case.files.iter().any(|(_, text)| String::from_utf8_lossy(text).contains("wslint:")) {
            write("remarks", name, &case.text());
        }
        for (index, (_, text)) in case.files.iter().enumerate() {
            write(grammar(case.apache), &format!("{name}-{index}"), text);
        }
    }
    let all = || cases.iter().map(|(_, case)| case);
    let [nginx, apache] = [false, true].map(|of_apache| seeds::words(of_apache, all()));
    let form = ["#= nginx ", "#= apache ", "#= file ", "#= url ws://", "#= header ", "#= target "];
    let both: BTreeSet<String> = nginx.union(&apache).cloned().chain(form.map(String::from)).collect();
    let remarks: BTreeSet<String> = both.iter().cloned().chain(seeds::remarks()).collect();
    for (target, words) in [
        ("nginx_grammar", &nginx),
        ("apache_grammar", &apache),
        ("check", &both),
        ("trace", &both),
        ("remarks", &remarks),
    ] {
        fs::write(corpus.join(format!("{target}.dict")), dictionary(words)).expect("a dictionary");
    }
    println!("{} trees, {} words", cases.len(), both.len());
}

fn grammar(of_apache: bool) -> &'static str {
    if of_apache { "apache_grammar" } else { "nginx_grammar" }
}

/// libFuzzer's form: a quoted word a line.
fn dictionary(words: &BTreeSet<String>) -> String {
    let quoted = |word: &String| format!("\"{}\"\n", word.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\x0a"));
    words.iter().map(quoted).collect()
}
