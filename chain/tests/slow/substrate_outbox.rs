//! The outbox with the Substrate backend: every epoch gets to a chain with a real runtime once, whatever ends in between.

use ganglion_chain::outbox::Notice;
use ganglion_chain::substrate::Substrate;
use ganglion_chain::{Anchor as _, AnchorError, Finality, Found};
use ganglion_types::Epoch;

use crate::anvil::node::{Kill, Node as Outboxed, SUBNET};
use crate::chopsticks::{FUNDS, Node, hotkey};

struct Place {
    chain: Node,
    dir: tempfile::TempDir,
}

impl Place {
    async fn new(keys: &[u8]) -> Self {
        let place = Self { chain: Node::start().await, dir: tempfile::tempdir().unwrap() };
        for key in keys {
            place.chain.fund(&hotkey(*key), FUNDS).await;
        }
        // What is set is seen from the next block on.
        place.chain.blocks(1).await;
        place
    }

    fn node(&self, key: u8, rank: u32) -> Outboxed<Substrate> {
        let file = self.dir.path().join(key.to_string());
        Outboxed::new(self.chain.chain(Some(key)), file, rank)
    }

    /// Every anchor of the subnet, oldest first, each epoch up to `last` in one of them.
    async fn each_once(&self, last: u64) -> Vec<Found> {
        let all = Epoch::new(1)..=Epoch::new(u64::MAX);
        let mut anchors = self.chain.chain(None).find(SUBNET, all).await.unwrap();
        anchors.reverse();
        let mut next = 1;
        for found in &anchors {
            assert_eq!(found.payload.first().get(), next, "{anchors:?}");
            assert_eq!(found.finality, Finality::Final);
            next = found.payload.last().get() + 1;
        }
        assert_eq!(next, last + 1);
        anchors
    }
}

#[tokio::test]
async fn a_kill_at_any_request_loses_and_doubles_nothing() {
    let place = Place::new(&[21]).await;
    let (mut tip, mut kills) = (0, 0);
    // Each round goes on with the same chain and file, and ends the process one step later. A step is a search, a signature, a
    // submission or a look; the last kills come where all is done.
    for step in 1..=4 {
        for kill in [Kill::Before(step), Kill::After(step)] {
            let mut node = place.node(21, 0);
            node.kill = Some(kill);
            tip += 1;
            node.certify(tip).await;
            node.settle_while(async || place.chain.block_if_wanted().await).await;
            kills += node.kills;
        }
    }
    assert!(kills >= 6, "{kills} of {tip} rounds");
    place.each_once(tip).await;
}

#[tokio::test]
async fn a_chain_without_blocks_gets_its_backlog_as_one_range() {
    let place = Place::new(&[22]).await;
    let mut node = place.node(22, 0);
    node.certify(1).await;
    node.pass(2_000).await;
    assert_eq!(node.done(), 0, "it is in the pool");
    for epoch in 2..=50 {
        node.certify(epoch).await;
    }
    place.chain.blocks(1).await;
    node.settle_while(async || place.chain.block_if_wanted().await).await;
    let anchors = place.each_once(50).await;
    let spans: Vec<u64> = anchors.iter().map(|found| found.payload.span()).collect();
    assert_eq!(spans, [1, 49]);
    let reader = place.chain.chain(None);
    let verified = reader.verify(&anchors[1].payload, &anchors[1].point).await.unwrap();
    assert_eq!(Some(&verified.publisher), node.evm.publisher());
}

#[tokio::test]
async fn an_empty_account_waits_is_told_once_and_goes_on_when_it_is_funded() {
    let place = Place::new(&[]).await;
    let mut node = place.node(23, 0);
    for epoch in 1..=4 {
        node.certify(epoch).await;
        node.pass(61_000).await;
    }
    let held =
        |notice: &Notice| matches!(notice, Notice::Held(AnchorError::Funds { have: 0, need: 1.. }));
    assert_eq!((node.told(held), node.parked(), node.done()), (1, None, 0));
    place.chain.fund(&hotkey(23), FUNDS).await;
    place.chain.blocks(1).await;
    node.pass(61_000).await;
    node.settle_while(async || place.chain.block_if_wanted().await).await;
    assert_eq!(place.each_once(4).await.len(), 1, "one range for all that waited");
    assert_eq!(node.told(|notice| matches!(notice, Notice::Released)), 1);
}

/// A transaction that is with the chain's node when the fork comes is lost with it; its era ends, and another one is made.
#[tokio::test]
async fn an_anchor_that_a_fork_drops_from_the_pool_comes_back() {
    let place = Place::new(&[24]).await;
    place.chain.blocks(3).await;
    let mut node = place.node(24, 0);
    node.certify(1).await;
    node.pass(2_000).await;
    let height = place.chain.height().await;
    place.chain.rewind(height - 2).await;
    node.settle_while(async || place.chain.blocks(1).await).await;
    place.each_once(1).await;
    assert!(place.chain.height().await > height - 2);
}

#[tokio::test]
async fn the_second_in_rank_pays_nothing_while_the_first_is_there() {
    let place = Place::new(&[25, 26]).await;
    let (mut first, mut second) = (place.node(25, 0), place.node(26, 1));
    for epoch in 1..=3 {
        first.certify(epoch).await;
        second.certify(epoch).await;
        first.settle_while(async || place.chain.block_if_wanted().await).await;
    }
    second.settle_while(async || place.chain.block_if_wanted().await).await;
    let anchors = place.each_once(3).await;
    assert!(anchors.iter().all(|found| Some(&found.publisher) == first.evm.publisher()));
    // The first is silent from here on.
    second.certify(5).await;
    second.pass(59_000).await;
    assert_eq!(second.done(), 3);
    second.pass(2_000).await;
    second.settle_while(async || place.chain.block_if_wanted().await).await;
    let anchors = place.each_once(5).await;
    assert_eq!(Some(&anchors.last().unwrap().publisher), second.evm.publisher());
}
