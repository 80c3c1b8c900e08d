//! `wslint trace PATH URL`: one handshake, hop by hop.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::args::{ListFormat, TraceArguments};
use super::output::Output;
use super::{CLEAN, FOUND, inputs};
use crate::engine::{Effective, Linted};
use crate::handshake::{Chosen, Sent, Trace, Verdict};
use crate::report::{json, line, shown};
use crate::source::Span;

pub fn trace(arguments: &TraceArguments, output: &mut Output) -> Result<i32, String> {
    let (linted, trace) = inputs::trace(arguments)?;
    let here = std::env::current_dir().unwrap_or_default();
    let places = Places { linted: &linted, here: &here };
    output.print(|out| match arguments.format {
        ListFormat::Human => human(&trace, &places, out),
        ListFormat::Json => json::print(&document(arguments, &trace, &places), out),
    })?;
    Ok(if trace.verdict == Verdict::Upgraded { CLEAN } else { FOUND })
}

struct Places<'a> {
    linted: &'a Linted,
    here: &'a Path,
}

impl Places<'_> {
    fn path(&self, span: Span) -> String {
        shown(self.linted.tree.sources.path(span.file), self.here)
    }

    fn line(&self, span: Span) -> u32 {
        self.linted.tree.sources.line(span)
    }

    /// Fit for a terminal.
    fn show(&self, span: Span) -> String {
        format!("{}:{}", line(&self.path(span)), self.line(span))
    }
}

/// The JSON of version 1: fields may be added, never renamed.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    url: &'a str,
    verdict: &'static str,
    status: Option<u16>,
    why: &'a str,
    server: Option<Place<'a>>,
    route: Option<Route<'a>>,
    upstream: Option<Upstream<'a>>,
    idle_timeout_ms: Option<u64>,
    steps: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    name: &'a str,
    path: Option<String>,
    line: Option<u32>,
}

#[derive(Serialize)]
struct Route<'a> {
    r#match: &'a str,
    path: Option<String>,
    line: Option<u32>,
}

#[derive(Serialize)]
struct Upstream<'a> {
    address: &'a str,
    request_line: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

#[derive(Serialize)]
struct Step<'a> {
    path: Option<String>,
    line: Option<u32>,
    text: &'a str,
}

fn document<'a>(arguments: &'a TraceArguments, trace: &'a Trace, places: &Places) -> Document<'a> {
    let path = |at: Option<Span>| at.map(|span| places.path(span));
    let line = |at: Option<Span>| at.map(|span| places.line(span));
    let first = trace.hops.first();
    let last = trace.hops.iter().rev().find_map(|hop| hop.upstream.as_ref());
    let step = |at: Option<Span>, text: &'a str| Step { path: path(at), line: line(at), text };
    let steps = trace.hops.iter().flat_map(|hop| {
        let chosen =
            [&hop.server, &hop.route].into_iter().flatten().map(|chosen| (chosen.at, chosen.why.as_str()));
        chosen.chain(hop.steps.iter().map(|step| (step.at, step.text.as_str()))).collect::<Vec<_>>()
    });
    Document {
        version: 1,
        url: &arguments.url.text,
        verdict: trace.verdict.name(),
        status: trace.status,
        why: &trace.why,
        server: first.and_then(|hop| hop.server.as_ref()).map(|server| Place {
            name: &server.name,
            path: path(server.at),
            line: line(server.at),
        }),
        route: first.and_then(|hop| hop.route.as_ref()).map(|route| Route {
            r#match: &route.name,
            path: path(route.at),
            line: line(route.at),
        }),
        upstream: last.map(|upstream| Upstream {
            address: &upstream.address,
            request_line: &upstream.request_line,
            headers: upstream
                .headers
                .iter()
                .map(|header| (header.name.as_str(), header.shown.as_str()))
                .collect(),
        }),
        idle_timeout_ms: trace.idle_timeout_ms.filter(|_| trace.verdict == Verdict::Upgraded),
        steps: steps.map(|(at, text)| step(at, text)).collect(),
    }
}

/// Headers of the handshake; the others are told only in JSON.
const TOLD: [&str; 6] =
    ["connection", "host", "origin", "sec-websocket-key", "sec-websocket-version", "upgrade"];

/// How a server's parts are called.
struct Words {
    name: &'static str,
    route: &'static str,
    not_sent: &'static str,
}

fn words(effective: &Effective) -> Words {
    match effective {
        Effective::Nginx(_) => {
            Words { name: "nginx", route: "location", not_sent: "never forwarded unless set" }
        }
        Effective::Apache(_) => {
            Words { name: "httpd", route: "line", not_sent: "removed unless the target upgrades" }
        }
    }
}

fn human(trace: &Trace, places: &Places, out: &mut dyn Write) -> io::Result<()> {
    let server = words(&places.linted.effective);
    let mut from = "client".to_string();
    for hop in &trace.hops {
        if !hop.request_line.is_empty() {
            writeln!(out, "{from} → {}  {}", server.name, line(&hop.request_line))?;
        }
        for (what, chosen) in [("server", &hop.server), (server.route, &hop.route)] {
            if let Some(chosen) = chosen {
                write_chosen(what, chosen, places, out)?;
            }
        }
        for step in &hop.steps {
            let at = step.at.map(|span| places.show(span)).unwrap_or_default();
            writeln!(out, "  then      {:<34}  {at}", line(&step.text))?;
        }
        from = server.name.to_string();
    }
    if let Some(upstream) = trace.hops.last().and_then(|hop| hop.upstream.as_ref()) {
        writeln!(out, "{} → {}  {}", server.name, line(&upstream.address), line(&upstream.request_line))?;
        let told = |header: &&Sent| TOLD.contains(&header.name.to_ascii_lowercase().as_str());
        let mut rows: Vec<(String, String, String)> = Vec::new();
        for header in upstream.headers.iter().filter(told) {
            let origin = header.at.map_or_else(|| header.origin.to_string(), |span| places.show(span));
            rows.push((header.name.clone(), header.shown.clone(), origin));
        }
        for missing in ["Connection", "Upgrade"] {
            if !rows.iter().any(|(name, ..)| name.eq_ignore_ascii_case(missing)) {
                rows.push((missing.to_string(), "(not sent)".to_string(), server.not_sent.to_string()));
            }
        }
        let width = |pick: fn(&(String, String, String)) -> &String| {
            rows.iter().map(|row| pick(row).chars().count()).max().unwrap_or_default()
        };
        let (names, values) = (width(|row| &row.0), width(|row| &row.1));
        for (name, value, origin) in &rows {
            writeln!(out, "  {:names$}  {:values$}  {}", line(name), line(value), line(origin))?;
        }
    }
    let status = trace.status.map(|status| format!(" {status}")).unwrap_or_default();
    writeln!(out, "{}{status}: {}", trace.verdict.name(), line(&trace.why))?;
    if trace.verdict == Verdict::Upgraded
        && let Some(limit) = trace.idle_timeout_ms
    {
        writeln!(out, "cut after {} s without a byte in either direction", limit as f64 / 1000.0)?;
    }
    Ok(())
}

fn write_chosen(what: &str, chosen: &Chosen, places: &Places, out: &mut dyn Write) -> io::Result<()> {
    let at = chosen.at.map(|span| places.show(span)).unwrap_or_default();
    writeln!(out, "  {what:8}  {:<24}  {at:<24}  {}", line(&chosen.name), line(&chosen.why))
}
