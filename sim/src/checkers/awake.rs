//! A checker that cannot fail is none: each is shown what it must not let pass.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_storage::disk::Disk as _;
use ganglion_storage::faulty::FaultyDisk;
use ganglion_types::proto::{self, agreement_message::Message};
use prost::Message as _;

use super::medium::Medium;
use super::{Checkers, Key, wire};
use crate::host::{Committed, Note, RowChange, home};

const SUBNET: Key = [1; 32];

fn key(number: u8) -> Key {
    [number; 32]
}

/// Four members with 100 each; the fourth is dishonest.
fn checkers() -> Checkers {
    let mut rows = BTreeMap::new();
    for number in 1..=4u8 {
        let row = proto::ParticipantRow {
            hotkey: key(number).to_vec(),
            role: 1,
            stake: 100,
            permit: true,
            ..Default::default()
        };
        rows.insert((3, vec![0, number]), row.encode_to_vec());
    }
    rows.insert((1, Vec::new()), proto::ChainRow::default().encode_to_vec());
    Checkers::new(SUBNET, (1..=3).map(key).collect(), rows, true)
}

fn vote(signer: u8, kind: u32, round: u32, cut: &[u8]) -> Message {
    let body = proto::VoteBody { r#type: kind, epoch: 1, round, cut: cut.to_vec() };
    Message::Vote(proto::Vote { body: Some(body), signer: key(signer).to_vec(), signature: vec![] })
}

fn say(checkers: &mut Checkers, message: &Message) {
    checkers.message(message, true);
    checkers.settle();
}

fn found(checkers: &Checkers) -> Vec<&'static str> {
    let names: BTreeSet<&'static str> = checkers.found().iter().map(|one| one.checker).collect();
    names.into_iter().collect()
}

/// Three lists with one body, a cut that holds what they name, and its root right.
struct Epoch {
    cut: proto::Cut,
    signers: Vec<u8>,
    rows: Vec<RowChange>,
    header: proto::ResultHeader,
    items: Vec<Vec<u8>>,
}

fn list(signer: u8) -> proto::Item {
    let body = proto::ListBody { ids: vec![key(77).to_vec()] };
    let list = proto::InclusionList {
        signer: key(signer).to_vec(),
        epoch: 1,
        time: 5,
        body: wire::body_digest(&body.encode_to_vec()).to_vec(),
        count: 1,
    };
    proto::Item {
        version: 1,
        subnet: SUBNET.to_vec(),
        kind: 20,
        body: list.encode_to_vec(),
        signature: vec![7; 64],
    }
}

fn epoch(checkers: &mut Checkers) -> Epoch {
    checkers.body(&proto::ListBody { ids: vec![key(77).to_vec()] });
    let mut lists: Vec<Vec<u8>> = Vec::new();
    for signer in 1..=3 {
        let item = list(signer);
        lists.push(wire::item_id(&item).to_vec());
        say(checkers, &Message::List(item));
    }
    lists.sort();
    let cut = proto::Cut {
        subnet: SUBNET.to_vec(),
        epoch: 1,
        prev: key(9).to_vec(),
        lists,
        items: vec![key(77).to_vec()],
        ..Default::default()
    };
    let header = proto::ResultHeader { epoch: 1, ..Default::default() };
    let mut one =
        Epoch { cut, signers: vec![1, 2, 3], rows: Vec::new(), header, items: Vec::new() };
    one.cut.state_root = root_of(checkers, &one);
    one
}

fn root_of(checkers: &Checkers, one: &Epoch) -> Vec<u8> {
    checkers.ledger.root_with(&one.rows).to_vec()
}

fn commit(checkers: &mut Checkers, node: usize, one: &Epoch) {
    vote_for(checkers, one);
    store(checkers, node, one);
}

fn vote_for(checkers: &mut Checkers, one: &Epoch) {
    let cut = one.cut.encode_to_vec();
    let id = wire::cut_id(&cut);
    for kind in [1, 2] {
        for signer in &one.signers {
            checkers.message(&vote(*signer, kind, 0, &id), true);
        }
    }
    checkers.settle();
}

/// Stores the epoch, whatever was said before.
fn store(checkers: &mut Checkers, node: usize, one: &Epoch) {
    checkers.note(node, &Note::Committed(Box::new(committed_of(one))));
}

fn committed_of(one: &Epoch) -> Committed {
    let cut = one.cut.encode_to_vec();
    let signature =
        |signer: &u8| proto::CutSignature { signer: key(*signer).to_vec(), signature: vec![1; 64] };
    let certificate = proto::Certificate {
        epoch: 1,
        round: 0,
        cut: wire::cut_id(&cut).to_vec(),
        signatures: one.signers.iter().map(signature).collect(),
    };
    Committed {
        epoch: 1,
        certificate: certificate.encode_to_vec(),
        items: one.items.clone(),
        rows: one.rows.clone(),
        header: one.header.encode_to_vec(),
        cut,
    }
}

#[test]
fn a_sound_epoch_passes_all() {
    let mut checkers = checkers();
    let one = epoch(&mut checkers);
    commit(&mut checkers, 0, &one);
    commit(&mut checkers, 1, &one);
    assert_eq!(checkers.found(), []);
    checkers.restarted(0, 1, wire::cut_id(&one.cut.encode_to_vec()));
    assert_eq!(checkers.found(), []);
}

#[test]
fn two_cuts_of_one_epoch_are_found() {
    let mut checkers = checkers();
    let mut one = epoch(&mut checkers);
    commit(&mut checkers, 0, &one);
    one.cut.time = 8;
    store(&mut checkers, 1, &one);
    assert!(checkers.found().iter().any(|one| one.facts.contains("two cuts")));
}

#[test]
fn a_certificate_without_a_quorum_or_with_a_precommit_never_sent_is_found() {
    let mut few = checkers();
    let mut one = epoch(&mut few);
    one.signers = vec![1, 2];
    commit(&mut few, 0, &one);
    assert_eq!(found(&few), ["chain", "signatures"]);
    let mut forged = checkers();
    let one = epoch(&mut forged);
    store(&mut forged, 0, &one);
    assert!(forged.found().iter().any(|one| one.facts.contains("never sent")));
}

#[test]
fn a_certified_epoch_that_is_lost_is_found() {
    let mut checkers = checkers();
    let one = epoch(&mut checkers);
    commit(&mut checkers, 0, &one);
    checkers.restarted(0, 0, key(9));
    assert_eq!(found(&checkers), ["chain"]);
}

/// Seeds 12713 and 18282: every honest node failed on the tables behind a record that was durable.
#[test]
fn an_epoch_whose_storing_failed_counts_if_the_next_process_begins_with_it() {
    let begin = |epoch: u64, one: &Epoch, checkers: &mut Checkers| {
        checkers.note(0, &Note::Attempted(Box::new(committed_of(one))));
        assert_eq!(checkers.last(), 0);
        let head = wire::cut_id(&one.cut.encode_to_vec());
        checkers.restarted(0, epoch, head);
    };
    let mut stored = checkers();
    let one = epoch(&mut stored);
    vote_for(&mut stored, &one);
    begin(1, &one, &mut stored);
    assert_eq!(stored.last(), 1);
    assert!(stored.ledger.committee(2).is_some());
    assert_eq!(stored.found(), []);
    let mut unsound = checkers();
    let mut one = epoch(&mut unsound);
    one.cut.state_root = vec![3; 32];
    vote_for(&mut unsound, &one);
    begin(1, &one, &mut unsound);
    assert_eq!(found(&unsound), ["ledger"]);
    let mut lost = checkers();
    let one = epoch(&mut lost);
    vote_for(&mut lost, &one);
    begin(0, &one, &mut lost);
    assert_eq!(lost.last(), 0);
    assert_eq!(lost.found(), []);
}

#[test]
fn rows_with_another_root_and_rao_out_of_nothing_are_found() {
    let mut wrong = checkers();
    let mut one = epoch(&mut wrong);
    one.cut.state_root = vec![3; 32];
    commit(&mut wrong, 0, &one);
    assert_eq!(found(&wrong), ["ledger"]);
    let mut printed = checkers();
    let mut one = epoch(&mut printed);
    let account = proto::AccountRow { balance: 1, nonce: 0 };
    one.rows.push((2, vec![5; 32], Some(account.encode_to_vec())));
    one.cut.state_root = root_of(&printed, &one);
    commit(&mut printed, 0, &one);
    assert!(printed.found().iter().any(|one| one.facts.contains("rao are there")));
}

#[test]
fn an_emission_of_less_than_the_budget_is_found() {
    let mut checkers = checkers();
    let mut one = epoch(&mut checkers);
    let chain = proto::ChainRow { emitted: 3, ..Default::default() };
    let account = proto::AccountRow { balance: 3, nonce: 0 };
    one.rows.push((1, Vec::new(), Some(chain.encode_to_vec())));
    one.rows.push((2, vec![5; 32], Some(account.encode_to_vec())));
    (one.header.budget, one.header.emitted) = (4, 3);
    one.cut.state_root = root_of(&checkers, &one);
    commit(&mut checkers, 0, &one);
    assert!(checkers.found().iter().all(|one| one.facts.contains("emitted 3 of 4")));
    assert_eq!(checkers.found().len(), 1);
}

#[test]
fn an_item_left_out_and_too_few_lists_are_found() {
    let mut checkers = checkers();
    let mut one = epoch(&mut checkers);
    one.cut.items.clear();
    one.cut.lists.pop();
    commit(&mut checkers, 0, &one);
    assert_eq!(found(&checkers), ["inclusion"]);
    assert!(checkers.found().iter().any(|one| one.facts.contains("leaves out")));
    assert!(checkers.found().iter().any(|one| one.facts.contains("cites lists of 200 of 400")));
}

#[test]
fn two_votes_of_one_slot_are_found_of_the_honest_and_counted_of_others() {
    let mut checkers = checkers();
    say(&mut checkers, &vote(4, 1, 0, &[2; 32]));
    say(&mut checkers, &vote(4, 1, 0, &[]));
    assert_eq!(checkers.found(), []);
    assert_eq!(checkers.contradictors(1), BTreeSet::from([key(4)]));
    say(&mut checkers, &vote(1, 1, 0, &[2; 32]));
    say(&mut checkers, &vote(1, 1, 0, &[]));
    assert_eq!(found(&checkers), ["signatures"]);
}

#[test]
fn what_a_liar_says_in_the_name_of_the_honest_counts_for_nothing() {
    let mut checkers = checkers();
    say(&mut checkers, &vote(1, 1, 0, &[2; 32]));
    checkers.message(&vote(1, 1, 0, &[]), false);
    assert_eq!(checkers.found(), []);
}

#[test]
fn a_broken_lock_is_found_and_a_freed_one_is_none() {
    let locked = |freed: bool| {
        let mut checkers = checkers();
        for signer in 1..=3 {
            say(&mut checkers, &vote(signer, 1, 0, &[2; 32]));
        }
        say(&mut checkers, &vote(1, 2, 0, &[2; 32]));
        for signer in (2..=4).filter(|_| freed) {
            say(&mut checkers, &vote(signer, 1, 1, &[3; 32]));
        }
        say(&mut checkers, &vote(1, 1, 2, &[3; 32]));
        checkers.found().len()
    };
    assert_eq!((locked(false), locked(true)), (1, 0));
}

#[test]
fn a_precommit_without_a_polka_is_found() {
    let mut checkers = checkers();
    say(&mut checkers, &vote(2, 1, 0, &[2; 32]));
    say(&mut checkers, &vote(1, 2, 0, &[2; 32]));
    assert_eq!(found(&checkers), ["signatures"]);
}

/// Of four, number 4 is dishonest: it sends its prevote to nobody but the one that makes a certificate of it.
#[test]
fn a_prevote_that_travels_in_a_certificate_alone_makes_a_polka() {
    let signed =
        |signer: u8| proto::CutSignature { signer: key(signer).to_vec(), signature: vec![] };
    let polka = |signers: &[u8]| {
        let signatures = signers.iter().map(|signer| signed(*signer)).collect();
        Message::Polka(proto::PolkaCertificate { epoch: 1, round: 0, cut: vec![8; 32], signatures })
    };
    let Message::Vote(hidden) = vote(4, 1, 0, &[8; 32]) else { unreachable!() };
    let certificate =
        proto::RoundCertificate { epoch: 1, round: 0, skip: true, votes: vec![hidden] };
    for (carried, wrong) in [
        (polka(&[1, 2, 4]), vec![]),
        (Message::RoundCertificate(certificate), vec![]),
        (polka(&[1, 2]), vec!["signatures"]),
        // An honest key counts by what it has said itself.
        (polka(&[1, 2, 3]), vec!["signatures"]),
    ] {
        let mut checkers = checkers();
        for signer in [1, 2] {
            say(&mut checkers, &vote(signer, 1, 0, &[8; 32]));
        }
        say(&mut checkers, &carried);
        say(&mut checkers, &vote(1, 2, 0, &[8; 32]));
        assert_eq!(found(&checkers), wrong, "{carried:?}");
    }
}

#[test]
fn two_lists_and_two_items_with_one_number_are_found() {
    let mut checkers = checkers();
    say(&mut checkers, &Message::List(list(1)));
    let mut second = proto::InclusionList::decode(list(1).body.as_slice()).unwrap();
    second.time = 6;
    say(&mut checkers, &Message::List(proto::Item { body: second.encode_to_vec(), ..list(1) }));
    assert_eq!(checkers.found().len(), 1);
    for value in [1, 2] {
        let row = proto::Weights {
            signer: key(2).to_vec(),
            seq: 4,
            values: vec![value],
            ..Default::default()
        };
        let item = proto::Item { kind: 1, body: row.encode_to_vec(), ..Default::default() };
        checkers.item(&item.encode_to_vec());
    }
    assert_eq!(checkers.found().len(), 2);
}

#[test]
fn evidence_and_blame_against_the_honest_are_found() {
    let evidence = |offender: u8| {
        let body =
            proto::Evidence { offender: key(offender).to_vec(), kind: 21, ..Default::default() };
        let item = proto::Item { kind: 5, body: body.encode_to_vec(), ..Default::default() };
        item.encode_to_vec()
    };
    let mut checkers = checkers();
    checkers.item(&evidence(4));
    checkers.note(0, &Note::Blamed(key(4), "oversize"));
    assert_eq!(checkers.found(), []);
    checkers.item(&evidence(1));
    checkers.note(0, &Note::Blamed(key(1), "oversize"));
    assert_eq!(found(&checkers), ["blame", "evidence"]);
}

#[test]
fn a_vote_that_leaves_before_its_record_is_durable_is_found() {
    let disk = FaultyDisk::new();
    let mut medium = Medium::new(disk.clone(), home(), Some(key(1)));
    let Message::Vote(vote) = vote(1, 1, 0, &[2; 32]) else { unreachable!() };
    let vote = proto::Vote { signature: vec![8; 64], ..vote };
    let message = proto::AgreementMessage { message: Some(Message::Vote(vote)) };
    assert!(medium.message_leaves(&message).is_some());
    let path = home().join(format!("agreement-{:020}.log", 1));
    let file = disk.create(&path).unwrap();
    file.write_at(0, &[[3; 9].as_slice(), &[8; 64]].concat()).unwrap();
    disk.sync_dir(&home()).unwrap();
    assert!(medium.message_leaves(&message).is_some(), "written, not synced");
    file.sync_data().unwrap();
    assert_eq!(medium.message_leaves(&message), None);
    let row = proto::Weights { signer: key(1).to_vec(), seq: 4, ..Default::default() };
    let item = proto::Item { kind: 1, body: row.encode_to_vec(), ..Default::default() };
    assert!(medium.item_leaves(&item.encode_to_vec()).is_some(), "number 4 is not reserved");
}

#[test]
fn stake_beyond_its_bound_and_a_row_that_outlives_a_holder_are_found() {
    let row = |number: u8, stake| proto::ParticipantRow {
        hotkey: key(number).to_vec(),
        role: 1,
        stake,
        permit: true,
        ..Default::default()
    };
    let mut checkers = checkers();
    let mut one = epoch(&mut checkers);
    one.rows.push((3, vec![0, 1], Some(row(1, 3_000_000_000).encode_to_vec())));
    let about = proto::SparseRow { uids: vec![9], values: vec![1] };
    one.rows.push((5, vec![0, 2], Some(about.encode_to_vec())));
    one.cut.state_root = root_of(&checkers, &one);
    commit(&mut checkers, 0, &one);
    assert!(checkers.found().iter().any(|one| one.facts.contains("rao became stake")));
    assert!(checkers.found().iter().any(|one| one.facts.contains("outlives the holder of uid 9")));
}

#[test]
fn a_row_that_is_shown_before_its_commit_is_certified_is_found() {
    let shown = |epoch| {
        let (signer, seq) = (key(2).to_vec(), epoch);
        let body = proto::WeightReveal { signer, epoch, seq, ..Default::default() };
        let item = proto::Item { kind: 3, body: body.encode_to_vec(), ..Default::default() };
        item.encode_to_vec()
    };
    let mut checkers = checkers();
    checkers.item(&shown(0));
    assert_eq!(checkers.found(), []);
    checkers.item(&shown(1));
    assert_eq!(found(&checkers), ["secrecy"]);
}

#[test]
fn a_list_of_another_epoch_and_another_time_than_the_median_are_found() {
    let stakes = (1..=4).map(|number| (key(number), 100)).collect();
    let committed = |cut: &proto::Cut| Committed {
        epoch: cut.epoch,
        cut: cut.encode_to_vec(),
        certificate: Vec::new(),
        items: Vec::new(),
        rows: Vec::new(),
        header: Vec::new(),
    };
    // Clocks 38, 39 and 40 in lists of this epoch; what is said of a cut of epoch 2 with this time.
    let cite = |of: u64, time: u64| {
        let mut inclusion = super::inclusion::Inclusion::default();
        let first = proto::Cut { epoch: 1, time: 5, ..Default::default() };
        inclusion.committed(&committed(&first), &stakes, &BTreeSet::new());
        let mut lists = Vec::new();
        for signer in 1..=3 {
            let mut body = proto::InclusionList::decode(list(signer).body.as_slice()).unwrap();
            (body.epoch, body.time) = (of, 37 + u64::from(signer));
            let item = proto::Item { body: body.encode_to_vec(), ..list(signer) };
            lists.push(wire::item_id(&item).to_vec());
            inclusion.list(&item);
        }
        let cut = proto::Cut { epoch: 2, time, lists, ..Default::default() };
        inclusion.committed(&committed(&cut), &stakes, &BTreeSet::new())
    };
    assert_eq!(cite(2, 39), Vec::<String>::new());
    assert!(cite(2, 40).iter().any(|facts| facts.contains("is 40, not 39")));
    assert!(cite(1, 39).iter().any(|facts| facts.contains("cites a list of epoch 1")));
}

/// Of a small world that is said to be within the fault bound.
fn world(tricks: &[crate::plan::Trick]) -> crate::world::World {
    use crate::plan::{EPOCHS, Mode, Plan};
    let mut plan = Plan::draw(1, Mode::Bounded, EPOCHS);
    plan.validators.truncate(4);
    plan.faults.clear();
    plan.weather = crate::plan::Weather::FAIR;
    plan.miners = 0;
    for (at, one) in plan.validators.iter_mut().enumerate() {
        one.stake = 100;
        one.tricks = if at < 2 { tricks.to_vec() } else { Vec::new() };
    }
    crate::world::World::new(plan, false)
}

#[test]
fn a_subnet_that_stands_still_is_found() {
    let plan = world(&[crate::plan::Trick::Mute]).plan;
    let outcome = crate::run(plan, false);
    let checkers: Vec<&str> = outcome.violations.iter().map(|one| one.checker).collect();
    assert_eq!((checkers, outcome.progressed), (vec!["liveness"], false));
}

#[test]
fn an_honest_node_that_halts_is_found_and_a_dishonest_one_is_none() {
    let mut world = world(&[crate::plan::Trick::Stale]);
    world.halted(0, "it lies");
    assert_eq!(world.violations(), []);
    world.halted(3, "it gave up");
    assert_eq!(world.violations().len(), 1);
    assert_eq!(world.violations()[0].checker, "halt");
}

#[test]
fn an_honest_node_that_cannot_start_is_found() {
    let mut world = world(&[]);
    world.nodes[3].disk.plant(&home().join("certificates-00000000.log"), b"no log at all");
    world.start(3);
    assert_eq!(world.violations().len(), 1);
    assert_eq!(world.violations()[0].checker, "start");
}
