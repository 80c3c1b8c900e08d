//! What holds for every input, however broken: places lie inside their files, every byte has one, and the same input
//! gives the same answer. Must not know what any answer should be. Shared by the tests and the fuzz targets.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::collections::BTreeSet;

use wslint::effective::{apache as httpd, nginx::directives::name_id};
use wslint::engine::remarks::{Named, Remark, parse};
use wslint::engine::{Linted, Selection};
use wslint::finding::Finding;
use wslint::handshake::{Trace, Verdict};
use wslint::report::{self, Report, human::Style};
use wslint::rules;
use wslint::source::{FileId, Sources, Span, Text};
use wslint::syntax::{DirectiveId, Document, ProblemKind, Shape, apache, nginx};

use super::case::Case;

/// nginx's grammar, on the text and on some of its prefixes.
pub fn nginx_grammar(bytes: &[u8]) {
    let parse = |text: &Text| nginx::parse(text.parsed(), name_id);
    on_prefixes(bytes, parse, |bytes, text, parsed| {
        let lost = document(bytes, text, parsed, b" \t\r\n");
        assert_eq!(lost.first(), None, "bytes without a place in {:?}", String::from_utf8_lossy(bytes));
    });
}

/// httpd's grammar, on the text and on some of its prefixes.
pub fn apache_grammar(bytes: &[u8]) {
    let parse = |text: &Text| apache::parse(text.parsed(), httpd::directives::name_id);
    on_prefixes(bytes, parse, |bytes, text, parsed| {
        let lost = document(bytes, text, parsed, APACHE_GAPS);
        // Sections that are too deep are told of once.
        if !parsed.problems.iter().any(|problem| problem.kind == ProblemKind::TooDeep) {
            let lost = lost.into_iter().find(|&at| !means_nothing(bytes, at));
            assert_eq!(lost, None, "a byte without a place in {:?}", String::from_utf8_lossy(bytes));
        }
    });
}

/// The remark that a comment is, and those of a tree: what they silence is told nowhere, and nothing else is lost.
pub fn remarks(bytes: &[u8]) {
    on_comment(bytes);
    for comment in bytes.split_inclusive(|&byte| byte == b'\n') {
        on_comment(comment);
    }
    let case = Case::parse(bytes);
    let lint = |case: &Case| {
        let (main, options) = (case.main(), case.options());
        let linted = wslint::lint(&case.memory(), &main, &options, case.target(), &Selection::default());
        linted.expect("the main file can be read")
    };
    let (one, other) = (lint(&case), lint(&case));
    assert_eq!(one.findings, other.findings, "two answers to one tree");
    assert_eq!(one.suppressed, other.suppressed, "two answers to one tree");
    findings(&one);
    for suppressed in &one.suppressed {
        assert!(lies_inside(suppressed.finding.primary, &one.tree.sources), "{suppressed:?}");
        assert!(lies_inside(suppressed.why.at, &one.tree.sources), "{suppressed:?}");
        assert!(suppressed.why.reason.chars().any(char::is_alphanumeric), "{suppressed:?}");
    }
    let is_own = |rule: &str| rule.starts_with("remark-");
    let place = |finding: &Finding| (finding.primary, finding.rule);
    let told: Vec<_> = one.findings.iter().map(place).collect();
    let silent = one.suppressed.iter().map(|suppressed| place(&suppressed.finding));
    let found: BTreeSet<_> = told.into_iter().chain(silent).filter(|(_, rule)| !is_own(rule)).collect();
    if !case.files.iter().any(|(_, text)| declares(text)) {
        let without = lint(&without_remarks(&case));
        let expected: BTreeSet<_> = without.findings.iter().map(place).collect();
        assert_eq!(found, expected, "what is silenced or told, and what is found without remarks");
    }
}

/// Whether some comment of the text may say what routes are for.
fn declares(text: &[u8]) -> bool {
    let hashes = (0..text.len()).filter(|&at| text[at] == b'#');
    hashes.map(|at| parse(&text[at..])).any(|read| matches!(read, Some(Ok(Remark::Meant { .. }))))
}

/// The same tree with comments that are for nobody.
fn without_remarks(case: &Case) -> Case {
    let mut case = case.clone();
    for (_, text) in &mut case.files {
        for at in 0..text.len().saturating_sub(5) {
            if text[at..at + 6].eq_ignore_ascii_case(b"wslint") {
                text[at] += 1;
            }
        }
    }
    case
}

fn on_comment(comment: &[u8]) {
    let read = parse(comment);
    let inside = |at: &std::ops::Range<usize>| {
        let line = comment.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(comment.len());
        assert!(at.start < at.end && at.end <= line, "{at:?} of {:?}", String::from_utf8_lossy(comment));
    };
    match &read {
        None => {}
        Some(Err(problem)) => inside(&problem.at),
        Some(Ok(Remark::Meant { .. })) => {}
        Some(Ok(Remark::Allow { rules, reason, .. })) => {
            assert!(!rules.is_empty() && reason.chars().any(char::is_alphanumeric));
            rules.iter().for_each(|rule| inside(&rule.at));
            // Written as it was understood, it is understood the same.
            let names: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
            let again = format!("# wslint: allow({}) {reason}", names.join(","));
            let Some(Ok(Remark::Allow { rules: known, reason: same, .. })) = parse(again.as_bytes()) else {
                panic!("{again:?}")
            };
            let ids = |rules: &[Named]| rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
            assert_eq!((ids(&known), &same), (ids(rules), reason));
        }
    }
    if read.is_some() {
        assert!(comment.to_ascii_lowercase().windows(6).any(|word| word == b"wslint"));
    }
}

/// Prefixes that are looked at, the whole text among them.
const PREFIXES: usize = 4;

fn on_prefixes(bytes: &[u8], parse: impl Fn(&Text) -> Document, check: impl Fn(&[u8], &Text, &Document)) {
    for part in 1..=PREFIXES {
        let bytes = &bytes[..bytes.len() * part / PREFIXES];
        let text = Text::plain(bytes.to_vec());
        let parsed = parse(&text);
        check(bytes, &text, &parsed);
        if part == PREFIXES {
            assert_eq!(format!("{parsed:?}"), format!("{:?}", parse(&text)), "two answers to one text");
        }
    }
}

/// White space, what joins lines, and the bracket that ends a section's first line.
const APACHE_GAPS: &[u8] = b" \t\r\n\x0b\x0c\\>";

/// Whether the byte belongs to a closing tag, or is or follows a NUL or a section's bracket on its line: httpd ignores it.
fn means_nothing(bytes: &[u8], at: usize) -> bool {
    let mut from = at;
    while from > 0 && (bytes[from - 1] != b'\n' || is_joined(&bytes[..from])) {
        from -= 1;
    }
    let line = apache::join(&bytes[from..bytes.len().min(at + 4)]);
    let tag = line.iter().position(|byte| !b" \t\r\n\x0b\x0c".contains(byte)).map(|start| &line[start..]);
    bytes[from..=at].iter().any(|byte| matches!(byte, b'>' | 0))
        || tag.is_some_and(|tag| tag.starts_with(b"</"))
}

/// Whether text that ends in a line feed goes on in its next line.
fn is_joined(lines: &[u8]) -> bool {
    let line = lines.strip_suffix(b"\n").unwrap_or(lines);
    line.strip_suffix(b"\r").unwrap_or(line).ends_with(b"\\")
}

/// Fails where a place lies outside the text; the bytes that are no gap and have no place.
fn document(bytes: &[u8], text: &Text, document: &Document, gaps: &[u8]) -> Vec<usize> {
    let mut covered = vec![false; bytes.len()];
    let mut cover = |start: u32, end: u32| {
        assert!(start <= end && end as usize <= bytes.len(), "{start}..{end} of {}", bytes.len());
        covered[start as usize..end as usize].fill(true);
    };
    for id in (0..document.len() as u32).map(DirectiveId) {
        let directive = document.directive(FileId(0), text, id);
        for word in std::iter::once(directive.name_word()).chain(directive.args()) {
            cover(word.span().start, word.span().end);
            word.value();
        }
        for place in [directive.terminator(), directive.last_byte()] {
            cover(place.start, place.end);
        }
        if directive.shape() == Shape::Raw {
            cover(directive.span().start, directive.span().end);
        }
        for range in [directive.line(), directive.parsed()] {
            assert!(range.start <= range.end && range.end as usize <= bytes.len());
        }
        assert!(directive.head().end as usize <= bytes.len());
        assert!(directive.next() > id.0 && directive.next() <= document.len() as u32);
    }
    for part in document.comments.iter().chain(&document.skipped) {
        cover(part.start, part.end);
    }
    for problem in &document.problems {
        for place in std::iter::once(problem.at).chain(problem.near) {
            assert!(place.start <= place.end && place.end as usize <= bytes.len(), "{problem:?}");
        }
    }
    let lost = |&at: &usize| !covered[at] && !gaps.contains(&bytes[at]);
    (0..bytes.len()).filter(lost).collect()
}

/// All rules on a tree, and every report of what they find.
pub fn check(case: &Case) {
    let (files, main, options, target) = (case.memory(), case.main(), case.options(), case.target());
    let all = Selection {
        select: rules::ALL.iter().map(|rule| rule.id.to_string()).collect(),
        all_routes: true,
        ..Selection::default()
    };
    let lint = || {
        let linted = wslint::lint(&files, &main, &options, target, &all);
        linted.expect("the main file can be read")
    };
    let (one, other) = (lint(), lint());
    findings(&one);
    assert_eq!(one.findings, other.findings, "two answers to one tree");
    let reports = reports(&[one]);
    assert!(reports == self::reports(&[other]), "two reports of one tree");
}

fn findings(linted: &Linted) {
    for finding in &linted.findings {
        let edits = finding.fixes.iter().flat_map(|fix| &fix.edits).map(|edit| edit.span);
        let labels = finding.labels.iter().map(|label| label.span);
        for span in std::iter::once(finding.primary).chain(labels).chain(edits) {
            assert!(lies_inside(span, &linted.tree.sources), "{span:?} of {finding:?}");
        }
        assert!(!finding.message.is_empty(), "{finding:?}");
    }
}

fn lies_inside(span: Span, sources: &Sources) -> bool {
    let known = (span.file.0 as usize) < sources.len();
    let len = || sources.get(span.file).text.original().len();
    known && span.start <= span.end && span.end as usize <= len()
}

/// The report in every format, each held to what it promises.
fn reports(linted: &[Linted]) -> Vec<String> {
    let report =
        Report { linted, directory: "/etc".into(), left_out: 0, statistics: false, hint: String::new() };
    let count: usize = linted.iter().map(|part| part.findings.len()).sum();
    let written = |write: &dyn Fn(&mut Vec<u8>) -> std::io::Result<()>| {
        let mut out = Vec::new();
        write(&mut out).expect("memory takes all");
        String::from_utf8(out).expect("a report is UTF-8")
    };
    let human = |style: Style| written(&|out| report::human::write(&report, style, out));
    let concise = written(&|out| report::concise::write(&report, out));
    assert_eq!(concise.lines().count(), count, "{concise}");
    let json = written(&|out| report::json::write(&report, out));
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["findings"].as_array().map(Vec::len), Some(count));
    let narrow = human(Style { colour: false, width: 40, notes: true });
    assert!(json.bytes().all(|byte| byte >= b' ' || byte == b'\n'), "{json:?}");
    for text in [&concise, &narrow] {
        let control = text.chars().find(|&c| c.is_control() && c != '\n' && c != '\t');
        assert_eq!(control, None, "{text:?}");
    }
    vec![concise, json, narrow, human(Style { colour: true, width: 200, notes: false })]
}

/// A handshake through a tree.
pub fn trace(case: &Case) {
    let (files, main, options, target) = (case.memory(), case.main(), case.options(), case.target());
    let follow = || {
        let traced = wslint::trace(&files, &main, &options, target, &case.url, &case.headers);
        traced.expect("the main file can be read")
    };
    let (linted, traced) = follow();
    places(&traced, &linted.tree.sources);
    let upstream = traced.hops.last().is_some_and(|hop| hop.upstream.is_some());
    if traced.verdict == Verdict::Upgraded {
        assert!(traced.status == Some(101) && upstream, "{traced:?}");
    }
    assert!(traced.verdict != Verdict::Refused || upstream, "{traced:?}");
    assert!(!traced.why.is_empty(), "{traced:?}");
    assert_eq!(format!("{traced:?}"), format!("{:?}", follow().1), "two answers to one handshake");
}

fn places(trace: &Trace, sources: &Sources) {
    for hop in &trace.hops {
        let chosen = [&hop.server, &hop.route].into_iter().flatten().map(|chosen| chosen.at);
        let headers = hop.upstream.iter().flat_map(|upstream| &upstream.headers).map(|sent| sent.at);
        let steps = hop.steps.iter().map(|step| step.at);
        for span in chosen.chain(headers).chain(steps).flatten() {
            assert!(lies_inside(span, sources), "{span:?} of {trace:?}");
        }
    }
}
