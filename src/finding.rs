//! What wslint tells: a finding, its places and its repair. Knows nothing of rules, servers or output formats.

use std::sync::Arc;

use crate::source::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Note,
    Warning,
    Error,
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How sure wslint is that the finding is about a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    Likely,
    Certain,
}

impl Confidence {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// A place that tells part of the story; the message reads on from the text it underlines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub message: String,
}

/// Text to put in place of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub span: Span,
    pub text: String,
}

/// Whether a repair changes anything but the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    Safe,
    Unsafe,
}

/// Edits that together make a finding go away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    pub title: String,
    pub safety: Safety,
    pub edits: Vec<Edit>,
}

/// A route by the names a reader knows it by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RouteName {
    /// `chat.example.com:443`
    pub server: Arc<str>,
    /// What a request must match, as written: `/socket/`.
    pub matcher: String,
}

/// One thing that is wrong, where to edit, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: &'static str,
    pub severity: Severity,
    pub confidence: Confidence,
    /// What is wrong here, in the configuration's own words, without a full stop.
    pub message: String,
    /// Where the reader edits.
    pub primary: Span,
    /// What to say at the primary place, where the message alone leaves it open.
    pub primary_label: Option<String>,
    pub labels: Vec<Label>,
    /// What to write; further lines are the configuration's text.
    pub help: Option<String>,
    pub fixes: Vec<Fix>,
    /// The routes it is about, the first `MAX_ROUTES` of `route_count`.
    pub routes: Vec<RouteName>,
    pub route_count: usize,
    /// The server's own test refuses the configuration for this.
    pub refused: bool,
}

/// Routes a finding names.
pub const MAX_ROUTES: usize = 20;

impl Finding {
    pub fn new(rule: &'static str, severity: Severity, primary: Span, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity,
            confidence: Confidence::Certain,
            message: message.into(),
            primary,
            primary_label: None,
            labels: Vec::new(),
            help: None,
            fixes: Vec::new(),
            routes: Vec::new(),
            route_count: 0,
            refused: false,
        }
    }

    /// What to say at the primary place.
    pub fn here(mut self, message: impl Into<String>) -> Self {
        self.primary_label = Some(message.into());
        self
    }

    /// Another place of the story.
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    pub fn labels(mut self, labels: impl IntoIterator<Item = Label>) -> Self {
        self.labels.extend(labels);
        self
    }

    /// What to write.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A repair, where there is one.
    pub fn fix(mut self, fix: Option<Fix>) -> Self {
        self.fixes.extend(fix);
        self
    }

    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub fn at_most(mut self, severity: Severity) -> Self {
        self.severity = self.severity.min(severity);
        self
    }
}
