//! What is generated from the command line's own description: completions for shells, manual pages. Knows no verb.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use super::CLEAN;
use super::args::Arguments;
use super::output::Output;

const SOURCE: &str = concat!("wslint ", env!("CARGO_PKG_VERSION"));

pub fn completions(shell: Shell, output: &mut Output) -> Result<i32, String> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "wslint", &mut script);
    output.print(|out| out.write_all(&script))?;
    Ok(CLEAN)
}

/// The page of wslint, or that of one of its verbs.
pub fn man(verb: Option<&str>, output: &mut Output) -> Result<i32, String> {
    let mut command = Arguments::command();
    command.build();
    let page = match verb {
        None => command,
        Some(verb) => command
            .find_subcommand(verb)
            .cloned()
            .ok_or_else(|| format!("no verb `{verb}`; see wslint --help"))?,
    };
    output.print(|out| render(Man::new(page).source(SOURCE), out))?;
    Ok(CLEAN)
}

fn render(page: Man, mut out: &mut dyn Write) -> io::Result<()> {
    page.render(&mut out)
}
