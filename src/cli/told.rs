//! What of a judged configuration is told: of the files asked about, under the names that files have. Judges nothing.

use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use super::plan::{Joined, Only};
use super::{FAILED, output};
use crate::engine::Linted;
use crate::finding::{Finding, MAX_ROUTES};
use crate::source::dump::JOINT;
use crate::source::{FileId, Span};

/// Leaves out what was found in other files.
pub fn narrow(linted: &mut Linted, only: &Only) {
    let tree = &linted.tree;
    let is_told = |finding: &Finding| match tree.canonical(finding.primary.file) {
        Some(path) => only.files.contains(path),
        None => only.has_settings,
    };
    linted.findings.retain(is_told);
    linted.suppressed.retain(|suppressed| is_told(&suppressed.finding));
    linted.known.retain(is_told);
}

/// Gives files the names that they have, and says nothing of lines that nobody wrote.
pub fn rename(linted: &mut Linted, joined: &Joined) {
    let sources = &linted.tree.sources;
    let is_joint = |span: Span| {
        let source = sources.get(span.file);
        let line = source.line_range(source.line(span.start));
        let text = &source.text.original()[line.start as usize..line.end as usize];
        (joined.has_joint && span.file == FileId(0)) || text.starts_with(JOINT.as_bytes())
    };
    linted.findings.retain(|finding| !is_joint(finding.primary));
    linted.suppressed.retain(|silent| !is_joint(silent.finding.primary));
    let silent = linted.suppressed.iter_mut().map(|silent| &mut silent.finding);
    for finding in linted.findings.iter_mut().chain(silent) {
        finding.labels.retain(|label| !is_joint(label.span));
    }
    let called = |file: FileId| {
        let path = sources.path(file);
        joined.renamed.get(path).map_or(path, |path| path)
    };
    let mut order: HashMap<PathBuf, usize> = HashMap::new();
    for file in linted.tree.files() {
        let next = order.len();
        order.entry(called(file).to_owned()).or_insert(next);
    }
    // A file that was read in parts is told in one go, and what two of them have in common once.
    let place = |finding: &Finding| {
        let Span { file, start, .. } = finding.primary;
        (order.get(called(file)).copied(), sources.get(file).line(start))
    };
    linted.findings.sort_by_key(place);
    let is_same =
        |a: &Finding, b: &Finding| place(a) == place(b) && a.rule == b.rule && a.message == b.message;
    linted.findings.dedup_by(|a, b| is_same(a, b));
    linted.suppressed.sort_by_key(|silent| place(&silent.finding));
    linted.suppressed.dedup_by(|a, b| is_same(&a.finding, &b.finding));
    linted.tree.sources.rename(|path| joined.renamed.get(path).cloned());
}

/// Tells what could not be looked into, which makes any exit status that of a failure.
pub fn closed(paths: &[PathBuf], status: i32) -> i32 {
    for path in paths {
        output::complain(&format!("{}: could not be looked into", path.display()));
    }
    if paths.is_empty() { status } else { FAILED }
}

/// A finding by its configuration and its place in a list.
type Place = (usize, usize);

/// Leaves one of those findings that several configurations have in files that they share, with the routes of all. A
/// dump's files are another machine's, whatever they are called.
pub fn unite(linted: &mut [Linted], is_dump: &[bool]) {
    if linted.len() < 2 {
        return;
    }
    let shared = repeated(linted, is_dump, |part| part.findings.iter().collect());
    let mut gone = HashSet::new();
    for (first, more) in shared {
        let severity = |&(part, index): &Place| linted[part].findings[index].severity;
        // The worse one tells the story.
        let told = more
            .iter()
            .copied()
            .fold(first, |worst, one| if severity(&one) > severity(&worst) { one } else { worst });
        for (part, index) in std::iter::once(first).chain(more).filter(|&one| one != told) {
            let other = &mut linted[part].findings[index];
            let (routes, count) = (std::mem::take(&mut other.routes), other.route_count);
            let finding = &mut linted[told.0].findings[told.1];
            finding.route_count += count;
            for route in routes {
                if finding.routes.contains(&route) {
                    finding.route_count -= 1;
                } else if finding.routes.len() < MAX_ROUTES {
                    finding.routes.push(route);
                }
            }
            gone.insert((part, index));
        }
    }
    leave_out(linted, &gone, |part| &mut part.findings);
    let known = repeated(linted, is_dump, |part| part.known.iter().collect());
    leave_out(linted, &known.into_values().flatten().collect(), |part| &mut part.known);
    let silent =
        repeated(linted, is_dump, |part| part.suppressed.iter().map(|silent| &silent.finding).collect());
    leave_out(linted, &silent.into_values().flatten().collect(), |part| &mut part.suppressed);
}

/// Where findings stand that several configurations have, by the first.
fn repeated(
    linted: &[Linted],
    is_dump: &[bool],
    list: impl Fn(&Linted) -> Vec<&Finding>,
) -> HashMap<Place, Vec<Place>> {
    let mut first = HashMap::new();
    let mut more: HashMap<Place, Vec<Place>> = HashMap::new();
    let parts = linted.iter().zip(is_dump).enumerate().filter(|(_, (_, is_dump))| !**is_dump);
    for (part, (one, _)) in parts {
        for (index, finding) in list(one).into_iter().enumerate() {
            let Span { file, start, end } = finding.primary;
            let path: &Path = one.tree.canonical(file).unwrap_or_else(|| one.tree.sources.path(file));
            let key = (path, start, end, finding.rule, &*finding.message);
            let known = *first.entry(key).or_insert((part, index));
            if known != (part, index) {
                more.entry(known).or_default().push((part, index));
            }
        }
    }
    more
}

fn leave_out<T>(linted: &mut [Linted], gone: &HashSet<Place>, list: impl Fn(&mut Linted) -> &mut Vec<T>) {
    for (part, one) in linted.iter_mut().enumerate() {
        let mut index = 0;
        list(one).retain(|_| {
            index += 1;
            !gone.contains(&(part, index - 1))
        });
    }
}
