//! `<Macro>` and `Use` (mod_macro): lines with parameters, read where they are used. Knows no other directive.

use std::ops::Range;

use crate::source::{FileId, Piece, Text};
use crate::syntax::Directive;
use crate::tree::NodeRef;

/// Bytes that a macro's lines may have with their arguments.
const MAX_BYTES: usize = 16 << 20;

/// A macro's definition.
#[derive(Clone)]
pub(super) struct Macro {
    pub at: NodeRef,
    pub file: FileId,
    pub parameters: Vec<Vec<u8>>,
    /// Its lines, in the text that its definition stands in.
    body: Range<u32>,
}

impl Macro {
    /// None where the definition names no macro.
    pub fn new(directive: Directive, text: &Text, at: NodeRef, file: FileId) -> Option<(Vec<u8>, Self)> {
        let name = directive.arg(0)?.value().to_ascii_lowercase();
        let parameters = directive.args().skip(1).map(|word| word.value().into_owned()).collect();
        let whole = directive.parsed();
        let parsed = text.parsed();
        let head_end = directive.args().next_back().map_or(whole.start, |word| word.parsed().end);
        let line_end = |from: u32| {
            memchr::memchr(b'\n', &parsed[from as usize..whole.end as usize]).map(|at| from + at as u32 + 1)
        };
        let start = line_end(head_end).unwrap_or(whole.end);
        // The last line is the one that closes it.
        let inside = &parsed[start as usize..whole.end as usize];
        let end = start + memchr::memrchr(b'\n', inside).map_or(0, |at| at as u32 + 1);
        Some((name, Self { at, file, parameters, body: start..end }))
    }

    /// Its lines with these arguments; None where they grow too long. `text` is what the definition stands in.
    pub fn with(&self, arguments: &[Vec<u8>], text: &Text) -> Option<Text> {
        let body = &text.parsed()[self.body.start as usize..self.body.end as usize];
        let original = |at: usize| text.to_original(self.body.start + at as u32);
        let mut parsed = Vec::with_capacity(body.len());
        let mut pieces = vec![Piece { parsed: 0, original: original(0) }];
        let mut search = Search::new(&self.parameters, body);
        let mut from = 0;
        while let Some((start, which)) = search.next(from) {
            parsed.extend_from_slice(&body[from..start]);
            pieces.push(Piece { parsed: parsed.len() as u32, original: original(start) });
            parsed.extend_from_slice(&arguments[which]);
            from = start + self.parameters[which].len();
            pieces.push(Piece { parsed: parsed.len() as u32, original: original(from) });
            if parsed.len() > MAX_BYTES {
                return None;
            }
        }
        parsed.extend_from_slice(&body[from..]);
        Some(Text::extracted(Vec::new(), parsed, pieces, Vec::new()))
    }
}

/// Where each parameter comes next: looked for again only when it was passed.
struct Search<'a> {
    parameters: &'a [Vec<u8>],
    body: &'a [u8],
    next: Vec<Option<usize>>,
}

impl<'a> Search<'a> {
    fn new(parameters: &'a [Vec<u8>], body: &'a [u8]) -> Self {
        let next = parameters.iter().map(|name| find(name, body, 0)).collect();
        Self { parameters, body, next }
    }

    /// The first parameter from `from` on, the longest of those that begin there.
    fn next(&mut self, from: usize) -> Option<(usize, usize)> {
        for (next, name) in self.next.iter_mut().zip(self.parameters) {
            if next.is_some_and(|at| at < from) {
                *next = find(name, self.body, from);
            }
        }
        let found = self.next.iter().enumerate().filter_map(|(which, next)| Some(((*next)?, which)));
        found.min_by_key(|&(at, which)| (at, usize::MAX - self.parameters[which].len()))
    }
}

fn find(name: &[u8], body: &[u8], from: usize) -> Option<usize> {
    if name.is_empty() {
        return None;
    }
    memchr::memmem::find(&body[from..], name).map(|at| from + at)
}
