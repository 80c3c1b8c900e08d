//! The report a person reads: errors and warnings drawn by miette, notes in one line each, a summary. Knows
//! colours and widths, no rule.

mod excerpt;

use std::io::{self, Write};

use super::{Report, line, safe, summary::counted};
use crate::engine::Linted;
use crate::finding::{Finding, Severity};
use excerpt::Drawer;

/// How it is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Draw notes in full too.
    pub notes: bool,
}

/// Findings drawn in full; the rest are counted. A terminal is no place for thousands.
const MAX_DRAWN: usize = 100;

/// Places that a line of notes names.
const MAX_PLACES: usize = 3;

pub fn write(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let drawer = Drawer::new(style);
    let is_drawn = |finding: &Finding| style.notes || finding.severity > Severity::Note;
    let mut undrawn = 0;
    let mut drawn = 0;
    for linted in report.linted {
        for finding in linted.findings.iter().filter(|finding| is_drawn(finding)) {
            if drawn == MAX_DRAWN {
                undrawn += 1;
                continue;
            }
            drawn += 1;
            writeln!(out, "{}", safe_lines(&drawer.draw(report, linted, finding), style))?;
        }
    }
    if undrawn > 0 {
        let words = format!("{} not drawn; --format concise lists all", counted(undrawn, "more finding"));
        writeln!(out, "{words}\n")?;
    }
    if !style.notes && notes(report, &drawer, out)? {
        writeln!(out)?;
    }
    writeln!(out, "{}", report.summary().line())?;
    write!(out, "{}", report.hint)?;
    if report.statistics { statistics(report, out) } else { Ok(()) }
}

/// A table of rules and how often each spoke.
fn statistics(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let counts = super::statistics(report.linted);
    if counts.is_empty() {
        return writeln!(out, "\nno rule found anything");
    }
    writeln!(out, "\n{:>7}  RULE", "COUNT")?;
    counts.iter().try_for_each(|(rule, count)| writeln!(out, "{count:>7}  {rule}"))
}

/// Our own colours are escape sequences too, so excerpts are made safe where they are read; what is left is checked
/// only where there is no colour.
fn safe_lines(text: &str, style: Style) -> std::borrow::Cow<'_, str> {
    if style.colour { text.into() } else { safe(text) }
}

/// A line for each rule that has notes; whether there was any.
fn notes(report: &Report, drawer: &Drawer, out: &mut dyn Write) -> io::Result<bool> {
    let mut by_rule: Vec<(&'static str, Vec<(&Linted, &Finding)>)> = Vec::new();
    for linted in report.linted {
        for finding in linted.findings.iter().filter(|finding| finding.severity == Severity::Note) {
            match by_rule.iter_mut().find(|(rule, _)| *rule == finding.rule) {
                Some((_, places)) => places.push((linted, finding)),
                None => by_rule.push((finding.rule, vec![(linted, finding)])),
            }
        }
    }
    by_rule.sort_by_key(|(rule, _)| *rule);
    for (rule, places) in &by_rule {
        let place = |(linted, finding): &(&Linted, &Finding)| {
            let number = linted.tree.sources.line(finding.primary);
            format!("{}:{number}", report.path(linted, finding.primary.file))
        };
        let mut shown: Vec<String> = places.iter().take(MAX_PLACES).map(place).collect();
        if places.len() > MAX_PLACES {
            shown.push(format!("{} more", places.len() - MAX_PLACES));
        }
        let first = &places[0].1.message;
        let same = places.iter().all(|(_, finding)| finding.message == *first);
        let what = match places.len() {
            count if same && count > 1 => format!("{count} times, {first}"),
            1 => first.clone(),
            count => format!("{count} places, the first: {first}"),
        };
        writeln!(out, "{}", drawer.note(rule, &line(&format!("{what}: {}", shown.join(", ")))))?;
    }
    Ok(!by_rule.is_empty())
}
