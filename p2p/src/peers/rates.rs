//! How much one peer may ask and say.

use std::time::{Duration, Instant};

use crate::bucket::Bucket;

/// Requests of one peer at once: a blob of the largest size is 16, the anti-entropy of an epoch some ten.
const REQUEST_BURST: f64 = 256.0;
/// Requests of one peer per second: blob parts at 16 MiB/s.
const REQUESTS_PER_SECOND: f64 = 64.0;
/// Own requests keep to so much of that, so that no honest node is over.
const OWN_SHARE: f64 = 0.875;
/// Gossip messages first seen from one peer at once: an epoch's weights of 4,096 uids, should a newcomer
/// get them all from one peer.
const GOSSIP_BURST: f64 = 4096.0;
/// Gossip messages of one peer per second: 512 signature checks are 23 ms of a core. One peer publishes
/// 320 a second at most.
const GOSSIP_PER_SECOND: f64 = 512.0;
/// Gossip bytes of one peer at once: 128 of the largest items.
const GOSSIP_BURST_BYTES: f64 = 16.0 * 1024.0 * 1024.0;
/// Gossip bytes of one peer per second.
const GOSSIP_BYTES_PER_SECOND: f64 = 4.0 * 1024.0 * 1024.0;
/// New records from one peer at once: several full answers.
const RECORD_BURST: f64 = 256.0;
/// New records from one peer per second.
const RECORDS_PER_SECOND: f64 = 4.0;
/// A peer over a rate is charged so often at most: it may only pass on what others overdo.
const FLOOD_CHARGE: Duration = Duration::from_secs(1);

/// Rates of one peer. They outlive its connections, so that connecting anew gives no fresh burst.
#[derive(Debug)]
pub(crate) struct Rates {
    pub(crate) requests: Bucket,
    /// What we ask of it.
    pub(crate) asked: Bucket,
    flood_charged: Option<Instant>,
    messages: Bucket,
    bytes: Bucket,
    pub(crate) records: Bucket,
}

impl Rates {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            requests: Bucket::new(REQUEST_BURST, REQUESTS_PER_SECOND, now),
            asked: Bucket::new(REQUEST_BURST * OWN_SHARE, REQUESTS_PER_SECOND * OWN_SHARE, now),
            flood_charged: None,
            messages: Bucket::new(GOSSIP_BURST, GOSSIP_PER_SECOND, now),
            bytes: Bucket::new(GOSSIP_BURST_BYTES, GOSSIP_BYTES_PER_SECOND, now),
            records: Bucket::new(RECORD_BURST, RECORDS_PER_SECOND, now),
        }
    }

    pub(crate) fn gossip(&mut self, size: usize, now: Instant) -> bool {
        let size = u32::try_from(size).map_or(f64::MAX, f64::from);
        self.messages.take(1.0, now) && self.bytes.take(size, now)
    }

    /// Whether a flood is to be charged now.
    pub(crate) fn flooded(&mut self, now: Instant) -> bool {
        let due = self.flood_charged.is_none_or(|last| now.duration_since(last) >= FLOOD_CHARGE);
        if due {
            self.flood_charged = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_bounds_and_a_flood_is_charged_once_a_second() {
        let now = Instant::now();
        let mut rates = Rates::new(now);
        let passed = (0..10_000).take_while(|_| rates.gossip(1, now)).count();
        assert_eq!(passed, 4096);
        let passed = (0..10_000).take_while(|_| rates.requests.take(1.0, now)).count();
        let asked = (0..10_000).take_while(|_| rates.asked.take(1.0, now)).count();
        assert_eq!((passed, asked), (256, 224));
        assert!(rates.flooded(now));
        assert!(!rates.flooded(now + FLOOD_CHARGE / 2));
        assert!(rates.flooded(now + FLOOD_CHARGE));
        let mut rates = Rates::new(now);
        let passed = (0..10_000).take_while(|_| rates.gossip(128 * 1024, now)).count();
        assert_eq!(passed, 128);
    }
}
