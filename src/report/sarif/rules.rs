//! The rules as SARIF describes them, from their cards. Knows no rule by name.

use std::collections::BTreeMap;

use serde_json::json;
use serde_sarif::sarif::{
    MultiformatMessageString, PropertyBag, ReportingConfiguration, ReportingConfigurationLevel,
    ReportingDescriptor,
};

use crate::engine::card::{Card, Server};
use crate::engine::{Level, Rule};
use crate::rules::ALL;

/// Every rule, in the order that `index` counts in.
pub(super) fn descriptors() -> Vec<ReportingDescriptor> {
    ALL.iter().map(|rule| descriptor(rule)).collect()
}

/// Which of the descriptors is this rule's.
pub(super) fn index(id: &str) -> Option<i64> {
    ALL.binary_search_by(|rule| rule.id.cmp(id)).ok().map(|index| index as i64)
}

fn descriptor(rule: &Rule) -> ReportingDescriptor {
    let card = Card::parse(rule.card).expect("internal: every card can be read");
    let manual = manual(&card.text);
    let first = manual.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let markdown = format!("{manual}\n\nExamples: `wslint explain {}`\n", rule.id);
    let mut help = plain(&markdown);
    help.markdown = Some(markdown);
    let mut descriptor = ReportingDescriptor::builder().id(rule.id).build();
    descriptor.short_description = Some(plain(&card.title));
    descriptor.full_description = Some(plain(&first));
    descriptor.help = Some(help);
    descriptor.default_configuration = Some(configuration(rule.level));
    let servers = card.servers.iter().map(|server| match server {
        Server::Nginx => "nginx",
        Server::Apache => "apache",
    });
    // Code scanning sorts by this what is no security problem.
    let severity = match rule.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note | Level::Off => "recommendation",
    };
    let more = BTreeMap::from([("problem.severity".to_string(), json!(severity))]);
    let mut properties = PropertyBag::builder().additional_properties(more).build();
    properties.tags = Some(std::iter::once("websocket").chain(servers).map(str::to_string).collect());
    descriptor.properties = Some(properties);
    descriptor
}

/// A card's text up to its examples, which speak to the tests too, and without the words that lead to the first.
fn manual(text: &str) -> &str {
    let is_example = |fence: &&str| {
        let kind = fence.lines().next().and_then(|line| line.split(' ').nth(1));
        matches!(kind, Some("bad" | "good"))
    };
    let before = match text.split("```").skip(1).find(is_example) {
        Some(example) => &text[..example.as_ptr() as usize - text.as_ptr() as usize - "```".len()],
        None => text,
    };
    let before = before.trim();
    match before.rsplit_once("\n\n") {
        Some((manual, lead)) if lead.ends_with(':') => manual.trim(),
        _ => before,
    }
}

fn configuration(level: Level) -> ReportingConfiguration {
    let mut configuration = ReportingConfiguration::builder().enabled(level != Level::Off).build();
    configuration.level = Some(json!(match level {
        Level::Error => ReportingConfigurationLevel::Error,
        Level::Warning => ReportingConfigurationLevel::Warning,
        Level::Note | Level::Off => ReportingConfigurationLevel::Note,
    }));
    configuration
}

fn plain(text: &str) -> MultiformatMessageString {
    MultiformatMessageString::builder().text(text).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_help_without_examples_that_fits_code_scanning() {
        for (rule, descriptor) in ALL.iter().zip(descriptors()) {
            let text = |part: &Option<MultiformatMessageString>| part.as_ref().expect("a text").text.clone();
            assert_eq!(index(rule.id).map(|index| ALL[index as usize].id), Some(&*descriptor.id));
            let (short, full) = (text(&descriptor.short_description), text(&descriptor.full_description));
            let help = text(&descriptor.help);
            for part in [&short, &full] {
                assert!((10..=1024).contains(&part.chars().count()), "{}: {part}", rule.id);
            }
            assert!(!help.contains("@PORT@") && !help.contains("# finds:"), "{}: {help}", rule.id);
            assert!(help.matches("```").count() % 2 == 0, "{}: {help}", rule.id);
        }
    }

    #[test]
    fn what_leads_to_the_first_example_is_left_out() {
        let card = "\nWhy.\n\n## What to write\n\n    this;\n\n```nginx\nls\n```\n\nSuch as this:\n\n```nginx bad refused\nx;\n```\n\nMore.\n";
        assert_eq!(manual(card), "Why.\n\n## What to write\n\n    this;\n\n```nginx\nls\n```");
        assert_eq!(manual("Why.\n"), "Why.");
    }
}
