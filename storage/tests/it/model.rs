//! A made-up subnet whose every byte follows from the epoch, so that any store can be compared with what it should hold.

use ganglion_storage::{EpochCommit, Logged, Reader, StateChange, StoreError};

pub(crate) const SUBNET: [u8; 32] = [0x51; 32];

pub(crate) fn bundle(epoch: u64) -> Vec<u8> {
    format!("bundle of epoch {epoch}").into_bytes().repeat(1 + epoch as usize % 5)
}

pub(crate) fn cut(epoch: u64) -> Vec<u8> {
    format!("cut of epoch {epoch}").into_bytes().repeat(1 + 300 * (epoch as usize % 3))
}

pub(crate) fn certificate(epoch: u64) -> Vec<u8> {
    format!("certificate of epoch {epoch}").into_bytes()
}

fn account(number: u64, epoch: u64) -> Vec<u8> {
    format!("account {number} as of epoch {epoch}").into_bytes().repeat(1 + 60 * number as usize)
}

/// Account `number` exists unless the epoch is a multiple of `number + 2`, and changes in every epoch.
fn accounts(epoch: u64) -> Vec<StateChange> {
    (0..8)
        .map(|number| StateChange {
            table: 3,
            key: number.to_string().into_bytes(),
            value: (!epoch.is_multiple_of(number + 2)).then(|| account(number, epoch)),
        })
        .collect()
}

pub(crate) fn result(epoch: u64, uid: u16) -> Vec<u8> {
    format!("result of {uid} in {epoch}").into_bytes()
}

pub(crate) fn item_id(epoch: u64, number: u8) -> [u8; 32] {
    let mut id = [number; 32];
    id[..8].copy_from_slice(&epoch.to_be_bytes());
    id
}

pub(crate) fn item(epoch: u64, number: u8) -> Vec<u8> {
    format!("item {number} of {epoch}").into_bytes()
}

pub(crate) fn commit(epoch: u64) -> EpochCommit {
    EpochCommit {
        epoch,
        bundle: bundle(epoch),
        cut: cut(epoch),
        certificate: certificate(epoch),
        state: accounts(epoch),
        results: (0..6).map(|uid| (uid, result(epoch, uid))).collect(),
        items: (0..3).map(|number| (item_id(epoch, number), item(epoch, number))).collect(),
        next_committee: Vec::new(),
    }
}

pub(crate) fn genesis() -> Vec<StateChange> {
    accounts(1)
}

/// What must be in the ledger once `epoch` is applied; genesis and epoch 1 are alike.
pub(crate) fn ledger(epoch: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let changes = accounts(epoch.max(1)).into_iter();
    changes.filter_map(|change| change.value.map(|value| (change.key, value))).collect()
}

/// Compares everything of the applied epochs with the model. An error means the store noticed damage; a difference panics.
pub(crate) fn compare(reader: &Reader) -> Result<(), StoreError> {
    let Some(applied) = reader.applied()? else { return Ok(()) };
    assert_eq!(reader.state_rows(3, None, 100)?, ledger(applied), "ledger of {applied}");
    for epoch in 1..=applied {
        assert_eq!(reader.cut(epoch)?, Some(cut(epoch)));
        assert_eq!(reader.certificate(epoch)?, Some(certificate(epoch)));
        let rows = reader.results(epoch)?.expect("an applied epoch has results");
        let expected: Vec<_> = (0..6).map(|uid| (uid, result(epoch, uid))).collect();
        assert_eq!(rows, expected, "results of {epoch}");
    }
    assert_eq!(reader.cut(0)?, Some(b"genesis".to_vec()));
    assert_eq!(reader.cut(applied + 1)?, None);
    Ok(())
}

/// What is left of a bundle without items.
pub(crate) fn certified(epoch: u64) -> Vec<u8> {
    format!("certified cut of epoch {epoch}").into_bytes()
}

/// Compares the certificate log with the model.
pub(crate) fn compare_log(reader: &Reader) {
    let Some((first, last)) = reader.certified() else { return };
    assert_eq!(first, 1);
    let whole_from = reader.whole_from().unwrap();
    for epoch in first..=last {
        let expected = match epoch < whole_from {
            true => Logged::Cut(certified(epoch)),
            false => Logged::Whole(bundle(epoch)),
        };
        assert_eq!(reader.logged(epoch).unwrap(), Some(expected), "record of {epoch}");
    }
}
