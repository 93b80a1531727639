//! Time per epoch beside the plain reference, as a table.
//!
//! `cargo bench -p ganglion-consensus --bench yuma`. Inputs are made from a fixed seed: the first
//! uids are validators with random stake, random weights on every other uid and random bonds.
//! Both versions run on each input and must agree on every bit of the result.

#[path = "../tests/reference/mod.rs"]
mod reference;

use std::hint::black_box;
use std::io::{self, Write};
#[allow(clippy::disallowed_types, reason = "a benchmark is about time")]
use std::time::{Duration, Instant};

use ganglion_consensus::yuma::{self, EpochInput, EpochOutput, Hyperparameters, SparseRow};

/// Uids, validators among them, and how often the reference is timed.
const SIZES: [(u16, u16, usize); 3] = [(256, 64, 5), (1_024, 128, 3), (4_096, 256, 1)];

/// How often the fast version is timed.
const RUNS: usize = 11;

/// The generator `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn value(&mut self) -> u16 {
        (self.next() >> 48) as u16
    }
}

/// The state of a subnet whose validators all judge everyone.
struct Subnet {
    n: u16,
    last_update: Vec<u64>,
    block_at_registration: Vec<u64>,
    stake: Vec<u64>,
    validator_permit: Vec<bool>,
    weights: Vec<SparseRow>,
    bonds: Vec<SparseRow>,
}

impl Subnet {
    fn new(n: u16, validators: u16, random: &mut Random) -> Self {
        let mut dense = |including_self: bool| -> Vec<SparseRow> {
            let row = |uid: u16| -> SparseRow {
                if uid >= validators {
                    return SparseRow::new();
                }
                let targets = (0..n).filter(|target| including_self || *target != uid);
                targets.map(|target| (target, random.value())).collect()
            };
            (0..n).map(row).collect()
        };
        let (weights, bonds) = (dense(false), dense(true));
        let validator_permit: Vec<bool> = (0..n).map(|uid| uid < validators).collect();
        let stake = validator_permit.iter().map(|permit| {
            // Up to about a million units.
            if *permit { random.next() >> 14 } else { 0 }
        });
        Self {
            n,
            last_update: vec![999_990; n.into()],
            block_at_registration: vec![100; n.into()],
            stake: stake.collect(),
            validator_permit,
            weights,
            bonds,
        }
    }

    fn input(&self, yuma3: bool) -> EpochInput<'_> {
        EpochInput {
            n: self.n,
            current_block: 1_000_000,
            last_mechanism_step_block: 999_639,
            last_update: &self.last_update,
            block_at_registration: &self.block_at_registration,
            stake: &self.stake,
            stake_frac: None,
            owner_uid: None,
            validator_permit: &self.validator_permit,
            weights: &self.weights,
            bonds: &self.bonds,
            commit_blocks: None,
            rao_emission: 1_000_000_000_000,
            parameters: Hyperparameters {
                tempo: 360,
                activity_cutoff: 5_000,
                stake_threshold: 0,
                max_allowed_validators: 4_096,
                kappa: 32_767,
                bonds_penalty: 65_535,
                bonds_moving_average: 900_000,
                yuma3,
                liquid_alpha: yuma3,
                alpha_low: 45_875,
                alpha_high: 58_982,
                alpha_sigmoid_steepness: 1_000,
            },
        }
    }
}

/// Median time of some runs, and what they computed.
#[allow(clippy::disallowed_types, reason = "a benchmark is about time")]
fn time(runs: usize, epoch: impl Fn() -> EpochOutput) -> (Duration, EpochOutput) {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..runs {
        // Freeing the result of the run before is no part of this one.
        drop(last.take());
        let start = Instant::now();
        last = Some(black_box(epoch()));
        times.push(start.elapsed());
    }
    times.sort();
    (times[runs / 2], last.expect("at least one run"))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn main() -> io::Result<()> {
    // Run as a test, without `--bench`, it only shows that it works.
    let sizes = if std::env::args().any(|arg| arg == "--bench") { &SIZES } else { &SIZES[..1] };
    let mut out = io::stdout().lock();
    writeln!(out, "| n | validators | bonds | epoch, ms | plain reference, ms | ratio |")?;
    writeln!(out, "|---:|---:|---|---:|---:|---:|")?;
    for (n, validators, reference_runs) in sizes {
        let subnet = Subnet::new(*n, *validators, &mut Random(u64::from(*n)));
        for (bonds, yuma3) in [("Yuma2", false), ("Yuma3, liquid alpha", true)] {
            let input = subnet.input(yuma3);
            let (fast, result) = time(RUNS, || yuma::run(black_box(&input)).expect("valid input"));
            let (plain, expected) =
                time(*reference_runs, || reference::run(black_box(&input)).expect("valid input"));
            assert!(result == expected, "n = {n}, {bonds}: the two versions differ");
            let ratio = plain.as_secs_f64() / fast.as_secs_f64();
            writeln!(
                out,
                "| {n} | {validators} | {bonds} | {:.2} | {:.0} | {ratio:.0} |",
                milliseconds(fast),
                milliseconds(plain),
            )?;
        }
    }
    Ok(())
}
