//! A request while rules are run on it. Knows no rule.

use super::{Change, Input, Look};
use crate::effective::Value;
use crate::effective::apache::expr::Groups;
use crate::effective::apache::request::Request;
use crate::effective::apache::rewrite::RuleLine;

/// Bytes of a rewritten path beyond which the server answers 500, with the default `LimitRequestLine`.
const MAX_PATH: usize = 2 * 8190;

/// What a rule did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    No,
    /// It matched and substituted nothing.
    Kept,
    Substituted,
    /// The server will not follow it.
    Refused {
        status: u16,
        why: String,
    },
}

/// What is known of a substitution whose result is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Nothing,
    Proxied { verbatim: bool },
    Redirected { status: u16 },
}

/// Path and query as the rules have made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) filename: Vec<u8>,
    pub(super) query: Option<Vec<u8>>,
}

pub(super) struct State<'a> {
    pub(super) input: &'a Input<'a>,
    /// `Err` where it depends on something that is not known.
    pub(super) target: Result<Target, String>,
    pub(super) path_info: &'a [u8],
    /// What the last substitution does, where its target is not known.
    pub(super) settled: Settled,
    /// The status of the last redirect, which a later substitution does not take back.
    pub(super) status: Option<u16>,
    /// It named this very server by a whole URL.
    pub(super) reduced: bool,
    pub(super) passed_through: bool,
    pub(super) ended: bool,
    pub(super) handler: Option<Value>,
    pub(super) changes: Vec<Change>,
    pub(super) looks: Vec<Look>,
    /// Groups of the rule's pattern, and of the last condition that held.
    pub(super) rule_groups: Groups,
    pub(super) condition_groups: Groups,
    /// The rule that substituted last.
    pub(super) last: Option<&'a RuleLine>,
}

impl<'a> State<'a> {
    pub(super) fn new(input: &'a Input<'a>) -> Self {
        let target = Target { filename: input.filename.to_vec(), query: input.query.map(<[u8]>::to_vec) };
        Self {
            input,
            target: Ok(target),
            path_info: input.path_info,
            settled: Settled::Nothing,
            status: None,
            reduced: false,
            passed_through: false,
            ended: false,
            handler: None,
            changes: super::url::script_variables(input),
            looks: Vec::new(),
            rule_groups: Groups::None,
            condition_groups: Groups::None,
            last: None,
        }
    }

    pub(super) fn filename(&self) -> Result<&[u8], String> {
        self.target.as_ref().map(|target| target.filename.as_slice()).map_err(Clone::clone)
    }

    pub(super) fn check_length(&self) -> Result<(), String> {
        match &self.target {
            Ok(target) if target.filename.len() > MAX_PATH => {
                Err(format!("a path of more than {MAX_PATH} bytes"))
            }
            _ => Ok(()),
        }
    }
}

/// The request as conditions see it meanwhile.
impl Request for State<'_> {
    fn variable(&self, name: &str) -> Value {
        let of_target = |value: &dyn Fn(&Target) -> Vec<u8>| match &self.target {
            Ok(target) => Value::Known(value(target)),
            Err(why) => Value::Unknown(why.clone()),
        };
        match name {
            "REQUEST_FILENAME" | "SCRIPT_FILENAME" => of_target(&|target| target.filename.clone()),
            "QUERY_STRING" => of_target(&|target| target.query.clone().unwrap_or_default()),
            "PATH_INFO" => Value::Known(self.path_info.to_vec()),
            _ => self.input.request.variable(name),
        }
    }

    fn header(&self, name: &[u8]) -> Value {
        self.input.request.header(name)
    }

    fn environment(&self, name: &[u8]) -> Value {
        for change in self.changes.iter().rev() {
            match &change.name {
                Value::Known(changed) if changed.eq_ignore_ascii_case(name) => {
                    return change.value.clone().unwrap_or_else(Value::empty);
                }
                Value::Known(_) => {}
                Value::Unknown(why) => return Value::Unknown(why.clone()),
            }
        }
        self.input.request.environment(name)
    }

    fn file_test(&self, test: u8, path: &[u8]) -> Option<bool> {
        self.input.request.file_test(test, path)
    }

    fn is_served_as(&self, host: &[u8], port: u16) -> Option<bool> {
        self.input.request.is_served_as(host, port)
    }
}
