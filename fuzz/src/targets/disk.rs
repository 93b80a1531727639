//! Files of the data directory, on a disk in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use ganglion_consensus::ledger::State;
use ganglion_persist::snapshots;
use ganglion_storage::agreement_log::{AgreementLog, Opened};
use ganglion_storage::certificate_log::CertificateLog;
use ganglion_storage::disk::Disk;
use ganglion_storage::faulty::FaultyDisk;
use ganglion_storage::watermark::WatermarkFile;
use ganglion_storage::{Logged, SEGMENT_EPOCHS, Store};
use ganglion_subnet::hidden::SealedRows;
use ganglion_subnet::scores::Scores;
use ganglion_types::{Certificate, Epoch, Round};

use super::ledger::{WORLD, World};
use crate::edit::edited;

/// The subnet and the epoch of the frozen files.
const SUBNET: [u8; 32] = [0x51; 32];
const EPOCH: u64 = 2;

fn dir() -> &'static Path {
    Path::new("/d")
}

fn with_file(name: &str, bytes: &[u8]) -> FaultyDisk {
    let disk = FaultyDisk::new();
    disk.plant(&dir().join(name), bytes);
    disk
}

const AGREEMENT: &str = "agreement-00000000000000000002.log";

fn entries(disk: &FaultyDisk, last: u64) -> Option<Vec<Vec<u8>>> {
    match AgreementLog::open(disk, dir(), &SUBNET, EPOCH, last) {
        Ok(Opened::Whole(_, entries)) => {
            assert!(entries.iter().zip(1..).all(|(entry, number)| entry.sequence == number));
            Some(entries.into_iter().map(|entry| entry.bytes).collect())
        }
        _ => None,
    }
}

pub(super) fn agreement_log(bytes: &[u8]) {
    let disk = with_file(AGREEMENT, bytes);
    // Opening cuts the tail: what is left must open to the same.
    if let Some(first) = entries(&disk, 0) {
        assert_eq!(entries(&disk, first.len() as u64), Some(first));
    }
}

/// Records of the input, and edits of the file that holds them: what is read back was written, in
/// order, or is refused.
pub(super) fn agreement_log_edited(bytes: &[u8]) {
    let (script, payloads) = bytes.split_at(bytes.len().min(20));
    let written: Vec<&[u8]> = payloads.chunks(48).take(12).collect();
    let disk = FaultyDisk::new();
    let mut log = AgreementLog::reset(&disk, dir(), &SUBNET, EPOCH).expect("an empty disk");
    for payload in &written {
        log.append(1, payload).expect("room for a record");
    }
    log.sync().expect("a sound disk");
    drop(log);
    assert_eq!(
        entries(&disk, written.len() as u64).as_deref(),
        Some(&written.iter().map(|payload| payload.to_vec()).collect::<Vec<_>>()[..])
    );
    let whole = disk.content(&dir().join(AGREEMENT)).expect("the file is there");
    let changed = edited(&whole, script);
    disk.plant(&dir().join(AGREEMENT), &changed);
    if let Some(read) = entries(&disk, 0) {
        assert!(read.len() <= written.len());
        assert!(
            read.iter().zip(&written).all(|(read, written)| read == written),
            "a changed record"
        );
        if read.len() < written.len() {
            assert_eq!(entries(&disk, written.len() as u64), None, "a lost record went unseen");
        }
    }
}

const CERTIFICATES: &str = "certificates-00000000.log";

fn bundles(disk: &FaultyDisk, durable: Option<u64>) -> Option<BTreeMap<u64, Logged>> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let log = CertificateLog::open(&shared, dir(), &SUBNET, SEGMENT_EPOCHS, durable).ok()?;
    assert!(log.last() >= durable, "an epoch known to be durable was lost in silence");
    let Some((first, last)) = log.first().zip(log.last()) else { return Some(BTreeMap::new()) };
    assert!(last - first < 1 << 20);
    let read = |epoch| Some((epoch, log.reader().read(epoch).ok()??));
    Some((first..=last).filter_map(read).collect())
}

pub(super) fn certificate_log(bytes: &[u8]) {
    let disk = with_file(CERTIFICATES, bytes);
    if let Some(first) = bundles(&disk, None) {
        let last = first.keys().next_back().copied();
        assert_eq!(bundles(&disk, last), Some(first));
    }
}

/// Bundles of the input in segments of three epochs, and one segment edited.
pub(super) fn certificate_log_edited(bytes: &[u8]) {
    let (script, payloads) = bytes.split_at(bytes.len().min(20));
    let segment = script.first().map_or(0, |byte| u64::from(*byte) % 3);
    let written: BTreeMap<u64, Logged> = (1..)
        .zip(payloads.chunks(64).take(8))
        .map(|(epoch, payload)| {
            let payload = payload.to_vec();
            (
                epoch,
                if payload.len() % 2 == 0 { Logged::Whole(payload) } else { Logged::Cut(payload) },
            )
        })
        .collect();
    let disk = FaultyDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    CertificateLog::create(&shared, dir(), &SUBNET).expect("an empty disk");
    let mut log = CertificateLog::open(&shared, dir(), &SUBNET, 3, None).expect("a log just made");
    for (epoch, bundle) in &written {
        log.append(*epoch, bundle).expect("room for a bundle");
        log.sync().expect("a sound disk");
    }
    drop(log);
    let last = written.keys().next_back().copied();
    assert_eq!(bundles(&disk, last).as_ref(), Some(&written));
    let path = dir().join(format!("certificates-{segment:08}.log"));
    let Some(whole) = disk.content(&path) else { return };
    disk.plant(&path, &edited(&whole, script));
    if let Some(read) = bundles(&disk, None) {
        assert!(read.iter().all(|(epoch, bundle)| written.get(epoch) == Some(bundle)));
        let _ = bundles(&disk, last);
    }
}

pub(super) fn watermark(bytes: &[u8]) {
    let disk = with_file("watermark", bytes);
    let path = dir().join("watermark");
    let Ok(Some((mut file, found))) = WatermarkFile::open(&disk, &path) else { return };
    file.write(&found).expect("a sound disk");
    drop(file);
    let again = WatermarkFile::open(&disk, &path);
    assert!(again.is_ok_and(|again| again.is_some_and(|(_, again)| again == found)));
}

const FORK: &str = "fork-00000000000000000002";

/// A store whose fork file is the input.
pub(super) fn fork_file(bytes: &[u8]) {
    let disk = FaultyDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    Store::init_on(Arc::clone(&shared), dir(), SUBNET).expect("an empty disk");
    disk.plant(&dir().join(FORK), bytes);
    let (store, _) = Store::open_on(shared, dir(), SUBNET).expect("a sound disk");
    let kept = store.forks().expect("a sound disk");
    // Whatever it holds, that there was a fork is never forgotten.
    assert_eq!(kept.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), [EPOCH]);
}

pub(super) fn snapshot_file(bytes: &[u8]) {
    if let Some(parts) = ganglion_storage::snapshots::decode(bytes) {
        assert_eq!(ganglion_storage::snapshots::encode(&parts), bytes);
    }
}

/// Pieces of a snapshot on their way here: those read back stay, with one more behind them.
pub(super) fn joining_file(bytes: &[u8]) {
    let disk = FaultyDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    Store::init_on(Arc::clone(&shared), dir(), SUBNET).expect("an empty disk");
    let (store, _) = Store::open_on(shared, dir(), SUBNET).expect("a sound disk");
    let files = store.reader().snapshots();
    let (mut partial, _) = files.resume(&OF).expect("a sound disk");
    partial.keep(0, b"a piece").expect("room for a piece");
    drop(partial);
    let path = dir().join("snapshots/joining");
    let whole = disk.content(&path).expect("the file is there");
    let (raw, rest) = bytes.split_first().map_or((true, bytes), |(at, rest)| (at % 2 == 0, rest));
    disk.plant(&path, &if raw { rest.to_vec() } else { edited(&whole, rest) });
    let _ = files.partial();
    let (mut partial, mut pieces) = files.resume(&OF).expect("a sound disk");
    partial.keep(7, rest).expect("room for a piece");
    drop(partial);
    pieces.push((7, rest.to_vec()));
    assert_eq!(files.resume(&OF).expect("a sound disk").1, pieces);
}

/// What the pieces are of.
const OF: [u8; 32] = [9; 32];

static PARTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let state = State::genesis(Arc::clone(&WORLD.subnet.manifest)).expect("a sound manifest");
    let cut = state.genesis_cut().expect("a genesis cut");
    let certificate = Certificate {
        epoch: Epoch::GENESIS,
        round: Round::new(0),
        cut: cut.id(),
        signatures: Vec::new(),
    };
    snapshots::make(&state, &cut, &certificate).expect("a snapshot")
});

/// One part of a real snapshot, changed: it is refused, or gives the state that it was made of.
pub(super) fn snapshot_edited(bytes: &[u8]) {
    let Some((part, script)) = bytes.split_first() else { return };
    let mut parts = PARTS.clone();
    let at = usize::from(*part) % parts.len();
    parts[at] = edited(&parts[at], script);
    if let Ok(loaded) = snapshots::load(&parts, &WORLD.subnet.manifest) {
        assert_eq!(loaded.state.root(), loaded.cut.state_root);
    }
}

/// Rows of a state, changed, one edit a row: what is read back has the rows that it was read from.
pub(super) fn state_rows(bytes: &[u8]) {
    let World { subnet, state } = &*WORLD;
    let mut rows = state.rows();
    for edit in bytes.chunks(12).take(16) {
        let Some((&[table, row], script)) = edit.split_first_chunk::<2>() else { continue };
        let key = rows.keys().nth(usize::from(row) % rows.len().max(1)).cloned();
        let Some((old_table, key)) = key else { continue };
        if let Some(value) = rows.remove(&(old_table, key.clone())) {
            let value = edited(&value, script);
            let key = if script.len() > 9 { edited(&key, &script[5..]) } else { key };
            let table = if table > 200 { table } else { old_table };
            rows.insert((table, key), value);
        }
    }
    if let Ok(read) = State::from_rows(Arc::clone(&subnet.manifest), state.head(), &rows) {
        assert!(read.rows() == rows, "rows that were read are not those that are written");
    }
}

pub(super) fn local_values(bytes: &[u8]) {
    if let Some(scores) = Scores::from_bytes(bytes) {
        assert_eq!(Scores::from_bytes(&scores.to_bytes()), Some(scores));
    }
    if let Some(sealed) = SealedRows::from_bytes(bytes) {
        assert_eq!(SealedRows::from_bytes(&sealed.to_bytes()), Some(sealed));
    }
}

/// The files of a node that stopped at epoch 70 under a release with format 1.
const OLD: [(&str, &[u8]); 3] = [
    (
        "certificates.log",
        include_bytes!("../../../storage/tests/fixtures/format-1/certificates.log"),
    ),
    ("watermark", include_bytes!("../../../storage/tests/fixtures/format-1/watermark")),
    (
        "agreement-00000000000000000070.log",
        include_bytes!(
            "../../../storage/tests/fixtures/format-1/agreement-00000000000000000070.log"
        ),
    ),
];

/// A data directory of an older release with one file changed: brought to the present layout with every epoch, or refused.
pub(super) fn old_directory(bytes: &[u8]) {
    let Some((file, script)) = bytes.split_first() else { return };
    let at = usize::from(*file) % OLD.len();
    let disk = FaultyDisk::new();
    disk.create_dir(dir()).expect("an empty disk");
    for (number, (name, content)) in OLD.iter().enumerate() {
        let changed = if number == at { edited(content, script) } else { content.to_vec() };
        disk.plant(&dir().join(name), &changed);
    }
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok((store, found)) = Store::open_on(shared, dir(), SUBNET) else { return };
    // Its watermark says that 69 were decided. If the record of the last one does not hold, it looks like one that was being
    // written when the power went, and its height goes on from the agreement log.
    if at != 1 {
        assert!(
            found.certified >= Some(69),
            "epochs of the old log are lost: {:?}",
            found.certified
        );
    }
    if at == 2 {
        assert_eq!(found.certified, Some(70), "the log is whole");
    }
    for epoch in 1..=found.certified.unwrap_or(0) {
        let written = format!("bundle of epoch {epoch}").into_bytes();
        let times = 1 + usize::try_from(epoch % 5).unwrap_or(0);
        let read = store.reader().bundle(epoch).expect("a sound disk");
        assert_eq!(read, Some(written.repeat(times)), "a changed epoch");
    }
}
