//! What stays of a finding when the file is edited elsewhere: a hash for baselines and code scanning. Knows no
//! rule.

use hashbrown::HashMap;

use crate::finding::Finding;
use crate::source::FileId;
use crate::syntax::DirectiveId;
use crate::tree::Tree;

/// One fingerprint for each finding, in their order: of the rule, the file's name as `path` gives it, the blocks
/// around the place, the directive's words, and the number among equals, counted by place.
pub fn fingerprints(tree: &Tree, findings: &[Finding], path: impl Fn(FileId) -> String) -> Vec<String> {
    let mut seen: HashMap<u64, u32> = HashMap::new();
    let mut out = vec![String::new(); findings.len()];
    let mut order: Vec<usize> = (0..findings.len()).collect();
    // Whoever gives files other names sorts findings by these.
    order.sort_by_key(|&index| findings[index].primary);
    for of_file in order.chunk_by(|&a, &b| findings[a].primary.file == findings[b].primary.file) {
        let file = findings[of_file[0]].primary.file;
        let name = path(file);
        let mut places = Places::new(tree, file);
        for &index in of_file {
            let finding = &findings[index];
            let mut hash = Fnv::default();
            hash.add(finding.rule.as_bytes());
            hash.add(name.as_bytes());
            places.add_to(&mut hash, finding.primary.start);
            let nth = seen.entry(hash.0).and_modify(|nth| *nth += 1).or_insert(0);
            hash.add(&nth.to_le_bytes());
            out[index] = format!("{:016x}", hash.0);
        }
    }
    out
}

/// A file's directives, asked for places in rising order.
struct Places<'t> {
    tree: &'t Tree,
    file: FileId,
    next: u32,
    /// The directives around the place reached, outermost first, each with its end.
    open: Vec<(DirectiveId, u32)>,
}

impl<'t> Places<'t> {
    fn new(tree: &'t Tree, file: FileId) -> Self {
        Self { tree, file, next: 0, open: Vec::new() }
    }

    fn add_to(&mut self, hash: &mut Fnv, offset: u32) {
        let document = self.tree.document(self.file);
        let text = &self.tree.sources.get(self.file).text;
        while self.next < document.len() as u32 {
            let directive = document.directive(self.file, text, DirectiveId(self.next));
            let span = directive.span();
            if span.start > offset {
                break;
            }
            while self.open.last().is_some_and(|&(_, end)| end <= span.start) {
                self.open.pop();
            }
            self.open.push((directive.id, span.end));
            self.next += 1;
        }
        for &(id, end) in &self.open {
            if end > offset {
                let directive = document.directive(self.file, text, id);
                hash.add(&directive.name());
                for word in directive.args() {
                    hash.add(&word.value());
                }
            }
        }
    }
}

/// FNV-1a over parts, each closed by a byte that no word ends in.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, part: &[u8]) {
        for &byte in part.iter().chain(b"\0") {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
