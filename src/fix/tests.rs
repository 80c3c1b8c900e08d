//! Fixes that are wrong on purpose, each of which one guard has to drop.

use super::*;
use crate::effective::Target;
use crate::engine::Selection;
use crate::finding::{Edit, Severity};
use crate::source::Span;
use crate::source::files::Memory;
use crate::tree::{Limits, Options};

const MAIN: &str = "/n/nginx.conf";

/// A rule that explains why handshakes fail, and one that does not.
const CAUSE: &str = "connection-not-upgrade";
const OTHER: &str = "reload-cuts-tunnels";

const SOUND: &str = "events {}
http {
    server {
        listen 80;
        location /ws {
            proxy_pass http://127.0.0.1:9000;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $host;
            proxy_read_timeout 1h;
        }
        location / { proxy_pass http://127.0.0.1:9001; }
    }
}
# wrong
";

/// What a made-up fix does: other text for some, by the rule it belongs to.
#[derive(Clone, Copy)]
struct Wrong<'a> {
    rule: &'static str,
    safety: Safety,
    edits: &'a [(&'a str, &'a str)],
}

impl Default for Wrong<'_> {
    fn default() -> Self {
        Self { rule: OTHER, safety: Safety::Safe, edits: &[("# wrong", "# right")] }
    }
}

impl Wrong<'_> {
    /// Reads and judges, and finds something wherever `# wrong` stands.
    fn lint(self, files: &dyn Files) -> Vec<Linted> {
        let options = Options {
            prefix: "/n".into(),
            root: "/n".into(),
            maps: Vec::new(),
            limits: Limits::default(),
            apache: None,
        };
        let main = Path::new(MAIN);
        let selection = Selection::default();
        let mut linted = crate::lint(files, main, &options, Target::default(), &selection).expect("readable");
        linted.findings.iter_mut().for_each(|finding| finding.fixes.clear());
        let file = linted.tree.file(linted.tree.root());
        let text = String::from_utf8_lossy(linted.tree.sources.get(file).text.original()).into_owned();
        let place = |part: &str| {
            let start = text.find(part)? as u32;
            Some(Span { file, start, end: start + part.len() as u32 })
        };
        if let Some(at) = place("# wrong") {
            let edit = |(from, to): &(&str, &str)| Some(Edit { span: place(from)?, text: (*to).to_string() });
            let edits: Vec<Edit> = self.edits.iter().filter_map(edit).collect();
            let mut finding = Finding::new(self.rule, Severity::Error, at, "made up");
            finding.routes = linted.routes.iter().take(1).map(|route| route.name.clone()).collect();
            finding.fixes = vec![Fix { title: "made up".to_string(), safety: self.safety, edits }];
            linted.findings.push(finding);
        }
        vec![linted]
    }

    /// Why the fix of `text` is dropped; None where it is made.
    fn dropped(self, text: &str, risky: bool) -> Option<String> {
        let files = Memory::default().with(MAIN, text);
        let choice = Choice { risky, rules: vec![self.rule], roots: vec!["/n".into()], only_inside: false };
        let lint = |files: &dyn Files| Ok(self.lint(files));
        let fixed = fix(&files, self.lint(&files), &lint, &choice).expect("readable");
        assert_eq!(fixed.told.len(), usize::from(risky || self.safety == Safety::Safe));
        assert_eq!(fixed.changed.is_empty(), fixed.told.iter().all(|told| told.dropped.is_some()));
        fixed.told.into_iter().find_map(|told| told.dropped)
    }
}

#[test]
fn a_fix_that_does_what_it_should_is_made() {
    assert_eq!(Wrong::default().dropped(SOUND, false), None);
}

#[test]
fn a_fix_after_which_the_finding_is_still_there_is_dropped() {
    let edits = [("# wrong", "# wrong ")];
    let why = Wrong { edits: &edits, ..Wrong::default() }.dropped(SOUND, true);
    assert_eq!(why.as_deref(), Some("the finding would stay"));
}

#[test]
fn a_fix_that_breaks_the_file_or_brings_another_finding_is_dropped() {
    for (edit, rule) in [
        (("listen 80;", "listen 80"), "config-refused"),
        (("Connection upgrade", "Connection close"), "connection-not-upgrade"),
        (("listen 80;", "listen 80;}"), "syntax"),
    ] {
        let edits = [("# wrong", "# right"), edit];
        let why = Wrong { edits: &edits, ..Wrong::default() }.dropped(SOUND, true).expect(rule);
        assert!(why.starts_with("it would bring "), "{why}");
    }
}

#[test]
fn a_fix_after_which_a_route_no_longer_upgrades_is_dropped_even_where_nobody_is_told() {
    let text =
        SOUND.replace("location /ws", "# wslint: allow(connection-not-upgrade) a test\n        location /ws");
    let edits = [("# wrong", "# right"), ("Connection upgrade", "Connection close")];
    let why = Wrong { edits: &edits, ..Wrong::default() }.dropped(&text, true);
    assert_eq!(why.as_deref(), Some("a route that upgrades would no longer"));
}

#[test]
fn a_fix_that_brings_no_handshake_through_is_dropped_where_that_is_its_point() {
    let text = SOUND
        .replace("location /ws", "# wslint: allow(connection-not-upgrade) a test\n        location /ws")
        .replace("Connection upgrade", "Connection close");
    let why = Wrong { rule: CAUSE, ..Wrong::default() }.dropped(&text, true);
    assert_eq!(why.as_deref(), Some("handshakes would still not get through"));
    assert_eq!(Wrong::default().dropped(&text, true), None);
}

#[test]
fn a_fix_that_changes_other_requests_is_not_safe() {
    let edits = [("# wrong", "# right"), ("127.0.0.1:9001", "127.0.0.1:9002")];
    let wrong = Wrong { edits: &edits, ..Wrong::default() };
    let why = wrong.dropped(SOUND, true);
    assert_eq!(why.as_deref(), Some("it would change what becomes of other requests"));
    assert_eq!(Wrong { safety: Safety::Unsafe, ..wrong }.dropped(SOUND, true), None);
    assert_eq!(Wrong { safety: Safety::Unsafe, ..wrong }.dropped(SOUND, false), None);
}

#[test]
fn a_fix_of_what_the_server_refuses_for_another_reason_is_dropped() {
    let text = SOUND.replace("listen 80;", "listen 80; nonsense on;\n        proxy_buffering perhaps;");
    let why = Wrong::default().dropped(&text, true);
    assert_eq!(why.as_deref(), Some("the server would still refuse the configuration"));
}

#[test]
fn a_file_outside_is_left_alone() {
    let files = Memory::default().with(MAIN, SOUND);
    let wrong = Wrong::default();
    let choice = Choice { risky: true, rules: vec![OTHER], roots: vec!["/other".into()], only_inside: false };
    let lint = |files: &dyn Files| Ok(wrong.lint(files));
    let fixed = fix(&files, wrong.lint(&files), &lint, &choice).expect("readable");
    let why = fixed.told[0].dropped.clone().expect("dropped");
    assert!(fixed.changed.is_empty() && why.contains("outside the paths given"), "{why}");
}
