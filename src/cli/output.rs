//! Standard output: buffered, coloured or not, and honest about what could not be written.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use super::args::Color;

/// Where everything is printed.
pub struct Output {
    stdout: BufWriter<Stdout>,
    pub colour: bool,
    /// Columns of the terminal; 100 where there is none.
    pub width: usize,
    closed: bool,
}

impl Output {
    pub fn new(color: Color) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let colour = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto if set("FORCE_COLOR") || set("CLICOLOR_FORCE") => true,
            Color::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        };
        let columns =
            terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
        Self {
            stdout: BufWriter::with_capacity(64 << 10, stdout),
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
        let written = write(&mut self.stdout);
        self.judge(written)
    }

    pub fn finish(&mut self) -> Result<(), String> {
        if self.closed {
            return Ok(());
        }
        let flushed = self.stdout.flush();
        self.judge(flushed)
    }

    fn judge(&mut self, result: io::Result<()>) -> Result<(), String> {
        match result {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(format!("standard output: {error}")),
        }
    }
}
