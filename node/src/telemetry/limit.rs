//! No kind of line fills a disk: each place in the code that logs has a rate of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::counter;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::bucket::Bucket;

const WITHHELD: &str = "ganglion_log_lines_withheld_total";

/// Lines of one kind that are written at once.
const BURST: u32 = 100;
/// One more per this time: of lines of 200 bytes, 17 MB a day.
const REFILL: Duration = Duration::from_secs(1);

/// How often is said what was withheld.
const TELL: Duration = Duration::from_secs(60);

/// One place in the code that logs.
#[derive(Debug)]
struct Kind {
    metadata: &'static Metadata<'static>,
    bucket: Bucket,
}

/// There is one entry for each place in the code, so that nothing from the network makes the table grow.
type Kinds = Arc<Mutex<HashMap<Identifier, Kind>>>;

/// Withholds lines of a kind of which there are too many. Whoever asks for `debug` or `trace` gets all of that.
#[derive(Debug)]
pub(super) struct Limit {
    clock: fn() -> Instant,
    kinds: Kinds,
}

/// What was withheld, for as long as there is a log.
#[derive(Debug)]
pub struct Withheld(Kinds);

impl Limit {
    pub(super) fn new(clock: fn() -> Instant) -> (Self, Withheld) {
        let kinds = Kinds::default();
        (Self { clock, kinds: Arc::clone(&kinds) }, Withheld(kinds))
    }
}

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO {
            return true;
        }
        let now = (self.clock)();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds
            .entry(metadata.callsite())
            .or_insert_with(|| Kind { metadata, bucket: Bucket::new(BURST, REFILL, now) });
        let admitted = kind.bucket.admit(now);
        drop(kinds);
        if !admitted {
            counter!(WITHHELD).increment(1);
        }
        admitted
    }
}

impl Withheld {
    /// Says once a minute what was withheld, for as long as it is run.
    pub async fn tell(self) {
        let mut ticks = tokio::time::interval(TELL);
        loop {
            ticks.tick().await;
            for (metadata, lines) in self.take() {
                let (file, line) = (metadata.file().unwrap_or("?"), metadata.line().unwrap_or(0));
                tracing::warn!(
                    lines,
                    "not logged, as there were too many of one kind ({file}:{line})"
                );
            }
        }
    }

    fn take(&self) -> Vec<(&'static Metadata<'static>, u64)> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = kinds.values_mut().map(|kind| (kind.metadata, kind.bucket.take_withheld()));
        taken.filter(|(_, lines)| *lines > 0).collect()
    }
}

/// Begins the counter.
pub(crate) fn begin_metrics() {
    counter!(WITHHELD).increment(0);
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::OnceLock;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn having(&self, text: &str) -> usize {
            let bytes = self.0.lock().unwrap();
            String::from_utf8_lossy(&bytes).lines().filter(|line| line.contains(text)).count()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Moves only when it is told to.
    static SECONDS: Mutex<u64> = Mutex::new(0);

    fn clock() -> Instant {
        static START: OnceLock<Instant> = OnceLock::new();
        *START.get_or_init(Instant::now) + Duration::from_secs(*SECONDS.lock().unwrap())
    }

    #[test]
    fn a_flood_of_one_kind_is_cut_and_hides_no_other() {
        let lines = Lines::default();
        let writer = lines.clone();
        let (limit, withheld) = Limit::new(clock);
        let log = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_writer(move || writer.clone())
            .finish()
            .with(limit);
        tracing::subscriber::with_default(log, || {
            let flood = |of: u32| (0..of).for_each(|n| tracing::warn!(n, "a peer misbehaves"));
            flood(1_000);
            tracing::error!("the disk fails");
            (0..1_000).for_each(|n| tracing::debug!(n, "what was asked for"));
            assert_eq!(lines.having("a peer misbehaves"), 100);
            assert_eq!(lines.having("the disk fails"), 1);
            assert_eq!(lines.having("what was asked for"), 1_000);
            let [(kind, 900)] = withheld.take()[..] else { panic!("{withheld:?}") };
            assert_eq!(kind.file(), Some(file!()));
            assert!(withheld.take().is_empty());
            *SECONDS.lock().unwrap() += 2;
            flood(10);
            assert_eq!(lines.having("a peer misbehaves"), 102);
        });
    }
}
