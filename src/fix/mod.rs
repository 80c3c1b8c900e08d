//! Fixes made and proven: a fix is kept only if, read again, the configuration has lost the finding, gained none, and
//! upgrades wherever it upgraded. Knows no rule by name, and writes nothing.

mod edits;
mod overlay;
mod probe;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use crate::engine::Linted;
use crate::finding::{Finding, Fix, RouteName, Safety, Severity};
use crate::rules;
use crate::source::files::Files;

use edits::{Change, Changes};
use overlay::{Overlay, Texts};
use probe::{Probe, Seen};

/// Which fixes are wanted.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Also those that may change more than handshakes.
    pub risky: bool,
    /// Those of these rules.
    pub rules: Vec<&'static str>,
    /// Canonical paths of files and directories; nothing else is changed.
    pub roots: Vec<PathBuf>,
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
    linted: Vec<Linted>,
    made: Vec<Told>,
    dropped: Vec<(Safety, Told)>,
    /// What is true of `linted`, asked for when first needed.
    stand: Option<Stand>,
}

/// Something that was tried and is sound.
struct Proven {
    texts: Texts,
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
            let mut left = candidates(self.files, &self.linted, self.choice);
            left.retain(|candidate| candidate.safety == safety);
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
                    let Proven { texts, linted, made } = proven;
                    (self.texts, self.linted, self.stand) = (texts, linted, None);
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
        let now = Overlay { under: self.files, texts: &self.texts };
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
            let overlay = Overlay { under: self.files, texts: &texts };
            let linted = (self.lint)(&overlay)?;
            if linted.len() != self.linted.len() {
                return Ok(Err("other configurations would be found".to_string()));
            }
            let after = Stand::of(&overlay, &linted, before.probes.clone());
            let verdict = way.judge(before, &after, batch, safety == Some(Safety::Safe));
            let Err((why, fresh)) = verdict else {
                return Ok(Ok(Proven { texts, linted, made }));
            };
            // What comes to light may have a fix of its own.
            let of_fresh = |one: &Candidate| {
                fresh.contains(&one.key) && (safety != Some(Safety::Safe) || one.safety == Safety::Safe)
            };
            next = candidates(&overlay, &linted, self.choice).into_iter().filter(of_fresh).collect();
            if next.is_empty() {
                return Ok(Err(why));
            }
        }
        Ok(Err("one finding follows another".to_string()))
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
}

impl<'a> Paths<'a> {
    fn new(files: &'a dyn Files) -> Self {
        Self { files, known: HashMap::new() }
    }

    fn canonical(&mut self, path: &Path) -> PathBuf {
        let look = || self.files.canonical(path).unwrap_or_else(|_| path.to_owned());
        self.known.entry(path.to_owned()).or_insert_with(look).clone()
    }

    fn key(&mut self, part: usize, linted: &Linted, finding: &Finding) -> Key {
        let path = self.canonical(linted.tree.sources.path(finding.primary.file));
        Key { part, rule: finding.rule, path, start: finding.primary.start }
    }
}

/// A finding as far as others are compared with it.
struct Known {
    severity: Severity,
    message: String,
    routes: Vec<RouteName>,
    /// The server refuses the configuration for it.
    refused: bool,
}

/// What is true of the configurations as they are.
struct Stand {
    /// By configuration, whether its server refuses it.
    refused: Vec<bool>,
    findings: HashMap<Key, Known>,
    probes: Vec<Vec<Probe>>,
    seen: Vec<Vec<Option<Seen>>>,
}

impl Stand {
    /// With the paths that were asked before, or those that these have.
    fn of(files: &dyn Files, linted: &[Linted], asked: Vec<Vec<Probe>>) -> Self {
        let mut paths = Paths::new(files);
        let mut findings = HashMap::new();
        for (part, one) in linted.iter().enumerate() {
            for finding in &one.findings {
                let key = paths.key(part, one, finding);
                let Finding { severity, message, routes, refused, .. } = finding.clone();
                findings.insert(key, Known { severity, message, routes, refused });
            }
        }
        let probes = match asked.is_empty() {
            true => linted.iter().map(|one| probe::probes(one, files)).collect(),
            false => asked,
        };
        let is_refused = |one: &Linted| {
            one.findings.iter().any(|finding| finding.refused && finding.severity > Severity::Note)
        };
        let refused: Vec<bool> = linted.iter().map(is_refused).collect();
        let seen = linted.iter().zip(&probes).map(|(one, probes)| probe::seen(one, files, probes)).collect();
        Self { refused, findings, probes, seen }
    }
}

/// Whether a fix that is to bring handshakes through does not: every path of its routes fails as it did.
fn still_fails(before: &Stand, after: &Stand, one: &Candidate) -> bool {
    let Some(known) = before.findings.get(&one.key) else { return false };
    let is_to_upgrade = rules::find(one.key.rule).is_some_and(|rule| rule.cause.is_some());
    let part = one.key.part;
    let all = before.probes[part].iter().zip(&after.seen[part]);
    let mut own = all.filter(|(probe, _)| known.routes.contains(&probe.route)).peekable();
    is_to_upgrade && own.peek().is_some() && own.all(|(_, seen)| seen.as_ref().is_some_and(Seen::fails))
}

/// Changes one after the other.
#[derive(Default)]
struct Way {
    steps: Vec<Changes>,
}

impl Way {
    fn moved(&self, key: &Key) -> Key {
        let start = self.steps.iter().fold(key.start, |start, step| step.moved(&key.path, start));
        Key { start, ..key.clone() }
    }

    /// Whether it is sound to go from one to the other, else why not, and what has come to light.
    fn judge(
        &self,
        before: &Stand,
        after: &Stand,
        batch: &[Candidate],
        safe: bool,
    ) -> Result<(), (String, HashSet<Key>)> {
        let known: HashSet<Key> = before.findings.keys().map(|key| self.moved(key)).collect();
        let mut fresh: Vec<(&Key, &Known)> =
            after.findings.iter().filter(|(key, _)| !known.contains(*key)).collect();
        // A note weighs less than what goes for it, says what could be better still of a route that works now, or of
        // what stood there all along.
        let gone = || batch.iter().filter_map(|one| before.findings.get(&one.key));
        let is_grave = gone().any(|known| known.severity > Severity::Note);
        let mended = |route: &RouteName| gone().any(|known| known.routes.contains(route));
        let wrote = |key: &Key| self.steps.last().is_some_and(|step| step.wrote(&key.path, key.start));
        fresh.retain(|(key, known)| {
            let is_about_mended = !known.routes.is_empty() && known.routes.iter().all(mended);
            known.severity > Severity::Note || (wrote(key) && !is_about_mended && !is_grave)
        });
        fresh.sort_by_key(|(key, known)| (std::cmp::Reverse(known.severity), key.rule, key.start));
        if let Some((key, known)) = fresh.first() {
            let why = format!("it would bring {}: {}", key.rule, known.message);
            return Err((why, fresh.iter().map(|(key, _)| (*key).clone()).collect()));
        }
        let stays = |why: &str| Err((why.to_string(), HashSet::new()));
        for one in batch {
            let place = self.moved(&one.key);
            let Some(left) = after.findings.get(&place) else { continue };
            // Another mistake of the kind may have stood behind it, with a fix of its own.
            let is_next = before.findings.get(&one.key).is_some_and(|known| known.message != left.message);
            let fresh = is_next.then_some(place).into_iter().collect();
            return Err(("the finding would stay".to_string(), fresh));
        }
        // Unless it is about the refusal itself, nothing shows that a fix does what it should.
        let unseen = |one: &&Candidate| {
            after.refused[one.key.part] && before.findings.get(&one.key).is_none_or(|known| !known.refused)
        };
        if batch.iter().any(|one| unseen(&one)) {
            return stays("the server would still refuse the configuration");
        }
        if batch.iter().any(|one| still_fails(before, after, one)) {
            return stays("handshakes would still not get through");
        }
        // Of a configuration that its server refuses, no request gets anything.
        let pairs = || {
            let parts = before.seen.iter().zip(&after.seen).zip(&before.refused);
            let served = parts.filter(|(_, refused)| !**refused);
            served.flat_map(|((before, after), _)| before.iter().zip(after))
        };
        let worse = |(before, after): (&Option<Seen>, &Option<Seen>)| match (before, after) {
            (Some(before), Some(after)) => !after.still_upgrades(before),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if pairs().any(worse) {
            return stays("a route that upgrades would no longer");
        }
        let other = |(before, after): (&Option<Seen>, &Option<Seen>)| match (before, after) {
            (Some(before), Some(after)) => !after.is_plain_alike(before),
            (one, other) => one.is_some() != other.is_some(),
        };
        if safe && pairs().any(other) {
            return stays("it would change what becomes of other requests");
        }
        Ok(())
    }
}
