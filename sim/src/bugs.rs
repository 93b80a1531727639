//! `--planted`: known mistakes, made until they are found.

use std::process::ExitCode;
use std::time::Instant;

use ganglion_sim::planted::{Bug, Hunt, Seeds, choose, hunt, json, named, origin, show};

use crate::Arguments;

pub(crate) fn planted(arguments: &Arguments, name: &str) -> ExitCode {
    let bugs: Vec<Bug> = match name {
        "list" => return list(),
        "all" => Bug::ALL.to_vec(),
        name => match named(name) {
            Some(bug) => vec![bug],
            None => {
                eprintln!("no bug is called {name}; --planted list names them");
                return ExitCode::from(2);
            }
        },
    };
    if let ([bug], true) = (bugs.as_slice(), arguments.trace) {
        choose(Some(*bug));
        return crate::trace(arguments);
    }
    // A panic is a finding like any other, and is told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let (first, end) = arguments.seeds;
    let seeds = Seeds { range: first..end, known_first: arguments.known };
    let began = Instant::now();
    let mut hunts = Vec::with_capacity(bugs.len());
    for bug in bugs {
        let hunt = hunt(bug, &seeds, arguments.jobs);
        progress(&hunt, began);
        hunts.push(hunt);
    }
    println!("{}", if arguments.json { json(&hunts) } else { show(&hunts) });
    if hunts.iter().all(|hunt| hunt.found.is_some()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn progress(hunt: &Hunt, began: Instant) {
    let (name, seconds) = (hunt.bug.name(), began.elapsed().as_secs());
    match &hunt.found {
        Some((seed, violation)) => {
            eprintln!("{seconds:>5} s  {name}: seed {seed}, {} seeds: {violation}", hunt.seeds);
        }
        None => eprintln!("{seconds:>5} s  {name}: NOT FOUND in {} seeds", hunt.seeds),
    }
}

fn list() -> ExitCode {
    for bug in Bug::ALL {
        println!("{:<22} {}", bug.name(), bug.what());
        println!("{:<22} {}; {}", "", origin(*bug).place, origin(*bug).source);
    }
    ExitCode::SUCCESS
}
