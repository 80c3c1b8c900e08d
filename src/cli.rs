//! The command line: arguments in, exit status out. Knows every layer, decides nothing about configurations.

mod args;
mod baseline;
mod check;
mod embedded;
mod explain;
mod files;
mod fix;
mod inputs;
mod options;
mod output;
mod outputs;
mod pages;
mod plan;
mod progress;
mod reading;
mod routes;
mod settings;
mod told;
mod trace;
mod written;

use std::ffi::OsString;

use clap::Parser;

use args::{Arguments, Verb};
use output::Output;

/// Nothing at or above `--fail-on`.
const CLEAN: i32 = 0;
/// Findings at or above `--fail-on`.
const FOUND: i32 = 1;
/// wslint could not do its job.
const FAILED: i32 = 2;

/// Does what the arguments say and returns the exit status: 0 nothing found, 1 findings, 2 wslint could not do its
/// job.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no mistakes, but a standard output that takes nothing is.
            return match output::print_usage(&error) {
                Ok(()) => error.exit_code(),
                Err(message) => {
                    output::complain(&message);
                    FAILED
                }
            };
        }
    };
    let mut output = Output::new(arguments.color);
    let done = match arguments.verb {
        None => check(&arguments.check, &mut output),
        Some(Verb::Check(arguments)) => check(&arguments, &mut output),
        Some(Verb::Routes(routes)) => routes::routes(&routes, &mut output),
        Some(Verb::Trace(trace)) => trace::trace(&trace, &mut output),
        Some(Verb::Explain { rule }) => explain::explain(&rule, &mut output),
        Some(Verb::Init { directory }) => settings::init(&directory, &mut output),
        Some(Verb::SettingsSchema) => settings::schema(&mut output),
        Some(Verb::Completions { shell }) => pages::completions(shell, &mut output),
        Some(Verb::Man { verb }) => pages::man(verb.as_deref(), &mut output),
        Some(Verb::Rules { format }) => explain::rules(format, &mut output),
    };
    match done.and_then(|status| output.finish().map(|()| status)) {
        Ok(status) => status,
        Err(message) => {
            output::complain(&message);
            FAILED
        }
    }
}

fn check(arguments: &args::CheckArguments, output: &mut Output) -> Result<i32, String> {
    if arguments.list_files { files::list(arguments, output) } else { check::check(arguments, output) }
}
