//! `wslint --list-files`: what every file was taken for. Judges nothing.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::args::{CheckArguments, Format};
use super::output::Output;
use super::plan::Part;
use super::{CLEAN, inputs, told};
use crate::report::{json, line, shown};
use crate::source::FileId;
use crate::source::discover::{Judgement, Kind, Server};
use crate::tree::Tree;

/// The JSON of version 1: fields may be added, never renamed.
#[derive(Serialize)]
struct Document {
    version: u32,
    files: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    /// `main`, `included`, `fragment`, `dump` or `not-included`.
    kind: &'static str,
    server: &'static str,
    path: String,
    /// What a fragment seems to stand in.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'static str>,
    /// Where a file is included first.
    #[serde(skip_serializing_if = "Option::is_none")]
    included_by: Option<String>,
    template: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

pub fn list(arguments: &CheckArguments, output: &mut Output) -> Result<i32, String> {
    let here = std::env::current_dir().unwrap_or_default();
    let (rows, closed) = inputs::trees(&arguments.input, |inputs| {
        let mut rows = Vec::new();
        for (part, tree) in &inputs.parts {
            of_tree(part, tree, &here, &mut rows);
        }
        for other in &inputs.left_out {
            rows.push(row("not-included", &other.judgement, shown(&other.path, &here)));
        }
        Ok((rows, inputs.closed))
    })?;
    output.print(|out| match arguments.format {
        Format::Json => json::print(&Document { version: 1, files: rows }, out),
        _ => table(&rows, out),
    })?;
    Ok(told::closed(&closed, CLEAN))
}

fn row(kind: &'static str, judgement: &Judgement, path: String) -> Row {
    let context = match judgement.kind {
        Kind::Fragment(_, context) => Some(context),
        _ => None,
    };
    Row {
        kind,
        server: judgement.server().map_or("nginx", name),
        path,
        context,
        included_by: None,
        template: judgement.template,
        reason: Some(judgement.reason),
    }
}

fn of_tree(part: &Part, tree: &Tree, here: &Path, rows: &mut Vec<Row>) {
    let server = name(part.main.server);
    let path = |file: FileId| {
        let path = tree.sources.path(file);
        let renamed = part.joined.as_ref().and_then(|joined| joined.renamed.get(path));
        shown(renamed.map_or(path, |path| path), here)
    };
    let has_joint = part.joined.as_ref().is_some_and(|joined| joined.has_joint);
    let mut seen = hashbrown::HashSet::new();
    let mut is_first = true;
    for graft in tree.grafts() {
        let file = tree.file(graft);
        if (has_joint && file == FileId(0)) || !seen.insert(path(file)) {
            continue;
        }
        if std::mem::take(&mut is_first) {
            rows.push(match &part.judgement {
                Some(judgement) => row(kind_of(judgement), judgement, path(file)),
                None => plain("main", server, path(file), None),
            });
            continue;
        }
        let site = tree.include_chain(graft).next().map(|node| tree.head(node));
        let included_by = site.filter(|site| !(has_joint && site.file == FileId(0)));
        let included_by = included_by.map(|site| format!("{}:{}", path(site.file), tree.sources.line(site)));
        rows.push(plain("included", server, path(file), included_by));
    }
}

/// What the part's first file is, that was looked at.
fn kind_of(judgement: &Judgement) -> &'static str {
    match judgement.kind {
        Kind::Main(_) => "main",
        Kind::Dump(_) => "dump",
        Kind::Fragment(..) | Kind::Neither => "fragment",
    }
}

fn plain(kind: &'static str, server: &'static str, path: String, included_by: Option<String>) -> Row {
    Row { kind, server, path, context: None, included_by, template: false, reason: None }
}

fn name(server: Server) -> &'static str {
    match server {
        Server::Nginx => "nginx",
        Server::Apache => "apache",
    }
}

fn table(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    let words: Vec<String> = rows.iter().map(words).collect();
    let width = words.iter().map(|words| words.chars().count()).max().unwrap_or_default();
    for (row, words) in rows.iter().zip(&words) {
        let by = row.included_by.as_ref().map(|by| format!("  ({by})")).unwrap_or_default();
        writeln!(out, "{words:width$}  {}{}", line(&row.path), line(&by))?;
    }
    Ok(())
}

/// `fragment nginx (http), template`
fn words(row: &Row) -> String {
    let kind = match row.kind {
        "not-included" => "not included",
        kind => kind,
    };
    let context = row.context.map(|context| format!(" ({context})")).unwrap_or_default();
    let template = if row.template { ", template" } else { "" };
    format!("{kind} {}{context}{template}", row.server)
}
