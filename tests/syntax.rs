//! The grammar as a whole: every byte has a place, nothing panics, everything ends.

use proptest::prelude::*;
use wslint::effective::nginx::directives::name_id;
use wslint::source::{FileId, Text};
use wslint::syntax::{DirectiveId, Document, nginx};

/// Fails unless every byte belongs to a word, a terminator, a comment, white space or what was skipped, and every
/// place lies inside the file.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let text = Text::plain(bytes.to_vec());
    let document = nginx::parse(text.parsed(), name_id);
    let mut covered = vec![false; bytes.len()];
    let mut cover = |start: u32, end: u32| -> Result<(), TestCaseError> {
        prop_assert!(start <= end && end as usize <= bytes.len(), "{start}..{end} of {}", bytes.len());
        covered[start as usize..end as usize].fill(true);
        Ok(())
    };
    for id in (0..document.len() as u32).map(DirectiveId) {
        let directive = document.directive(FileId(0), &text, id);
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
    let lost = bytes.iter().zip(&covered).position(|(byte, covered)| !covered && !b" \t\r\n".contains(byte));
    prop_assert_eq!(lost, None, "a byte without a place in {:?}", String::from_utf8_lossy(bytes));
    Ok(())
}

/// Text made of what the grammar is about, so that most of it comes close to being a configuration.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "server",
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
}

#[test]
fn every_prefix_of_a_configuration_can_be_read() {
    for end in 0..=SAMPLE.len() {
        check(&SAMPLE.as_bytes()[..end]).expect("holds for every prefix");
    }
}

#[test]
fn a_million_nested_blocks_are_read_without_recursion() {
    let document: Document = nginx::parse("a{".repeat(1_000_000).as_bytes(), name_id);
    assert_eq!(document.len(), nginx::MAX_DEPTH);
}
