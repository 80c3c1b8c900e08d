//! Running a program: how long it takes and how much memory. Must not know which program it is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program and its arguments, to be run any number of times, its output thrown away.
pub struct Tool {
    words: Vec<OsString>,
    /// The exit statuses that mean it did its job; any where there is none.
    fine: &'static [i32],
}

/// One run.
pub struct Run {
    /// From before the start to after the exit.
    pub wall: Duration,
    /// Bytes of memory at the peak. Not below what this process has itself: the kernel counts the moment before the
    /// program is loaded, too.
    pub peak: u64,
    /// Times the disk was asked for something.
    pub disk_reads: i64,
    /// Exit status, none after a signal.
    pub status: Option<i32>,
}

impl Tool {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { words: vec![program.as_ref().to_owned()], fine: &[] }
    }

    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// The exit statuses that mean it did its job; with any other, `run` fails.
    pub fn ends_with(mut self, fine: &'static [i32]) -> Self {
        self.fine = fine;
        self
    }

    pub fn run(&self) -> io::Result<Run> {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let child = command.spawn()?;
        let mut status = 0;
        // SAFETY: a struct of numbers, for which zero is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both places are valid and written only during the call.
        let waited = unsafe { libc::wait4(child.id().cast_signed(), &mut status, 0, &mut usage) };
        let wall = start.elapsed();
        if waited < 0 {
            return Err(io::Error::last_os_error());
        }
        let status = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
        if !self.fine.is_empty() && status.is_none_or(|status| !self.fine.contains(&status)) {
            return Err(io::Error::other(format!("{:?} ended with {status:?}", self.words)));
        }
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        Ok(Run { wall, peak: usage.ru_maxrss as u64 * unit, disk_reads: usage.ru_inblock, status })
    }
}

/// Makes the kernel forget what it knows of a file's content, so that the next reader waits for the disk.
pub fn forget(path: &Path) -> io::Result<()> {
    let file = fs::File::open(path)?;
    // What is not on the disk yet is kept.
    file.sync_data()?;
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        // SAFETY: the descriptor is open for as long as `file` is.
        let error = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let _ = file.as_raw_fd();
        Err(io::Error::other("this system has no posix_fadvise"))
    }
}

/// How many programs wanted to run at the same time in the last minute, on average; 0 where the system does not tell.
pub fn busy_programs() -> f64 {
    let mut load = [0.0];
    // SAFETY: the array has room for the one number that is asked for.
    unsafe { libc::getloadavg(load.as_mut_ptr(), 1) };
    load[0]
}
