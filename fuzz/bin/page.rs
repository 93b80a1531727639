//! Writes the page of evidence from the lines that `fuzz/run` left in its folder of runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// What one target did in all runs.
#[derive(Default)]
struct Done {
    seconds: u64,
    executions: u64,
    edges: u64,
    found: u64,
    mebibytes: u64,
    broken: u64,
}

#[derive(Default)]
struct Page {
    runs: Vec<String>,
    targets: BTreeMap<String, Done>,
    loads: Vec<f64>,
}

impl Page {
    fn line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split('\t');
        match words.next()? {
            "run" => {
                let (commit, processors) = (words.next()?, words.next()?);
                let (nice, command) = (words.next()?, words.next()?);
                self.runs.push(format!(
                    "nice -n {nice} {}\n  at commit {commit}, {processors} processors",
                    command.trim_end()
                ));
            }
            "target" => {
                let done = self.targets.entry(words.next()?.to_owned()).or_default();
                let mut number = || words.next()?.parse::<u64>().ok();
                done.seconds += number()?;
                done.executions += number()?;
                done.edges = done.edges.max(number()?);
                done.found += number()?;
                done.mebibytes = done.mebibytes.max(number()?);
                done.broken += number()?;
                self.loads.extend(words.filter_map(|load| load.parse::<f64>().ok()));
            }
            _ => return None,
        }
        Some(())
    }

    fn text(&self) -> String {
        let mut out = String::from(
            "# Fuzzing of every decoder\n\nMade by `fuzz/run page` from the lines that these runs left; \
             [FUZZING.md](../FUZZING.md) says what a target is and what must hold.\n\n```text\n",
        );
        for run in &self.runs {
            let _ = writeln!(out, "{run}");
        }
        let least = self.loads.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.loads.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(
            out,
            "```\nLoad average {least:.2} to {most:.2}: other work shared the processors. One process at a time.\n"
        );
        out.push_str(
            "| target | bytes from | seconds | executions | per second | edges | new inputs | MiB at most | crashes |\n\
             |---|---|---|---|---|---|---|---|---|\n",
        );
        let mut all = Done::default();
        for target in ganglion_fuzz::TARGETS {
            let none = Done::default();
            let done = self.targets.get(target.name).unwrap_or(&none);
            row(&mut out, &format!("`{}`", target.name), target.source, done);
            all.seconds += done.seconds;
            all.executions += done.executions;
            all.edges = all.edges.max(done.edges);
            all.found += done.found;
            all.mebibytes = all.mebibytes.max(done.mebibytes);
            all.broken += done.broken;
        }
        row(&mut out, &format!("all {}", ganglion_fuzz::TARGETS.len()), "", &all);
        out.push_str(
            "\nEdges are places of the program that some input reached, libFuzzer's `cov`; new inputs are those that \
             reached more than the ones before. The sum of edges and memory is the largest of any target.\n",
        );
        out
    }
}

fn row(out: &mut String, name: &str, source: &str, done: &Done) {
    let rate = done.executions / done.seconds.max(1);
    let Done { seconds, executions, edges, found, mebibytes, broken } = done;
    let _ = writeln!(
        out,
        "| {name} | {source} | {seconds} | {executions} | {rate} | {edges} | {found} | {mebibytes} | {broken} |"
    );
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "../target/fuzz/runs".into());
    let mut files: Vec<_> = std::fs::read_dir(Path::new(&folder))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    // By the second in which they began.
    files.sort();
    let mut page = Page::default();
    for file in files {
        for line in std::fs::read_to_string(&file)?.lines() {
            if page.line(line).is_none() {
                let text = format!("{}: {line:?} is no line of a run", file.display());
                return Err(std::io::Error::other(text));
            }
        }
    }
    print!("{}", page.text());
    Ok(())
}
