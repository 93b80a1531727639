//! Proof of work of a registration, on as many cores as are wanted.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use ganglion_types::op::PowChallenge;

/// Tries between two looks at whether to go on: some milliseconds.
const BATCH: u64 = 16_384;
/// Pause between two reports.
const REPORT: Duration = Duration::from_millis(500);

/// How far the search is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Tries so far.
    pub tries: u64,
    /// Time so far.
    pub elapsed: Duration,
}

impl Progress {
    /// Tries per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        // Far below 2^53 tries in any life.
        #[allow(clippy::cast_precision_loss, reason = "shown with three digits")]
        let tries = self.tries as f64;
        tries / self.elapsed.as_secs_f64().max(1e-3)
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search<R> {
    /// A nonce that holds.
    Found(u64),
    /// Whoever is told of the progress wanted it so.
    Stopped(R),
}

/// Searches from `start` on, on `threads` threads, twice a second telling `report`, which may stop it.
///
/// The chance per try does not depend on what was tried before: a search that is stopped and begun
/// anew for another challenge has lost nothing but what it might have found.
pub fn search<R>(
    challenge: &PowChallenge,
    difficulty: u64,
    start: u64,
    threads: usize,
    mut report: impl FnMut(Progress) -> ControlFlow<R>,
) -> Search<R> {
    let began = Instant::now();
    let (stop, tries) = (AtomicBool::new(false), AtomicU64::new(0));
    let lanes = u64::try_from(threads.max(1)).unwrap_or(1);
    std::thread::scope(|scope| {
        let (found_in, found) = sync_channel(threads.max(1));
        for lane in 0..lanes {
            let (found_in, stop, tries) = (found_in.clone(), &stop, &tries);
            scope.spawn(move || {
                let mut nonce = start.wrapping_add(lane);
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..BATCH {
                        if challenge.holds(nonce, difficulty) {
                            // As many places as threads, each of which sends once.
                            let _ = found_in.try_send(nonce);
                            return;
                        }
                        nonce = nonce.wrapping_add(lanes);
                    }
                    tries.fetch_add(BATCH, Ordering::Relaxed);
                }
            });
        }
        let ended = loop {
            match found.recv_timeout(REPORT) {
                Ok(nonce) => break Search::Found(nonce),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            let tries = tries.load(Ordering::Relaxed);
            if let ControlFlow::Break(why) = report(Progress { tries, elapsed: began.elapsed() }) {
                break Search::Stopped(why);
            }
        };
        stop.store(true, Ordering::Relaxed);
        ended
    })
}

#[cfg(test)]
mod tests {
    use ganglion_types::{Coldkey, CutId, Hotkey, Role, SubnetId};

    use super::*;

    fn challenge() -> PowChallenge {
        PowChallenge::new(
            &SubnetId::new([1; 32]),
            &CutId::new([2; 32]),
            &Hotkey::new([3; 32]),
            &Coldkey::new([4; 32]),
            Role::Miner,
            None,
        )
    }

    #[test]
    fn what_is_found_holds_on_any_number_of_threads() {
        for threads in [0, 1, 3] {
            let found = search(&challenge(), 20_000, u64::MAX - 5, threads, |_| {
                ControlFlow::<()>::Continue(())
            });
            let Search::Found(nonce) = found else { panic!("not stopped") };
            assert!(challenge().holds(nonce, 20_000));
        }
    }

    #[test]
    fn a_search_without_hope_ends_when_it_is_told_to() {
        let mut reports = 0;
        let ended = search(&challenge(), u64::MAX, 0, 2, |progress| {
            reports += 1;
            let enough = progress.tries > 0 && progress.rate() > 0.0;
            if enough { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        });
        assert_eq!(ended, Search::Stopped("enough"));
        assert!(reports > 0);
    }
}
