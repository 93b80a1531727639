//! The Substrate backend against a node with a real runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ganglion_chain::substrate::{Place, RegistryReader, Settings, Substrate};
use ganglion_chain::{Anchor as _, AnchorError, ChainPoint, Finality, Prepared, Status};
use ganglion_types::Epoch;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::chopsticks::{ERA, FUNDS, Node, SUBNET, hotkey, payload};

/// Gives a transaction to the chain's node, which puts it into its next block.
async fn include(node: &Node, chain: &Substrate, prepared: &Prepared) {
    chain.submit(prepared).await.unwrap();
    node.blocks(1).await;
}

fn point(status: Status) -> ChainPoint {
    match status {
        Status::Final(point) => point,
        other => panic!("{other:?}, and not final"),
    }
}

#[tokio::test]
async fn an_anchor_is_made_found_and_verified_and_forgeries_are_not() {
    let node = Node::start().await;
    node.fund(&hotkey(1), FUNDS).await;
    let (chain, said) = (node.chain(Some(1)), payload(1, 5, 7));
    assert_eq!(chain.status(&said, &[]).await, Ok(Status::Absent));

    let prepared = chain.prepare(&said, &[], None).await.unwrap();
    assert_eq!(chain.status(&said, std::slice::from_ref(&prepared)).await, Ok(Status::Absent));
    include(&node, &chain, &prepared).await;
    let attempts = [prepared];
    let place = point(chain.status(&said, &attempts).await.unwrap());
    assert_eq!(place.transaction, attempts[0].id);
    // It is there whatever is remembered of it, and a second copy is not taken.
    assert_eq!(chain.status(&said, &[]).await, Ok(Status::Final(place)));
    assert_eq!(node.chain(Some(1)).status(&said, &[]).await, Ok(Status::Final(place)));
    assert_eq!(chain.submit(&attempts[0]).await.unwrap_err().kind(), "stale");

    // Anybody finds it, without a key.
    let reader = node.chain(None);
    let found = reader.find(SUBNET, Epoch::new(3)..=Epoch::new(9)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].payload, found[0].point), (said, place));
    assert_eq!(found[0].publisher.as_bytes(), hotkey(1).as_bytes());
    assert_eq!(found[0].finality, Finality::Final);
    assert_eq!(reader.find(SUBNET, Epoch::new(6)..=Epoch::new(9)).await, Ok(Vec::new()));

    let verified = reader.verify(&said, &place).await.unwrap();
    assert_eq!(verified.publisher.as_bytes(), hotkey(1).as_bytes());
    assert_eq!(verified.finality, Finality::Final);
    assert!(verified.time.is_some());
    for held in [
        "the runtime says that the call succeeded",
        "its account signed it, for this chain and with this content",
    ] {
        assert!(verified.checked.contains(&held), "{held}");
    }
    let forgeries = [
        (payload(1, 5, 8), place, "no anchor with this content"),
        (said, ChainPoint { block: [9; 32], ..place }, "and not"),
        (said, ChainPoint { height: place.height + 50, ..place }, "no block"),
        (said, ChainPoint { index: 0, ..place }, "not signed"),
        (said, ChainPoint { index: place.index + 1, ..place }, "no extrinsic"),
        (said, ChainPoint { transaction: [9; 32], ..place }, "another hash"),
    ];
    for (payload, place, reason) in forgeries {
        let error = reader.verify(&payload, &place).await.unwrap_err();
        assert_eq!(error.kind(), "mismatch");
        assert!(error.to_string().contains(reason), "{error} does not say {reason}");
    }

    // The same publisher cannot tell another story about the same epoch.
    match chain.status(&payload(5, 5, 8), &[]).await {
        Err(AnchorError::Conflict(held)) => assert_eq!(*held, said),
        other => panic!("{other:?}"),
    }

    let survey = chain.survey().await.unwrap();
    assert_eq!((survey.unit, survey.warning), (("DOT", 10), None));
    assert_eq!((survey.height, survey.finalized), (node.height().await, node.height().await));
    // What it cost is what it was said to cost at most, or less.
    let spent = FUNDS - survey.balance.unwrap();
    assert!(spent > 0 && spent <= attempts[0].fee_max, "{spent} of {}", attempts[0].fee_max);
    assert!(survey.price > 0);
    assert_eq!(chain.cost(&[place.transaction, [9; 32]]).await, Ok(spent));
    assert_eq!(chain.cost(&[[9; 32]]).await, Ok(0));
}

#[tokio::test]
async fn an_empty_account_is_held_and_goes_on_when_it_is_funded() {
    let node = Node::start().await;
    let (chain, said) = (node.chain(Some(2)), payload(1, 1, 7));
    let AnchorError::Funds { have: 0, need } = chain.prepare(&said, &[], None).await.unwrap_err()
    else {
        panic!("an account that was never funded can pay")
    };
    assert!(need > 0);

    // Emptied after the transaction was made: the node refuses it, and nothing is lost.
    node.fund(&hotkey(2), FUNDS).await;
    let prepared = chain.prepare(&said, &[], None).await.unwrap();
    node.fund(&hotkey(2), 1_000).await;
    node.blocks(1).await;
    let refused = chain.submit(&prepared).await.unwrap_err();
    assert_eq!(refused, AnchorError::Funds { have: 1_000, need: prepared.fee_max });
    assert!(!refused.is_transient() && !refused.is_permanent(), "held, neither retried nor parked");
    assert_eq!(chain.status(&said, std::slice::from_ref(&prepared)).await, Ok(Status::Absent));

    node.fund(&hotkey(2), FUNDS).await;
    node.blocks(1).await;
    include(&node, &chain, &prepared).await;
    let place = point(chain.status(&said, std::slice::from_ref(&prepared)).await.unwrap());
    assert_eq!(place.transaction, prepared.id);
}

#[tokio::test]
async fn a_transaction_dies_with_its_era_and_another_takes_its_nonce() {
    let node = Node::start().await;
    node.fund(&hotkey(3), FUNDS).await;
    node.blocks(1).await;
    let (chain, said) = (node.chain(Some(3)), payload(4, 4, 7));
    let first = chain.prepare(&said, &[], None).await.unwrap();
    let expires = first.expires.unwrap();
    assert_eq!(expires, node.height().await + ERA - 1);

    // One block before the end it may still come.
    node.blocks(expires - 1 - node.height().await).await;
    assert_eq!(chain.status(&said, std::slice::from_ref(&first)).await, Ok(Status::Absent));
    node.blocks(1).await;
    assert_eq!(node.height().await, expires);
    assert_eq!(chain.status(&said, std::slice::from_ref(&first)).await, Ok(Status::Dead));
    assert_eq!(chain.submit(&first).await.unwrap_err().kind(), "stale");

    let second = chain.prepare(&said, std::slice::from_ref(&first), None).await.unwrap();
    assert_eq!(second.nonce, first.nonce);
    // And in its last block it is still taken.
    node.blocks(second.expires.unwrap() - 1 - node.height().await).await;
    include(&node, &chain, &second).await;
    let attempts = [first, second];
    let place = point(chain.status(&said, &attempts).await.unwrap());
    assert_eq!((place.height, Some(place.height)), (node.height().await, attempts[1].expires));
    assert_eq!(place.transaction, attempts[1].id);
}

#[tokio::test]
async fn of_a_transaction_and_its_replacement_one_is_included() {
    let node = Node::start().await;
    node.fund(&hotkey(4), FUNDS).await;
    node.blocks(1).await;
    let (chain, said) = (node.chain(Some(4)), payload(4, 4, 7));
    let first = chain.prepare(&said, &[], None).await.unwrap();
    chain.submit(&first).await.unwrap();
    assert_eq!(chain.status(&said, std::slice::from_ref(&first)).await, Ok(Status::Pending));

    // What replaces it takes its place and offers more.
    let second = chain.prepare(&said, std::slice::from_ref(&first), None).await.unwrap();
    assert_eq!(second.nonce, first.nonce);
    assert!(second.id != first.id && second.fee_max > first.fee_max);
    chain.submit(&second).await.unwrap();
    let attempts = [first, second];
    node.blocks(1).await;
    let place = point(chain.status(&said, &attempts).await.unwrap());
    assert!(attempts.iter().any(|attempt| attempt.id == place.transaction));
    node.blocks(2).await;
    let found = chain.find(SUBNET, Epoch::new(4)..=Epoch::new(4)).await.unwrap();
    assert_eq!(found.len(), 1, "one anchor, not one per transaction");
}

#[tokio::test]
async fn an_anchor_that_the_chain_took_back_is_submitted_again() {
    let node = Node::start().await;
    node.fund(&hotkey(5), FUNDS).await;
    node.blocks(2).await;
    let (chain, said) = (node.chain(Some(5)), payload(4, 4, 7));
    let before = node.height().await;
    let prepared = chain.prepare(&said, &[], None).await.unwrap();
    include(&node, &chain, &prepared).await;
    let attempts = [prepared];
    let first = point(chain.status(&said, &attempts).await.unwrap());
    let reader = node.chain(None);
    assert!(reader.verify(&said, &first).await.is_ok());

    // Two blocks deep: what stood there is gone, for whoever looked before too.
    node.rewind(before - 1).await;
    node.blocks(3).await;
    assert_eq!(chain.status(&said, &attempts).await, Ok(Status::Absent));
    assert_eq!(chain.find(SUBNET, Epoch::new(4)..=Epoch::new(4)).await, Ok(Vec::new()));
    assert_eq!(reader.verify(&said, &first).await.unwrap_err().kind(), "mismatch");
    let again = chain.prepare(&said, &attempts, None).await.unwrap();
    assert_eq!(again.nonce, attempts[0].nonce);
    include(&node, &chain, &again).await;
    let attempts = [attempts[0].clone(), again];
    let second = point(chain.status(&said, &attempts).await.unwrap());
    assert_ne!(second.block, first.block);
}

/// A way to the node that can be cut.
struct Line {
    url: String,
    cut: Arc<AtomicBool>,
    tell: tokio::sync::watch::Sender<bool>,
}

impl Line {
    async fn to(url: &str) -> Self {
        let node = url.strip_prefix("ws://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let cut = Arc::new(AtomicBool::new(false));
        let (tell, told) = tokio::sync::watch::channel(false);
        let is_cut = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let (node, mut told) = (node.clone(), told.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(node).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = told.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { url, cut, tell }
    }

    fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
        self.tell.send_replace(cut);
    }
}

#[tokio::test]
async fn a_chain_that_is_away_is_told_from_one_that_refuses_and_comes_back() {
    let node = Node::start().await;
    node.fund(&hotkey(6), FUNDS).await;
    let line = Line::to(&node.url).await;
    let (chain, said) = (node.chain_at(&line.url, Some(6)), payload(4, 4, 7));
    let prepared = chain.prepare(&said, &[], None).await.unwrap();

    line.set_cut(true);
    let error = chain.submit(&prepared).await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), ("unreachable", true));
    assert_eq!(chain.survey().await.unwrap_err().kind(), "unreachable");
    node.blocks(3).await;

    line.set_cut(false);
    assert_eq!(chain.status(&said, std::slice::from_ref(&prepared)).await, Ok(Status::Absent));
    include(&node, &chain, &prepared).await;
    let place = point(chain.status(&said, std::slice::from_ref(&prepared)).await.unwrap());
    assert_eq!(place.transaction, prepared.id);
}

#[tokio::test]
async fn a_node_of_another_chain_and_a_runtime_without_the_call_are_refused() {
    let node = Node::start().await;
    node.fund(&hotkey(7), FUNDS).await;
    let settings =
        |genesis, place| Settings { url: node.url.clone(), genesis, place, era: ERA, lookback: 10 };
    let key = || Some(ed25519_dalek::SigningKey::from_bytes(&[7; 32]));

    let other = Substrate::new(&settings([1; 32], Place::Remark), key()).unwrap();
    assert_eq!(other.survey().await.unwrap_err().kind(), "wrong_chain");

    let both = Substrate::new(&settings(node.genesis, Place::Both { netuid: 1 }), key()).unwrap();
    let refused = both.prepare(&payload(1, 1, 7), &[], None).await.unwrap_err();
    assert!(refused.is_permanent());
    assert!(refused.to_string().contains("no call Commitments.set_commitment"), "{refused}");
    assert!(both.survey().await.unwrap().warning.is_some());

    // A runtime that describes no registry is not guessed at.
    let every = std::num::NonZeroU64::new(1).unwrap();
    let reader = RegistryReader::new(&node.url, node.genesis, 1, every).unwrap();
    let refused = reader.newest().await.unwrap_err();
    assert!(refused.is_permanent() && refused.to_string().contains("9382"), "{refused}");
}
