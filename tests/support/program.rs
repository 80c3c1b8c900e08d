//! The program as people run it: in a directory of their own, by its exit status and what it prints. Knows no configuration.

use std::path::Path;
use std::process::Command;

/// What a run came to.
pub struct Run {
    /// 0, 1 or 2.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn wslint(directory: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_wslint"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("NO_COLOR")
        .env_remove("FORCE_COLOR")
        .output()
        .expect("wslint runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run {
        status: output.status.code().expect("wslint ends by itself"),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}
