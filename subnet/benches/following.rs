//! Epochs verified and executed again per second, as a newcomer does it: bytes decoded, certificate,
//! signatures and admissibility of all items, execution, roots.
//!
//! `cargo bench -p ganglion-subnet --bench following`. Disk and network are not in it.

#[path = "../tests/it/chain.rs"]
mod chain;

use std::io::{self, Write};
#[allow(clippy::disallowed_types, reason = "a benchmark is about time")]
use std::time::Instant;

use chain::Chain;

/// Validators, miners, epochs.
const CHAINS: [(u16, u16, u64); 3] = [(4, 5, 1_000), (16, 48, 250), (64, 192, 25)];

#[allow(clippy::disallowed_types, reason = "a benchmark is about time")]
fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:>10} {:>6} {:>7} {:>9} {:>9}",
        "validators", "uids", "epochs", "seconds", "per s"
    )?;
    for (validators, miners, epochs) in CHAINS {
        let chain = Chain::new(validators, miners, epochs);
        let mut node = chain.newcomer();
        let start = Instant::now();
        let (_, stored) =
            chain.feed(&mut node, || u64::try_from(start.elapsed().as_millis()).unwrap_or(0));
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(stored.len() as u64, epochs);
        assert_eq!(node.state().root(), chain.end.root());
        let uids = validators + miners;
        let rate = f64::from(u32::try_from(epochs).unwrap_or(0)) / seconds;
        writeln!(out, "{validators:>10} {uids:>6} {epochs:>7} {seconds:>9.2} {rate:>9.0}")?;
    }
    Ok(())
}
