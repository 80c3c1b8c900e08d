//! Whole trees, sound and broken, through every rule, every report and the trace: what holds for any input holds for
//! them. The same is looked for without end by the targets in `tests/fuzz`.

#[path = "support/case.rs"]
mod case;
#[path = "support/filled.rs"]
mod filled;
#[path = "support/invariants.rs"]
mod invariants;
#[path = "support/seeds.rs"]
mod seeds;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use case::Case;

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// The seeds, and what trees of either server are made of.
struct Pool {
    seeds: Vec<Vec<u8>>,
    nginx: Language,
    apache: Language,
    remarks: Vec<String>,
}

struct Language {
    words: Vec<String>,
    /// Directives that are no blocks, with the end of their line.
    lines: Vec<String>,
}

static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let cases: Vec<Case> = seeds::cases(&testdata()).into_iter().map(|(_, case)| case).collect();
    let language = |of_apache: bool, is_line: fn(&str) -> bool| {
        let own = cases.iter().filter(|case| case.apache == of_apache);
        let texts = own.flat_map(|case| &case.files).map(|(_, text)| String::from_utf8_lossy(text));
        let mut lines: Vec<String> = texts
            .flat_map(|text| text.lines().map(|line| format!("{}\n", line.trim())).collect::<Vec<_>>())
            .filter(|line| is_line(line.trim_end()))
            .collect();
        lines.sort();
        lines.dedup();
        Language { words: seeds::words(of_apache, &cases).into_iter().collect(), lines }
    };
    Pool {
        nginx: language(false, |line| line.ends_with(';') && !line.starts_with('#')),
        apache: language(true, |line| !line.is_empty() && !line.starts_with(['<', '#'])),
        seeds: cases.iter().map(Case::text).collect(),
        remarks: seeds::remarks().collect(),
    }
});

fn everything(input: &[u8]) {
    let case = Case::parse(input);
    for (_, text) in &case.files {
        invariants::nginx_grammar(text);
        invariants::apache_grammar(text);
    }
    invariants::check(&case);
    invariants::trace(&case);
    invariants::remarks(input);
}

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    End(Index),
    Byte(Index, u8),
    Remove(Index, usize),
    Repeat { from: Index, len: usize, to: Index },
    Word(Index, Index),
    Line(Index, Index),
    Remark(Index, Index),
}

fn changes() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        1 => at().prop_map(Change::End),
        2 => (at(), prop_oneof![any::<u8>(), prop::sample::select(&b"{};\"'\\$<>#\n\0 /:"[..])])
            .prop_map(|(at, byte)| Change::Byte(at, byte)),
        2 => (at(), 1..40_usize).prop_map(|(at, len)| Change::Remove(at, len)),
        2 => (at(), 1..80_usize, at()).prop_map(|(from, len, to)| Change::Repeat { from, len, to }),
        3 => (at(), at()).prop_map(|(at, word)| Change::Word(at, word)),
        3 => (at(), at()).prop_map(|(at, line)| Change::Line(at, line)),
        3 => (at(), at()).prop_map(|(at, remark)| Change::Remark(at, remark)),
    ]
}

fn changed(text: &[u8], changes: &[Change]) -> Vec<u8> {
    let language = if text.starts_with(b"#= apache") { &POOL.apache } else { &POOL.nginx };
    let mut text = text.to_vec();
    for change in changes {
        let at = |index: &Index| index.index(text.len() + 1);
        let within = |from: usize, len: usize| from..(from + len).min(text.len());
        match change {
            Change::End(end) => text.truncate(at(end)),
            Change::Byte(place, byte) => {
                let at = at(place);
                text.splice(within(at, 1), [*byte]);
            }
            Change::Remove(place, len) => drop(text.drain(within(at(place), *len))),
            Change::Repeat { from, len, to } => {
                let (part, to) = (text[within(at(from), *len)].to_vec(), at(to));
                text.splice(to..to, part);
            }
            Change::Word(place, word) => {
                // In place of a word that is there.
                let at = at(place);
                let is_end = |byte: &u8| byte.is_ascii_whitespace() || b";{}".contains(byte);
                let end = text[at..].iter().position(is_end).map_or(text.len(), |len| at + len);
                text.splice(at..end, word.get(&language.words[..]).bytes());
            }
            Change::Remark(place, remark) => {
                let at = at(place);
                let after = memchr::memchr2(b'\n', b';', &text[at..]).map_or(text.len(), |len| at + len + 1);
                text.splice(after..after, remark.get(&POOL.remarks[..]).bytes());
            }
            Change::Line(place, line) => {
                let at = at(place);
                let after = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |len| at + len + 1);
                text.splice(after..after, line.get(&language.lines[..]).bytes());
            }
        }
    }
    text
}

/// A step of writing a tree: a block opened or closed, or a line.
fn steps() -> impl Strategy<Value = Vec<(u8, Index)>> {
    prop::collection::vec((0..10_u8, any::<Index>()), 0..25)
}

/// What may be opened in `depth` blocks.
fn nginx_blocks(depth: usize) -> &'static [&'static str] {
    match depth {
        0 => &["http {\n", "stream {\n", "events {\n"],
        1 => &["server {\n", "server {\n", "upstream a {\n", "map $http_upgrade $b {\n", "types {\n"],
        2 => &["location / {\n", "location = /ws {\n", "location ~ ^/(w.)$ {\n", "if ($http_upgrade) {\n"],
        _ => &["location /ws/ {\n", "if ($arg_a ~* b) {\n", "limit_except GET {\n", "location @a {\n"],
    }
}

fn nginx_tree(steps: &[(u8, Index)]) -> String {
    let (mut text, mut depth) = (String::from("events {}\n"), 0);
    for (step, index) in steps {
        match step {
            0 if depth > 0 => {
                text += "}\n";
                depth -= 1;
            }
            1..5 => {
                text += *index.get(nginx_blocks(depth));
                depth += 1;
            }
            _ => text += index.get(&POOL.nginx.lines[..]).as_str(),
        }
    }
    text + &"}\n".repeat(depth)
}

const SECTIONS: [&str; 12] = [
    "<VirtualHost *:80>",
    "<VirtualHost *:80>",
    "<VirtualHost a.test:443>",
    "<Location /ws>",
    "<LocationMatch \"^/(?<a>w.)\">",
    "<Directory />",
    "<Proxy balancer://a>",
    "<If \"%{HTTP:Upgrade} == 'websocket'\">",
    "<IfModule proxy_module>",
    "<IfDefine !A>",
    "<Macro A $x>",
    "<RequireAny>",
];

fn apache_tree(steps: &[(u8, Index)]) -> String {
    let mut text = String::from("#= apache httpd.conf\n");
    let mut open: Vec<String> = Vec::new();
    for (step, index) in steps {
        match step {
            0 => text += &open.pop().unwrap_or_default(),
            1..4 => {
                let section = *index.get(&SECTIONS);
                let name = section[1..].split([' ', '>']).next().unwrap_or_default();
                text += &format!("{section}\n");
                open.push(format!("</{name}>\n"));
            }
            _ => text += index.get(&POOL.apache.lines[..]).as_str(),
        }
    }
    open.into_iter().rev().fold(text, |text, close| text + &close)
}

#[test]
fn a_case_is_read_as_it_is_written() {
    for text in &POOL.seeds {
        let again = Case::parse(text).text();
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(text));
    }
    let given = "#= apache conf/a.conf\n#= url wss://a.test:8443/x\n#= header Origin: http://b\nListen 80\n\
        #= file b.conf\nUse X\n";
    let case = Case::parse(given.as_bytes());
    assert_eq!(String::from_utf8_lossy(&case.text()), given);
    assert_eq!((case.apache, case.files.len(), case.headers.len(), case.url.port), (true, 2, 1, 8443));
}

#[test]
fn every_seed_is_judged_and_followed() {
    assert!(POOL.seeds.len() > 300 && POOL.nginx.lines.len() > 300 && POOL.apache.lines.len() > 300);
    POOL.seeds.iter().for_each(|seed| everything(seed));
}

#[test]
fn what_a_fuzzer_once_found_stays_repaired() {
    for entry in fs::read_dir(testdata().join("fuzz")).expect("testdata can be listed") {
        let path = entry.expect("an entry").path();
        eprintln!("{}", path.display());
        everything(&fs::read(path).expect("testdata can be read"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(250) })]

    #[test]
    fn a_changed_seed_is_judged_and_followed(
        seed in any::<Index>(),
        changes in prop::collection::vec(changes(), 1..6),
    ) {
        let seed: &Vec<u8> = seed.get(&POOL.seeds);
        everything(&changed(seed, &changes));
    }

    #[test]
    fn any_tree_of_nginx_is_judged_and_followed(steps in steps()) {
        everything(nginx_tree(&steps).as_bytes());
    }

    #[test]
    fn any_tree_of_httpd_is_judged_and_followed(steps in steps()) {
        everything(apache_tree(&steps).as_bytes());
    }
}
