//! Standard output, or standard error in its place: buffered, coloured or not, and honest about what could not be written.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, Write};

use super::args::Color;
use crate::report::{line, safe};

/// Where everything is printed.
pub struct Output {
    out: BufWriter<Box<dyn Write>>,
    name: &'static str,
    is_terminal: bool,
    color: Color,
    pub colour: bool,
    /// Columns of the terminal; 100 where there is none.
    pub width: usize,
    closed: bool,
}

impl Output {
    pub fn new(color: Color) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        Self::on(Box::new(stdout), "standard output", is_terminal, color)
    }

    fn on(out: Box<dyn Write>, name: &'static str, is_terminal: bool, color: Color) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let colour = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto if set("FORCE_COLOR") || set("CLICOLOR_FORCE") => true,
            Color::Auto => is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        };
        let columns =
            terminal_size::terminal_size().filter(|_| is_terminal).map(|(width, _)| usize::from(width.0));
        Self {
            out: BufWriter::with_capacity(64 << 10, out),
            name,
            is_terminal,
            color,
            colour,
            width: columns.unwrap_or(100).clamp(40, 200),
            closed: false,
        }
    }

    /// Lets `write` print.
    ///
    /// # Errors
    /// Where the output cannot be written; a reader that has gone away (`| head`) is no error.
    pub fn print(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), String> {
        if self.closed {
            return Ok(());
        }
        let written = write(&mut self.out);
        self.judge(written)
    }

    /// Prints text of others: a program reads it byte for byte; a terminal obeys what it reads.
    pub fn pass(&mut self, text: &[u8]) -> Result<(), String> {
        match self.is_terminal {
            true => self.print(|out| out.write_all(safe(&String::from_utf8_lossy(text)).as_bytes())),
            false => self.print(|out| out.write_all(text)),
        }
    }

    /// Whatever is printed from now on goes to standard error.
    pub fn turn_to_stderr(&mut self) -> Result<(), String> {
        self.finish()?;
        let stderr = io::stderr();
        let is_terminal = stderr.is_terminal();
        *self = Self::on(Box::new(stderr), "standard error", is_terminal, self.color);
        Ok(())
    }

    pub fn finish(&mut self) -> Result<(), String> {
        if self.closed {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.judge(flushed)
    }

    fn judge(&mut self, result: io::Result<()>) -> Result<(), String> {
        self.closed |= result.as_ref().is_err_and(is_reader_gone);
        written(result, self.name)
    }
}

fn is_reader_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn written(result: io::Result<()>, name: &str) -> Result<(), String> {
    match result {
        Err(error) if !is_reader_gone(&error) => Err(format!("{name}: {error}")),
        _ => Ok(()),
    }
}

/// Help, the version, or what is wrong with the arguments.
pub fn print_usage(usage: &clap::Error) -> Result<(), String> {
    let text = usage.render().to_string();
    match safe(&text) {
        // Coloured, where it may be.
        Cow::Borrowed(_) => written(usage.print(), "standard output"),
        Cow::Owned(text) => written(write!(io::stderr(), "{text}"), "standard error"),
    }
}

/// A message on standard error; where that takes nothing, the exit status has to do.
pub fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "wslint: {}", line(message));
}
