//! What ProxyPass and its like give a server: the list of mapped paths, the workers that targets share, the balancers
//! (`ap_proxy_get_worker_ex`). Knows no request, and not how the lines are read.

mod read;

use hashbrown::HashMap;
use std::borrow::Cow;

use super::params::Params;
use super::url::{Url, after_scheme};
use crate::effective::BlockId;
use crate::effective::regex::Pattern;
use crate::tree::NodeRef;

pub(super) use read::Builder;

/// A path that is mapped to a target.
#[derive(Debug)]
pub struct Pass {
    pub at: NodeRef,
    /// Where it stands: a server, or a `<Location>`.
    pub block: BlockId,
    /// What requests are compared with.
    pub path: Vec<u8>,
    /// For ProxyPassMatch, and in a section whose argument is a pattern: `path` as a regular expression. None where it
    /// is a prefix.
    pub pattern: Option<Pattern>,
    pub is_match: bool,
    /// What a request is mapped to, as written; None for `!`.
    pub target: Option<Vec<u8>>,
    /// The worker of this very server that the line creates or shares; none for a balancer.
    pub worker: Option<u32>,
    pub flags: PassFlags,
    /// Part of the line is a template's, or needs the request's environment.
    pub unknown: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassFlags {
    pub nocanon: bool,
    pub interpolate: bool,
    /// `mapping=encoded` or `servlet`.
    pub mapping: bool,
}

/// What connects to one target: every line that names the target, or one that begins with it, shares it.
#[derive(Debug)]
pub struct Worker {
    /// The line that created it.
    pub at: NodeRef,
    pub url: Url,
    /// It stands for a target with `$1` in it.
    pub is_match: bool,
    pub params: Params,
}

#[derive(Debug)]
pub struct Balancer {
    /// The first line that names it.
    pub at: NodeRef,
    /// `balancer://name`, in lower case.
    pub name: Vec<u8>,
    pub members: Workers,
    pub params: Params,
}

/// All of one server.
#[derive(Debug, Default)]
pub struct Proxies {
    pub passes: Vec<Pass>,
    /// The last of each `<Location>` section, by its block.
    pub in_sections: Vec<Pass>,
    pub workers: Workers,
    pub balancers: Vec<Balancer>,
    by_name: HashMap<Vec<u8>, usize>,
}

/// So many workers are looked through faster than an index is built.
const FEW: usize = 8;

/// Workers, found by their names rather than one after the other.
#[derive(Debug, Default)]
pub struct Workers {
    all: Vec<Worker>,
    /// Those that stand for one target, the earliest of each name; empty while they are few.
    by_name: HashMap<Vec<u8>, u32>,
    /// Those that stand for a target with `$1` in it.
    matches: Vec<u32>,
}

impl Workers {
    fn push(&mut self, worker: Worker) -> u32 {
        let index = self.all.len() as u32;
        match worker.is_match {
            true => self.matches.push(index),
            false if self.all.len() < FEW => {}
            false => self.index(worker.name(), index),
        }
        self.all.push(worker);
        index
    }

    /// Adds a name to the index, all that came before where it is the first.
    fn index(&mut self, name: &[u8], index: u32) {
        if self.by_name.is_empty() {
            for (earlier, worker) in (0..).zip(&self.all).filter(|(_, worker)| !worker.is_match) {
                self.by_name.entry(worker.name().to_vec()).or_insert(earlier);
            }
        }
        self.by_name.entry(name.to_vec()).or_insert(index);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Worker> {
        self.all.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn get(&self, index: u32) -> &Worker {
        &self.all[index as usize]
    }

    /// The worker that a URL is given to: the longest whose name it begins with, the earliest of equals.
    pub fn find(&self, url: &[u8], want: Want) -> Option<u32> {
        if self.all.is_empty() {
            return None;
        }
        let (url, least) = with_lower_host(url);
        let mut best = if want == Want::Match { None } else { self.longest_prefix(&url, least) };
        if want == Want::Prefix {
            return best;
        }
        for &index in &self.matches {
            let worker = self.get(index);
            let len = worker.name().len();
            // A longer one wins, and of equals the earlier one.
            let wins = best.is_none_or(|best| {
                let best_len = self.get(best).name().len();
                len > best_len || (len == best_len && index < best)
            });
            let reaches = len <= url.len() && (len >= least || worker.host_varies());
            if wins && reaches && stands_for(&url, worker.name()) {
                best = Some(index);
            }
        }
        best
    }
}

impl Workers {
    fn longest_prefix(&self, url: &[u8], least: usize) -> Option<u32> {
        if self.by_name.is_empty() {
            let fits = |worker: &Worker| {
                !worker.is_match && worker.name().len() >= least && url.starts_with(worker.name())
            };
            let fitting = self.all.iter().enumerate().filter(|(_, worker)| fits(worker));
            // Of equals the earlier one.
            let longest = fitting.rev().max_by_key(|(_, worker)| worker.name().len());
            return longest.map(|(index, _)| index as u32);
        }
        (least..=url.len()).rev().find_map(|len| self.by_name.get(&url[..len]).copied())
    }
}

impl Worker {
    /// The target's URL without what may be left out.
    pub fn name(&self) -> &[u8] {
        self.url.name()
    }

    /// Whether `$1` stands in the host.
    fn host_varies(&self) -> bool {
        let (_, host_end) = with_lower_host(self.name());
        self.name()[..host_end].contains(&b'$')
    }
}

impl Proxies {
    pub fn in_section(&self, block: BlockId) -> Option<&Pass> {
        let at = self.in_sections.binary_search_by_key(&block, |pass| pass.block).ok()?;
        Some(&self.in_sections[at])
    }

    pub fn balancer(&self, url: &[u8]) -> Option<&Balancer> {
        self.by_name.get(&balancer_name(url)?).map(|&index| &self.balancers[index])
    }
}

/// Whether a target is a balancer rather than a backend.
pub fn is_balancer(url: &[u8]) -> bool {
    url.get(..9).is_some_and(|head| head.eq_ignore_ascii_case(b"balancer:"))
}

/// A balancer's name: the URL without its path, in lower case.
fn balancer_name(url: &[u8]) -> Option<Vec<u8>> {
    let colon = url.iter().position(|&byte| byte == b':')?;
    let rest = url[colon..].strip_prefix(b"://").filter(|rest| !rest.is_empty())?;
    let host = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    Some(url[..colon + 3 + host].to_ascii_lowercase())
}

/// Which workers are looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Prefix,
    Match,
    Either,
}

/// A URL with its scheme and host in lower case, and how long they are.
fn with_lower_host(url: &[u8]) -> (Cow<'_, [u8]>, usize) {
    let after = after_scheme(url).unwrap_or(0);
    let end = memchr::memchr(b'/', &url[after..]).map_or(url.len(), |at| after + at);
    if !url[..end].iter().any(u8::is_ascii_uppercase) {
        return (Cow::Borrowed(url), end);
    }
    let mut url = url.to_vec();
    url[..end].make_ascii_lowercase();
    (Cow::Owned(url), end)
}

/// Whether a URL begins with a name in which every `$1` stands for anything (`ap_proxy_strcmp_ematch`).
fn stands_for(url: &[u8], name: &[u8]) -> bool {
    let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
    let mut rest = name;
    loop {
        rest = match rest {
            [b'$', digit, rest @ ..] if digit.is_ascii_digit() => {
                parts.push(Vec::new());
                rest
            }
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                parts.last_mut().expect("internal: there is a first part").push(*byte);
                rest
            }
            [] => break,
        };
    }
    let Some(mut url) = url.strip_prefix(&parts[0][..]) else { return false };
    for part in &parts[1..] {
        match memchr::memmem::find(url, part) {
            Some(at) => url = &url[at + part.len()..],
            None => return false,
        }
    }
    true
}
