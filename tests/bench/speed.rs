//! How fast wslint is: `cargo bench`, or `cargo bench -- check` and the like for a part of it. Inputs of 100 MB are
//! measured only where their name is given (`cargo bench -- 105m`). `--inputs` makes every input and prints where it
//! lies; `--compare` is for `compare.sh`.

mod apache;
mod compare;
mod counted;
mod inputs;
mod nginx;
mod process;
#[path = "../support/random.rs"]
#[allow(dead_code, reason = "the tests ask it for more")]
mod random;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use wslint::effective::{Target, apache::directives as httpd, nginx::directives};
use wslint::engine::{Linted, Selection};
use wslint::handshake::{Url, Verdict};
use wslint::report::{self, Report, human};
use wslint::source::files::Disk;
use wslint::syntax;
use wslint::tree::{Limits, Options, Tree, apache::Given};

use inputs::{Input, Server};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("--inputs") => inputs::ALL.iter().for_each(|input| println!("{}", input.main_file().display())),
        Some("--compare") => compare::compare(&arguments[1..]),
        _ => divan::Divan::default().max_time(Duration::from_secs(2)).config_with_args().main(),
    }
}

/// Those to be measured: large ones only if the command line names their size.
fn asked_for<const N: usize>(all: [Input; N]) -> impl Iterator<Item = Input> {
    let named = |input: &Input| {
        let size = input.name.rsplit('-').next().expect("a last part");
        std::env::args().skip(1).any(|argument| argument.contains(size))
    };
    all.into_iter().filter(move |input| !input.large || named(input))
}

/// Text to directives.
#[divan::bench(args = asked_for(inputs::SINGLE))]
fn parse(bencher: Bencher, input: &Input) {
    let text = fs::read(input.main_file()).expect("an input that was made");
    let bencher = bencher.counter(BytesCount::of_slice(&text));
    match input.server {
        Server::Nginx => bencher.bench_local(|| syntax::nginx::parse(&text, directives::name_id)),
        Server::Apache => bencher.bench_local(|| syntax::apache::parse(&text, httpd::name_id)),
    }
}

/// Files to a tree, its includes resolved.
#[divan::bench(args = asked_for(inputs::ALL))]
fn tree(bencher: Bencher, input: &Input) {
    let (main, options) = read_as(input);
    let names = match input.server {
        Server::Nginx => directives::name_id,
        Server::Apache => httpd::name_id,
    };
    bencher
        .counter(BytesCount::new(input.bytes()))
        .bench_local(|| Tree::read(&Disk, &main, names, &options).expect("an input that was made"));
}

/// Files to findings.
#[divan::bench(args = asked_for(inputs::ALL))]
fn check(bencher: Bencher, input: &Input) {
    bencher.counter(BytesCount::new(input.bytes())).bench_local(|| lint(input));
}

/// Files to the verdict on one handshake.
#[divan::bench(args = asked_for(inputs::ALL))]
fn trace(bencher: Bencher, input: &Input) {
    let (main, options) = read_as(input);
    let url: Url = inputs::URL.parse().expect("a URL");
    bencher.counter(BytesCount::new(input.bytes())).bench_local(|| {
        let traced = wslint::trace(&Disk, &main, &options, Target::default(), &url, &[]);
        let (linted, trace) = traced.expect("an input that was made");
        assert_eq!(trace.verdict, Verdict::Upgraded, "{}", trace.why);
        linted
    });
}

/// 100,000 findings to bytes.
#[divan::bench(args = ["human", "concise", "json"])]
fn report(bencher: Bencher, format: &str) {
    let linted = [lint(&inputs::NGINX_FINDINGS)];
    let report = Report {
        linted: &linted,
        directory: PathBuf::from("/"),
        left_out: 0,
        statistics: false,
        hint: String::new(),
    };
    let style = human::Style { colour: true, width: 100, notes: false };
    bencher.counter(ItemsCount::new(linted[0].findings.len())).bench_local(|| {
        let mut out = Vec::new();
        match format {
            "human" => report::human::write(&report, style, &mut out),
            "concise" => report::concise::write(&report, &mut out),
            _ => report::json::write(&report, &mut out),
        }
        .expect("memory takes everything");
        out
    });
}

/// A process from its start to its exit, beside one that does nothing.
#[divan::bench(args = ["true", "wslint"])]
fn start(bencher: Bencher, program: &str) {
    let main = inputs::TEN_LINES.main_file();
    let command = match program {
        "true" => process::Tool::new("true"),
        _ => process::Tool::new(env!("CARGO_BIN_EXE_wslint")).arg(&main).ends_with(&[0, 1]),
    };
    bencher.bench_local(|| command.run().expect("a program that starts"));
}

fn lint(input: &Input) -> Linted {
    let (main, options) = read_as(input);
    wslint::lint(&Disk, &main, &options, Target::default(), &Selection::default())
        .expect("an input that was made")
}

/// The main file, and how the command line would read it.
fn read_as(input: &Input) -> (PathBuf, Options) {
    let main = input.main_file();
    let own = main.parent().expect("a directory").to_owned();
    let version = Target::default().apache.last;
    let given = || Given {
        defines: Vec::new(),
        version: [version.major, version.minor, version.patch],
        server_root: None,
    };
    let options = Options {
        prefix: own.clone(),
        root: own,
        maps: Vec::new(),
        limits: Limits::default(),
        apache: (input.server == Server::Apache).then(given),
    };
    (main, options)
}
