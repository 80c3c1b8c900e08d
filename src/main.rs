//! The program: hands its arguments to the command line, and its answer to the shell.

#![forbid(unsafe_code)]

fn main() {
    std::process::exit(wslint::cli::run(std::env::args_os()));
}
