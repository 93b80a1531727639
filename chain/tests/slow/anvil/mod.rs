//! The backend and the outbox against a real EVM node, whose blocks and reorganisations the test makes.

pub(crate) mod chain;
pub(crate) mod node;

use ganglion_chain::evm::EvmKey;
use ganglion_chain::outbox::{Cuts as _, Notice, payload};
use ganglion_chain::{Anchor, AnchorError, AnchorPayload, Finality, Found, Status};
use ganglion_types::{CutId, Epoch};
use serde_json::json;

use chain::{Anvil, KEY, OTHER};
use node::{Decided, Kill, Node, SUBNET};

struct Place {
    chain: Anvil,
    contract: [u8; 20],
    dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let chain = Anvil::start();
        let contract = chain.deploy().await;
        Self { chain, contract, dir: tempfile::tempdir().unwrap() }
    }

    fn node(&self, name: &str, key: &str, rank: u32) -> Node {
        let evm = self.chain.backend(self.contract, key, 100);
        Node::new(evm, self.dir.path().join(name), rank)
    }

    /// Every anchor of the subnet, oldest first.
    async fn anchors(&self) -> Vec<Found> {
        let reader = self.chain.backend(self.contract, KEY, 100);
        let all = Epoch::new(1)..=Epoch::new(u64::MAX);
        let mut found = Anchor::find(&reader, SUBNET, all).await.unwrap();
        found.reverse();
        found
    }

    /// What the first account holds, wei.
    fn held(&self) -> u128 {
        let account = EvmKey::from_hex(KEY).unwrap().address();
        let account = format!("0x{}", ganglion_types::hex(&account));
        let held = self.chain.rpc("eth_getBalance", json!([account, "latest"]));
        u128::from_str_radix(held.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Each of the epochs 1 to `last` stands in a final block, once, in order.
    async fn each_once(&self, last: u64) -> Vec<Found> {
        let anchors = self.anchors().await;
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

fn range(first: u64, last: u64) -> AnchorPayload {
    payload(&Decided::default(), Epoch::new(first), Epoch::new(last)).unwrap()
}

#[tokio::test]
async fn every_epoch_is_anchored_and_final_and_can_be_verified() {
    let place = Place::new().await;
    let (mut node, held) = (place.node("outbox", KEY, 0), place.held());
    for epoch in 1..=8 {
        node.certify(epoch).await;
        place.chain.mine(1);
        node.pass(2_000).await;
    }
    node.settle(&place.chain).await;
    let anchors = place.each_once(8).await;
    assert_eq!(anchors.len(), 8, "one each, as each was certified");
    assert_eq!(node.spent(), held - place.held(), "every fee is counted");
    assert_eq!(place.node("outbox", KEY, 0).spent(), node.spent(), "through a restart");
    let reader = place.chain.backend(place.contract, OTHER, 100);
    for found in &anchors {
        let verified = reader.verify(&found.payload, &found.point).await.unwrap();
        assert_eq!((verified.finality, &verified.publisher), (Finality::Final, &found.publisher));
        assert!(verified.time.is_some_and(|time| time > 1_600_000_000));
    }
    // Whatever is said of another transaction, block, place or payload does not hold.
    let (one, two) = (&anchors[0], &anchors[1]);
    for (payload, point) in [
        (two.payload, one.point),
        (one.payload, two.point),
        (one.payload, ganglion_chain::ChainPoint { height: 1, ..one.point }),
        (one.payload, ganglion_chain::ChainPoint { block: [7; 32], ..one.point }),
        (one.payload, ganglion_chain::ChainPoint { index: 1, ..one.point }),
        (one.payload, ganglion_chain::ChainPoint { transaction: [7; 32], ..one.point }),
    ] {
        let refused = reader.verify(&payload, &point).await;
        assert!(matches!(refused, Err(AnchorError::Mismatch(_))), "{point:?}: {refused:?}");
    }
}

#[tokio::test]
async fn what_a_reorganisation_of_depth_three_undoes_comes_back() {
    let place = Place::new().await;
    let mut node = place.node("outbox", KEY, 0);
    for epoch in 1..=3 {
        node.certify(epoch).await;
        place.chain.mine(1);
        node.pass(1_500).await;
    }
    assert_eq!(place.anchors().await.len(), 3);
    place.chain.rpc("anvil_reorg", json!([3, []]));
    assert_eq!(place.anchors().await.len(), 0, "all three are undone");
    node.certify(4).await;
    node.settle(&place.chain).await;
    place.each_once(4).await;
    assert_eq!(node.told(|notice| matches!(notice, Notice::Undone(_))), 3);
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_by_one_that_bids_more() {
    let place = Place::new().await;
    let (mut node, held) = (place.node("outbox", KEY, 0), place.held());
    node.certify(1).await;
    // The price has risen above what the first transaction bids: the next blocks pass it over.
    place
        .chain
        .rpc("anvil_setNextBlockBaseFeePerGas", json!([format!("0x{:x}", 20 * chain::GWEI)]));
    place.chain.mine(1);
    assert_eq!(place.anchors().await.len(), 0);
    for _ in 0..8 {
        node.pass(2_000).await;
    }
    let bids = node.told(|notice| matches!(notice, Notice::Prepared(..)));
    assert!(bids > 1, "it waited for 16 s and 10 are allowed");
    node.settle(&place.chain).await;
    let anchors = place.each_once(1).await;
    assert_eq!(anchors.len(), 1);
    let key = EvmKey::from_hex(KEY).unwrap();
    let account = format!("0x{}", ganglion_types::hex(&key.address()));
    let used = place.chain.rpc("eth_getTransactionCount", json!([account, "latest"]));
    assert_eq!(used, "0x2", "the contract and one anchor: the first bid was never paid");
    assert_eq!(node.spent(), held - place.held(), "and never counted");
}

#[tokio::test]
async fn above_the_limit_nothing_is_paid_until_the_price_falls() {
    let place = Place::new().await;
    let evm = place.chain.backend(place.contract, KEY, 3);
    let mut node = Node::new(evm, place.dir.path().join("outbox"), 0);
    place
        .chain
        .rpc("anvil_setNextBlockBaseFeePerGas", json!([format!("0x{:x}", 50 * chain::GWEI)]));
    place.chain.mine(1);
    node.certify(1).await;
    let held = |notice: &Notice| matches!(notice, Notice::Held(AnchorError::FeeCap { .. }));
    assert_eq!((node.told(held), place.anchors().await.len()), (1, 0));
    // Empty blocks are cheaper by an eighth each.
    place.chain.mine(40);
    node.pass(61_000).await;
    node.settle(&place.chain).await;
    place.each_once(1).await;
}

#[tokio::test]
async fn an_empty_account_waits_is_told_once_and_goes_on_when_it_is_funded() {
    let place = Place::new().await;
    let account = EvmKey::from_hex(KEY).unwrap().address();
    place.chain.balance(&account, 1_000);
    let mut node = place.node("outbox", KEY, 0);
    for epoch in 1..=5 {
        node.certify(epoch).await;
        node.pass(61_000).await;
    }
    let held = |notice: &Notice| matches!(notice, Notice::Held(AnchorError::Funds { have: 1_000, need }) if *need > 1_000);
    assert_eq!((node.told(held), node.parked(), node.done()), (1, None, 0));
    place.chain.balance(&account, 10_u128.pow(18));
    node.pass(61_000).await;
    node.settle(&place.chain).await;
    assert_eq!(place.each_once(5).await.len(), 1, "one range for all that waited");
    assert_eq!(node.told(|notice| matches!(notice, Notice::Released)), 1);
}

#[tokio::test]
async fn a_kill_at_any_request_loses_and_doubles_nothing() {
    let place = Place::new().await;
    let (mut tip, mut kills) = (0, 0);
    // Each round goes on with the same chain and file, and ends the process one step later; after nine all is settled.
    for step in (1..=9).cycle() {
        for kill in [Kill::Before(step), Kill::After(step)] {
            let mut node = place.node("outbox", KEY, 0);
            node.kill = Some(kill);
            tip += 1;
            node.certify(tip).await;
            node.settle(&place.chain).await;
            kills += node.kills;
        }
        if kills >= 100 {
            break;
        }
    }
    place.each_once(tip).await;
    assert!(tip < 150, "{kills} kills took {tip} rounds");
}

#[tokio::test]
async fn a_refusal_parks_through_a_restart_until_an_operator_says_retry() {
    let place = Place::new().await;
    let contract = format!("0x{}", ganglion_types::hex(&place.contract));
    let code = place.chain.rpc("eth_getCode", json!([contract, "latest"]));
    place.chain.rpc("anvil_setCode", json!([contract, "0x6001"]));
    let mut node = place.node("outbox", KEY, 0);
    node.certify(1).await;
    assert_eq!(node.parked().as_deref(), Some("refused"));
    place.chain.rpc("anvil_setCode", json!([contract, code]));
    let mut node = place.node("outbox", KEY, 0);
    node.certify(3).await;
    node.pass(3_600_000).await;
    assert_eq!((node.parked().as_deref(), node.done()), (Some("refused"), 0));
    node.retry().await;
    node.settle(&place.chain).await;
    place.each_once(3).await;
}

#[tokio::test]
async fn a_chain_that_was_away_gets_its_backlog_as_one_range() {
    let place = Place::new().await;
    let mut node = place.node("outbox", KEY, 0);
    node.certify(2).await;
    node.settle(&place.chain).await;
    let url = place.chain.url.clone();
    // The same node of the chain, at an address where nobody listens.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let mut settings = ganglion_chain::evm::EvmSettings {
        rpc: nobody,
        chain_id: 31_337,
        contract: place.contract,
        from_block: 0,
        fee_cap: 100 * chain::GWEI,
        finality: ganglion_chain::evm::EvmFinality::Finalized,
    };
    let key = || EvmKey::from_hex(KEY);
    node.evm = ganglion_chain::evm::Evm::new(settings.clone(), key()).unwrap();
    for epoch in 3..=202 {
        node.certify(epoch).await;
        node.pass(10_000).await;
    }
    assert!(node.told(|notice| matches!(notice, Notice::Failed(AnchorError::Unreachable(_)))) > 5);
    assert_eq!((node.done(), node.parked()), (2, None));
    settings.rpc = url;
    node.evm = ganglion_chain::evm::Evm::new(settings, key()).unwrap();
    node.pass(300_000).await;
    node.settle(&place.chain).await;
    let anchors = place.each_once(202).await;
    assert_eq!(anchors.last().unwrap().payload, range(3, 202));
}

#[tokio::test]
async fn the_second_in_rank_pays_nothing_while_the_first_is_there_and_takes_over_when_not() {
    let place = Place::new().await;
    let (mut first, mut second) = (place.node("a", KEY, 0), place.node("b", OTHER, 1));
    for epoch in 1..=4 {
        for node in [&mut first, &mut second] {
            node.certify(epoch).await;
            node.pass(1_000).await;
        }
        place.chain.mine(1);
    }
    first.settle(&place.chain).await;
    for _ in 0..40 {
        second.pass(5_000).await;
        place.chain.mine(1);
    }
    assert_eq!(second.done(), 4);
    let by = |found: &Found| found.publisher.clone();
    let paid: Vec<_> = place.each_once(4).await.iter().map(by).collect();
    assert!(paid.iter().all(|by| Some(by) == first.evm.publisher()));
    // The first is silent from here on.
    second.certify(6).await;
    second.pass(59_000).await;
    assert_eq!(place.anchors().await.len(), paid.len());
    second.pass(1_000).await;
    second.settle(&place.chain).await;
    let anchors = place.each_once(6).await;
    assert_eq!(Some(&anchors.last().unwrap().publisher), second.evm.publisher());
}

#[tokio::test]
async fn the_contract_takes_a_repeat_and_refuses_other_cuts_of_one_publisher_only() {
    let place = Place::new().await;
    let evm = place.chain.backend(place.contract, KEY, 100);
    let gas = std::cell::RefCell::new(Vec::new());
    let put = async |evm: &ganglion_chain::evm::Evm, payload: &AnchorPayload| {
        let prepared = Anchor::prepare(evm, payload, &[], None).await?;
        Anchor::submit(evm, &prepared).await?;
        // The same bytes again are no error.
        Anchor::submit(evm, &prepared).await?;
        place.chain.mine(1);
        let id = format!("0x{}", ganglion_types::hex(&prepared.id));
        let receipt = place.chain.rpc("eth_getTransactionReceipt", json!([id]));
        let used = receipt["gasUsed"].as_str().unwrap().trim_start_matches("0x");
        gas.borrow_mut().push(u64::from_str_radix(used, 16).unwrap());
        Anchor::status(evm, payload, &[prepared]).await
    };
    let included = |status| matches!(status, Ok(Status::Included(_) | Status::Final(_)));
    assert!(included(put(&evm, &range(1, 3)).await));
    assert!(included(put(&evm, &range(1, 3)).await), "a repeat");
    assert_eq!(place.anchors().await.len(), 1, "and it says nothing new");
    assert!(included(put(&evm, &range(2, 3)).await), "another range with the same end");
    assert!(included(put(&evm, &range(4, 4)).await));
    // A range, a repeat, a second range with one end, a single epoch.
    assert!(gas.borrow().iter().all(|gas| *gas < 80_000), "{gas:?}");
    // Other cuts, at the end or within.
    let lie = payload(&Decided { branch: 9 }, Epoch::new(1), Epoch::new(3)).unwrap();
    let refused = Anchor::prepare(&evm, &lie, &[], None).await;
    assert!(
        matches!(&refused, Err(AnchorError::Conflict(have)) if have.last().get() == 3),
        "{refused:?}"
    );
    let refused = Anchor::status(&evm, &lie, &[]).await;
    assert!(matches!(refused, Err(AnchorError::Conflict(_))), "{refused:?}");
    let head = Decided::default().head(Epoch::new(3)).unwrap();
    let within = [CutId::new([1; 32]), CutId::new([2; 32]), head.cut];
    let within = AnchorPayload::new(&within, &head).unwrap();
    let refused = Anchor::prepare(&evm, &within, &[], None).await;
    assert!(matches!(refused, Err(AnchorError::Conflict(_))), "{refused:?}");
    // Somebody else's word stands beside it, under another name.
    let stranger = place.chain.backend(place.contract, OTHER, 100);
    assert!(included(put(&stranger, &lie).await));
    let found = Anchor::find(&evm, SUBNET, Epoch::new(2)..=Epoch::new(2)).await.unwrap();
    let mut said: Vec<_> = found.iter().map(|found| found.payload).collect();
    said.sort_unstable();
    let mut wanted = vec![range(1, 3), range(2, 3), lie];
    wanted.sort_unstable();
    assert_eq!(said, wanted);
}

#[tokio::test]
async fn another_chain_no_contract_and_another_contract_are_refused_before_anything_is_paid() {
    let place = Place::new().await;
    let settings = |chain_id, contract| ganglion_chain::evm::EvmSettings {
        rpc: place.chain.url.clone(),
        chain_id,
        contract,
        from_block: 0,
        fee_cap: 100 * chain::GWEI,
        finality: ganglion_chain::evm::EvmFinality::Blocks(2),
    };
    let refused = async |settings| {
        let evm = ganglion_chain::evm::Evm::new(settings, EvmKey::from_hex(KEY)).unwrap();
        Anchor::prepare(&evm, &range(1, 1), &[], None).await.unwrap_err()
    };
    let error = refused(settings(1, place.contract)).await;
    assert!(matches!(error, AnchorError::WrongChain { .. }) && error.is_permanent(), "{error}");
    let error = refused(settings(31_337, [9; 20])).await;
    assert!(matches!(error, AnchorError::Refused(_)) && error.to_string().contains("nothing"));
    place.chain.rpc("anvil_setCode", json!([format!("0x{}", "09".repeat(20)), "0x6001"]));
    let error = refused(settings(31_337, [9; 20])).await;
    assert!(error.to_string().contains("another contract"), "{error}");
    for rpc in ["ws://127.0.0.1:1", "http://", "127.0.0.1:8545", "https:///v1", ""] {
        let wrong =
            ganglion_chain::evm::EvmSettings { rpc: rpc.into(), ..settings(31_337, [9; 20]) };
        assert!(ganglion_chain::evm::Evm::new(wrong, None).is_err(), "{rpc}");
    }
}
