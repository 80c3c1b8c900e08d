//! Whether a text is a template: tags where no configuration could have them. Knows tags and a configuration's quotes,
//! no directive.

use std::path::Path;

use super::place::Place;
use super::tags::{self, Engines, Found, Kind};
use crate::source::discover::Server;

/// Endings of files that a tool fills in. Such a file's tags count inside quotes, too.
const ENDINGS: [&str; 19] = [
    "ctmpl",
    "ejs",
    "epp",
    "erb",
    "gotmpl",
    "handlebars",
    "hbs",
    "in",
    "j2",
    "jinja",
    "jinja2",
    "liquid",
    "mustache",
    "njk",
    "template",
    "tftpl",
    "tmpl",
    "tpl",
    "twig",
];

/// Whether a file's name says that it is a template.
pub fn is_named(path: &Path) -> bool {
    has_ending(path, &ENDINGS)
}

/// The engine that a file's ending names.
pub fn engine_of(path: &Path) -> Option<&'static str> {
    const ENGINES: [(&str, &str); 12] = [
        ("ctmpl", "Go"),
        ("ejs", "EJS"),
        ("epp", "EPP"),
        ("erb", "ERB"),
        ("gotmpl", "Go"),
        ("handlebars", "Handlebars"),
        ("hbs", "Handlebars"),
        ("j2", "Jinja2"),
        ("jinja", "Jinja2"),
        ("jinja2", "Jinja2"),
        ("liquid", "Liquid"),
        ("mustache", "Mustache"),
    ];
    ENGINES.iter().find(|(ending, _)| has_ending(path, &[*ending])).map(|&(_, engine)| engine)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// The tags a text has; none for a plain configuration.
pub fn engines(bytes: &[u8], server: Server, named: bool) -> Engines {
    let has = |needle: &[u8]| memchr::memmem::find(bytes, needle).is_some();
    let candidates =
        Engines { braces: has(b"{{"), percent: has(b"{%"), erb: has(b"<%"), ..Engines::default() };
    if !candidates.any() {
        return candidates;
    }
    let mut engines = Engines::default();
    let mut place = Place::new(server);
    let mut read = 0;
    let mut from = 0;
    let mut unclosed = 0;
    while let Some(start) = tags::next(bytes, from, candidates) {
        place.read(&bytes[read..start]);
        (read, from) = (start, start + 1);
        let counts = !place.in_comment() && !place.in_lua() && (named || !place.in_quotes());
        // Where a line ends, a brace was written twice.
        let ends_line = bytes.get(start + 2).is_none_or(|byte| b"\r\n".contains(byte));
        // `{{` of Jinja holds no `{{{`.
        let Found::Tag(tag) = tags::at(bytes, start, Engines { percent: false, ..candidates }) else {
            if named && counts && !ends_line {
                note(&bytes[start..], &mut engines);
            }
            unclosed += 1;
            if unclosed == MAX_UNCLOSED {
                break;
            }
            continue;
        };
        if ends_line && bytes[tag.content.clone()].contains(&b';') {
            continue;
        }
        if counts && (named || is_unmistakable(bytes, &tag)) {
            note(&bytes[start..], &mut engines);
        }
        if counts {
            read = tag.range.end;
            // It is part of a word, or stands between directives.
            if !matches!(tag.kind, Kind::Open | Kind::Middle | Kind::Close | Kind::Silent)
                && !place.is_start()
            {
                place.read(b"x");
            }
        }
        from = tag.range.end;
    }
    engines
}

/// So many tags that never close are none, and each is looked for up to the end of the file.
const MAX_UNCLOSED: usize = 1000;

fn note(at: &[u8], engines: &mut Engines) {
    match &at[..2] {
        b"{{" => engines.braces = true,
        b"{%" => engines.percent = true,
        b"<%" => engines.erb = true,
        _ => {}
    }
}

/// Whether no plain configuration has such a tag outside of quotes.
fn is_unmistakable(bytes: &[u8], tag: &tags::Tag) -> bool {
    let content = &bytes[tag.content.clone()];
    let opening = &bytes[tag.range.start..tag.range.start + 2];
    let Some(&first) = content.first() else { return false };
    match opening {
        b"{{" if tag.kind == Kind::Silent => true,
        b"{{" => {
            (first.is_ascii_alphabetic() || b"_.$\"'(/#^>`".contains(&first))
                && !content.iter().any(|byte| matches!(byte, b';' | b'\n'))
        }
        b"{%" => first.is_ascii_lowercase() && !content.contains(&b';'),
        b"<%" => !content.contains(&b'\n') || first.is_ascii_alphabetic() || first == b'#',
        _ => false,
    }
}

/// Endings of files that are filled in by whatever their owner has.
const MARKED: [&str; 4] = ["in", "template", "tmpl", "tpl"];

pub fn is_marked(path: &Path) -> bool {
    has_ending(path, &MARKED)
}

/// Whether braces are written twice: each block begins with `{{` at the end of a line, and some line is `}}`.
pub fn is_format(bytes: &[u8]) -> bool {
    let mut closes = false;
    let mut opens = false;
    for line in bytes.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        opens |= line.ends_with(b" {{");
        closes |= line == b"}}";
        if line.ends_with(b" {") || line == b"}" {
            return false;
        }
    }
    opens && closes
}

/// Whether the file is filled in by Terraform's `templatefile`.
pub fn is_terraform(path: &Path) -> bool {
    has_ending(path, &["tftpl"])
}
