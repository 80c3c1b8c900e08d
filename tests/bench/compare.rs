//! wslint beside the servers' own tests of a configuration and other tools, on the same files, printed as a table.
//! Must not know how any of them works.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::inputs::{self, Input, Server};
use crate::process::{Run, Tool, busy_programs, forget};

/// What a program may take on one input before it is not run again.
const BUDGET: Duration = Duration::from_secs(30);

/// Seconds after which a tool is stopped that is no server's.
const PATIENCE: &str = "60";

/// `WSLINT [--quick]`: measures that program and prints what was found.
pub fn compare(arguments: &[String]) {
    let wslint = fs::canonicalize(arguments.first().expect("--compare WSLINT [--quick]"));
    let wslint = wslint.expect("wslint is built");
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let bench = Bench { wslint, beside: Beside::find(), rounds: if quick { 5 } else { 11 } };
    bench.print_what_is_measured();
    bench.print_warm(quick);
    if !quick {
        bench.print_cold(&inputs::NGINX_TREE);
    }
    bench.print_start(if quick { 100 } else { 400 });
}

struct Bench {
    wslint: PathBuf,
    beside: Beside,
    rounds: usize,
}

/// What is installed; each runs in a directory of its own, where it writes what it must.
struct Beside {
    nginx: Option<PathBuf>,
    apache: Option<PathBuf>,
    others: Vec<(&'static str, PathBuf)>,
    prefix: PathBuf,
}

impl Beside {
    fn find() -> Self {
        let prefix = inputs::directory().join("run");
        fs::create_dir_all(&prefix).expect("a directory for the servers");
        let timeout = program("timeout").is_some();
        let other = |name: &'static str| Some((name, program(name).filter(|_| timeout)?));
        Self {
            nginx: program("nginx"),
            apache: program("apache2").or_else(|| program("httpd")).filter(|_| link_modules(&prefix)),
            others: ["crossplane", "gixy"].into_iter().filter_map(other).collect(),
            prefix,
        }
    }

    /// The server's own test.
    fn own_test(&self, input: &Input) -> Option<Tool> {
        let tool = match input.server {
            Server::Nginx => {
                let tool = Tool::new(self.nginx.as_ref()?).arg("-t").arg("-q").arg("-e").arg("/dev/null");
                tool.arg("-p").arg(&self.prefix).arg("-c")
            }
            Server::Apache => {
                let tool = Tool::new(self.apache.as_ref()?).arg("-t");
                tool.arg("-d").arg(&self.prefix).arg("-f")
            }
        };
        Some(tool.arg(input.main_file()).ends_with(&[0]))
    }

    fn other(&self, name: &str, program: &Path, input: &Input) -> Tool {
        let tool = Tool::new("timeout").arg(PATIENCE).arg(program);
        if name == "crossplane" {
            tool.arg("parse").arg(input.main_file())
        } else {
            tool.arg(input.main_file())
        }
    }
}

/// What people call it.
const fn own_test_of(server: Server) -> &'static str {
    match server {
        Server::Nginx => "nginx -t",
        Server::Apache => "apache2 -t",
    }
}

/// Where PATH has a program.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Puts httpd's modules where the inputs look for them, below `prefix`.
fn link_modules(prefix: &Path) -> bool {
    const PLACES: [&str; 4] = [
        "/usr/lib/apache2/modules",
        "/usr/lib64/httpd/modules",
        "/usr/local/apache2/modules",
        "/usr/local/libexec/apache24",
    ];
    let link = prefix.join("modules");
    let Some(place) = PLACES.iter().find(|place| Path::new(place).is_dir()) else { return false };
    link.is_dir() || std::os::unix::fs::symlink(place, link).is_ok()
}

/// The runs of one program on one input.
#[derive(Default)]
struct Runs {
    walls: Vec<Duration>,
    peak: u64,
    disk_reads: i64,
}

impl Runs {
    fn add(&mut self, run: &Run) {
        self.walls.push(run.wall);
        self.walls.sort();
        self.peak = self.peak.max(run.peak);
        self.disk_reads += run.disk_reads;
    }

    fn spent(&self) -> Duration {
        self.walls.iter().sum()
    }

    fn median(&self) -> f64 {
        let (low, high) = (self.walls[(self.walls.len() - 1) / 2], self.walls[self.walls.len() / 2]);
        (low + high).as_secs_f64() * 500.0
    }

    /// Median and the least and most, in milliseconds.
    fn show(&self) -> String {
        let milliseconds = |wall: Duration| number(wall.as_secs_f64() * 1000.0);
        let (least, most) = (self.walls[0], self.walls[self.walls.len() - 1]);
        format!("{} ({}–{})", number(self.median()), milliseconds(least), milliseconds(most))
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}

/// A number of bytes with its thousands apart.
fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).expect("digits")).collect();
    parts.join(",")
}

/// Makes the page cache know all of an input, and counts its bytes. Holds no file: what this process has, every peak
/// has too.
fn warm(input: &Input) -> u64 {
    let read = |file: PathBuf| io::copy(&mut fs::File::open(file)?, &mut io::sink());
    input.files().into_iter().map(|file| read(file).expect("an input that was made")).sum()
}

/// Runs tools in turns, so that what else the machine does meets all of them alike.
fn in_turns(tools: &[Tool], rounds: usize, before: impl Fn()) -> Vec<Runs> {
    let mut all: Vec<Runs> = tools.iter().map(|_| Runs::default()).collect();
    for _ in 0..rounds {
        for (tool, runs) in tools.iter().zip(&mut all) {
            if runs.spent() < BUDGET {
                before();
                runs.add(&tool.run().unwrap_or_else(|error| panic!("{error}")));
            }
        }
    }
    all
}

impl Bench {
    fn wslint(&self, input: &Input) -> Tool {
        Tool::new(&self.wslint).arg(input.main_file()).ends_with(&[0, 1])
    }

    /// wslint, and the server's own test where that is installed.
    fn tools(&self, input: &Input) -> Vec<Tool> {
        std::iter::once(self.wslint(input)).chain(self.beside.own_test(input)).collect()
    }

    fn print_what_is_measured(&self) {
        let version = |program: &Path, argument: &str| {
            let output = Command::new(program).arg(argument).output().ok()?;
            let text = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&text).lines().next().map(str::to_owned)
        };
        let known = [
            version(&self.wslint, "--version"),
            self.beside.nginx.as_ref().and_then(|nginx| version(nginx, "-v")),
            self.beside.apache.as_ref().and_then(|apache| version(apache, "-v")),
        ];
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let load = busy_programs();
        println!("{}", known.into_iter().flatten().collect::<Vec<_>>().join("; "));
        println!("{cores} cores; {load:.1} other programs busy in the minute before\n");
        if load > 0.3 * cores as f64 {
            println!("THE MACHINE WAS BUSY: every time is too long, and ratios may be wrong.\n");
        }
        println!(
            "Median wall time (least–most) of whole processes, in milliseconds, at most {} runs of each in turns,",
            self.rounds
        );
        println!(
            "fewer where they take over {} s together. Output goes to /dev/null; wslint runs as `wslint FILE`.\n",
            BUDGET.as_secs()
        );
    }

    fn print_warm(&self, quick: bool) {
        let others = self.beside.others.iter();
        let names: String = others.clone().map(|(name, _)| format!(" {name} |")).collect();
        let line: String = others.clone().map(|_| " ---: |").collect();
        println!(
            "| input | bytes | wslint | MB/s | peak memory, bytes per byte | the server's own test | ratio |{names}"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |{line}");
        let all = if quick { &inputs::SINGLE[..] } else { &inputs::ALL[..] };
        for input in all.iter().filter(|input| !quick || !input.large) {
            self.print_row(input, warm(input));
        }
        let floor = Tool::new("true").run().expect("true").peak;
        println!("\nNo peak below {} bytes can be seen.\n", thousands(floor));
    }

    fn print_row(&self, input: &Input, bytes: u64) {
        let runs = in_turns(&self.tools(input), self.rounds, || ());
        let (median, size) = (runs[0].median(), bytes as f64);
        let (test, ratio) = match runs.get(1) {
            Some(test) => {
                let name = own_test_of(input.server);
                (format!("`{name}` {}", test.show()), format!("{}×", number(test.median() / median)))
            }
            None => ("not installed".to_string(), String::new()),
        };
        print!(
            "| {input} | {} | {} | {} |",
            thousands(bytes),
            runs[0].show(),
            number(size / median / 1000.0)
        );
        print!(" {} | {test} | {ratio} |", number(runs[0].peak as f64 / size));
        for (name, program) in &self.beside.others {
            print!(" {} |", self.once(name, program, input));
        }
        println!();
    }

    /// Other tools take seconds: one run says enough, on inputs that they finish.
    fn once(&self, name: &str, program: &Path, input: &Input) -> String {
        if input.server != Server::Nginx || input.large {
            return "-".to_string();
        }
        let run = self.beside.other(name, program, input).run().expect("timeout starts");
        match run.status {
            Some(124) => format!("over {PATIENCE} s"),
            Some(0 | 1) => number(run.wall.as_secs_f64() * 1000.0),
            status => format!("fails ({status:?})"),
        }
    }

    /// The same where nothing was read before, as on a fresh checkout.
    fn print_cold(&self, input: &Input) {
        let files = input.files();
        if let Err(error) = files.iter().try_for_each(|file| forget(file)) {
            println!("SKIPPED: no cold page cache: {error}\n");
            return;
        }
        let runs = in_turns(&self.tools(input), self.rounds.min(5), || {
            files.iter().try_for_each(|file| forget(file)).expect("it could be done before");
        });
        if runs[0].disk_reads == 0 {
            println!("SKIPPED: no cold page cache: the file system kept it\n");
            return;
        }
        print!("Cold page cache, {input}: wslint {} ms", runs[0].show());
        match runs.get(1) {
            Some(test) => {
                let (name, ratio) = (own_test_of(input.server), test.median() / runs[0].median());
                println!("; `{name}` {} ms, {}×\n", test.show(), number(ratio));
            }
            None => println!("\n"),
        }
    }

    fn print_start(&self, rounds: usize) {
        let tools = [Tool::new("true"), self.wslint(&inputs::TEN_LINES)];
        let runs = in_turns(&tools, rounds, || ());
        println!(
            "Start, {rounds} runs: true {} ms, wslint on ten lines {} ms",
            runs[0].show(),
            runs[1].show()
        );
    }
}
