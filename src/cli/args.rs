//! What may be written on the command line. Data only.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::effective::version::Versions;
use crate::engine::settings::FailOn;
use crate::handshake::Url;
use crate::source::discover::Server;
use crate::tree::PathMap;

/// Tells whether a WebSocket survives an nginx or Apache configuration, which line kills it, and what to write instead.
#[derive(Parser)]
#[command(name = "wslint", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 nothing found at or above --fail-on; 1 findings; 2 wslint could not do its job."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub verb: Option<Verb>,
    #[command(flatten)]
    pub check: CheckArguments,
    /// When to colour: NO_COLOR and FORCE_COLOR are obeyed where this is not given
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto, help_heading = "Report")]
    pub color: Color,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Judge configurations (what happens without a verb, too)
    Check(CheckArguments),
    /// List every proxied route: what it matches, where it goes, whether it carries a WebSocket
    Routes(RoutesArguments),
    /// Follow one handshake: server chosen, location chosen, what the backend receives, verdict
    Trace(TraceArguments),
    /// Say what a rule means, why it matters and what to write
    Explain {
        #[arg(value_name = "RULE", value_parser = RuleId, hide_possible_values = true)]
        rule: String,
    },
    /// Write a commented wslint.toml
    Init {
        /// Where
        #[arg(value_name = "DIR", default_value = ".")]
        directory: PathBuf,
    },
    /// Print the JSON schema of wslint.toml, for editors
    SettingsSchema,
    /// Print a shell's completions
    Completions {
        #[arg(value_enum, value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the manual page of wslint, or of a verb, for `man -l -`
    Man {
        #[arg(value_name = "VERB")]
        verb: Option<String>,
    },
    /// List the rules
    Rules {
        #[arg(long, value_enum, default_value_t = ListFormat::Human, help_heading = "Report")]
        format: ListFormat,
    },
}

#[derive(Args)]
pub struct CheckArguments {
    #[command(flatten)]
    pub input: InputArguments,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Report")]
    pub format: Format,
    /// Write a report to a file as well, as sarif=wslint.sarif (repeatable); human is without colour, 100 columns wide
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output, conflicts_with = "write_baseline", help_heading = "Report")]
    pub output: Vec<(Format, PathBuf)>,
    /// Also tell how often each rule spoke (human and json)
    #[arg(long, help_heading = "Report")]
    pub statistics: bool,
    /// The least severity that makes the exit status 1 [default: warning]
    #[arg(long, value_enum, value_name = "SEVERITY", help_heading = "Judgement")]
    pub fail_on: Option<FailOn>,
    /// Ask only these rules (comma-separated, repeatable)
    #[arg(long, value_name = "RULES", value_delimiter = ',', value_parser = RuleId, hide_possible_values = true, help_heading = "Judgement")]
    pub select: Vec<String>,
    /// Never ask these rules (comma-separated, repeatable)
    #[arg(long, value_name = "RULES", value_delimiter = ',', value_parser = RuleId, hide_possible_values = true, help_heading = "Judgement")]
    pub ignore: Vec<String>,
    /// Also look at routes that nothing says are for WebSockets; findings about them are notes
    #[arg(long, help_heading = "Judgement")]
    pub all_routes: bool,
    /// A URL at which a WebSocket must open, as wss://chat.example.com/socket (repeatable)
    #[arg(long, value_name = "URL", help_heading = "Judgement")]
    pub endpoint: Vec<Url>,
    /// Findings that are known: only others count
    #[arg(long, value_name = "FILE", help_heading = "Judgement")]
    pub baseline: Option<PathBuf>,
    /// Write what is found as known, for --baseline
    #[arg(long, value_name = "FILE", help_heading = "Judgement")]
    pub write_baseline: Option<PathBuf>,
    /// Draw notes in full
    #[arg(long, help_heading = "Report")]
    pub notes: bool,
    /// Say what each file was taken for, and judge nothing
    #[arg(long, conflicts_with_all = ["output", "write_baseline", "fix", "diff"], help_heading = "Report")]
    pub list_files: bool,
    /// Print errors and warnings only, nothing where there are none
    #[arg(short, long, help_heading = "Report")]
    pub quiet: bool,
    #[command(flatten)]
    pub fix: FixArguments,
}

#[derive(Args)]
#[command(next_help_heading = "Fixes")]
pub struct FixArguments {
    /// Write the fixes that change nothing but handshakes, each proven first; the report is of what is left. Of standard
    /// input the fixed text is printed, and the report goes to standard error
    #[arg(long, group = "writes")]
    pub fix: bool,
    /// Also the fixes that may change more than handshakes, as their titles say: with --fix or --diff they are made, alone
    /// this lists all fixes
    #[arg(long)]
    pub unsafe_fixes: bool,
    /// Print what --fix would change, as a unified diff, and write nothing; the exit status is 1 where it would change
    /// something
    #[arg(long, group = "writes", conflicts_with_all = ["fix", "output", "write_baseline"])]
    pub diff: bool,
    /// Only the fixes of these rules (comma-separated, repeatable)
    #[arg(long, value_name = "RULES", value_delimiter = ',', value_parser = RuleId, hide_possible_values = true)]
    #[arg(requires = "writes")]
    pub fix_only: Vec<String>,
}

#[derive(Args)]
pub struct RoutesArguments {
    #[command(flatten)]
    pub input: InputArguments,
    #[arg(long, value_enum, default_value_t = ListFormat::Human, help_heading = "Report")]
    pub format: ListFormat,
}

#[derive(Args)]
pub struct TraceArguments {
    /// A main configuration, a directory that holds one, what `nginx -T` or `apachectl -t -D DUMP_CONFIG` printed, or `-`
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Where the client opens its WebSocket, as wss://chat.example.com/socket
    #[arg(value_name = "URL")]
    pub url: Url,
    /// A header of the client: replaces the one of that name, removes it where the value is empty (repeatable)
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    pub header: Vec<(String, String)>,
    #[command(flatten)]
    pub read: ReadArguments,
    #[arg(long, value_enum, default_value_t = ListFormat::Human, help_heading = "Report")]
    pub format: ListFormat,
}

#[derive(Args)]
#[command(next_help_heading = "Input")]
pub struct InputArguments {
    /// A directory that holds configurations or fragments, a main configuration, a file that one includes, a fragment, what
    /// `nginx -T` or `apachectl -t -D DUMP_CONFIG` printed, or `-` for standard input; by default the current directory
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Also read configurations inside YAML, Terraform, shell scripts and Markdown below the directories given; by default
    /// where a directory is no configuration itself
    #[arg(long, overrides_with = "no_embedded")]
    pub embedded: bool,
    /// Never do, but for a file that is named
    #[arg(long, overrides_with = "embedded")]
    pub no_embedded: bool,
    /// Take standard input for the content of this file, there or not, and tell what is found in it
    #[arg(long, value_name = "PATH")]
    pub stdin_filename: Option<PathBuf>,
    /// Look at files that git ignores, too
    #[arg(long)]
    pub no_ignore: bool,
    /// Also judge files beside a main configuration that it does not include, and copies such as *.bak
    #[arg(long)]
    pub all_files: bool,
    /// Leave out named files that are no configuration instead of failing: for hooks that name every changed file
    #[arg(long)]
    pub skip_others: bool,
    #[command(flatten)]
    pub read: ReadArguments,
}

#[derive(Args)]
#[command(next_help_heading = "Input")]
pub struct ReadArguments {
    /// The file of settings; by default wslint.toml or .wslint.toml beside the PATH or above it
    #[arg(long, value_name = "FILE", conflicts_with = "isolated")]
    pub config: Option<PathBuf>,
    /// Look for no settings
    #[arg(long)]
    pub isolated: bool,
    /// Whose configuration it is; by default its name and what it holds tell
    #[arg(long, value_enum)]
    pub server: Option<Server>,
    /// The version the configuration is for, as nginx=1.28 or apache=2.4.62; by default every one in use (once for
    /// each server)
    #[arg(long, value_name = "SERVER=VERSION", value_parser = target)]
    pub target: Vec<(Server, Versions)>,
    /// What relative includes are relative to; by default the main configuration's directory
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,
    /// What relative paths of an Apache configuration are relative to; by default its ServerRoot
    #[arg(long, value_name = "DIR")]
    pub server_root: Option<PathBuf>,
    /// A name that Apache is started with, as -D SSL, or a variable of its environment, as -D ROOT=/srv (repeatable)
    #[arg(short = 'D', long, value_name = "NAME[=VALUE]", value_parser = define)]
    pub define: Vec<(String, Option<String>)>,
    /// Where a directory of the target machine lies here (repeatable)
    #[arg(long, value_name = "FROM=TO", value_parser = path_map)]
    pub path_map: Vec<PathMap>,
    /// Look at nothing outside the PATHs (for a file: its directory), whatever includes, symbolic links and path maps
    /// say: for configurations that nobody has looked at yet
    #[arg(long)]
    pub restrict_includes: bool,
    /// How much is read at most, as files=1000 or file-bytes=1000000 (repeatable)
    #[arg(long, value_name = "NAME=NUMBER", value_parser = limit,
        long_help = "How much is read at most, as files=1000 (repeatable): file-bytes, total-bytes, files, include-depth \
            (of nginx; httpd has its own, 128), directives (once for every place they are included at), glob-results")]
    pub limit: Vec<(Limit, u32)>,
}

/// What `--limit` names.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Limit {
    FileBytes,
    TotalBytes,
    Files,
    IncludeDepth,
    Directives,
    GlobResults,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading in a terminal
    Human,
    /// One line a finding
    Concise,
    /// For programs; version 1, see the README
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations in a run of GitHub Actions
    Github,
    /// GitLab's code quality report
    Gitlab,
    /// Test reports of Jenkins, GitLab and others
    Junit,
}

impl ValueEnum for Server {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Nginx, Self::Apache]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache",
        }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    Human,
    Json,
}

impl ValueEnum for FailOn {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// The name of a rule, which shells complete.
#[derive(Clone)]
struct RuleId;

impl TypedValueParser for RuleId {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let known = |id: &str| match crate::rules::find(id) {
            Some(rule) => Ok(rule.id.to_string()),
            None => Err(super::explain::no_such_rule(id)),
        };
        known.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(crate::rules::ALL.iter().map(|rule| PossibleValue::new(rule.id))))
    }
}

fn target(text: &str) -> Result<(Server, Versions), String> {
    let server = |name| Server::from_str(name, false).ok();
    match text.split_once('=').and_then(|(name, version)| Some((server(name)?, version))) {
        Some((server, version)) => Ok((server, version.parse()?)),
        None => Err("write nginx=VERSION or apache=VERSION, such as nginx=1.28".to_string()),
    }
}

fn output(text: &str) -> Result<(Format, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write FORMAT=FILE, such as sarif=wslint.sarif")?;
    let format = Format::from_str(name, false).map_err(|_| {
        let names = Format::value_variants().iter().filter_map(Format::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_string()).collect();
        format!("no format `{name}`; there are {}", names.join(", "))
    })?;
    match file {
        "" => Err("write FORMAT=FILE, such as sarif=wslint.sarif".to_string()),
        "-" => Err("standard output has --format; name a file (./- for one called so)".to_string()),
        file => Ok((format, file.into())),
    }
}

fn define(text: &str) -> Result<(String, Option<String>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_string())),
        None => (text, None),
    };
    if name.is_empty() || name.contains([':', '}']) || name.contains(char::is_whitespace) {
        return Err(format!("`{name}` is no name that Apache can be given"));
    }
    Ok((name.to_string(), value))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write 'Name: value', or 'Name:' to remove it")?;
    let name = name.trim();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{name}` is no header's name"));
    }
    Ok((name.to_string(), value.trim().to_string()))
}

fn limit(text: &str) -> Result<(Limit, u32), String> {
    let (name, number) = text.split_once('=').ok_or("write NAME=NUMBER, such as files=1000")?;
    let limit = Limit::from_str(name, false).map_err(|_| {
        let names = Limit::value_variants().iter().filter_map(Limit::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_string()).collect();
        format!("no limit `{name}`; there are {}", names.join(", "))
    })?;
    let number = number.parse().map_err(|_| format!("`{number}` is no number up to {}", u32::MAX))?;
    Ok((limit, number))
}

fn path_map(text: &str) -> Result<PathMap, String> {
    let (from, to) = text.split_once('=').ok_or("write FROM=TO, such as /etc/nginx=./nginx")?;
    let from = PathBuf::from(from);
    if !from.is_absolute() {
        return Err("FROM must be an absolute path of the target machine".to_string());
    }
    Ok(PathMap { from, to: to.into() })
}
