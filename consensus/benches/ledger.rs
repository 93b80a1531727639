//! Time per epoch of the ledger, as a table.
//!
//! `cargo bench -p ganglion-consensus --bench ledger`. Every validator sets a row of weights on
//! every other uid in every epoch; the first epoch is left out, for it has no bonds yet.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::hint::black_box;
use std::io::{self, Write};
#[allow(clippy::disallowed_types, reason = "a benchmark is about time")]
use std::time::{Duration, Instant};

use fixture::Subnet;
use ganglion_consensus::ledger::{State, admissible, execute};
use ganglion_types::{CutId, Item, Rao};

/// Uids, and validators among them.
const SIZES: [(u16, u16); 2] = [(9, 4), (256, 64)];
/// Epochs timed.
const EPOCHS: u64 = 21;

#[allow(clippy::disallowed_types, reason = "a benchmark is about time")]
fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = black_box(work());
    times.push(start.elapsed());
    done
}

fn median(mut times: Vec<Duration>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2].as_micros()
}

fn rows(subnet: &Subnet, n: u16, validators: u16, epoch: u64) -> Vec<Item> {
    let weight = |uid: u16| if uid == n - 1 { 65_535 } else { uid.wrapping_mul(40_503) };
    let row = |validator| {
        let targets = (0..n).filter(|uid| *uid != validator);
        let row: Vec<(u16, u16)> = targets.map(|uid| (uid, weight(uid))).collect();
        subnet.weights(validator, epoch, 1, &row)
    };
    (0..validators).map(row).collect()
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "microseconds per epoch, median of {EPOCHS}")?;
    writeln!(
        out,
        "{:>5} {:>10} {:>10} {:>10} {:>10}",
        "n", "admission", "execute", "root", "changes"
    )?;
    for (n, validators) in SIZES {
        let stakes: Vec<u64> = (1..=validators).map(|at| Rao::PER_UNIT * u64::from(at)).collect();
        let subnet = Subnet::new(&stakes, usize::from(n - validators));
        let mut state = State::genesis(subnet.manifest.clone()).expect("the manifest is sound");
        let mut times: [Vec<Duration>; 4] = Default::default();
        for epoch in 1..=EPOCHS + 1 {
            let items = rows(&subnet, n, validators, epoch);
            let [admission, execution, root, changes] = &mut times;
            timed(admission, || {
                items.iter().filter(|item| admissible(&state, item).is_ok()).count()
            });
            let executed = timed(execution, || execute(&state, epoch, &items)).expect("rows hold");
            let next = executed.into_state(CutId::new([1; 32]));
            timed(root, || next.root());
            timed(changes, || next.changed_rows(&state));
            state = next;
            if epoch == 1 {
                times.iter_mut().for_each(Vec::clear);
            }
        }
        let [admission, execution, root, changes] = times.map(median);
        writeln!(out, "{n:>5} {admission:>10} {execution:>10} {root:>10} {changes:>10}")?;
    }
    Ok(())
}
