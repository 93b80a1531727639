//! Catching up: how far, how fast, how long.

use ganglion_subnet::{Following, Report};

use crate::chain::Chain;

#[test]
fn catching_up_says_how_far_how_fast_and_how_long() {
    let chain = Chain::new(4, 5, 100);
    let mut node = chain.newcomer();
    let mut now = 0;
    let (reports, stored) = chain.feed(&mut node, || {
        now += 250;
        now
    });
    assert_eq!(stored.len(), 100);
    assert_eq!(node.state().head(), chain.end.head());
    assert_eq!(node.state().root(), chain.end.root());
    let shown: Vec<Following> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Following(following) => Some(*following),
            _ => None,
        })
        .collect();
    let first = shown.first().unwrap();
    assert_eq!((first.left(), first.per_kilosecond, first.eta_ms()), (100, None, None));
    let last = shown.last().unwrap();
    assert_eq!((last.left(), last.verified, last.eta_ms()), (0, 100, Some(0)));
    // 32 epochs every 250 ms are 128 a second; what is being worked through does not count yet.
    let third = shown[2];
    assert_eq!((third.epoch.get(), third.left(), third.verified), (64, 36, 64));
    assert_eq!(third.per_kilosecond, Some(64_000));
    assert_eq!(third.eta_ms(), Some(562));
}
