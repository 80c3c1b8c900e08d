//! The program: hands its arguments to the command line, and its answer to the shell.

fn main() {
    // Leaves at once: giving a large tree's memory back piece by piece takes longer than reading it.
    std::process::exit(wslint::cli::run(std::env::args_os()));
}
