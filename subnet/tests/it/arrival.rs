//! What bad input gets: the cheapest check that catches it, the verdict, and no signature work before.

use ganglion_subnet::{Channel, Rejection};
use ganglion_types::{
    AgreementMessage, Body, Canonical as _, CutId, Digest, Epoch, Hotkey, InclusionList, Item,
    OutputCommit, Payload, PeerRecord, Round, SubnetId, TaskBatch, Vote, VoteType, Weights, limits,
    proto, seed, sign,
};

use crate::cluster::{Cluster, EPOCH_MS, chain_start, key, manifest};

const PEER: usize = 4;

/// A cluster in the window of epoch 2, so that 1 is closed and 3 is not open.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(7, manifest(&[28, 26, 24, 22], 2), &[50, 90], 0);
    assert!(cluster.run_to_epoch(&[0, 1, 2, 3, 4, 5], 1, 3 * EPOCH_MS));
    assert!(cluster.run_until(2_000, |cluster| cluster.now % EPOCH_MS > 1_000));
    cluster
}

fn weights(validator: u8, epoch: u64, seq: u64, entries: &[(u16, u16)]) -> Weights {
    let start = chain_start(usize::from(validator) - 1);
    Weights {
        signer: sign::hotkey_of(&key(validator)),
        mechid: 0,
        epoch: Epoch::new(epoch),
        seq,
        entries: entries.to_vec(),
        task_preimage: seed::element(&start, epoch).unwrap_or(Digest::ZERO),
    }
}

fn signed(subnet: SubnetId, body: Weights, by: u8) -> Vec<u8> {
    Item::sign(subnet, Body::Weights(body), &key(by)).to_bytes()
}

struct Case {
    name: &'static str,
    channel: Channel,
    bytes: Vec<u8>,
    expected: Rejection,
    /// Whether a signature has to be checked to find out.
    costs_signature: bool,
}

fn case(
    name: &'static str,
    channel: Channel,
    bytes: Vec<u8>,
    expected: Rejection,
    costs_signature: bool,
) -> Case {
    Case { name, channel, bytes, expected, costs_signature }
}

/// Refused by form alone.
fn form_cases(subnet: SubnetId) -> Vec<Case> {
    let good = weights(1, 2, 900, &[(4, 65_535), (5, 3)]);
    let bytes = signed(subnet, good.clone(), 1);
    let record = Body::PeerRecord(PeerRecord {
        signer: sign::hotkey_of(&key(1)),
        seq: 1,
        expires: 1,
        addresses: vec!["/ip4/127.0.0.1/tcp/1".into()],
        archive: false,
    });
    let twice = {
        let mut proto = Item::from_bytes(&bytes, limits::ITEM_BYTES).unwrap().to_proto();
        let mut body = ganglion_types::proto::Weights::default();
        prost::Message::merge(&mut body, proto.body.as_slice()).unwrap();
        body.uids = vec![4, 4];
        proto.body = prost::Message::encode_to_vec(&body);
        prost::Message::encode_to_vec(&proto)
    };
    let unknown = [bytes, vec![0x78, 1]].concat();
    let foreign = signed(SubnetId::new([9; 32]), good, 1);
    let record = Item::sign(subnet, record, &key(1)).to_bytes();
    let c = Channel::Weights;
    vec![
        case("oversize", c, vec![0; limits::ITEM_BYTES + 1], Rejection::Oversize, false),
        case("malformed", c, vec![0xff; 40], Rejection::Malformed, false),
        case("duplicate uid", c, twice, Rejection::Malformed, false),
        case("unknown field", c, unknown, Rejection::NonCanonical, false),
        case("wrong subnet", c, foreign, Rejection::WrongSubnet, false),
        case("wrong kind", c, record, Rejection::WrongKind, false),
    ]
}

/// Refused by epoch, signer, signature or meaning.
fn item_cases(subnet: SubnetId) -> Vec<Case> {
    let good = weights(1, 2, 900, &[(4, 65_535), (5, 3)]);
    let flipped = {
        let mut bytes = signed(subnet, good.clone(), 1);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes
    };
    let by = |signer: u8, epoch: u64| {
        signed(subnet, weights(signer, epoch, 900, &[(4, 65_535)]), signer)
    };
    let row = |entries: &[(u16, u16)]| signed(subnet, weights(1, 2, 901, entries), 1);
    let c = Channel::Weights;
    vec![
        case("stale", c, by(1, 1), Rejection::Stale, false),
        case("far future", c, by(1, 9), Rejection::Future, false),
        case("miner", c, by(5, 2), Rejection::NotPermitted, false),
        case("stranger", c, by(99, 2), Rejection::NotPermitted, false),
        case("badly signed", c, flipped, Rejection::BadSignature, true),
        case("in another's name", c, signed(subnet, good, 2), Rejection::BadSignature, true),
        case("uid out of range", c, row(&[(77, 65_535)]), Rejection::Inadmissible, true),
        case("not max-upscaled", c, row(&[(4, 7)]), Rejection::Inadmissible, true),
        case("self weight", c, row(&[(0, 65_535)]), Rejection::Inadmissible, true),
    ]
}

fn chain_cases(subnet: SubnetId) -> Vec<Case> {
    let wrong =
        Weights { task_preimage: Digest::new([3; 32]), ..weights(1, 2, 902, &[(4, 65_535)]) };
    let tasks = Body::TaskBatch(TaskBatch {
        signer: sign::hotkey_of(&key(1)),
        mechid: 0,
        epoch: Epoch::new(2),
        seq: 903,
        round: 7,
        task: "numbers".into(),
        inputs: vec![Payload::Inline(vec![1])],
    });
    let commit = Body::OutputCommit(OutputCommit {
        signer: sign::hotkey_of(&key(1)),
        mechid: 0,
        epoch: Epoch::new(2),
        seq: 904,
        round: 0,
        root: Digest::ZERO,
    });
    vec![
        case(
            "wrong seed",
            Channel::Weights,
            signed(subnet, wrong, 1),
            Rejection::Inadmissible,
            true,
        ),
        case(
            "tasks of round 7",
            Channel::Tasks,
            Item::sign(subnet, tasks, &key(1)).to_bytes(),
            Rejection::SignerRate,
            false,
        ),
        case(
            "a validator's answers",
            Channel::Outputs,
            Item::sign(subnet, commit, &key(1)).to_bytes(),
            Rejection::NotPermitted,
            false,
        ),
    ]
}

fn agreement_cases(subnet: SubnetId) -> Vec<Case> {
    let vote = |by: u8, epoch: u64| {
        let cut = Some(CutId::new([1; 32]));
        let vote =
            Vote::sign(&subnet, VoteType::Prevote, Epoch::new(epoch), Round::new(0), cut, &key(by));
        AgreementMessage::Vote(vote)
    };
    let forged = match vote(1, 2) {
        AgreementMessage::Vote(vote) => {
            AgreementMessage::Vote(Vote { signer: sign::hotkey_of(&key(2)), ..vote })
        }
        other => other,
    };
    let list = |subnet| {
        let body = Body::InclusionList(InclusionList {
            signer: sign::hotkey_of(&key(2)),
            epoch: Epoch::new(2),
            time: 1,
            body: Digest::ZERO,
            count: 0,
        });
        AgreementMessage::List(Item::sign(subnet, body, &key(2)))
    };
    let c = Channel::Agreement;
    vec![
        case("junk", c, vec![0xee; 33], Rejection::Malformed, false),
        case("oversize", c, vec![0; limits::AGREEMENT_BYTES + 1], Rejection::Oversize, false),
        case("stale vote", c, vote(1, 1).to_bytes(), Rejection::Stale, false),
        case("far vote", c, vote(1, 9).to_bytes(), Rejection::Future, false),
        case("a miner's vote", c, vote(5, 2).to_bytes(), Rejection::NotPermitted, false),
        case("forged vote", c, forged.to_bytes(), Rejection::BadSignature, true),
        case(
            "another subnet's list",
            c,
            list(SubnetId::new([8; 32])).to_bytes(),
            Rejection::WrongSubnet,
            false,
        ),
    ]
}

#[test]
fn every_kind_of_bad_input_is_refused_at_its_cheapest_check() {
    let mut cluster = cluster();
    let subnet = *cluster.state(PEER).subnet();
    let cases =
        [form_cases(subnet), item_cases(subnet), chain_cases(subnet), agreement_cases(subnet)];
    for Case { name, channel, bytes, expected, costs_signature } in cases.into_iter().flatten() {
        let peer = cluster.nodes[1].hotkey;
        let (seen, checked) =
            (cluster.host(PEER).last_item, cluster.participant(PEER).signatures_checked());
        let before = cluster.host(PEER).items_seen;
        cluster.inject(PEER, peer, channel, bytes);
        let came = cluster.run_until(50, |cluster| cluster.host(PEER).items_seen > before);
        assert!(came, "{name}: nothing was judged, last {seen:?}");
        assert_eq!(cluster.host(PEER).last_item, Some(Err(expected)), "{name}");
        let cost = cluster.participant(PEER).signatures_checked() - checked;
        assert_eq!(cost > 0, costs_signature, "{name} cost {cost} signatures");
    }
}

fn trade(epoch: u64, items: Vec<proto::Item>, wanted: Vec<Vec<u8>>) -> proto::Request {
    let trade = proto::TradeRequest { epoch, items, messages: Vec::new(), wanted };
    proto::Request { request: Some(proto::request::Request::Trade(trade)) }
}

fn proto_item(bytes: &[u8]) -> proto::Item {
    Item::from_bytes(bytes, limits::ITEM_BYTES).unwrap().to_proto()
}

#[test]
fn what_comes_by_trade_is_judged_like_gossip_and_gossiped_on() {
    let mut cluster = cluster();
    let subnet = *cluster.state(PEER).subnet();
    let cases = [form_cases(subnet), item_cases(subnet), chain_cases(subnet)];
    let mut tried = 0;
    for Case { name, bytes, expected, costs_signature, .. } in cases.into_iter().flatten() {
        // What cannot be said in the types of a trade, or has another topic there.
        let Ok(item) = Item::from_bytes(&bytes, limits::ITEM_BYTES) else { continue };
        let checked = cluster.participant(PEER).signatures_checked();
        let before = cluster.host(PEER).items_seen;
        cluster.inject_request(PEER, 1, trade(2, vec![item.to_proto()], Vec::new()));
        assert!(cluster.run_until(50, |cluster| cluster.host(PEER).items_seen > before), "{name}");
        assert_eq!(cluster.host(PEER).last_item, Some(Err(expected)), "{name}");
        let cost = cluster.participant(PEER).signatures_checked() - checked;
        assert_eq!(cost > 0, costs_signature, "{name} cost {cost} signatures");
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
    let good = signed(subnet, weights(1, 2, 900, &[(4, 65_535), (5, 3)]), 1);
    let before = cluster.host(2).items_seen;
    cluster.inject_request(PEER, 1, trade(2, vec![proto_item(&good)], Vec::new()));
    assert!(cluster.run_until(200, |cluster| cluster.host(2).items_seen > before));
    assert_eq!(cluster.host(PEER).last_item, Some(Ok(())));
    assert_eq!(cluster.host(2).last_item, Some(Ok(())), "it was not gossiped on");
}

#[test]
fn junk_in_a_trade_is_its_senders_fault_and_ends_it() {
    let mut cluster = cluster();
    let subnet = *cluster.state(PEER).subnet();
    let mut forged = proto_item(&signed(subnet, weights(1, 2, 900, &[(4, 65_535)]), 1));
    forged.signature[3] ^= 1;
    let good = proto_item(&signed(subnet, weights(2, 2, 900, &[(4, 65_535)]), 2));
    let before = cluster.host(PEER).items_seen;
    cluster.inject_request(PEER, 1, trade(2, vec![forged, good], Vec::new()));
    cluster.run_until(100, |cluster| !cluster.host(PEER).odd.is_empty());
    assert_eq!(cluster.host(PEER).items_seen, before + 1, "what followed was looked at");
    let blamed = format!("{} is to blame for bad_signature", cluster.nodes[1].hotkey);
    assert_eq!(cluster.host(PEER).odd, [blamed]);
}

#[test]
fn a_trade_about_another_epoch_changes_nothing() {
    let mut cluster = cluster();
    let subnet = *cluster.state(PEER).subnet();
    let good = proto_item(&signed(subnet, weights(1, 2, 900, &[(4, 65_535)]), 1));
    let before = cluster.host(PEER).items_seen;
    for epoch in [1, 3, u64::MAX] {
        cluster.inject_request(PEER, 1, trade(epoch, vec![good.clone()], Vec::new()));
    }
    cluster.run_until(50, |_| false);
    assert_eq!(cluster.host(PEER).items_seen, before);
}

#[test]
fn a_replayed_item_is_a_duplicate_and_blames_nobody() {
    let mut cluster = cluster();
    let subnet = *cluster.state(PEER).subnet();
    let bytes = signed(subnet, weights(1, 2, 900, &[(4, 65_535)]), 1);
    let peer = cluster.nodes[1].hotkey;
    for expected in [Ok(()), Err(Rejection::Duplicate)] {
        let before = cluster.host(PEER).items_seen;
        cluster.inject(PEER, peer, Channel::Weights, bytes.clone());
        assert!(cluster.run_until(50, |cluster| cluster.host(PEER).items_seen > before));
        assert_eq!(cluster.host(PEER).last_item, Some(expected));
    }
    assert!(!Rejection::Duplicate.blames_sender());
}

#[test]
fn one_signer_cannot_fill_the_pool() {
    let mut cluster = cluster();
    let subnet = *cluster.state(PEER).subnet();
    let peer: Hotkey = cluster.nodes[1].hotkey;
    for seq in 0..10 {
        let bytes = signed(subnet, weights(1, 2, 1_000 + seq, &[(4, 65_535)]), 1);
        cluster.inject(PEER, peer, Channel::Weights, bytes);
    }
    assert!(cluster.run_until(100, |cluster| {
        cluster.host(PEER).rejected.get(&Rejection::SignerRate).copied() >= Some(6)
    }));
}
