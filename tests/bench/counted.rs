//! A file that is written and knows how long it has become. Must not know what it says.

use std::fs::File;
use std::io::{self, BufWriter, Write};

pub struct Counted {
    out: BufWriter<File>,
    pub bytes: u64,
}

impl Counted {
    pub fn create(path: &std::path::Path) -> io::Result<Self> {
        Ok(Self { out: BufWriter::new(File::create(path)?), bytes: 0 })
    }
}

impl Write for Counted {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let written = self.out.write(text)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
