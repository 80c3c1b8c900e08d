//! The grammar as a whole: every byte has a place, nothing panics, everything ends.

use std::path::Path;

use proptest::prelude::*;
use wslint::effective::Target;
use wslint::effective::{apache as httpd, nginx::directives::name_id};
use wslint::engine::Selection;
use wslint::source::files::Memory;
use wslint::source::{FileId, Text};
use wslint::syntax::{DirectiveId, Document, apache, nginx};
use wslint::tree::apache::Given;
use wslint::tree::{Limits, Options};

/// What the bytes mean to each server.
fn documents(text: &Text) -> [(Document, &'static [u8]); 2] {
    [
        (nginx::parse(text.parsed(), name_id), b" \t\r\n"),
        (apache::parse(text.parsed(), httpd::directives::name_id), APACHE_GAPS),
    ]
}

/// White space, and what joins lines; a NUL ends a line for httpd, so what follows it belongs to nothing.
const APACHE_GAPS: &[u8] = b" \t\r\n\x0b\x0c\\>";

/// Fails unless every byte belongs to a word, a terminator, a comment, white space or what was skipped, and every
/// place lies inside the file.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let text = Text::plain(bytes.to_vec());
    for (document, gaps) in documents(&text) {
        check_one(bytes, &text, &document, gaps)?;
    }
    Ok(())
}

fn check_one(bytes: &[u8], text: &Text, document: &Document, gaps: &[u8]) -> Result<(), TestCaseError> {
    let mut covered = vec![false; bytes.len()];
    let mut cover = |start: u32, end: u32| -> Result<(), TestCaseError> {
        prop_assert!(start <= end && end as usize <= bytes.len(), "{start}..{end} of {}", bytes.len());
        covered[start as usize..end as usize].fill(true);
        Ok(())
    };
    for id in (0..document.len() as u32).map(DirectiveId) {
        let directive = document.directive(FileId(0), text, id);
        for word in std::iter::once(directive.name_word()).chain(directive.args()) {
            cover(word.span().start, word.span().end)?;
            word.value();
        }
        let places = [directive.terminator(), directive.last_byte()];
        for place in places {
            cover(place.start, place.end)?;
        }
        if directive.shape() == wslint::syntax::Shape::Raw {
            cover(directive.span().start, directive.span().end)?;
        }
        prop_assert!(directive.next() > id.0 && directive.next() <= document.len() as u32);
    }
    for part in document.comments.iter().chain(&document.skipped) {
        cover(part.start, part.end)?;
    }
    for problem in &document.problems {
        for place in std::iter::once(problem.at).chain(problem.near) {
            prop_assert!(place.start <= place.end && place.end as usize <= bytes.len());
        }
    }
    // What is nested too deep, too long a line, and what follows a NUL or a closing tag is told of, or means nothing.
    if gaps == APACHE_GAPS && (bytes.contains(&0) || closes_with_more(bytes)) {
        return Ok(());
    }
    let lost = bytes.iter().zip(&covered).position(|(byte, covered)| !covered && !gaps.contains(byte));
    prop_assert_eq!(lost, None, "a byte without a place in {:?}", String::from_utf8_lossy(bytes));
    Ok(())
}

/// Whether more than a closing tag stands on a line that has one.
fn closes_with_more(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"</").is_some() || memchr::memchr(b'>', bytes).is_some()
}

/// Text made of what the grammar is about, so that most of it comes close to being a configuration.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "server",
        "<VirtualHost *:80",
        ">",
        "</VirtualHost",
        "<Macro",
        "</Macro>",
        "\\\n",
        "RewriteRule ",
        "${A}",
        "location",
        "/ws",
        "{",
        "}",
        ";",
        " ",
        "\n",
        "\r\n",
        "#",
        "\"",
        "'",
        "\\",
        "$",
        "${",
        "a",
        "\t",
        "include",
        "x_by_lua_block",
        "--",
        "[[",
        "]]",
        ")",
        "~",
        "\u{feff}",
        "\u{a0}",
        "\u{201c}",
        "\0",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

const SAMPLE: &str = "events {}\nhttp {\n  map $http_upgrade $c { default upgrade; '' close; } # map\n  server {\n    \
    listen 80; location ~ \"^/a{2}\" { proxy_pass http://b; proxy_set_header X \"a\\\"b\"; }\n    \
    content_by_lua_block { ngx.say(\"}\") -- }\n }\n  }\n}\n";

const APACHE_SAMPLE: &str = "Define A 1\nServerName \"a\\\"b\" # x\n<VirtualHost *:80> # note\n  ProxyPass /ws \\\n    \
    ws://${A}/ws\n  RewriteRule ^/a\\ b \"x\" [P]\n# comment \\\nlost\n  <If \"%{X} > 1\">\n  </If>\n</VirtualHost>\n\
    <Macro M $x>\n<Location $x>\n</Location>\n</Macro>\nUse M /a\n";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn every_byte_of_a_configuration_like_text_has_a_place(bytes in pieces()) {
        check(&bytes)?;
    }

    #[test]
    fn every_byte_of_any_text_has_a_place(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn a_changed_byte_does_no_harm(at in 0..SAMPLE.len(), byte in any::<u8>()) {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        check(&bytes)?;
    }

    #[test]
    fn a_changed_byte_does_httpd_no_harm(at in 0..APACHE_SAMPLE.len(), byte in any::<u8>()) {
        let mut bytes = APACHE_SAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        check(&bytes)?;
        read(&bytes);
    }

    #[test]
    fn what_looks_like_a_configuration_of_httpd_is_judged(bytes in pieces()) {
        read(&bytes);
    }
}

/// Reads and judges bytes as httpd's main file; every finding must lie in a file that was read.
fn read(bytes: &[u8]) {
    let files = Memory::default().with("/c/httpd.conf", bytes).with("/c/extra.conf", "ServerAdmin a\n");
    let options = Options {
        prefix: "/c".into(),
        root: "/c".into(),
        maps: Vec::new(),
        limits: Limits::default(),
        apache: Some(Given::default()),
    };
    let main = Path::new("/c/httpd.conf");
    let lint = || {
        let linted = wslint::lint(&files, main, &options, Target::default(), &Selection::default());
        let linted = linted.expect("the main file can be read");
        for finding in &linted.findings {
            let len = linted.tree.sources.get(finding.primary.file).text.original().len();
            assert!(finding.primary.start <= finding.primary.end && finding.primary.end as usize <= len);
        }
        linted.findings.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(lint(), lint());
    let url = "ws://a.test/ws".parse().expect("a URL");
    wslint::trace(&files, main, &options, Target::default(), &url, &[]).expect("the main file can be read");
}

#[test]
fn every_prefix_of_a_configuration_can_be_read() {
    for end in 0..=SAMPLE.len() {
        check(&SAMPLE.as_bytes()[..end]).expect("holds for every prefix");
    }
}

#[test]
fn every_prefix_of_httpds_configuration_can_be_read() {
    for end in 0..=APACHE_SAMPLE.len() {
        let bytes = &APACHE_SAMPLE.as_bytes()[..end];
        check(bytes).expect("holds for every prefix");
        read(bytes);
    }
}

#[test]
fn a_million_nested_blocks_are_read_without_recursion() {
    let document: Document = nginx::parse("a{".repeat(1_000_000).as_bytes(), name_id);
    assert_eq!(document.len(), nginx::MAX_DEPTH);
}
