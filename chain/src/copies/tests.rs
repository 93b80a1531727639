use ed25519_dalek::SigningKey;
use ganglion_types::{Digest, Signature, sign};

use super::*;
use crate::outbox::{tests_paper::Paper, tests_payload};

const SUBNET: SubnetId = SubnetId::new([1; 32]);

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

/// A log of so many entries, of which those from `other` on say something else than they would.
fn log(byte: u8, salt: u8, count: u64, other: u64) -> Vec<Entry> {
    let (key, mut prev) = (key(byte), Digest::new([salt; 32]));
    let entry = |number: u64, prev: Digest| {
        let time = if number >= other { 2 } else { 1 };
        let payload = tests_payload(number + 1, number + 1);
        let hotkey = sign::hotkey_of(&key);
        let signature = Signature::new([0; 64]);
        let mut entry = Entry { number, time, prev, hotkey, payload, signature };
        entry.signature = sign::sign(&key, entry.id().as_bytes());
        entry
    };
    (0..count)
        .map(|number| {
            let entry = entry(number, prev);
            prev = entry.id();
            entry
        })
        .collect()
}

fn copy(paper: &Paper) -> Copy<Paper> {
    Copy::open(paper.clone(), sign::hotkey_of(&key(7)), SUBNET).unwrap()
}

#[test]
fn a_copy_grows_with_the_log_and_is_there_after_a_restart() {
    let (paper, all) = (Paper::default(), log(7, 1, 300, 999));
    let mut kept = copy(&paper);
    assert_eq!(kept.wanted(300), 0);
    assert_eq!(kept.take(&all[..250]).unwrap(), Taken::Added(250));
    assert_eq!(kept.take(&all[249..]).unwrap(), Taken::Added(50));
    assert_eq!(kept.take(&all[299..]).unwrap(), Taken::Added(0));
    let mut kept = copy(&paper);
    assert_eq!((kept.first(), kept.last()), (Some(0), Some(&all[299])));
    assert_eq!(kept.entries(290, 99).unwrap(), all[290..]);
    assert_eq!(kept.covering(Epoch::new(8)).unwrap().as_ref(), Some(&all[7]));
    assert_eq!(kept.covering(Epoch::new(301)).unwrap(), None);
    // A write that broke off.
    paper.clone().append(&all[0].to_bytes()[..100]).unwrap();
    assert_eq!(copy(&paper).last(), Some(&all[299]));
    assert_eq!(kept.take(&[]).unwrap(), Taken::Differs);
}

#[test]
fn what_is_not_a_chain_of_this_witness_and_subnet_is_odd() {
    let (paper, all) = (Paper::default(), log(7, 1, 9, 999));
    let mut kept = copy(&paper);
    let gap = [all[0].clone(), all[2].clone()];
    let many = vec![all[0].clone(); limits::ENTRIES + 1];
    for odd in [&log(8, 1, 2, 999)[..], &gap, &many] {
        assert_eq!(kept.take(odd).unwrap(), Taken::Odd);
    }
    let mut other = Copy::open(Paper::default(), kept.witness(), SubnetId::new([2; 32])).unwrap();
    assert_eq!(other.take(&all).unwrap(), Taken::Odd);
    assert_eq!(paper.size().unwrap(), 0);
}

#[test]
fn a_log_that_was_written_anew_is_found_at_the_place_where_it_was() {
    let (paper, all) = (Paper::default(), log(7, 1, 40, 999));
    let mut kept = copy(&paper);
    kept.take(&all).unwrap();
    let anew = log(7, 1, 60, 25);
    assert_eq!(kept.take(&anew[39..]).unwrap(), Taken::Differs);
    let Compared::Rewritten(rewrite) = kept.compare(&anew[20..40]).unwrap() else { panic!() };
    assert_eq!((&rewrite.one, &rewrite.other), (&all[25], &anew[25]));
    assert_eq!(kept.compare(&all[3..9]).unwrap(), Compared::Shared);
    // Behind that place both logs have other predecessors: no two entries prove anything.
    assert_eq!(kept.compare(&anew[26..40]).unwrap(), Compared::Strange);
    // Another salt is another log.
    let restarted = log(7, 2, 60, 999);
    assert_eq!(kept.take(&restarted[39..]).unwrap(), Taken::Differs);
    assert_eq!(kept.compare(&restarted).unwrap(), Compared::Strange);
    kept.begin_anew().unwrap();
    assert_eq!(kept.take(&restarted).unwrap(), Taken::Added(60));
}

#[test]
fn a_copy_keeps_the_newest_entries() {
    let most = limits::COPY_ENTRIES;
    let (paper, all) = (Paper::default(), log(7, 1, 2 * most as u64 + 10, u64::MAX));
    let mut kept = copy(&paper);
    for page in all.chunks(limits::ENTRIES) {
        let overlap = kept.last().cloned().into_iter();
        let page: Vec<Entry> = overlap.chain(page.iter().cloned()).collect();
        for part in [&page[..page.len() / 2], &page[page.len() / 2 - 1..]] {
            assert!(matches!(kept.take(part).unwrap(), Taken::Added(_)));
        }
        assert!(paper.size().unwrap() <= bytes_of(2 * most + limits::ENTRIES));
    }
    let (first, last) = (kept.first().unwrap(), kept.last().cloned());
    assert!(last.as_ref() == all.last() && first > most as u64 / 2);
    let again = copy(&paper);
    assert_eq!((again.first(), again.last().cloned()), (Some(first), last));
}
