//! An include that is there and cannot be read. Knows why, not what it holds.

use crate::engine::{Check, Ground, Level, Rule};
use crate::finding::Finding;
use crate::routes::Intent;
use crate::source::files::ReadError;
use crate::tree::IncludeProblemKind;

pub static RULE: Rule = Rule {
    id: "unreadable",
    level: Level::Error,
    card: include_str!("../../rules/unreadable.md"),
    cause: None,
    intent: Intent::None,
    options: &[],
    check: Check::Files(check),
};

fn check(ground: &Ground, findings: &mut Vec<Finding>) {
    for problem in &ground.tree.problems {
        let IncludeProblemKind::Unreadable(error) = &problem.kind else { continue };
        let path = ground.path(&problem.path);
        let (message, help) = match error {
            _ if ground.server == "httpd" => of_apache(&path, error),
            ReadError::Directory => (
                format!("pread() \"{path}\" failed (21: Is a directory)"),
                format!(
                    "write a pattern for the files in it\ninclude {}/*.conf;",
                    written(ground, problem.at)
                ),
            ),
            ReadError::NotFound => (
                format!("open() \"{path}\" failed (2: No such file or directory)"),
                "remove the link that leads nowhere, or create its target".to_string(),
            ),
            ReadError::NotRegular(kind) => {
                (format!("\"{path}\" is {kind}, not a file"), "write the path of a regular file".to_string())
            }
            ReadError::Other(words) if words.eq_ignore_ascii_case("permission denied") => (
                format!("open() \"{path}\" failed (13: Permission denied)"),
                "make it readable for the user who runs wslint, or run it as one who may".to_string(),
            ),
            ReadError::Other(words) => {
                (format!("\"{path}\" cannot be read: {words}"), "make it readable".to_string())
            }
            ReadError::LinkLoop => (
                format!("open() \"{path}\" failed (40: Too many levels of symbolic links)"),
                "remove the links that lead to one another".to_string(),
            ),
            // Told by rules of their own.
            ReadError::TooLarge(_) | ReadError::Outside | ReadError::Unseen => continue,
        };
        let mut finding = ground.refused(&RULE, problem.at, message).here("included here");
        // Of the rest it is not known what the server makes of them, on its machine and as its user.
        finding.refused = match error {
            ReadError::Directory | ReadError::NotFound | ReadError::LinkLoop => true,
            // httpd reads no device, whoever it runs as.
            ReadError::NotRegular(_) => ground.server == "httpd",
            ReadError::Other(_) | ReadError::TooLarge(_) | ReadError::Outside | ReadError::Unseen => false,
        };
        findings.push(finding.labels(ground.included_from(problem.at.graft)).help(help));
    }
}

fn of_apache(path: &str, error: &ReadError) -> (String, String) {
    let reason = match error {
        ReadError::NotFound => "No such file or directory".to_string(),
        ReadError::Directory => "Is a directory".to_string(),
        ReadError::NotRegular(kind) => format!("it is {kind}, not a file"),
        ReadError::LinkLoop => "Too many levels of symbolic links".to_string(),
        ReadError::TooLarge(limit) => format!("it has more than {limit} bytes"),
        ReadError::Outside | ReadError::Unseen => "it lies where nothing is looked at".to_string(),
        ReadError::Other(words) => words.clone(),
    };
    let help = "write the path of a regular file that the user who runs wslint may read";
    (format!("Could not open configuration file {path}: {reason}"), help.to_string())
}

fn written(ground: &Ground, node: crate::tree::NodeRef) -> String {
    let word = ground.directive(node).arg(0).map(|word| word.show()).unwrap_or_default();
    word.trim_end_matches('/').to_string()
}
