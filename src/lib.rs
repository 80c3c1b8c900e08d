//! wslint tells whether a WebSocket survives a server's configuration, which line kills it, and what to write.
//!
//! The layers, each knowing only those before it: `parallel` (cores), `source` (bytes), `finding`, `syntax` (directives), `tree`
//! (includes), `effective` (what is in force), `routes` (what is proxied where), `handshake` (followed), `engine` (what a rule is), `rules`,
//! `report`. On top stand this file, `fix` (repairs and their proof), the command line and `main`.

#![forbid(unsafe_code)]

pub mod cli;
pub mod effective;
pub mod engine;
pub mod finding;
pub mod fix;
pub mod handshake;
mod parallel;
pub mod report;
pub mod routes;
pub mod rules;
pub mod source;
pub mod syntax;
pub mod tree;

use std::path::Path;
use std::sync::Arc;

use effective::Target;
use engine::contracts::{self, Asking};
use engine::remarks::Remarks;
use engine::{Effective, Given, Linted, Selection};
use finding::Severity;
use handshake::{Roots, Trace, Url, Verdict};
use source::files::{Files, ReadError};
use tree::Tree;

/// Reads a configuration as its server would, and judges every route.
///
/// # Errors
/// Where `main` itself cannot be read; whatever else is wrong is a finding.
pub fn lint(
    files: &dyn Files,
    main: &Path,
    options: &tree::Options,
    target: Target,
    selection: &Selection,
) -> Result<Linted, ReadError> {
    effective::regex::begin_run();
    match &options.apache {
        None => nginx(files, main, options, target, selection),
        Some(_) => apache(files, main, options, target, selection),
    }
}

fn nginx(
    files: &dyn Files,
    main: &Path,
    options: &tree::Options,
    target: Target,
    selection: &Selection,
) -> Result<Linted, ReadError> {
    let mut tree = Tree::read(files, main, effective::nginx::directives::name_id, options)?;
    let settings = selection.lend(&mut tree);
    let config = effective::nginx::Config::new(&tree, target);
    let threads = parallel::threads(tree.directive_count());
    let mut routes = routes::nginx::routes(&tree, &config, threads);
    let mut remarks = Remarks::read(&tree, &rules::ALL, true);
    remarks.declare(&tree, &mut routes);
    let roots = roots(options);
    let lists = Arc::default();
    let tracer =
        || handshake::nginx::Tracer::new(&tree, &config, files, &roots, target.nginx.last).sharing(&lists);
    tracer().mark_reached(&mut routes);
    // Whatever leads to a route, what is said of it counts.
    remarks.declare(&tree, &mut routes);
    let asking = Asking {
        trace: &|url, headers| handshake::nginx::trace(&tree, &config, files, &roots, url, headers),
        names: &|url| tracer().names(&url.host),
        takes: &|hop, route| tracer().takes(hop, route),
    };
    let contracts = contracts::enter(&selection.endpoints, settings, &mut routes, &asking);
    let given = Given { options: &selection.options, contracts: &contracts };
    let facts = || engine::Facts::new(&tree, &config, &routes, tracer(), given);
    let judged = engine::run(facts, &routes, &rules::ALL, selection, &mut remarks, threads);
    Ok(Linted::new(tree, Effective::Nginx(Box::new(config)), routes, judged, roots))
}

fn apache(
    files: &dyn Files,
    main: &Path,
    options: &tree::Options,
    target: Target,
    selection: &Selection,
) -> Result<Linted, ReadError> {
    let mut tree = Tree::read(files, main, effective::apache::directives::name_id, options)?;
    let settings = selection.lend(&mut tree);
    let config = effective::apache::Config::new(&tree, target);
    let mut routes = routes::apache::routes(&tree, &config);
    let mut remarks = Remarks::read(&tree, &rules::ALL, false);
    remarks.declare(&tree, &mut routes);
    let roots = roots(options);
    let tracer = || handshake::apache::Tracer::new(&tree, &config, files, &roots, target.apache.last);
    let asking = Asking {
        trace: &|url, headers| handshake::apache::trace(&tree, &config, files, &roots, url, headers),
        names: &|url| tracer().names(url),
        takes: &|hop, route| {
            hop.route.as_ref().is_some_and(|chosen| chosen.at == Some(tree.head(route.node)))
        },
    };
    let contracts = contracts::enter(&selection.endpoints, settings, &mut routes, &asking);
    let given = Given { options: &selection.options, contracts: &contracts };
    let facts = || engine::apache::Facts::new(&tree, &config, &routes, tracer(), given);
    let threads = parallel::threads(tree.directive_count());
    let judged = engine::run(facts, &routes, &rules::ALL, selection, &mut remarks, threads);
    Ok(Linted::new(tree, Effective::Apache(Box::new(config)), routes, judged, roots))
}

/// Follows one handshake through a configuration; each of `headers` replaces one that a browser sends, or removes it
/// where the value is empty.
///
/// # Errors
/// Where `main` itself cannot be read.
pub fn trace(
    files: &dyn Files,
    main: &Path,
    options: &tree::Options,
    target: Target,
    url: &Url,
    headers: &[(String, String)],
) -> Result<(Linted, Trace), ReadError> {
    let linted = lint(files, main, options, target, &Selection::default())?;
    // What is only probably refused may be known to a module that the server has.
    let refused =
        linted.findings.iter().filter(|finding| finding.refused && finding.severity > Severity::Note);
    let trace = match refused.max_by_key(|finding| finding.severity) {
        Some(finding) if finding.severity == Severity::Error => {
            Trace::stopped(Verdict::ConfigError, finding.message.clone(), finding.primary)
        }
        Some(finding) => {
            let why = format!("it depends on the server's modules: {}", finding.message);
            Trace::stopped(Verdict::Unknown, why, finding.primary)
        }
        None => {
            let roots = &linted.roots;
            match &linted.effective {
                Effective::Nginx(config) => {
                    handshake::nginx::trace(&linted.tree, config, files, roots, url, headers)
                }
                Effective::Apache(config) => {
                    handshake::apache::trace(&linted.tree, config, files, roots, url, headers)
                }
            }
        }
    };
    Ok((linted, trace))
}

fn roots(options: &tree::Options) -> Roots {
    Roots { root: options.root.clone(), prefix: options.prefix.clone(), maps: options.maps.clone() }
}
