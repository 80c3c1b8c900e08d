//! From the bytes of a file to what a parser reads: templates, and configurations inside files of other languages. Knows
//! their marks, no directive.

mod detect;
pub mod embedded;
mod marks;
mod place;
mod tags;
mod template;
mod words;

use std::path::Path;

use super::discover::Server;
use super::text::{Cut, Piece, Text};
use embedded::Part;

/// What is parsed of a file: for a plain one, the file.
pub fn text(path: &Path, bytes: Vec<u8>, server: Server) -> Text {
    let Some((made, engine)) = made(path, &bytes, server, None) else { return Text::plain(bytes) };
    let template::Made { parsed, pieces, holes, branches, first_tag, has_items, tangled, unclosed } = made;
    Text::cut(
        bytes,
        parsed,
        pieces,
        holes,
        Cut { engine, is_embedded: false, first_tag, branches, has_items, tangled, unclosed },
    )
}

/// The same for a configuration that stands inside the file.
pub fn part_text(path: &Path, bytes: Vec<u8>, part: &Part, server: Server) -> Text {
    let to_file = |at: u32| part.to_file(at);
    let Some((made, engine)) = made(path, &part.text, server, Some(part)) else {
        let cut = Cut { is_embedded: true, ..Cut::default() };
        return Text::cut(bytes, part.text.clone(), part.pieces.clone(), Vec::new(), cut);
    };
    let pieces = moved(&made.pieces, made.parsed.len() as u32, part);
    let unclosed = made.unclosed.map(|range| to_file(range.start)..to_file(range.end));
    let first_tag = made.first_tag.map(|range| to_file(range.start)..to_file(range.end));
    let branches = made.branches.moved(to_file);
    let (has_items, tangled) = (made.has_items, made.tangled);
    let cut = Cut { engine, is_embedded: true, first_tag, branches, has_items, tangled, unclosed };
    Text::cut(bytes, made.parsed, pieces, made.holes, cut)
}

/// Whether a file's name says that it is a template.
pub fn is_named_template(path: &Path) -> bool {
    detect::is_named(path)
}

/// A text with its template's tags blanked out, for a look at whose configuration it is; None for a plain one.
pub fn without_tags(path: &Path, bytes: &[u8]) -> Option<Vec<u8>> {
    // Whose quotes they stand in matters little here.
    let made = |server| made(path, bytes, server, None);
    let (made, _) = made(Server::Nginx).or_else(|| made(Server::Apache))?;
    Some(made.parsed)
}

fn made(
    path: &Path,
    bytes: &[u8],
    server: Server,
    part: Option<&Part>,
) -> Option<(template::Made, Option<&'static str>)> {
    let named = detect::is_named(path) || part.is_some();
    let lines = server == Server::Nginx && named;
    let mut engines = detect::engines(bytes, server, named);
    let around = part.map(|part| part.engines).unwrap_or_default();
    (engines.terraform, engines.shell) = (around.terraform || detect::is_terraform(path), around.shell);
    engines.prose = around.prose && server == Server::Nginx;
    if part.is_none() && !engines.any() && server == Server::Nginx {
        engines.format = named && detect::is_format(bytes);
        engines.marks = !engines.format && detect::is_marked(path);
    }
    let has_lines = lines && words::has_placeholder_line(bytes);
    if !(engines.any() || has_lines) {
        return None;
    }
    let made = template::make(bytes, server, engines, lines);
    // Backslashes before a `$` go without there being a tag.
    if made.first_tag.is_none() && !has_lines && made.parsed == bytes {
        return None;
    }
    Some((made, engines.any().then(|| detect::engine_of(path).unwrap_or_else(|| engines.name(bytes)))))
}

/// Pieces of a text that was made of a part, as pieces of the file that the part stands in.
fn moved(pieces: &[Piece], len: u32, part: &Part) -> Vec<Piece> {
    let mut moved = Vec::with_capacity(pieces.len() + part.pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        moved.push(Piece { parsed: piece.parsed, original: part.to_file(piece.original) });
        let next = pieces.get(index + 1);
        let end = next.map_or(len, |next| next.parsed);
        // What stands for a tag may be longer than the tag.
        let last = piece.original + (end - piece.parsed);
        let last = next.map_or(last, |next| last.min(next.original));
        let from = part.pieces.partition_point(|cut| cut.parsed <= piece.original);
        let inside = part.pieces[from..].iter().take_while(|cut| cut.parsed < last);
        moved.extend(inside.map(|cut| Piece {
            parsed: piece.parsed + (cut.parsed - piece.original),
            original: cut.original,
        }));
    }
    moved
}
