//! One claim each, by hand.

use ganglion_types::Epoch;

use super::super::record::tests::payload;
use super::super::{Flight, Input, Judged, Next, Notice, Outbox, Pace, Reply, Request, Truth};
use super::world::{Chain, Faults, Paper, World};
use crate::{
    AnchorError, ChainName, ChainPoint, Finality, Found, OutboxError, Prepared, Publisher, Reason,
    Status, limits,
};

const PACE: Pace = Pace {
    every: 1,
    takeover: 60_000,
    poll: 1_000,
    replace: 5_000,
    back_off: (1_000, 8_000),
    held: 3_000,
};

fn open(paper: &Paper, chain: &str) -> Result<Outbox<Paper>, OutboxError> {
    let name = ChainName::new(chain).unwrap();
    Outbox::open(paper.clone(), name, Epoch::GENESIS, PACE, 1)
}

fn certified(epoch: u64, rank: u32) -> Input {
    Input::Certified { epoch: Epoch::new(epoch), rank }
}

fn asks(outbox: &mut Outbox<Paper>, now: u64, input: Input) -> (Vec<Notice>, Option<Request>) {
    let (notices, next) = outbox.step(now, input).unwrap();
    let request = match next {
        Next::Ask(request) => Some(request),
        Next::Sleep(_) => None,
    };
    (notices, request)
}

fn found(last: u64, truth: Truth, finality: Finality) -> Judged {
    let point = ChainPoint { height: 1, block: [1; 32], index: 0, transaction: [2; 32] };
    let publisher = Publisher::new(&[9; 20]).unwrap();
    Judged { found: Found { payload: payload(1, last), publisher, point, finality }, truth }
}

/// A node of the chain that lies about costs is believed up to what was signed, and one that does not know is asked again.
#[test]
fn costs_are_counted_once_and_up_to_what_was_signed() {
    let paper = Paper::default();
    let mut outbox = open(&paper, "memory:1").unwrap();
    under_way(&mut outbox, 1);
    let (_, status) = asks(&mut outbox, 1_000, Input::Wake);
    assert!(matches!(status, Some(Request::Status { .. })), "{status:?}");
    let point = ChainPoint { height: 1, block: [1; 32], index: 0, transaction: [0; 32] };
    let settled = Input::Answer(Reply::Status(Ok(Status::Final(point))));
    let cost = Some(Request::Cost { transactions: vec![signed(0, 100).id] });
    assert_eq!(asks(&mut outbox, 1_000, settled).1, cost);
    let lost = AnchorError::Refused(Reason::new("no receipts here"));
    let (notices, next) = outbox.step(1_000, Input::Answer(Reply::Cost(Err(lost)))).unwrap();
    assert_eq!(
        (notices, next),
        (Vec::new(), Next::Sleep(Some(4_000))),
        "no failure, and not parked"
    );
    // What is owed for survives, and is asked for again.
    let mut outbox = open(&paper, "memory:1").unwrap();
    assert_eq!(asks(&mut outbox, 0, certified(1, 0)).1, cost);
    let lie = Input::Answer(Reply::Cost(Ok(u128::MAX)));
    assert_eq!((asks(&mut outbox, 0, lie).1, outbox.spent()), (None, 100));
    let mut outbox = open(&paper, "memory:1").unwrap();
    assert_eq!((asks(&mut outbox, 0, certified(1, 0)).1, outbox.spent()), (None, 100));
}

/// A chain that never tells what anything cost: the list of what is owed for ends.
#[test]
fn what_is_owed_for_is_bounded() {
    let mut world = World::new(1, Faults::default());
    let more = u64::try_from(limits::OWED).unwrap() + 5;
    world.costs_nothing_known = true;
    for _ in 0..more {
        world.certify();
        for _ in 0..40 {
            world.tick();
        }
    }
    assert_eq!(world.reopened().owed.len(), limits::OWED);
}

fn signed(nonce: u64, bid: u128) -> Prepared {
    Prepared { id: [nonce as u8; 32], nonce, expires: None, fee_max: bid, bytes: vec![1] }
}

/// Brings the epochs 1 to `last` as far as a submitted transaction.
fn under_way(outbox: &mut Outbox<Paper>, last: u64) {
    let (_, find) = asks(outbox, 0, certified(last, 0));
    assert!(matches!(find, Some(Request::Find { .. })), "{find:?}");
    let (_, prepare) = asks(outbox, 0, Input::Answer(Reply::Found(Ok(Vec::new()))));
    assert!(matches!(prepare, Some(Request::Prepare { .. })), "{prepare:?}");
    let reply = Reply::Prepared(Ok((payload(1, last), signed(0, 100))));
    let (_, submit) = asks(outbox, 0, Input::Answer(reply));
    assert_eq!(submit, Some(Request::Submit(signed(0, 100))));
    let (_, nothing) = asks(outbox, 0, Input::Answer(Reply::Submitted(Ok(()))));
    assert_eq!(nothing, None);
}

#[test]
fn a_later_rank_waits_its_turn_and_pays_only_for_what_nobody_did() {
    let mut outbox = open(&Paper::default(), "c").unwrap();
    assert_eq!(asks(&mut outbox, 1_000, certified(5, 2)).1, None);
    assert_eq!(asks(&mut outbox, 120_999, Input::Wake).1, None, "two ranks before");
    let (_, find) = asks(&mut outbox, 121_000, Input::Wake);
    assert_eq!(find, Some(Request::Find { first: Epoch::new(1), last: Epoch::new(5) }));
    let others = vec![found(3, Truth::Same, Finality::Final)];
    let (notices, next) = asks(&mut outbox, 121_000, Input::Answer(Reply::Found(Ok(others))));
    assert!(matches!(notices[..], [Notice::Included(_), Notice::Settled(_)]), "{notices:?}");
    assert_eq!((outbox.done(), next), (Epoch::new(3), None), "4 and 5 wait their turn anew");
    let (_, find) = asks(&mut outbox, 241_000, Input::Wake);
    assert_eq!(find, Some(Request::Find { first: Epoch::new(4), last: Epoch::new(5) }));
    let (_, prepare) = asks(&mut outbox, 241_000, Input::Answer(Reply::Found(Ok(Vec::new()))));
    assert!(matches!(prepare, Some(Request::Prepare { .. })), "the first is silent: {prepare:?}");
}

#[test]
fn somebody_elses_anchor_counts_until_its_block_is_gone() {
    let mut outbox = open(&Paper::default(), "c").unwrap();
    asks(&mut outbox, 0, certified(3, 0));
    let young = vec![found(3, Truth::Same, Finality::Confirmations(1))];
    let (_, next) = asks(&mut outbox, 0, Input::Answer(Reply::Found(Ok(young))));
    assert_eq!((next, outbox.queued(), outbox.done()), (None, None, Epoch::GENESIS));
    let (_, look) = asks(&mut outbox, 1_000, Input::Wake);
    assert!(matches!(look, Some(Request::Find { .. })));
    let (notices, _) = asks(&mut outbox, 1_000, Input::Answer(Reply::Found(Ok(Vec::new()))));
    assert_eq!(notices, [Notice::Undone(payload(1, 3))]);
    assert_eq!(outbox.queued(), Some((Epoch::new(1), Epoch::new(3))));
}

#[test]
fn other_cuts_are_told_once_and_cover_nothing() {
    let mut outbox = open(&Paper::default(), "c").unwrap();
    asks(&mut outbox, 0, certified(3, 0));
    let lies =
        || vec![found(3, Truth::Other, Finality::Final), found(2, Truth::Unknown, Finality::Final)];
    let (notices, next) = asks(&mut outbox, 0, Input::Answer(Reply::Found(Ok(lies()))));
    assert!(matches!(notices[..], [Notice::Stranger(_)]), "{notices:?}");
    assert!(matches!(next, Some(Request::Prepare { .. })), "{next:?}");
    asks(&mut outbox, 0, Input::Answer(Reply::Prepared(Err(AnchorError::Stale(Reason::new("x"))))));
    asks(&mut outbox, 60_000, certified(4, 0));
    let (notices, _) = asks(&mut outbox, 60_000, Input::Answer(Reply::Found(Ok(lies()))));
    assert_eq!(notices, []);
}

#[test]
fn a_long_backlog_is_a_few_ranges_in_order() {
    let mut world = World::new(3, Faults::default());
    for _ in 0..10_000 {
        world.certify_unseen();
    }
    world.heal();
    world.check();
    let spans: Vec<u64> = world.chain.anchors().iter().map(|anchor| anchor.span()).collect();
    assert_eq!(spans, [4_096, 4_096, 1_808]);
}

#[test]
fn what_waits_too_long_is_replaced_at_its_place_by_more() {
    let mut outbox = open(&Paper::default(), "c").unwrap();
    under_way(&mut outbox, 2);
    let pending = || Input::Answer(Reply::Status(Ok(Status::Pending)));
    for now in [1_000, 2_000, 3_000, 4_000] {
        assert!(matches!(asks(&mut outbox, now, Input::Wake).1, Some(Request::Status { .. })));
        assert_eq!(asks(&mut outbox, now, pending()).1, None, "not yet");
    }
    asks(&mut outbox, 5_000, Input::Wake);
    let (_, more) = asks(&mut outbox, 5_000, pending());
    let replaces = vec![signed(0, 100)];
    let (first, last) = (Epoch::new(1), Epoch::new(2));
    assert_eq!(more, Some(Request::Prepare { first, last, replaces, used: None }));
    let second = Prepared { id: [77; 32], ..signed(0, 113) };
    let reply = Reply::Prepared(Ok((payload(1, 2), second.clone())));
    assert_eq!(asks(&mut outbox, 5_000, Input::Answer(reply)).1, Some(Request::Submit(second)));
    assert_eq!(outbox.flights()[0].attempts.len(), 2);
}

#[test]
fn no_more_transactions_are_made_for_one_anchor_than_the_bound() {
    let mut outbox = open(&Paper::default(), "c").unwrap();
    under_way(&mut outbox, 1);
    let mut now = 0;
    for _ in 0..500 {
        now += 6_000;
        let (_, mut next) = asks(&mut outbox, now, Input::Wake);
        while let Some(request) = next {
            let reply = match request {
                Request::Status { .. } => Reply::Status(Ok(Status::Pending)),
                Request::Submit(_) => Reply::Submitted(Ok(())),
                Request::Prepare { replaces, .. } => {
                    let bid = replaces.last().unwrap().fee_max + 20;
                    let mut next = signed(0, bid);
                    next.id[..16].copy_from_slice(&bid.to_be_bytes());
                    Reply::Prepared(Ok((payload(1, 1), next)))
                }
                Request::Find { .. } | Request::Cost { .. } => panic!("{request:?}"),
            };
            next = asks(&mut outbox, now, Input::Answer(reply)).1;
        }
    }
    assert_eq!(outbox.flights()[0].attempts.len(), limits::ATTEMPTS);
}

#[test]
fn a_refusal_parks_until_an_operator_says_retry_through_restarts() {
    let paper = Paper::default();
    let mut outbox = open(&paper, "c").unwrap();
    asks(&mut outbox, 0, certified(1, 0));
    asks(&mut outbox, 0, Input::Answer(Reply::Found(Ok(Vec::new()))));
    let refused = AnchorError::Refused(Reason::new("no such contract"));
    let (notices, next) =
        asks(&mut outbox, 0, Input::Answer(Reply::Prepared(Err(refused.clone()))));
    assert_eq!((notices, next), (vec![Notice::Parked(refused)], None));
    let mut outbox = open(&paper, "c").unwrap();
    assert_eq!(outbox.parked().map(|(kind, _)| kind.as_str()), Some("refused"));
    assert_eq!(asks(&mut outbox, 1 << 40, certified(2, 0)).1, None);
    let (_, next) = asks(&mut outbox, 1 << 40, Input::Retry);
    assert_eq!(next, Some(Request::Find { first: Epoch::new(1), last: Epoch::new(2) }));
    assert!(open(&paper, "c").unwrap().parked().is_none());
}

#[test]
fn an_empty_account_is_told_once_and_anchors_go_on_when_it_is_not() {
    let mut world = World::new(5, Faults::default());
    world.chain.balance = 0;
    world.run(60);
    assert_eq!(world.chain.anchors(), []);
    assert!(world.outbox().is_held() && world.outbox().parked().is_none());
    assert_eq!(world.told(|notice| matches!(notice, Notice::Held(_))), 1);
    world.heal();
    world.check();
    assert_eq!(world.told(|notice| matches!(notice, Notice::Released)), 1);
    assert!(!world.outbox().is_held());
}

#[test]
fn transactions_that_die_one_after_the_other_park() {
    let mut outbox = open(&Paper::default(), "c").unwrap();
    let mut now = 0;
    let (_, mut next) = asks(&mut outbox, now, certified(1, 0));
    let mut made = 0;
    while outbox.parked().is_none() {
        now += 1_000;
        let input = match next {
            None => Input::Wake,
            Some(Request::Find { .. }) => Input::Answer(Reply::Found(Ok(Vec::new()))),
            Some(Request::Prepare { .. }) => {
                made += 1;
                Input::Answer(Reply::Prepared(Ok((payload(1, 1), signed(made, 100)))))
            }
            Some(Request::Submit(_)) => Input::Answer(Reply::Submitted(Ok(()))),
            Some(Request::Status { .. }) => Input::Answer(Reply::Status(Ok(Status::Dead))),
            Some(Request::Cost { .. }) => Input::Answer(Reply::Cost(Ok(7))),
        };
        next = asks(&mut outbox, now, input).1;
    }
    assert_eq!(made, u64::from(limits::DEATHS));
}

#[test]
fn back_off_doubles_up_to_its_limit_and_differs_between_nodes() {
    let waits = |entropy| {
        let name = ChainName::new("c").unwrap();
        let mut outbox =
            Outbox::open(Paper::default(), name, Epoch::GENESIS, PACE, entropy).unwrap();
        let (mut now, mut waits) = (0, Vec::new());
        assert!(asks(&mut outbox, now, certified(1, 0)).1.is_some());
        for _ in 0..8 {
            let lost = AnchorError::Unreachable(Reason::new("refused"));
            let (_, next) = outbox.step(now, Input::Answer(Reply::Found(Err(lost)))).unwrap();
            let Next::Sleep(Some(until)) = next else { panic!("{next:?}") };
            waits.push(until - now);
            now = until;
            assert!(asks(&mut outbox, now, Input::Wake).1.is_some());
        }
        waits
    };
    for (at, wait) in waits(1).into_iter().enumerate() {
        let full = (1_000 << at).min(8_000);
        assert!((full / 2..=full).contains(&wait), "{at}: {wait}");
    }
    assert_ne!(waits(1), waits(2));
}

#[test]
fn a_file_of_another_chain_and_one_too_large_are_refused() {
    let paper = Paper::default();
    open(&paper, "one").unwrap();
    assert!(matches!(open(&paper, "two"), Err(OutboxError::Chain { .. })));
    paper.fill(limits::OUTBOX_BYTES_MAX as usize + 1);
    assert!(matches!(open(&paper, "one"), Err(OutboxError::TooLarge(_))));
}

#[test]
fn the_file_and_the_history_stay_bounded() {
    let mut world = World::new(11, Faults::default());
    let (mut largest, mut shrank) = (0, false);
    for _ in 0..2_600 {
        let before = world.paper.length();
        world.certify();
        world.chain.mine();
        world.tick();
        shrank |= world.paper.length() < before;
        largest = largest.max(world.paper.length());
    }
    world.heal();
    world.check();
    assert!(shrank, "never written anew");
    assert!(largest < 2 * limits::OUTBOX_BYTES as usize, "{largest}");
    let done = world.outbox().done();
    let history = world.outbox().history().cloned().collect::<Vec<_>>();
    assert_eq!(history.len(), limits::HISTORY);
    let again = world.reopened();
    assert_eq!(again.done(), done);
    let told = |flight: &Flight| (flight.payload, flight.standing, flight.by.clone());
    assert!(again.history().map(told).eq(history.iter().map(told)), "a restart tells the same");
}

#[test]
fn anchors_under_way_are_bounded() {
    let mut outbox = open(&Paper::default(), "c").unwrap();
    let mut chain = Chain::default();
    chain.balance = 1 << 40;
    let mut next = None;
    let mut most = 0;
    for step in 0..2_000 {
        let input = match next {
            None => certified(step, 0),
            Some(Request::Find { .. }) => Input::Answer(Reply::Found(Ok(Vec::new()))),
            Some(Request::Prepare { first, last, replaces, used }) => {
                let payload = payload(first.get(), last.get());
                Input::Answer(Reply::Prepared(chain.prepare(payload, &replaces, used)))
            }
            Some(Request::Submit(_)) => Input::Answer(Reply::Submitted(Ok(()))),
            Some(Request::Status { .. }) => {
                let point =
                    ChainPoint { height: 1, block: [1; 32], index: 0, transaction: [2; 32] };
                Input::Answer(Reply::Status(Ok(Status::Included(point))))
            }
            Some(Request::Cost { .. }) => panic!("nothing is final"),
        };
        next = asks(&mut outbox, step * 1_000, input).1;
        let (_, more) = asks(&mut outbox, step * 1_000, certified(step, 0));
        next = next.or(more);
        most = most.max(outbox.flights().len());
    }
    assert_eq!(most, limits::FLIGHTS);
}
