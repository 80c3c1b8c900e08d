//! Holds what `trace` predicts of a handshake against what the server and its backends did.
//! Must not know what a configuration is made of, nor how wslint reads it.

use super::Site;
use super::backend::Request;
use super::client::Outcome;
use super::server::Running;

/// What `trace` says of one handshake.
#[derive(Debug)]
pub struct Predicted {
    pub verdict: String,
    pub status: Option<u16>,
    pub why: String,
    /// What is sent to the backend, if anything is.
    pub upstream: Option<Upstream>,
}

#[derive(Debug)]
pub struct Upstream {
    pub address: String,
    pub request_line: String,
    pub headers: Vec<(String, String)>,
}

/// What came of one handshake.
pub struct Happened {
    pub outcome: Outcome,
    /// What reached a backend, the last of it if there is more, and the backend's address.
    pub received: Option<(String, Request)>,
}

/// What many comparisons came to.
#[derive(Default)]
pub struct Tally {
    pub agreed: usize,
    pub upgraded: usize,
    pub unknown: usize,
    /// Configurations refused by both.
    pub refused: usize,
    pub wrong: Vec<String>,
}

impl Happened {
    /// Makes a handshake that `make` knows how to make.
    pub fn at(site: &Site, make: impl FnOnce() -> Outcome) -> Self {
        let backends = [&site.backend, &site.backend2];
        let before = backends.map(|backend| backend.requests().len());
        let outcome = make();
        let mut received = backends.into_iter().zip(before).filter_map(|(backend, before)| {
            let request = backend.requests().split_off(before).pop()?;
            Some((backend.address().to_string(), request))
        });
        let received = received.next_back();
        Self { outcome, received }
    }
}

impl Predicted {
    /// What is predicted where any of several backends may be the next: the one that happened to be.
    pub fn sent_to_the_next(mut self, happened: &Happened) -> Self {
        if let (Some(sent), Some((address, _))) = (&mut self.upstream, &happened.received) {
            let said = std::mem::replace(&mut sent.address, address.clone());
            for (_, value) in sent.headers.iter_mut().filter(|(_, value)| *value == said) {
                value.clone_from(address);
            }
        }
        self
    }
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.agreed += other.agreed;
        self.upgraded += other.upgraded;
        self.unknown += other.unknown;
        self.refused += other.refused;
        self.wrong.extend(other.wrong);
    }

    /// Counts a configuration that the server refuses; the error tells that it was to load.
    pub fn compare_refused(&mut self, predicted: &Predicted) -> Result<(), String> {
        if predicted.verdict != "config-error" {
            return Err(format!(
                "the server refuses it, trace says {} ({})",
                predicted.verdict, predicted.why
            ));
        }
        self.refused += 1;
        Ok(())
    }

    /// Counts what agrees; the error tells what does not. `headers` are those whose values are compared.
    pub fn compare(
        &mut self,
        predicted: &Predicted,
        happened: &Happened,
        headers: &[&str],
        running: &Running,
    ) -> Result<(), String> {
        if predicted.verdict == "unknown" {
            self.unknown += 1;
            return Ok(());
        }
        let said = format!("trace says {} {:?} ({})", predicted.verdict, predicted.status, predicted.why);
        if !verdict_agrees(predicted, happened) {
            return Err(format!("{said}, the server did {:?}\n{}", happened.outcome, running.log()));
        }
        if let Some(difference) = difference(predicted, happened, headers) {
            return Err(format!("{said}; {difference}"));
        }
        self.agreed += 1;
        self.upgraded += usize::from(predicted.verdict == "upgraded");
        Ok(())
    }
}

fn verdict_agrees(predicted: &Predicted, happened: &Happened) -> bool {
    let refusal = happened.received.as_ref().and_then(|(_, request)| request.refusal.as_deref());
    match (predicted.verdict.as_str(), &happened.outcome) {
        ("upgraded", Outcome::Upgraded(_)) => true,
        // 101 comes through; what a client then thinks of its headers is not the proxy's verdict.
        ("upgraded", Outcome::ClientRejects(_)) => true,
        // Most backends take a handshake without Host, or with a second Upgrade; the one in these tests does not.
        ("upgraded", Outcome::Status(426)) => {
            refusal.is_some_and(|why| why.contains("Host") || why.contains("Upgrade"))
        }
        ("refused", Outcome::Status(status)) => {
            refusal.is_some() && predicted.status.is_none_or(|said| said == *status)
        }
        // What another protocol's backend answers to bytes it does not understand is its own affair.
        ("intercepted", Outcome::Status(_)) if predicted.why.ends_with("carries no WebSocket") => true,
        ("intercepted", Outcome::Status(status)) => refusal.is_none() && predicted.status == Some(*status),
        ("intercepted", Outcome::NoAnswer(_)) => predicted.status.is_none(),
        _ => false,
    }
}

/// Where what was to be sent is not what was received.
fn difference(predicted: &Predicted, happened: &Happened, headers: &[&str]) -> Option<String> {
    let (sent, (address, request)) = match (&predicted.upstream, &happened.received) {
        (None, None) => return None,
        (Some(sent), Some(received)) => (sent, received),
        // Whether the backend still reads the request that is given up at once is a matter of luck.
        (Some(_), None) if predicted.status == Some(504) => return None,
        (sent, received) => {
            let received = received.as_ref().map(|(_, request)| &request.head.line);
            let sent = sent.as_ref().map(|sent| &sent.request_line);
            return Some(format!("sent {sent:?}, received {received:?}"));
        }
    };
    if sent.address.parse::<std::net::SocketAddr>().is_ok() && sent.address != *address {
        return Some(format!("sent to {}, received by {address}", sent.address));
    }
    if sent.request_line != request.head.line {
        return Some(format!("sent `{}`, received `{}`", sent.request_line, request.head.line));
    }
    headers.iter().find_map(|name| {
        let same = sent.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let sent: Vec<&str> = same.map(|(_, value)| value.as_str()).collect();
        let received = request.head.values(name);
        (sent != received).then(|| format!("{name}: sent {sent:?}, received {received:?}"))
    })
}
