use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ganglion_types::CutId;

use super::*;
use crate::CutHead;
use crate::outbox::{Cuts, Input, Next, Outbox, Pace, carry_out, tests_paper::Paper};
use crate::outbox::{Reply, tests_payload};

const SUBNET: SubnetId = SubnetId::new([1; 32]);

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn open(paper: &Paper, byte: u8) -> io::Result<Embedded<Paper>> {
    salted(paper, byte, 5)
}

fn salted(paper: &Paper, byte: u8, salt: u8) -> io::Result<Embedded<Paper>> {
    let salt = Digest::new([salt; 32]);
    Embedded::open(paper.clone(), SUBNET, key(byte), salt, || 1_790_000_000_123)
}

/// Nothing here ever waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn put(log: &Embedded<Paper>, payload: AnchorPayload) -> Result<Prepared, AnchorError> {
    let prepared = now(Anchor::prepare(log, &payload, &[], None))?;
    now(Anchor::submit(log, &prepared))?;
    Ok(prepared)
}

#[test]
fn entries_are_chained_signed_and_found_by_epoch() {
    let paper = Paper::default();
    let log = open(&paper, 1).unwrap();
    for (first, last) in [(1, 1), (2, 5), (6, 6), (7, 90)] {
        put(&log, tests_payload(first, last)).unwrap();
    }
    let log = open(&paper, 1).unwrap();
    let entries = log.reader().entries(0, 10).unwrap();
    assert!(entries.windows(2).all(|pair| pair[1].follows(&pair[0])));
    let find = |first, last| {
        let found = now(log.find(SUBNET, Epoch::new(first)..=Epoch::new(last))).unwrap();
        found.iter().map(|found| found.payload.last().get()).collect::<Vec<_>>()
    };
    assert_eq!(find(3, 6), [6, 5]);
    assert_eq!(find(8, 8), [90]);
    assert_eq!(find(91, 99), [] as [u64; 0]);
    for entry in &entries {
        let verified = now(log.verify(&entry.payload, &point(entry))).unwrap();
        assert_eq!(verified.time, Some(1_790_000_000));
    }
    let (one, other) = (point(&entries[0]), entries[1].payload);
    assert!(matches!(now(log.verify(&other, &one)), Err(AnchorError::Mismatch(_))));
}

#[test]
fn an_entry_changed_in_any_bit_is_none() {
    let paper = Paper::default();
    put(&open(&paper, 1).unwrap(), tests_payload(1, 3)).unwrap();
    let bytes = paper.read(0, ENTRY_BYTES).unwrap();
    assert!(Entry::from_bytes(&bytes).is_some());
    for at in 0..ENTRY_BYTES {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Entry::from_bytes(&changed).is_none(), "at {at}");
    }
}

#[test]
fn a_log_written_anew_is_proven_by_one_remembered_entry() {
    let (first, second) = (Paper::default(), Paper::default());
    let log = open(&first, 1).unwrap();
    put(&log, tests_payload(1, 1)).unwrap();
    put(&log, tests_payload(2, 2)).unwrap();
    let remembered = log.reader().entries(1, 1).unwrap().remove(0);
    let again = open(&second, 1).unwrap();
    put(&again, tests_payload(1, 1)).unwrap();
    put(&again, tests_payload(2, 3)).unwrap();
    let shown = again.reader().entries(1, 1).unwrap().remove(0);
    assert!(Rewrite::of(&remembered, &shown).is_some());
    assert!(Rewrite::of(&remembered, &remembered).is_none());
    let other = open(&Paper::default(), 2).unwrap();
    put(&other, tests_payload(1, 1)).unwrap();
    let other = other.reader().entries(0, 1).unwrap().remove(0);
    assert!(
        Rewrite::of(&log.reader().entries(0, 1).unwrap()[0], &other).is_none(),
        "two witnesses"
    );
}

/// A disk that was lost is no crime: the log after it has another beginning.
#[test]
fn a_log_begun_again_proves_nothing_against_its_witness() {
    let (first, second) = (Paper::default(), Paper::default());
    let (old, new) = (salted(&first, 1, 5).unwrap(), salted(&second, 1, 6).unwrap());
    for epoch in 1..=3 {
        put(&old, tests_payload(epoch, epoch)).unwrap();
        put(&new, tests_payload(epoch, epoch)).unwrap();
    }
    let entries = |log: &Embedded<Paper>| log.reader().entries(0, 9).unwrap();
    for one in entries(&old) {
        assert!(entries(&new).iter().all(|other| Rewrite::of(&one, other).is_none()));
    }
}

#[test]
fn power_lost_within_an_append_leaves_the_log_before_or_after_it() {
    for stays in 0..=ENTRY_BYTES {
        let paper = Paper::default();
        let log = open(&paper, 1).unwrap();
        put(&log, tests_payload(1, 1)).unwrap();
        let next = tests_payload(2, 2);
        let prepared = now(Anchor::prepare(&log, &next, &[], None)).unwrap();
        paper.cut_power_after(0, stays);
        assert!(now(Anchor::submit(&log, &prepared)).is_err());
        paper.power_back();
        let log = open(&paper, 1).unwrap();
        let status = now(Anchor::status(&log, &next, std::slice::from_ref(&prepared))).unwrap();
        assert_eq!(matches!(status, Status::Final(_)), stays == ENTRY_BYTES, "{stays}");
        now(Anchor::submit(&log, &prepared)).unwrap();
        let entries = log.reader().entries(0, 9).unwrap();
        assert_eq!(entries.len(), 2, "the same bytes again add nothing");
    }
}

#[test]
fn the_log_contradicts_itself_never_and_is_of_one_hotkey_and_subnet() {
    let paper = Paper::default();
    let log = open(&paper, 1).unwrap();
    let stale = now(Anchor::prepare(&log, &tests_payload(1, 1), &[], None)).unwrap();
    put(&log, tests_payload(1, 2)).unwrap();
    assert!(matches!(now(Anchor::submit(&log, &stale)), Err(AnchorError::Stale(_))));
    let back = now(Anchor::prepare(&log, &tests_payload(1, 1), &[], None));
    assert!(matches!(back, Err(AnchorError::Stale(_))));
    let same_end = tests_payload(2, 2);
    let other = CutHead {
        subnet: SUBNET,
        epoch: Epoch::new(2),
        cut: CutId::new([0x99; 32]),
        result_root: same_end.result_root(),
        next_committee_root: same_end.next_committee_root(),
    };
    let other = AnchorPayload::new(&[other.cut], &other).unwrap();
    let status = now(Anchor::status(&log, &other, &[]));
    assert!(matches!(status, Err(AnchorError::Conflict(_))), "{status:?}");
    assert!(open(&paper, 2).is_err(), "another hotkey");
    assert!(Embedded::open(paper, SubnetId::new([2; 32]), key(1), Digest::ZERO, || 0).is_err());
}

#[test]
fn no_more_entries_are_told_at_once_than_the_bound() {
    let log = open(&Paper::default(), 1).unwrap();
    for epoch in 1..=limits::ENTRIES as u64 + 5 {
        put(&log, tests_payload(epoch, epoch)).unwrap();
    }
    assert_eq!(log.reader().entries(0, usize::MAX).unwrap().len(), limits::ENTRIES);
    assert_eq!(log.reader().entries(limits::ENTRIES as u64, usize::MAX).unwrap().len(), 5);
}

struct All;

impl Cuts for All {
    fn head(&self, epoch: Epoch) -> Option<CutHead> {
        let payload = tests_payload(epoch.get(), epoch.get());
        Some(CutHead {
            subnet: SUBNET,
            epoch,
            cut: payload.last_cut(),
            result_root: payload.result_root(),
            next_committee_root: payload.next_committee_root(),
        })
    }
}

#[test]
fn with_the_outbox_every_epoch_is_in_the_log_once_even_if_the_outbox_is_lost() {
    let (paper, mut box_paper) = (Paper::default(), Paper::default());
    let log = open(&paper, 1).unwrap();
    for round in 1..=6_u64 {
        if round == 4 {
            box_paper = Paper::default();
        }
        let name = log.chain().clone();
        let mut outbox =
            Outbox::open(box_paper.clone(), name, Epoch::GENESIS, Pace::default(), 1).unwrap();
        let mut input = Some(Input::Certified { epoch: Epoch::new(round * 10), rank: 0 });
        let mut clock = 0;
        while let Some(next) = input.take() {
            let next = outbox.step(clock, next).unwrap().1;
            if outbox.done() == Epoch::new(round * 10) {
                break;
            }
            input = Some(match next {
                Next::Ask(request) => {
                    let reply: Reply = now(carry_out(&log, &All, SUBNET, request));
                    Input::Answer(reply)
                }
                Next::Sleep(until) => {
                    clock = until.expect("there is something to do");
                    Input::Wake
                }
            });
        }
    }
    let spans: Vec<(u64, u64)> = log
        .reader()
        .entries(0, 99)
        .unwrap()
        .iter()
        .map(|entry| (entry.payload.first().get(), entry.payload.last().get()))
        .collect();
    assert_eq!(spans, [(1, 10), (11, 20), (21, 30), (31, 40), (41, 50), (51, 60)]);
}
