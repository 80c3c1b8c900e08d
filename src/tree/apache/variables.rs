//! `Define` and `${NAME}`: what httpd replaces in a line before it splits it into words (`ap_resolve_env`). Knows no
//! directive.

use hashbrown::{HashMap, HashSet};

use crate::source::{Piece, Text};

/// The names that are defined while the server reads.
#[derive(Default)]
pub(super) struct Variables {
    /// By name in lower case: the table of `Define` does not mind letters' case.
    defined: HashMap<Vec<u8>, Vec<u8>>,
    /// What the environment holds.
    environment: HashMap<Vec<u8>, Vec<u8>>,
    /// What `<IfDefine>` asks for.
    flags: HashSet<Vec<u8>>,
}

impl Variables {
    pub fn define(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.flags.insert(name.to_vec());
        if let Some(value) = value {
            self.defined.insert(name.to_ascii_lowercase(), value.to_vec());
        }
    }

    pub fn undefine(&mut self, name: &[u8]) {
        self.flags.remove(name);
        self.defined.remove(&name.to_ascii_lowercase());
    }

    pub fn export(&mut self, name: &[u8], value: &[u8]) {
        self.environment.insert(name.to_vec(), value.to_vec());
    }

    pub fn is_defined(&self, name: &[u8]) -> bool {
        self.flags.contains(name)
    }

    /// An empty value counts as none (measured).
    fn value(&self, name: &[u8]) -> Option<&[u8]> {
        let defined = self.defined.get(&name.to_ascii_lowercase()).filter(|value| !value.is_empty());
        defined.or_else(|| self.environment.get(name)).map(Vec::as_slice)
    }

    /// A line with its variables replaced; None where it names none that has a value. Names without one are added to
    /// `undefined`. The line's bytes stand in the file from `at` on, as `pieces` say where it was joined.
    pub fn replace(&self, line: &Line, undefined: &mut Vec<Vec<u8>>) -> Option<Text> {
        let mut parsed = Vec::with_capacity(line.bytes.len());
        let mut pieces = vec![Piece { parsed: 0, original: line.original(0) }];
        let mut copied = 0;
        let mut from = 0;
        while let Some(start) = memchr::memmem::find(&line.bytes[from..], b"${").map(|at| from + at) {
            let name_start = start + 2;
            let Some(len) = memchr::memchr(b'}', &line.bytes[name_start..]) else { break };
            let name = &line.bytes[name_start..name_start + len];
            from = name_start + len + 1;
            let Some(value) = self.value(name) else {
                // What holds a colon is one of mod_rewrite's maps.
                if !name.contains(&b':') {
                    undefined.push(name.to_vec());
                }
                continue;
            };
            line.copy(copied..start, &mut parsed, &mut pieces);
            pieces.push(Piece { parsed: parsed.len() as u32, original: line.original(start) });
            parsed.extend_from_slice(value);
            pieces.push(Piece { parsed: parsed.len() as u32, original: line.original(from) });
            copied = from;
        }
        if copied == 0 {
            return None;
        }
        line.copy(copied..line.bytes.len(), &mut parsed, &mut pieces);
        Some(Text::extracted(Vec::new(), parsed, pieces, Vec::new()))
    }
}

/// A directive's line, continuations joined, and where its bytes stand in the file.
pub(super) struct Line {
    pub bytes: Vec<u8>,
    /// The first at 0.
    pub pieces: Vec<Piece>,
}

impl Line {
    /// Joins what stands from `start` on in the file.
    pub fn new(raw: &[u8], text: &Text, start: u32) -> Self {
        let mut line = Self { bytes: Vec::with_capacity(raw.len()), pieces: Vec::new() };
        let mut at = start;
        for physical in raw.split_inclusive(|&byte| byte == b'\n') {
            line.pieces.push(Piece { parsed: line.bytes.len() as u32, original: text.to_original(at) });
            line.bytes.extend_from_slice(&crate::syntax::apache::join(physical));
            at += physical.len() as u32;
        }
        line
    }

    fn original(&self, at: usize) -> u32 {
        let after = self.pieces.partition_point(|piece| piece.parsed as usize <= at);
        let piece = self.pieces[after.max(1) - 1];
        piece.original + (at as u32 - piece.parsed)
    }

    fn copy(&self, range: std::ops::Range<usize>, parsed: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
        let moved = parsed.len() as u32;
        let inside = self.pieces.iter().filter(|piece| range.contains(&(piece.parsed as usize)));
        pieces.extend(inside.map(|piece| Piece {
            parsed: moved + (piece.parsed - range.start as u32),
            original: piece.original,
        }));
        parsed.extend_from_slice(&self.bytes[range]);
    }
}
