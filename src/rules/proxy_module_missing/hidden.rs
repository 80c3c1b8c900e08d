//! `<IfModule>` around the lines for WebSockets, whose module is not there: httpd passes over them in silence.

use super::RULE;
use crate::effective::apache::names;
use crate::effective::apache::server::ServerId;
use crate::engine::apache::Facts;
use crate::finding::{Finding, Severity};
use crate::handshake::apache::Outcome;
use crate::syntax::{Directive, DirectiveId, NameId};
use crate::tree::NodeRef;
use crate::tree::apache::{Presence, module_file};

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut hidden: Vec<NodeRef> = facts.tree.reading.skipped().collect();
    hidden.sort_unstable();
    for node in hidden {
        if facts.directive(node).name_id() == names::IF_MODULE {
            findings.extend(about(facts, node));
        }
    }
}

fn about(facts: &Facts, section: NodeRef) -> Option<Finding> {
    let directive = facts.directive(section);
    let asked = directive.arg(0).filter(|word| !word.is_hole())?.show();
    // Of two branches one is always passed over.
    if asked.starts_with('!') {
        return None;
    }
    let inside = || directive.body().map(|id| NodeRef { id: DirectiveId(id), ..section });
    let line = inside().find(|&node| is_for_websockets(facts.directive(node)))?;
    if inside().any(|node| facts.directive(node).name_id() == names::VIRTUAL_HOST)
        || is_carried(facts, section)
    {
        return None;
    }
    let text = facts.text(line);
    let modules = facts.config.modules(facts.tree);
    let finding = |message: String| {
        let finding = RULE.finding(facts.head(section), message);
        finding
            .label(facts.head(line), "passed over without a word")
            .labels(facts.included_from(section.graft))
    };
    match modules.asked(&asked) {
        None => {
            let like = asked.trim_end_matches(".so").trim_end_matches(".c").to_ascii_lowercase();
            let bare = like.strip_prefix("mod_").unwrap_or(&like).trim_end_matches("_module");
            let message = format!("`{asked}` is the name of no module, so httpd passes over `{text}`");
            Some(finding(message).help(format!("write\n<IfModule mod_{bare}.c>")))
        }
        Some(Presence::Loaded) => {
            let file = if asked.ends_with(".c") { asked } else { module_file(&asked) };
            let at = modules.loaded_at(&file)?;
            let message =
                format!("{} is loaded only further down, so httpd passes over `{text}`", bare(&file));
            Some(
                finding(message)
                    .label(facts.head(at), "loaded here")
                    .help("load the module before this section"),
            )
        }
        Some(Presence::NotLoaded) => {
            let file = if asked.ends_with(".c") { asked } else { module_file(&asked) };
            let message = format!("{} is not loaded, so httpd passes over `{text}`", bare(&file));
            let needless = file == "mod_proxy_wstunnel.c" && modules.is_loaded("mod_proxy_http.c");
            Some(match needless {
                true => finding(message).help(
                    "write the lines without the section: mod_proxy_http speaks `ws://` since httpd 2.4.47",
                ),
                // Who asks for a module may well mean to do without it.
                false => finding(message)
                    .severity(Severity::Warning)
                    .help(format!("load it\n{}", facts.load_line(bare(&file).trim_start_matches("mod_")))),
            })
        }
        Some(Presence::Unknown) => None,
    }
}

fn bare(file: &str) -> &str {
    file.strip_suffix(".c").unwrap_or(file)
}

fn is_for_websockets(directive: Directive) -> bool {
    const PROXYING: [NameId; 4] =
        [names::BALANCER_MEMBER, names::PROXY_PASS, names::PROXY_PASS_MATCH, names::REWRITE_RULE];
    PROXYING.contains(&directive.name_id())
        && directive.args().any(|word| {
            let word = word.value().to_ascii_lowercase();
            ["ws://", "wss://", "upgrade="].iter().any(|begins| word.starts_with(begins.as_bytes()))
        })
}

/// Whether other lines let the same paths upgrade.
fn is_carried(facts: &Facts, section: NodeRef) -> bool {
    let directive = facts.directive(section);
    let mut paths = vec![b"/ws".to_vec()];
    for id in directive.body() {
        let inner = facts.directive(NodeRef { id: DirectiveId(id), ..section });
        let words = inner.args().take(1).map(|word| word.value().into_owned());
        for path in words.filter(|word| word.starts_with(b"/")) {
            let below = if path.ends_with(b"/") { b"x".as_slice() } else { b"/x" };
            paths.extend([[&path[..], below].concat(), path]);
        }
    }
    let server = server_around(facts, section);
    paths
        .iter()
        .any(|path| matches!(facts.passage(server, path).outcome, Outcome::Forwarded(sent) if sent.upgrades))
}

/// The virtual host that a directive stands in, or the main server.
fn server_around(facts: &Facts, node: NodeRef) -> ServerId {
    let places: Vec<NodeRef> = std::iter::once(node).chain(facts.tree.include_chain(node.graft)).collect();
    let holds = |server: &ServerId| {
        facts.config.server(*server).node.is_some_and(|host| {
            let body = facts.directive(host).body();
            places.iter().any(|place| place.graft == host.graft && body.contains(&place.id.0))
        })
    };
    facts.config.server_ids().find(holds).unwrap_or(ServerId::MAIN)
}
