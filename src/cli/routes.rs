//! `wslint routes PATH`: every proxied route in a table.

use std::io::Write;

use serde::Serialize;

use super::args::{ListFormat, RoutesArguments};
use super::inputs::{self, Inputs};
use super::output::Output;
use super::settings::complain;
use super::{CLEAN, told};
use crate::effective::Setting;
use crate::engine::Linted;
use crate::engine::Selection;
use crate::report::{json, line, shown};
use crate::routes::Route;

#[derive(Serialize)]
struct Row {
    server: String,
    r#match: String,
    backend: String,
    /// What the files say it is for: `declared`, `written`, `lost`, `named` or `none`.
    intent: &'static str,
    /// Whether the backend is asked to upgrade; null where that is not known.
    forwards_upgrade: Option<bool>,
    /// Milliseconds of silence after which a tunnel is cut; null where that is not known.
    idle_timeout_ms: Option<u64>,
    path: String,
    line: u32,
}

pub fn routes(arguments: &RoutesArguments, output: &mut Output) -> Result<i32, String> {
    let buffer = inputs::standard_input(&arguments.input)?;
    let Inputs { linted, settings, closed, .. } =
        inputs::read(&arguments.input, buffer, &Selection::default(), false)?;
    complain(settings.iter());
    let here = std::env::current_dir().unwrap_or_default();
    let rows: Vec<Row> =
        linted.iter().flat_map(|part| part.routes.iter().map(|route| row(part, route, &here))).collect();
    output.print(|out| match arguments.format {
        ListFormat::Human => table(&rows, out),
        ListFormat::Json => json::print(&rows, out),
    })?;
    Ok(told::closed(&closed, CLEAN))
}

fn row(linted: &Linted, route: &Route, here: &std::path::Path) -> Row {
    let place = linted.tree.head(route.node);
    let upgrade = route.headers.carries("upgrade", "websocket");
    let connection = route.headers.carries("connection", "upgrade");
    let forwards_upgrade = match (upgrade, connection) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    };
    let idle_timeout_ms = match route.timeouts.read {
        Setting::Written { value, .. } | Setting::Default { value, .. } => Some(value),
        Setting::Absent | Setting::Opaque => None,
    };
    Row {
        server: route.name.server.to_string(),
        r#match: route.name.matcher.clone(),
        backend: route.backend.text.clone(),
        intent: route.intent.name(),
        forwards_upgrade,
        idle_timeout_ms,
        path: shown(linted.tree.sources.path(place.file), here),
        line: linted.tree.sources.line(place),
    }
}

const HEAD: [&str; 6] = ["SERVER", "MATCH", "BACKEND", "UPGRADE", "IDLE", "PLACE"];

fn table(rows: &[Row], out: &mut dyn Write) -> std::io::Result<()> {
    let cells: Vec<[String; 6]> =
        std::iter::once(HEAD.map(str::to_string)).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    for row in &cells {
        let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn cells(row: &Row) -> [String; 6] {
    let upgrade = match (row.forwards_upgrade, row.intent) {
        (Some(true), _) => "yes",
        (Some(false), "none") => "-",
        (Some(false), _) => "NO",
        (None, _) => "?",
    };
    let idle = row.idle_timeout_ms.map_or_else(|| "?".to_string(), duration);
    let cell = |text: &str| line(text).into_owned();
    [
        cell(&row.server),
        cell(&row.r#match),
        cell(&row.backend),
        upgrade.to_string(),
        idle,
        cell(&format!("{}:{}", row.path, row.line)),
    ]
}

/// The largest units that tell it exactly: `60s`, `1h`, `1500ms`.
fn duration(milliseconds: u64) -> String {
    match milliseconds {
        ms if ms % 1000 != 0 => format!("{ms}ms"),
        ms if ms % 3_600_000 == 0 && ms > 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 && ms > 60_000 => format!("{}m", ms / 60_000),
        ms => format!("{}s", ms / 1000),
    }
}
