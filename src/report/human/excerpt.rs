//! One finding with the lines it is about, drawn by miette. Knows miette, nothing of what is found.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use super::Style;
use crate::engine::Linted;
use crate::finding::{Finding, Severity};
use crate::report::{self, Report, safe};
use crate::source::{FileId, Source, Span};

/// Draws findings in one style.
pub(super) struct Drawer {
    handler: GraphicalReportHandler,
    colour: bool,
}

impl Drawer {
    pub(super) fn new(style: Style) -> Self {
        let theme = if style.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(style.width)
            .with_context_lines(0)
            .with_links(false);
        Self { handler, colour: style.colour }
    }

    /// Headline, excerpts of each file, help.
    pub(super) fn draw(&self, report: &Report, linted: &Linted, finding: &Finding) -> String {
        let mut out = format!("{}\n", self.headline(finding));
        let files: BTreeSet<FileId> = finding.labels.iter().map(|label| label.span.file).collect();
        let others = files.into_iter().filter(|&file| file != finding.primary.file);
        for file in std::iter::once(finding.primary.file).chain(others) {
            out += &self.excerpt(report, linted, finding, file);
        }
        if let Some(help) = &finding.help {
            let mut lines = help.lines();
            out += &format!("  {} {}\n", self.paint("36", "help:"), safe(lines.next().unwrap_or_default()));
            for line in lines {
                out += &format!("        {}\n", safe(line));
            }
        }
        out
    }

    fn headline(&self, finding: &Finding) -> String {
        let severity = format!("({})", finding.severity.name());
        let colour = match finding.severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;33",
            Severity::Note => "1;34",
        };
        let rule = self.paint(colour, finding.rule);
        format!("{rule} {severity}  {}", report::line(&finding.message))
    }

    pub(super) fn note(&self, rule: &str, text: &str) -> String {
        format!("{}  {rule}: {text}", self.paint("1;34", "note"))
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    fn excerpt(&self, report: &Report, linted: &Linted, finding: &Finding, file: FileId) -> String {
        let source = linted.tree.sources.get(file);
        let primary = (finding.primary, finding.primary_label.as_deref(), true);
        let others = finding.labels.iter().map(|label| (label.span, Some(label.message.as_str()), false));
        let told: Vec<_> =
            std::iter::once(primary).chain(others).filter(|(span, ..)| span.file == file).collect();
        let name = report.path(linted, file);
        let lines = Lines::new(&report::line(&name), source, told.iter().map(|(span, ..)| *span));
        let label = |&(span, text, primary): &(Span, Option<&str>, bool)| {
            let text = text.map(|text| report::line(text).into_owned());
            let place = lines.place(source, span);
            match primary {
                true => LabeledSpan::new_primary_with_span(text, place),
                false => LabeledSpan::new_with_span(text, place),
            }
        };
        let labels = told.iter().map(label).collect();
        let mut drawn = String::new();
        let excerpt = Excerpt { lines, labels };
        self.handler.render_report(&mut drawn, &excerpt).expect("internal: an excerpt can be drawn");
        // Our own headline stands above, so miette's empty one is left out, however it is coloured.
        let lines =
            drawn.lines().skip_while(|line| !line.contains('╭')).filter(|line| !line.trim().is_empty());
        lines.fold(String::new(), |out, line| out + line.trim_end() + "\n")
    }
}

#[derive(Debug)]
struct Excerpt {
    lines: Lines,
    labels: Vec<LabeledSpan>,
}

impl fmt::Display for Excerpt {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Excerpt {}

impl Diagnostic for Excerpt {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.lines)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// Bytes of a line that are shown; configurations hold lines of any length.
const MAX_LINE: usize = 300;

/// Bytes shown before what is underlined on a line that is longer.
const LEAD: usize = 60;

/// The lines of a file that an excerpt is about and no others, fit for a terminal. miette's own sources count
/// lines from the first byte of the file for each label, and print whatever bytes there are.
#[derive(Debug)]
struct Lines {
    name: String,
    text: String,
    rows: Vec<Row>,
}

/// One line: where it begins in the excerpt, which it is in the file, and what of it is shown.
#[derive(Debug)]
struct Row {
    start: usize,
    line: u32,
    shown: Range<u32>,
    /// The characters on the line before the first place underlined, for the place in the head of the excerpt.
    column: usize,
}

impl Lines {
    fn new(name: &str, source: &Source, spans: impl Iterator<Item = Span>) -> Self {
        let mut places: Vec<(u32, u32)> = spans.map(|span| (source.line(span.start), span.start)).collect();
        // Stable, so that a line's first place is the primary one if that is on it.
        places.sort_by_key(|&(line, _)| line);
        places.dedup_by_key(|(line, _)| *line);
        let mut lines = Self { name: name.to_string(), text: String::new(), rows: Vec::new() };
        for (line, place) in places {
            let mut whole = source.line_range(line);
            // The carriage return of a line that ends in both.
            if source.text.original()[whole.start as usize..whole.end as usize].ends_with(b"\r") {
                whole.end -= 1;
            }
            let shown = window(whole, place);
            let column = source.position(place).column as usize - 1;
            lines.rows.push(Row { start: lines.text.len(), line, shown: shown.clone(), column });
            let text = fit(source, shown);
            // Nothing can be underlined on an empty line, such as the one on which a file ends too soon.
            lines.text += if text.is_empty() { " " } else { &text };
            lines.text.push('\n');
        }
        lines
    }

    /// A span of the file as a place in the excerpt; it ends with the line on which it begins.
    fn place(&self, source: &Source, span: Span) -> SourceSpan {
        let row = &self.rows[self.rows.partition_point(|row| row.line < source.line(span.start))];
        let clip = |offset: u32| offset.clamp(row.shown.start, row.shown.end);
        // Half a character cannot be underlined, and is drawn longer than the whole.
        let bytes = source.text.original();
        let start = clip(character(bytes, span.start).start);
        let end = clip(character(bytes, span.end.max(span.start)).end);
        let offset = |offset: u32| row.start + fit(source, row.shown.start..offset).len();
        let len = if row.shown.is_empty() { 1 } else { offset(end) - offset(start) };
        SourceSpan::from((offset(start), len))
    }

    fn row_at(&self, offset: usize) -> usize {
        self.rows.partition_point(|row| row.start <= offset) - 1
    }
}

/// What of a line is shown around a place.
fn window(line: Range<u32>, place: u32) -> Range<u32> {
    if line.len() <= MAX_LINE {
        return line;
    }
    let start = place.saturating_sub(LEAD as u32).max(line.start);
    start..(start + MAX_LINE as u32).min(line.end)
}

/// The character that the offset stands within; empty between two characters, and among bytes that are none.
fn character(bytes: &[u8], offset: u32) -> Range<u32> {
    let lead = |back: u32| {
        let start = offset.checked_sub(back)?;
        // No character has more than four bytes; what follows them may be a whole file.
        let chunk = bytes.get(start as usize..)?.chunks(4).next()?.utf8_chunks().next()?;
        let len = chunk.valid().chars().next()?.len_utf8() as u32;
        (back < len).then_some(start..start + len)
    };
    (1..4).find_map(lead).unwrap_or(offset..offset)
}

/// Text as a terminal may have it.
fn fit(source: &Source, range: Range<u32>) -> String {
    let bytes = &source.text.original()[range.start as usize..range.end as usize];
    safe(&String::from_utf8_lossy(bytes)).into_owned()
}

impl SourceCode for Lines {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let first = self.row_at(span.offset());
        let last = self.row_at(span.offset() + span.len());
        let start = self.rows[first].start;
        let end = self.rows.get(last + 1).map_or(self.text.len(), |row| row.start) - 1;
        let data = &self.text.as_bytes()[start..end];
        let place = SourceSpan::from((start, end - start));
        let row = &self.rows[first];
        let (line, count) = (row.line as usize - 1, last - first + 1);
        let contents = MietteSpanContents::new_named(self.name.clone(), data, place, line, row.column, count);
        Ok(Box::new(contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Text;

    #[test]
    fn a_place_within_a_character_is_that_of_the_character() {
        let source = Source::new("a.conf".into(), Text::plain("a\u{a0}b\n".into()));
        let span = |start, end| Span { file: FileId(0), start, end };
        let place = |span| {
            let place = Lines::new("a.conf", &source, [span].into_iter()).place(&source, span);
            (place.offset(), place.len())
        };
        assert_eq!(place(span(2, 3)), (1, 2));
        assert_eq!(place(span(0, 2)), (0, 3));
        assert_eq!(place(span(1, 1)), (1, 0));
        assert_eq!(place(span(3, 4)), (3, 1));
    }
}
