//! SARIF 2.1.0, for code scanning: the rules with their cards, and a result for each finding. Knows the format's
//! objects, nothing of what is found.

mod rules;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::json;
use serde_sarif::sarif::{
    ArtifactChange, ArtifactContent, ArtifactLocation, Invocation, Location, Message, PhysicalLocation,
    PropertyBag, Region, Replacement, Result, ResultColumnKind, ResultLevel, Suppression, SupressionKind,
    SupressionStatus, Tool, ToolComponent, Version,
};

use super::{Report, json, line, safe};
use crate::engine::{Linted, Suppressed, fingerprints};
use crate::finding::{Edit, Finding, Fix, Label, Safety, Severity};
use crate::source::Span;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What relative URIs are relative to, by the name that code scanning knows.
const ROOT: &str = "%SRCROOT%";

/// The name and version of our fingerprints.
const FINGERPRINT: &str = "wslint/v1";

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: Version,
    runs: [Run<'a>; 1],
}

/// Our own, since the results of a large run are better not held all at once.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    invocations: [Invocation; 1],
    original_uri_base_ids: BTreeMap<&'static str, ArtifactLocation>,
    column_kind: ResultColumnKind,
    results: Results<'a>,
}

pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut driver = ToolComponent::builder().name("wslint").build();
    driver.version = Some(env!("CARGO_PKG_VERSION").to_string());
    driver.semantic_version.clone_from(&driver.version);
    driver.rules = Some(rules::descriptors());
    let root = message("the directory in which wslint was run");
    let run = Run {
        tool: driver.into(),
        invocations: [Invocation::builder().execution_successful(true).build()],
        original_uri_base_ids: [(ROOT, ArtifactLocation::builder().description(root).build())].into(),
        column_kind: ResultColumnKind::UnicodeCodePoints,
        results: Results(report),
    };
    json::print(&Log { schema: SCHEMA, version: Version::V2_1_0, runs: [run] }, out)
}

/// Every finding, told or silenced; each becomes a result when it is written.
struct Results<'a>(&'a Report<'a>);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.linted.iter().flat_map(|linted| of_part(self.0, linted)))
    }
}

fn of_part<'a>(report: &'a Report, linted: &'a Linted) -> impl Iterator<Item = Result> + 'a {
    let part = Part { report, linted };
    // Equal ones are numbered together, whether they are told or not.
    let told = linted.findings.iter().map(|finding| (finding.clone(), None));
    let silent = linted.suppressed.iter().map(|silent| (silent.finding.clone(), Some(silent)));
    let mut all: Vec<(Finding, Option<&Suppressed>)> = told.chain(silent).collect();
    all.sort_by_key(|(finding, _)| finding.primary);
    let (findings, why): (Vec<Finding>, Vec<Option<&Suppressed>>) = all.into_iter().unzip();
    let identified = fingerprints(&linted.tree, &findings, |file| report.path(linted, file));
    findings.into_iter().zip(why).zip(identified).map(move |((finding, why), fingerprint)| match why {
        None => part.result(&finding, fingerprint),
        Some(silent) => part.suppressed(silent, fingerprint),
    })
}

/// A configuration within the report.
#[derive(Clone, Copy)]
struct Part<'a> {
    report: &'a Report<'a>,
    linted: &'a Linted,
}

impl Part<'_> {
    fn result(self, finding: &Finding, fingerprint: String) -> Result {
        let mut result = Result::builder().message(message(&self.text(finding))).build();
        result.rule_id = Some(finding.rule.to_string());
        result.rule_index = rules::index(finding.rule);
        result.level = Some(level(finding.severity));
        result.locations = Some(vec![self.location(finding.primary, finding.primary_label.as_deref())]);
        result.partial_fingerprints = Some([(FINGERPRINT.to_string(), fingerprint)].into());
        result.properties = Some(properties(finding));
        let related = |(label, id): (&Label, i64)| {
            let mut location = self.location(label.span, Some(&label.message));
            location.id = Some(id);
            location
        };
        result.related_locations = unless_empty(finding.labels.iter().zip(1..).map(related).collect());
        result.fixes = unless_empty(finding.fixes.iter().map(|fix| self.fix(fix)).collect());
        result
    }

    /// What is wrong, what to write, and links to the places that tell the story: code scanning shows only those that
    /// the text names.
    fn text(self, finding: &Finding) -> String {
        let mut text = unlinked(&safe(&finding.message)).into_owned();
        if let Some(help) = &finding.help {
            text += &format!("\nhelp: {}", unlinked(&safe(help)));
        }
        for (label, id) in finding.labels.iter().zip(1..) {
            let path = self.report.path(self.linted, label.span.file);
            let place = format!("{path}:{}", self.linted.tree.sources.line(label.span));
            let words = line(&label.message).replace('[', "\\[").replace(']', "\\]");
            text += &format!("\n{}: [{words}]({id})", unlinked(&line(&place)));
        }
        text
    }

    fn suppressed(self, silent: &Suppressed, fingerprint: String) -> Result {
        let mut result = self.result(&silent.finding, fingerprint);
        let mut suppression = Suppression::builder().kind(json!(SupressionKind::InSource)).build();
        suppression.status = Some(json!(SupressionStatus::Accepted));
        suppression.justification = Some(safe(&silent.why.reason).into_owned());
        suppression.location = Some(self.location(silent.why.at, None));
        result.suppressions = Some(vec![suppression]);
        result
    }

    fn location(self, span: Span, words: Option<&str>) -> Location {
        let mut place = PhysicalLocation::builder().artifact_location(self.artifact(span)).build();
        place.region = Some(self.region(span));
        let mut location = Location::builder().physical_location(place).build();
        location.message = words.map(|words| message(&unlinked(&safe(words))));
        location
    }

    fn artifact(self, span: Span) -> ArtifactLocation {
        let uri = self.report.uri(self.linted, span.file);
        let mut artifact = ArtifactLocation::builder().build();
        artifact.uri_base_id = (!uri.starts_with("file:")).then(|| ROOT.to_string());
        artifact.uri = Some(uri);
        artifact
    }

    fn region(self, span: Span) -> Region {
        let [start, end] = self.report.range(self.linted, span);
        Region::builder()
            .start_line(i64::from(start.line))
            .start_column(i64::from(start.column))
            .end_line(i64::from(end.line))
            .end_column(i64::from(end.column))
            .byte_offset(i64::from(span.start))
            .byte_length(i64::from(span.end - span.start))
            .build()
    }

    /// The edits, gathered by file.
    fn fix(self, fix: &Fix) -> serde_sarif::sarif::Fix {
        let mut by_file: BTreeMap<_, Vec<&Edit>> = BTreeMap::new();
        for edit in &fix.edits {
            by_file.entry(edit.span.file).or_default().push(edit);
        }
        let replacement = |edit: &&Edit| {
            let content = ArtifactContent::builder().text(edit.text.clone()).build();
            Replacement::builder().deleted_region(self.region(edit.span)).inserted_content(content).build()
        };
        let change = |edits: Vec<&Edit>| {
            let replacements: Vec<_> = edits.iter().map(replacement).collect();
            ArtifactChange::builder()
                .artifact_location(self.artifact(edits[0].span))
                .replacements(replacements)
                .build()
        };
        let safety = match fix.safety {
            Safety::Safe => "safe",
            Safety::Unsafe => "unsafe",
        };
        let changes: Vec<_> = by_file.into_values().map(change).collect();
        let mut out = serde_sarif::sarif::Fix::builder().artifact_changes(changes).build();
        out.description = Some(message(&unlinked(&safe(&fix.title))));
        out.properties = Some(bag([("safety".to_string(), json!(safety))]));
        out
    }
}

/// A regular expression such as `[a-z](.*)` would be taken for a link.
fn unlinked(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains("](") { text.replace("](", "\\](").into() } else { text.into() }
}

fn properties(finding: &Finding) -> PropertyBag {
    let routes: Vec<_> = finding
        .routes
        .iter()
        .map(|route| json!({ "server": &*route.server, "match": route.matcher }))
        .collect();
    bag([
        ("confidence".to_string(), json!(finding.confidence.name())),
        ("routeCount".to_string(), json!(finding.route_count)),
        ("routes".to_string(), json!(routes)),
    ])
}

fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Error => ResultLevel::Error,
        Severity::Warning => ResultLevel::Warning,
        Severity::Note => ResultLevel::Note,
    }
}

fn message(text: &str) -> Message {
    Message::builder().text(text).build()
}

fn bag<const N: usize>(properties: [(String, serde_json::Value); N]) -> PropertyBag {
    PropertyBag::builder().additional_properties(BTreeMap::from(properties)).build()
}

fn unless_empty<T>(all: Vec<T>) -> Option<Vec<T>> {
    (!all.is_empty()).then_some(all)
}
