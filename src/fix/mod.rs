//! Fixes made and proven: a fix is kept only if, read again, the configuration has lost the finding, gained none, and
//! upgrades wherever it upgraded. Knows no rule by name, and writes nothing.

mod edits;
mod judge;
mod probe;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use crate::engine::Linted;
use crate::finding::{Finding, Fix, Safety};
use crate::source::files::Files;
use crate::source::overlay::{Overlay, Texts};

use edits::{Change, Changes};
use judge::{Stand, Way};

/// Which fixes are wanted.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Also those that may change more than handshakes.
    pub risky: bool,
    /// Those of these rules.
    pub rules: Vec<&'static str>,
    /// Canonical paths of files and directories; nothing else is changed.
    pub roots: Vec<PathBuf>,
    /// Findings in other files are not even told of.
    pub only_inside: bool,
}

/// A file that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Without symbolic links.
    pub path: PathBuf,
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

/// A fix, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub rule: &'static str,
    pub path: PathBuf,
    /// In the text as it was found.
    pub line: u32,
    pub title: String,
    /// Why it was not made.
    pub dropped: Option<String>,
}

/// What fixing came to.
pub struct Fixed {
    pub changed: Vec<Changed>,
    pub told: Vec<Told>,
    /// Read and judged anew.
    pub linted: Vec<Linted>,
}

/// Reads and judges all configurations, with these files.
pub type Lint<'a> = dyn Fn(&dyn Files) -> Result<Vec<Linted>, String> + 'a;

/// A fix of one finding, by the files' canonical paths.
#[derive(Clone)]
struct Candidate {
    key: Key,
    told: Told,
    safety: Safety,
    changes: Vec<(PathBuf, Change)>,
}

/// What a finding is known by: rule, file, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Which configuration.
    part: usize,
    rule: &'static str,
    path: PathBuf,
    start: u32,
}

/// How many times what a fix brings to light is mended along with it.
const MAX_ROUNDS: usize = 4;

/// Makes every fix that is wanted and proves sound.
///
/// # Errors
/// Where the configurations cannot be read again.
pub fn fix(files: &dyn Files, linted: Vec<Linted>, lint: &Lint, choice: &Choice) -> Result<Fixed, String> {
    let mut state = State::new(files, linted, lint, choice);
    state.make(Safety::Safe)?;
    // What is safe may have become possible by what is not, and the other way round.
    while choice.risky && state.make(Safety::Unsafe)? && state.make(Safety::Safe)? {}
    Ok(state.fixed())
}

struct State<'a> {
    files: &'a dyn Files,
    lint: &'a Lint<'a>,
    choice: &'a Choice,
    texts: Texts,
    originals: Texts,
    /// What has been changed, one after the other.
    steps: Vec<Changes>,
    linted: Vec<Linted>,
    made: Vec<Told>,
    dropped: Vec<(Safety, Told)>,
    /// What is true of `linted`, asked for when first needed.
    stand: Option<Stand>,
}

/// Something that was tried and is sound.
struct Proven {
    texts: Texts,
    steps: Vec<Changes>,
    linted: Vec<Linted>,
    made: Vec<Told>,
}

impl<'a> State<'a> {
    fn new(files: &'a dyn Files, linted: Vec<Linted>, lint: &'a Lint<'a>, choice: &'a Choice) -> Self {
        let (texts, originals) = (Texts::default(), Texts::default());
        Self {
            files,
            lint,
            choice,
            texts,
            originals,
            steps: Vec::new(),
            linted,
            made: Vec::new(),
            dropped: Vec::new(),
            stand: None,
        }
    }

    /// Makes fixes of this safety until none is left that proves sound; whether there was one.
    fn make(&mut self, safety: Safety) -> Result<bool, String> {
        let mut any = false;
        loop {
            let now = Overlay::new(self.files, &self.texts);
            let mut left = candidates(&now, &self.linted, self.choice);
            left.retain(|candidate| candidate.safety == safety);
            self.place(&mut left, &[]);
            self.dropped.retain(|(of, _)| *of != safety);
            let mut progress = false;
            while !left.is_empty() && !progress {
                let mut changes = Changes::default();
                let (batch, rest): (Vec<_>, Vec<_>) =
                    left.into_iter().partition(|candidate| changes.add(&candidate.changes));
                left = rest;
                progress = self.try_all(batch)?;
            }
            any |= progress;
            if !progress {
                return Ok(any);
            }
        }
    }

    /// Makes of these what proves sound; whether anything did.
    fn try_all(&mut self, batch: Vec<Candidate>) -> Result<bool, String> {
        let mut open = vec![batch];
        while let Some(batch) = open.pop() {
            match self.prove(&batch)? {
                Ok(proven) => {
                    let Proven { texts, steps, linted, made } = proven;
                    (self.texts, self.linted, self.stand) = (texts, linted, None);
                    self.steps.extend(steps);
                    self.made.extend(made);
                    // The places of the others have moved.
                    return Ok(true);
                }
                Err(why) if batch.len() == 1 => {
                    let told = batch[0].told.clone();
                    self.dropped.push((batch[0].safety, Told { dropped: Some(why), ..told }));
                }
                Err(_) => {
                    let other = batch[batch.len() / 2..].to_vec();
                    open.push(other);
                    open.push(batch[..batch.len() / 2].to_vec());
                }
            }
        }
        Ok(false)
    }

    /// Whether these fixes together are sound; else why not.
    fn prove(&mut self, batch: &[Candidate]) -> Result<Result<Proven, String>, String> {
        let now = Overlay::new(self.files, &self.texts);
        let before = match self.stand.take() {
            Some(stand) => stand,
            None => Stand::of(&now, &self.linted, Vec::new()),
        };
        let proven = self.prove_from(&before, batch);
        self.stand = Some(before);
        proven
    }

    fn prove_from(&mut self, before: &Stand, batch: &[Candidate]) -> Result<Result<Proven, String>, String> {
        let mut way = Way::default();
        let mut texts = self.texts.clone();
        let mut made: Vec<Told> = Vec::new();
        let mut next: Vec<Candidate> = batch.to_vec();
        let safety = batch.iter().map(|one| one.safety).max_by_key(|safety| *safety == Safety::Unsafe);
        for _ in 0..MAX_ROUNDS {
            let mut changes = Changes::default();
            for candidate in &next {
                if changes.add(&candidate.changes) {
                    made.push(candidate.told.clone());
                }
            }
            if let Err(why) = self.write(&changes, &mut texts) {
                return Ok(Err(why));
            }
            way.steps.push(changes);
            let overlay = Overlay::new(self.files, &texts);
            let linted = (self.lint)(&overlay)?;
            if linted.len() != self.linted.len() {
                return Ok(Err("other configurations would be found".to_string()));
            }
            let after = Stand::of(&overlay, &linted, before.probes.clone());
            let verdict = way.judge(before, &after, batch, safety == Some(Safety::Safe));
            let Err((why, fresh)) = verdict else {
                return Ok(Ok(Proven { texts, steps: way.steps, linted, made }));
            };
            // What comes to light may have a fix of its own.
            let of_fresh = |one: &Candidate| {
                fresh.contains(&one.key) && (safety != Some(Safety::Safe) || one.safety == Safety::Safe)
            };
            next = candidates(&overlay, &linted, self.choice).into_iter().filter(of_fresh).collect();
            self.place(&mut next, &way.steps);
            if next.is_empty() {
                return Ok(Err(why));
            }
        }
        Ok(Err("one finding follows another".to_string()))
    }

    /// Tells of candidates by the lines of the text as it was found, before these and all earlier steps.
    fn place(&self, candidates: &mut [Candidate], steps: &[Changes]) {
        for Candidate { key, told, .. } in candidates {
            let Some(text) = self.originals.get(&key.path) else { continue };
            let steps = self.steps.iter().chain(steps).rev();
            let start = steps.fold(key.start, |start, step| step.was(&key.path, start));
            told.line = 1 + memchr::memchr_iter(b'\n', &text[..start as usize]).count() as u32;
        }
    }

    /// Puts changes into texts.
    fn write(&mut self, changes: &Changes, texts: &mut Texts) -> Result<(), String> {
        for path in changes.files() {
            if !self.choice.roots.iter().any(|root| path.starts_with(root)) {
                return Err(format!("{} lies outside the paths given", path.display()));
            }
            let text = match texts.get(path) {
                Some(text) => text.clone(),
                None => {
                    let read = self.files.read(path, u64::from(u32::MAX));
                    let text = read.map_err(|_| format!("{} cannot be read again", path.display()))?;
                    self.originals.entry(path.clone()).or_insert_with(|| text.clone());
                    text
                }
            };
            texts.insert(path.clone(), changes.apply(path, &text));
        }
        Ok(())
    }

    fn fixed(self) -> Fixed {
        let Self { texts, mut originals, linted, made, dropped, .. } = self;
        let changed = texts.into_iter().filter_map(|(path, after)| {
            let before = originals.remove(&path)?;
            (before != after).then_some(Changed { path, before, after })
        });
        let mut changed: Vec<Changed> = changed.collect();
        changed.sort_by(|one, other| one.path.cmp(&other.path));
        let dropped = dropped.into_iter().map(|(_, told)| told);
        Fixed { changed, told: made.into_iter().chain(dropped).collect(), linted }
    }
}

/// The fixes that are wanted, one for each finding, equal ones once.
fn candidates(files: &dyn Files, linted: &[Linted], choice: &Choice) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut known = HashSet::new();
    let mut paths = Paths::new(files);
    for (part, one) in linted.iter().enumerate() {
        for finding in &one.findings {
            if !choice.rules.contains(&finding.rule) {
                continue;
            }
            let wanted = |fix: &&Fix| choice.risky || fix.safety == Safety::Safe;
            let Some(fix) = finding.fixes.iter().find(wanted) else { continue };
            let key = paths.key(part, one, finding);
            // What is wrong in files that nobody named is not theirs to mend; what never was in a file, nobody's.
            let is_file = |edit: &crate::finding::Edit, paths: &mut Paths| {
                let source = one.tree.sources.get(edit.span.file);
                paths.holds(&source.path, source.text.original())
            };
            let is_inside = || choice.roots.iter().any(|root| key.path.starts_with(root));
            if (choice.only_inside && !is_inside()) || !fix.edits.iter().all(|edit| is_file(edit, &mut paths))
            {
                continue;
            }
            let mut change = |edit: &crate::finding::Edit| {
                let path = paths.canonical(one.tree.sources.path(edit.span.file));
                (path, Change { start: edit.span.start, end: edit.span.end, text: edit.text.clone() })
            };
            let changes: Vec<_> = fix.edits.iter().map(&mut change).collect();
            if known.insert((finding.rule, changes.clone())) {
                let line = one.tree.sources.line(finding.primary);
                let path = one.tree.sources.path(finding.primary.file).to_owned();
                let told = Told { rule: finding.rule, path, line, title: fix.title.clone(), dropped: None };
                found.push(Candidate { key, told, safety: fix.safety, changes });
            }
        }
    }
    found
}

/// Canonical paths, each looked up once.
struct Paths<'a> {
    files: &'a dyn Files,
    known: HashMap<PathBuf, PathBuf>,
    /// Whether a file holds what was read of it.
    sound: HashMap<PathBuf, bool>,
}

impl<'a> Paths<'a> {
    fn new(files: &'a dyn Files) -> Self {
        Self { files, known: HashMap::new(), sound: HashMap::new() }
    }

    fn canonical(&mut self, path: &Path) -> PathBuf {
        let look = || self.files.canonical(path).unwrap_or_else(|_| path.to_owned());
        self.known.entry(path.to_owned()).or_insert_with(look).clone()
    }

    fn holds(&mut self, path: &Path, text: &[u8]) -> bool {
        let look = || self.files.read(path, u64::from(u32::MAX)).is_ok_and(|now| now == text);
        *self.sound.entry(path.to_owned()).or_insert_with(look)
    }

    fn key(&mut self, part: usize, linted: &Linted, finding: &Finding) -> Key {
        let path = self.canonical(linted.tree.sources.path(finding.primary.file));
        Key { part, rule: finding.rule, path, start: finding.primary.start }
    }
}
