//! What a rule's card holds and how its text is read: front matter, text, fenced examples with their proofs.
//! Must not know any rule, nor how an example is judged or run.

use std::str::FromStr;

use serde::Deserialize;

use crate::effective::version::Version;

/// The manual page of one rule, `rules/<id>.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub title: String,
    /// `error`, `warning`, `note` or `off`.
    pub severity: String,
    /// None where it is about wslint's own files.
    pub servers: Vec<Server>,
    /// The release of wslint that brought the rule.
    pub since: String,
    pub references: Vec<String>,
    /// The Markdown after the front matter, as written, examples included.
    pub text: String,
    pub examples: Vec<Example>,
    /// Examples of `wslint.toml`.
    pub settings: Vec<SettingsExample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    Nginx,
    Apache,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub server: Server,
    pub good: bool,
    /// The server versions it speaks of; `None`: all.
    pub versions: Option<VersionBounds>,
    /// `Some` in every bad example, `None` in every good one.
    pub proof: Option<Proof>,
    pub body: String,
    /// The line in the card of the body's first line, from 1.
    pub line: usize,
}

/// A `wslint.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsExample {
    pub good: bool,
    pub body: String,
}

impl SettingsExample {
    /// Where findings must start, as in an example of a configuration.
    pub fn expected(&self) -> Vec<(usize, String)> {
        expected(&self.body)
    }
}

/// How a bad example fails on the real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The handshake reaches the backend in a form that an RFC 6455 backend must refuse.
    Refused,
    /// The server does not load it, or does not start.
    ConfigError,
    /// No acceptable request or answer passes the proxy.
    Intercepted,
    /// The client gets a 101 that an RFC 6455 client must refuse.
    ClientRejects,
    /// Data flows, and after this long a silence the connection is closed.
    Cut { seconds: u32 },
    /// The real server is not asked, because of this.
    Static { reason: String },
}

/// `at_least <= version < below`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionBounds {
    pub at_least: Option<Version>,
    pub below: Option<Version>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    title: String,
    severity: String,
    servers: Vec<Server>,
    since: String,
    #[serde(default)]
    references: Vec<String>,
}

impl Card {
    /// Errors name the line of the card, from 1.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (front, rest, first_line) = split_front_matter(text)?;
        let matter: FrontMatter = toml::from_str(front).map_err(|error| {
            let before = error.span().and_then(|span| front.get(..span.start)).unwrap_or("");
            format!("line {}: {}", 2 + before.matches('\n').count(), error.message())
        })?;
        if !["error", "warning", "note", "off"].contains(&matter.severity.as_str()) {
            let severity = matter.severity;
            return Err(format!("line 1: severity `{severity}` is none of error, warning, note, off"));
        }
        let (examples, settings) = examples(rest, first_line)?;
        Ok(Self {
            title: matter.title,
            severity: matter.severity,
            servers: matter.servers,
            since: matter.since,
            references: matter.references,
            text: rest.to_owned(),
            examples,
            settings,
        })
    }
}

impl Example {
    /// Where findings must start, as a 1-based line of the body and a rule id: a comment `# finds: id`
    /// speaks of the next line that is not such a comment itself.
    pub fn expected(&self) -> Vec<(usize, String)> {
        expected(&self.body)
    }

    /// URLs at which a WebSocket must open: `# endpoint: ws://example.test/ws`.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.body.lines().filter_map(|line| remark(line, "endpoint:"))
    }

    /// It is a whole configuration, which the real server can run.
    pub fn is_complete(&self) -> bool {
        self.body.contains("@PORT@")
    }

    /// Path and host of the handshake to make: `# handshake: /path` or `# handshake: host/path`, else `/ws`.
    pub fn handshake(&self) -> (&str, Option<&str>) {
        let target = self.body.lines().find_map(|line| remark(line, "handshake:")).unwrap_or("/ws");
        match target.find('/') {
            Some(0) => (target, None),
            Some(slash) => (&target[slash..], Some(&target[..slash])),
            None => ("/", Some(target)),
        }
    }
}

impl VersionBounds {
    pub fn contains(&self, version: Version) -> bool {
        self.at_least.is_none_or(|bound| bound <= version) && self.below.is_none_or(|bound| version < bound)
    }
}

impl FromStr for VersionBounds {
    type Err = String;

    /// Reads `>=1.29.4`, `<1.29.7`, or both with a comma between.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut bounds = Self { at_least: None, below: None };
        for part in text.split(',') {
            let (slot, version) = match (part.strip_prefix(">="), part.strip_prefix('<')) {
                (Some(version), _) => (&mut bounds.at_least, version),
                (None, Some(version)) => (&mut bounds.below, version),
                (None, None) => return Err(format!("`{part}` is not a bound like >=1.29.4 or <1.29.7")),
            };
            if slot.replace(version.parse()?).is_some() {
                return Err(format!("`{text}` gives the same bound twice"));
            }
        }
        if let (Some(first), Some(end)) = (bounds.at_least, bounds.below)
            && first >= end
        {
            return Err(format!("`{text}` holds no version"));
        }
        Ok(bounds)
    }
}

fn expected(body: &str) -> Vec<(usize, String)> {
    let mut expected = Vec::new();
    let mut waiting: Vec<&str> = Vec::new();
    for (index, line) in body.lines().enumerate() {
        match remark(line, "finds:") {
            Some(id) => waiting.push(id),
            None => expected.extend(waiting.drain(..).map(|id| (index + 1, id.to_owned()))),
        }
    }
    expected
}

/// The value of a comment line that starts with `name`.
fn remark<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    Some(line.trim().strip_prefix('#')?.trim_start().strip_prefix(name)?.trim())
}

/// The TOML between the `+++` lines, what comes after, and the line that starts on.
fn split_front_matter(text: &str) -> Result<(&str, &str, usize), String> {
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next().unwrap_or("");
    if opening.trim_end() != "+++" {
        return Err("line 1: a card starts with a line `+++`".to_owned());
    }
    let mut end = opening.len();
    for (index, line) in lines.enumerate() {
        if line.trim_end() == "+++" {
            return Ok((&text[opening.len()..end], &text[end + line.len()..], index + 3));
        }
        end += line.len();
    }
    Err("line 1: no second line `+++` ends the front matter".to_owned())
}

/// The fences of `text` that say `good` or `bad`; `first_line` is where `text` starts in the card.
fn examples(text: &str, first_line: usize) -> Result<(Vec<Example>, Vec<SettingsExample>), String> {
    let mut examples = Vec::new();
    let mut settings = Vec::new();
    let mut lines = text.split_inclusive('\n').zip(first_line..);
    while let Some((opening, number)) = lines.next() {
        let Some((ticks, info)) = fence(opening) else { continue };
        let mut body = String::new();
        loop {
            let Some((line, _)) = lines.next() else {
                return Err(format!("line {number}: this fence is never closed"));
            };
            if fence(line).is_some_and(|(closing, info)| closing >= ticks && info.is_empty()) {
                break;
            }
            body.push_str(line);
        }
        let of_settings = match info {
            "toml bad" => Some(false),
            "toml good" => Some(true),
            _ => None,
        };
        if let Some(good) = of_settings {
            settings.push(SettingsExample { good, body });
            continue;
        }
        let example = example(info, body, number + 1).map_err(|why| format!("line {number}: {why}"))?;
        examples.extend(example);
    }
    Ok((examples, settings))
}

/// How many backticks open or close a fence on this line, and what follows them.
fn fence(line: &str) -> Option<(usize, &str)> {
    let line = line.trim();
    let info = line.trim_start_matches('`');
    let ticks = line.len() - info.len();
    (ticks >= 3 && !info.contains('`')).then(|| (ticks, info.trim()))
}

/// `None` for a fence that is only text: in another language, or the server's name alone.
fn example(info: &str, body: String, line: usize) -> Result<Option<Example>, String> {
    let (name, rest) = word(info);
    let server = match name {
        "nginx" => Server::Nginx,
        "apache" => Server::Apache,
        _ => return Ok(None),
    };
    let (kind, mut rest) = word(rest);
    let good = match kind {
        "" => return Ok(None),
        "good" => true,
        "bad" => false,
        _ => return Err(format!("`{kind}` is neither `good` nor `bad`")),
    };
    let mut versions = None;
    if rest.starts_with(['<', '>']) {
        let (bounds, after) = word(rest);
        versions = Some(bounds.parse()?);
        rest = after;
    }
    let proof = match (good, rest) {
        (true, "") => None,
        (true, _) => return Err(format!("a good example has no proof, and this says `{rest}`")),
        (false, _) => Some(proof(rest)?),
    };
    Ok(Some(Example { server, good, versions, proof, body, line }))
}

/// The first word and what follows it.
fn word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((first, rest)) => (first, rest.trim()),
        None => (text, ""),
    }
}

fn proof(text: &str) -> Result<Proof, String> {
    if let Some(reason) = text.strip_prefix("static:") {
        let reason = reason.trim();
        return match reason {
            "" => Err("`static:` gives no reason".to_owned()),
            _ => Ok(Proof::Static { reason: reason.to_owned() }),
        };
    }
    if let Some(time) = text.strip_prefix("cut") {
        return match time.trim().strip_suffix('s').map(str::parse) {
            Some(Ok(seconds)) if seconds > 0 => Ok(Proof::Cut { seconds }),
            _ => Err(format!("`{text}` is not a time like `cut 3s`")),
        };
    }
    match text {
        "refused" => Ok(Proof::Refused),
        "config-error" => Ok(Proof::ConfigError),
        "intercepted" => Ok(Proof::Intercepted),
        "client-rejects" => Ok(Proof::ClientRejects),
        "" => Err("a bad example names its proof".to_owned()),
        _ => Err(format!(
            "`{text}` is no proof: refused, config-error, intercepted, client-rejects, cut 3s, static: reason"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: &str = "+++\ntitle = \"T\"\nseverity = \"error\"\nservers = [\"nginx\", \"apache\"]\nsince = \"0.1.0\"\n+++\n";

    fn parse(rest: &str) -> Result<Card, String> {
        Card::parse(&format!("{FRONT}{rest}"))
    }

    fn only_example(rest: &str) -> Example {
        let mut examples = parse(rest).unwrap().examples;
        assert_eq!(examples.len(), 1);
        examples.remove(0)
    }

    #[test]
    fn a_card_holds_its_front_matter_and_its_text_as_written() {
        let card = parse("\nWhy.\r\n").unwrap();
        assert_eq!(card.title, "T");
        assert_eq!(card.severity, "error");
        assert_eq!(card.servers, [Server::Nginx, Server::Apache]);
        assert_eq!(card.since, "0.1.0");
        assert!(card.references.is_empty());
        assert_eq!(card.text, "\nWhy.\r\n");
        assert!(card.examples.is_empty());
    }

    #[test]
    fn an_example_knows_its_place_and_its_proof() {
        let text = "Why.\n```nginx\nplain;\n```\n\n```nginx bad >=1.29.4 refused\na;\nb;\n```\n```apache good\nc\n```\n";
        let examples = parse(text).unwrap().examples;
        assert_eq!(examples.len(), 2);
        assert_eq!(examples[0].server, Server::Nginx);
        assert_eq!(examples[0].body, "a;\nb;\n");
        assert_eq!(examples[0].line, 13);
        assert_eq!(examples[0].proof, Some(Proof::Refused));
        let versions = examples[0].versions.unwrap();
        assert_eq!(versions.at_least, Some(Version::new(1, 29, 4)));
        assert!(examples[1].good);
        assert_eq!((examples[1].server, &examples[1].proof, examples[1].line), (Server::Apache, &None, 17));
    }

    #[test]
    fn every_proof_is_read() {
        let proofs = [
            ("refused", Proof::Refused),
            ("config-error", Proof::ConfigError),
            ("<1.29.7 intercepted", Proof::Intercepted),
            ("client-rejects", Proof::ClientRejects),
            ("cut 3s", Proof::Cut { seconds: 3 }),
            ("static: takes an hour", Proof::Static { reason: "takes an hour".to_owned() }),
        ];
        for (written, proof) in proofs {
            assert_eq!(
                only_example(&format!("```nginx bad {written}\n```\n")).proof,
                Some(proof),
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_wrong_in_a_card_is_told_with_its_line() {
        let wrong = [
            ("```nginx bad\n```\n", "line 7: a bad example names its proof"),
            (
                "\n```nginx good refused\n```\n",
                "line 8: a good example has no proof, and this says `refused`",
            ),
            ("```nginx god\n```\n", "line 7: `god` is neither `good` nor `bad`"),
            ("```nginx bad cut 0s\n```\n", "line 7: `cut 0s` is not a time like `cut 3s`"),
            ("```nginx bad static:\n```\n", "line 7: `static:` gives no reason"),
            ("```nginx bad >=1.29 refused\n```\n", "line 7: `1.29` is not a version like 1.29.7"),
            ("x\n\n```text\n", "line 9: this fence is never closed"),
        ];
        for (text, message) in wrong {
            assert_eq!(parse(text).unwrap_err(), message, "{text}");
        }
        assert_eq!(Card::parse("# Title\n").unwrap_err(), "line 1: a card starts with a line `+++`");
        let unknown = FRONT.replace("since", "sinse");
        assert!(Card::parse(&unknown).unwrap_err().starts_with("line 5: unknown field `sinse`"));
        let severity = FRONT.replace("\"error\"", "\"fatal\"");
        assert!(Card::parse(&severity).unwrap_err().contains("`fatal`"));
    }

    #[test]
    fn a_finds_comment_speaks_of_the_next_other_line() {
        let example = only_example(
            "```nginx bad refused\n# finds: one\na;\nb {\n    # finds: two\n    # finds: three\n    c;\n}\n```\n",
        );
        let expected: Vec<(usize, String)> =
            [(2, "one"), (6, "two"), (6, "three")].map(|(line, id)| (line, id.to_owned())).into();
        assert_eq!(example.expected(), expected);
    }

    #[test]
    fn the_handshake_is_read_from_the_body() {
        let handshakes = [
            ("a;", ("/ws", None)),
            ("# handshake: /chat/room?x=1", ("/chat/room?x=1", None)),
            ("  # handshake: chat.example/live/", ("/live/", Some("chat.example"))),
        ];
        for (line, handshake) in handshakes {
            let example = only_example(&format!("```nginx good\n{line}\nlisten @PORT@;\n```\n"));
            assert_eq!(example.handshake(), handshake);
            assert!(example.is_complete());
        }
    }

    #[test]
    fn version_bounds_include_the_first_and_exclude_the_last() {
        let bounds: VersionBounds = ">=1.29.4,<1.29.7".parse().unwrap();
        let holds = |text: &str| bounds.contains(text.parse().unwrap());
        assert!(!holds("1.29.3") && holds("1.29.4") && holds("1.29.6") && !holds("1.29.7"));
        for wrong in ["1.29.4", ">1.29.4", "<1.2.3,<1.2.4", ">=1.29.4,<1.29.4", ">=1.29.4,"] {
            assert!(wrong.parse::<VersionBounds>().is_err(), "{wrong}");
        }
    }
}
