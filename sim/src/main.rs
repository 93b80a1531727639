//! Runs seeds, many at once, and says what came of them.
#![allow(clippy::print_stdout, reason = "a command line: its output is its purpose")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use ganglion_sim::plan::{EPOCHS, Mode, Plan};
use ganglion_sim::report::Summary;
use ganglion_sim::{remember, run, run_twice};

#[cfg(feature = "planted-bugs")]
mod bugs;

/// Worlds allocate and free small things all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
Simulates whole subnets with faults, from seeds.

  ganglion-sim --seeds A..B [--jobs N] [--epochs N] [--mode MODE] [--keep-going]
  ganglion-sim --seed N [--trace] [--epochs N] [--mode MODE]

  --seeds A..B    every seed from A to B, B not included; each is run twice
  --seed N        one seed
  --trace         with all that happens, in lines
  --jobs N        threads (default: as many as there are processors)
  --epochs N      epochs of each world (default and least: 20)
  --mode MODE     bounded (default), equivocators or amnesia
  --keep-going    do not stop at the first violation

With the feature planted-bugs (docs/PLANTED.md):

  ganglion-sim --planted list
  ganglion-sim --planted all|NAME --seeds A..B [--jobs N] [--known] [--json]

  --planted       make this known mistake, or each in turn, until a checker finds it; exit code 1 if none does
  --trace         with --seed N: all that happens in that world with that mistake
  --known         first the seed that found it before
  --json          for programs
";

#[derive(Clone, Debug)]
struct Arguments {
    seeds: (u64, u64),
    trace: bool,
    jobs: usize,
    epochs: u64,
    mode: Mode,
    keep_going: bool,
    planted: Option<String>,
    known: bool,
    json: bool,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut arguments = Arguments {
        seeds: (0, 0),
        trace: false,
        jobs,
        epochs: EPOCHS,
        mode: Mode::Bounded,
        keep_going: false,
        planted: None,
        known: false,
        json: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: &str| text.parse().map_err(|_| format!("{text} is not a number"));
        match word.as_str() {
            "--seeds" => {
                let range = value()?;
                let (first, end) = range.split_once("..").ok_or("--seeds takes A..B")?;
                arguments.seeds = (number(first)?, number(end)?);
            }
            "--seed" => {
                let seed = number(&value()?)?;
                arguments.seeds = (seed, seed + 1);
            }
            "--trace" => arguments.trace = true,
            "--jobs" => arguments.jobs = usize::try_from(number(&value()?)?).unwrap_or(1).max(1),
            "--epochs" => arguments.epochs = number(&value()?)?,
            "--mode" => {
                arguments.mode = match value()?.as_str() {
                    "bounded" => Mode::Bounded,
                    "equivocators" => Mode::Equivocators,
                    "amnesia" => Mode::Amnesia,
                    other => return Err(format!("there is no mode {other}")),
                };
            }
            "--keep-going" => arguments.keep_going = true,
            "--planted" => arguments.planted = Some(value()?),
            "--known" => arguments.known = true,
            "--json" => arguments.json = true,
            other => return Err(format!("{other} is not known")),
        }
    }
    let listed = arguments.planted.as_deref() == Some("list");
    if arguments.seeds.0 >= arguments.seeds.1 && !listed {
        return Err("give --seeds A..B with A below B, or --seed N".into());
    }
    Ok(arguments)
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Bounded => "bounded",
        Mode::Equivocators => "equivocators",
        Mode::Amnesia => "amnesia",
    }
}

fn replay(arguments: &Arguments, seed: u64) -> String {
    let mode = mode_name(arguments.mode);
    let epochs = arguments.epochs;
    format!(
        "cargo run --release -p ganglion-sim -- --seed {seed} --trace --epochs {epochs} --mode {mode}"
    )
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if let Some(name) = &arguments.planted {
        planted(&arguments, name)
    } else if arguments.trace {
        trace(&arguments)
    } else {
        soak(&arguments)
    }
}

#[cfg(feature = "planted-bugs")]
fn planted(arguments: &Arguments, name: &str) -> ExitCode {
    bugs::planted(arguments, name)
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(arguments: &Arguments, name: &str) -> ExitCode {
    let Arguments { known, json, .. } = arguments;
    let flags = [(*known, " --known"), (*json, " --json")];
    let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
    eprintln!(
        "built without bugs; run: cargo run --release -p ganglion-sim --features planted-bugs -- --planted {name}{flags}"
    );
    ExitCode::from(2)
}

fn trace(arguments: &Arguments) -> ExitCode {
    remember();
    let plan = Plan::draw(arguments.seeds.0, arguments.mode, arguments.epochs);
    println!("{plan}");
    let outcome = run(plan, true);
    for line in &outcome.lines {
        println!("{line}");
    }
    for violation in &outcome.violations {
        println!("VIOLATION {violation}");
    }
    let hash: String = outcome.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{} epochs, trace {hash}", outcome.epochs);
    if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn soak(arguments: &Arguments) -> ExitCode {
    let next = AtomicU64::new(arguments.seeds.0);
    let failed = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(|| worker(arguments, &next, &failed, &stop, &summary));
        }
    });
    let seconds = began.elapsed().as_secs_f64().max(0.001);
    let summary = summary.into_inner().unwrap_or_default();
    println!("{summary}");
    let failed = failed.into_inner();
    println!(
        "{:.1} seeds/s, {:.0} epochs/s (each seed run twice), {} threads, {seconds:.1} s",
        summary.seeds as f64 / seconds,
        summary.epochs as f64 * 2.0 / seconds,
        arguments.jobs
    );
    println!("{} seeds, {failed} with violations", summary.seeds);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn worker(
    arguments: &Arguments,
    next: &AtomicU64,
    failed: &AtomicU64,
    stop: &AtomicBool,
    summary: &Mutex<Summary>,
) {
    remember();
    let mut own = Summary::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= arguments.seeds.1 || stop.load(Ordering::Relaxed) {
            break;
        }
        let (plan, outcome, same) = run_twice(seed, arguments.mode, arguments.epochs);
        own.add(&plan, &outcome);
        let mut problems: Vec<String> =
            outcome.violations.iter().map(ToString::to_string).collect();
        if !same {
            problems.push("two runs of the seed left two traces".into());
        }
        if !problems.is_empty() {
            failed.fetch_add(1, Ordering::Relaxed);
            println!("VIOLATION seed {seed}: {}", problems.join("\n          "));
            println!("  {plan}\n  replay: {}", replay(arguments, seed));
            if !arguments.keep_going {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
    if let Ok(mut summary) = summary.lock() {
        summary.merge(&own);
    }
}
