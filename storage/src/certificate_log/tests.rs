use super::*;
use crate::codec::hash;
use crate::faulty::{Crash, FaultyDisk};
use segment::RECORD_HEADER_BYTES;

const SUBNET: [u8; 32] = [7; 32];
/// Where a segment's header has its format, and its hash.
const FORMAT_AT: usize = 11;
const HASH_AT: usize = HEADER_BYTES - 32;

fn dir() -> PathBuf {
    PathBuf::from("/d")
}

fn path() -> PathBuf {
    path_of(&dir(), 0)
}

fn bundle(epoch: u64) -> Vec<u8> {
    vec![epoch as u8; 20 + epoch as usize]
}

/// What is left of a bundle.
fn cut(epoch: u64) -> Vec<u8> {
    vec![epoch as u8; 3]
}

fn whole(epoch: u64) -> Logged {
    Logged::Whole(bundle(epoch))
}

fn handle(disk: &FaultyDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn empty() -> FaultyDisk {
    let disk = FaultyDisk::new();
    CertificateLog::create(&handle(&disk), &dir(), &SUBNET).unwrap();
    disk
}

fn log_of(epochs: std::ops::RangeInclusive<u64>) -> FaultyDisk {
    segments_of(epochs, SEGMENT_EPOCHS)
}

fn segments_of(epochs: std::ops::RangeInclusive<u64>, length: u64) -> FaultyDisk {
    let disk = empty();
    let mut log = open_segments(&disk, length, None).unwrap();
    for epoch in epochs {
        log.append(epoch, &whole(epoch)).unwrap();
        log.sync().unwrap();
    }
    disk
}

fn open(disk: &FaultyDisk, durable: Option<u64>) -> Result<CertificateLog, OpenError> {
    open_segments(disk, SEGMENT_EPOCHS, durable)
}

fn open_segments(
    disk: &FaultyDisk,
    length: u64,
    durable: Option<u64>,
) -> Result<CertificateLog, OpenError> {
    CertificateLog::open(&handle(disk), &dir(), &SUBNET, length, durable)
}

#[test]
fn epochs_read_back_over_several_segments_and_a_reopen() {
    let disk = log_of(1..=100);
    let log = open(&disk, Some(100)).unwrap();
    assert_eq!((log.first(), log.last()), (Some(1), Some(100)));
    let reader = log.reader();
    for epoch in 1..=100 {
        assert_eq!(reader.read(epoch).unwrap().unwrap(), whole(epoch));
    }
    assert!(reader.read(0).unwrap().is_none() && reader.read(101).unwrap().is_none());
}

#[test]
fn a_log_may_begin_at_any_epoch_but_has_no_gaps() {
    let disk = log_of(40..=60);
    let mut log = open(&disk, None).unwrap();
    assert_eq!(log.first(), Some(40));
    assert_eq!(log.reader().read(57).unwrap().unwrap(), whole(57));
    let refused = log.append(62, &whole(62)).unwrap_err();
    assert!(matches!(refused, StoreError::OutOfOrder { expected: 61, .. }));
    let refused = log.append(60, &whole(60)).unwrap_err();
    assert!(matches!(refused, StoreError::OutOfOrder { expected: 61, .. }));
}

#[test]
fn nothing_is_readable_before_its_sync() {
    let disk = log_of(1..=1);
    let mut log = open(&disk, None).unwrap();
    let reader = log.reader();
    log.append(2, &whole(2)).unwrap();
    assert!(reader.read(2).unwrap().is_none());
    log.sync().unwrap();
    assert_eq!(reader.read(2).unwrap().unwrap(), whole(2));
}

#[test]
fn a_flip_of_any_bit_of_a_log_known_to_be_durable_is_damage() {
    let disk = log_of(1..=3);
    let size = disk.content(&path()).unwrap().len();
    for byte in 0..size {
        for bit in 0..8 {
            let copy = disk.copy();
            assert!(copy.flip(&path(), byte, 1 << bit));
            let refused = open(&copy, Some(3)).unwrap_err();
            assert!(matches!(refused, OpenError::Damaged { .. }), "byte {byte}: {refused}");
            let kept = copy.content(&path()).unwrap().len();
            assert_eq!(kept, size, "a damaged log must not be cut");
        }
    }
}

#[test]
fn without_other_knowledge_a_flip_before_the_last_record_is_still_damage() {
    let disk = log_of(1..=3);
    let size = disk.content(&path()).unwrap().len();
    let last = size - RECORD_HEADER_BYTES - bundle(3).len();
    for byte in 0..last {
        let copy = disk.copy();
        assert!(copy.flip(&path(), byte, 4));
        let refused = open(&copy, None).unwrap_err();
        let damage = match refused {
            OpenError::Damaged { damage, .. } => damage,
            other => panic!("byte {byte}: {other}"),
        };
        let first = HEADER_BYTES + RECORD_HEADER_BYTES + bundle(1).len();
        let expected = match byte {
            _ if byte < HEADER_BYTES => Damage::Header,
            _ if byte < first => Damage::Record { epoch: 1, offset: HEADER_BYTES as u64 },
            _ => Damage::Record { epoch: 2, offset: first as u64 },
        };
        assert_eq!(damage, expected, "byte {byte}");
    }
    for byte in last..size {
        let copy = disk.copy();
        assert!(copy.flip(&path(), byte, 4));
        assert_eq!(open(&copy, None).unwrap().last(), Some(2), "byte {byte}");
    }
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_log_goes_on() {
    let whole = log_of(1..=2).content(&path()).unwrap();
    let longer = log_of(1..=3).content(&path()).unwrap();
    for kept in whole.len()..longer.len() {
        let torn = FaultyDisk::new();
        torn.plant(&path(), &longer[..kept]);
        let mut log = open(&torn, Some(2)).unwrap();
        assert_eq!(log.last(), Some(2));
        assert_eq!(torn.content(&path()).unwrap().len(), whole.len());
        log.append(3, &Logged::Whole(b"again".to_vec())).unwrap();
        log.sync().unwrap();
        torn.crash(Crash::LoseAll);
        let log = open(&torn, Some(3)).unwrap();
        assert_eq!(log.reader().read(3).unwrap().unwrap().bytes(), b"again");
    }
}

#[test]
fn a_record_copied_into_a_payload_does_not_pass_for_a_later_record() {
    let donor = log_of(1..=5).content(&path()).unwrap();
    let disk = log_of(1..=1);
    let mut log = open(&disk, None).unwrap();
    log.append(2, &Logged::Whole(donor[HEADER_BYTES..].to_vec())).unwrap();
    log.sync().unwrap();
    drop(log);
    let size = disk.content(&path()).unwrap();
    let second = HEADER_BYTES + RECORD_HEADER_BYTES + bundle(1).len();
    assert!(disk.flip(&path(), second + 5, 1), "{} bytes", size.len());
    assert_eq!(open(&disk, Some(1)).unwrap().last(), Some(1));
}

#[test]
fn damage_found_when_reading_names_the_epoch() {
    let disk = log_of(1..=20);
    let log = open(&disk, None).unwrap();
    let first = HEADER_BYTES + RECORD_HEADER_BYTES;
    assert!(disk.flip(&path(), first, 1));
    let refused = log.reader().read(1).unwrap_err();
    assert!(matches!(
        refused,
        StoreError::Damaged { damage: Damage::Record { epoch: 1, offset: 152 }, .. }
    ));
    assert!(log.reader().read(2).is_ok(), "other epochs stay readable");
}

#[test]
fn another_subnet_and_a_newer_format_are_named_as_such() {
    let disk = log_of(1..=1);
    let refused = CertificateLog::open(&handle(&disk), &dir(), &[8; 32], 64, None).unwrap_err();
    assert!(matches!(refused, OpenError::OtherSubnet { .. }));
    let mut content = disk.content(&path()).unwrap();
    content[FORMAT_AT] = 3;
    let digest = hash("ganglion storage certificate log header", &[&content[..HASH_AT]]);
    content[HASH_AT..HEADER_BYTES].copy_from_slice(&digest);
    disk.plant(&path(), &content);
    let refused = open(&disk, None).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 3, known: 2, .. }));
}

#[test]
fn a_bundle_over_the_bound_is_refused_and_one_at_it_kept() {
    let disk = empty();
    let mut log = open(&disk, None).unwrap();
    let refused = log.append(1, &Logged::Whole(vec![0; BUNDLE_BYTES_MAX + 1])).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { .. }));
    log.append(1, &Logged::Whole(vec![1; BUNDLE_BYTES_MAX])).unwrap();
    log.sync().unwrap();
    assert_eq!(open(&disk, Some(1)).unwrap().last(), Some(1));
}

/// A log of epochs 1 to 14 in segments of four.
fn segments() -> (FaultyDisk, CertificateLog) {
    let disk = segments_of(1..=14, 4);
    let log = open_segments(&disk, 4, Some(14)).unwrap();
    (disk, log)
}

fn compact(log: &CertificateLog, through: u64) -> Result<Vec<(u64, u64)>, StoreError> {
    let mut gone = Vec::new();
    while let Some(one) = log.compactor(None).compact(through, |epoch, bytes| {
        assert_eq!(bytes, bundle(epoch));
        Some(cut(epoch))
    })? {
        assert!(one.after < one.before, "{one:?}");
        gone.push(one.epochs);
    }
    Ok(gone)
}

/// Epochs up to `gone` are cuts, the others whole.
fn assert_holds(log: &CertificateLog, gone: u64, last: u64) {
    let reader = log.reader();
    assert_eq!(reader.range(), Some((1, last)));
    assert_eq!(reader.whole_from(), Some(gone + 1));
    for epoch in 1..=last {
        let expected = if epoch <= gone { Logged::Cut(cut(epoch)) } else { whole(epoch) };
        assert_eq!(reader.read(epoch).unwrap(), Some(expected), "epoch {epoch}");
    }
}

#[test]
fn items_go_by_whole_segments_up_to_the_epoch_given_and_never_from_the_last() {
    let (disk, log) = segments();
    assert_eq!(compact(&log, 3).unwrap(), []);
    assert_eq!(compact(&log, 11).unwrap(), [(1, 4), (5, 8)]);
    assert_eq!(compact(&log, 11).unwrap(), [], "again");
    assert_holds(&log, 8, 14);
    let mut log = open_segments(&disk, 4, Some(14)).unwrap();
    assert_holds(&log, 8, 14);
    assert_eq!(compact(&log, 100).unwrap(), [(9, 12)]);
    for epoch in 15..=18 {
        log.append(epoch, &whole(epoch)).unwrap();
        log.sync().unwrap();
    }
    assert_holds(&log, 12, 18);
    assert_holds(&open_segments(&disk, 4, Some(18)).unwrap(), 12, 18);
}

#[test]
fn a_reader_that_was_there_before_sees_what_is_left() {
    let (_, log) = segments();
    let reader = log.reader();
    compact(&log, 4).unwrap();
    assert_eq!(reader.read(2).unwrap(), Some(Logged::Cut(cut(2))));
    assert_eq!(reader.whole_from(), Some(5));
}

#[test]
fn a_segment_of_which_one_record_cannot_be_cut_stays() {
    let (disk, log) = segments();
    let left = log.compactor(None).compact(8, |epoch, _| (epoch != 3).then(|| cut(epoch)));
    assert_eq!(left.unwrap(), None);
    assert_holds(&open_segments(&disk, 4, Some(14)).unwrap(), 0, 14);
}

#[test]
fn a_damaged_segment_is_not_rewritten() {
    let (disk, log) = segments();
    let at = HEADER_BYTES + RECORD_HEADER_BYTES;
    assert!(disk.flip(&path(), at, 1));
    let before = disk.content(&path());
    let refused = compact(&log, 8).unwrap_err();
    assert!(
        matches!(refused, StoreError::Damaged { damage: Damage::Record { epoch: 1, .. }, .. }),
        "{refused}"
    );
    assert_eq!(disk.content(&path()), before);
}

/// The chain holds over compacted files too: neither one of another log nor one out of order passes.
#[test]
fn any_flip_in_a_compacted_log_or_a_segment_that_is_gone_or_foreign_is_damage() {
    let (disk, log) = segments();
    compact(&log, 8).unwrap();
    for ordinal in 0..4 {
        let size = disk.content(&path_of(&dir(), ordinal)).unwrap().len();
        for byte in 0..size {
            let copy = disk.copy();
            assert!(copy.flip(&path_of(&dir(), ordinal), byte, 4));
            let refused = open_segments(&copy, 4, Some(14)).unwrap_err();
            assert!(matches!(refused, OpenError::Damaged { .. }), "{ordinal}, {byte}: {refused}");
        }
        let copy = disk.copy();
        copy.remove(&path_of(&dir(), ordinal)).unwrap();
        assert!(open_segments(&copy, 4, Some(14)).is_err(), "without {ordinal}");
    }
    let other = segments_of(1..=14, 4);
    let mut log = open_segments(&other, 4, Some(14)).unwrap();
    log.append(15, &whole(15)).unwrap();
    let foreign = empty();
    let mut log = open_segments(&foreign, 4, None).unwrap();
    for epoch in 1..=14 {
        log.append(epoch, &Logged::Whole(vec![9; 5])).unwrap();
    }
    log.sync().unwrap();
    disk.plant(&path_of(&dir(), 1), &foreign.content(&path_of(&dir(), 1)).unwrap());
    assert!(open_segments(&disk, 4, Some(14)).is_err(), "a segment of another log");
}

/// The power goes at every operation of a compaction between appends: every epoch is there, whole or as a cut, and
/// what was not due is whole.
#[test]
fn wherever_the_power_goes_while_items_are_removed_no_epoch_is_lost() {
    let live = |disk: &FaultyDisk| -> (u64, Result<(), StoreError>) {
        let mut log = open_segments(disk, 4, Some(9)).unwrap();
        let mut last = 9;
        let mut go = || {
            for epoch in 10..=14 {
                log.append(epoch, &whole(epoch))?;
                log.sync()?;
                last = epoch;
                compact(&log, epoch.saturating_sub(5))?;
            }
            Ok(())
        };
        let outcome = go();
        (last, outcome)
    };
    let done = segments_of(1..=9, 4);
    let before = done.operations();
    live(&done).1.unwrap();
    let operations = done.operations() - before;
    assert!(operations >= 20, "{operations}");
    let mut half_done = 0;
    for operation in 0..=operations {
        let kinds = [Crash::LoseAll, Crash::KeepAll, Crash::TornAt(30)];
        for crash in kinds.into_iter().chain((0..12).map(Crash::Seeded)) {
            let disk = segments_of(1..=9, 4);
            disk.cut_power_at(disk.operations() + operation);
            let (acked, _) = live(&disk);
            disk.crash(crash);
            let what = format!("operation {operation}, {crash:?}");
            let log = open_segments(&disk, 4, Some(acked));
            let log = log.unwrap_or_else(|error| panic!("{what}: {error}"));
            let last = log.last().unwrap();
            assert!(last >= acked && last <= 14, "{what}");
            let gone = log.reader().whole_from().unwrap() - 1;
            assert!(gone <= 8 && gone.is_multiple_of(4), "{what}: {gone}");
            half_done += u64::from(gone == 4);
            assert_holds(&log, gone, last);
            compact(&log, 9).unwrap();
            assert_holds(&open_segments(&disk, 4, Some(last)).unwrap(), 8, last);
        }
    }
    assert!(half_done > 20, "{half_done}");
}

/// A failed write or sync leaves the old file, and the log goes on.
#[test]
fn a_failing_disk_costs_no_epoch_either() {
    for nth in 0..8 {
        for sync in [false, true] {
            let (disk, log) = segments();
            if sync {
                disk.fail_sync(nth)
            } else {
                disk.fail_write(nth)
            }
            let failed = compact(&log, 8).is_err();
            let gone = log.reader().whole_from().unwrap() - 1;
            assert_holds(&log, gone, 14);
            disk.crash(Crash::LoseAll);
            let log = open_segments(&disk, 4, Some(14)).unwrap();
            let gone = log.reader().whole_from().unwrap() - 1;
            assert_holds(&log, gone, 14);
            assert!(failed || gone == 8, "{nth}, {sync}");
            compact(&log, 8).unwrap();
            assert_holds(&log, 8, 14);
        }
    }
}
