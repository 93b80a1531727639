//! True answers made false, in one of seven ways each.

use ganglion_types::Signature;
use ganglion_types::proto;

use crate::random::Random;

/// Epochs for one who follows.
pub(crate) fn epochs(told: &mut proto::Epochs, how: u64, random: &mut Random) {
    let at = random.index(told.epochs.len());
    let Some(bundle) = told.epochs.get_mut(at) else { return };
    match how {
        0 => bundle.items.clear(),
        1 => state_root(bundle.cut.as_mut()),
        2..=4 => certificate(bundle.certificate.as_mut(), how),
        5 => told.epochs.clear(),
        _ => {
            told.epochs.remove(at);
        }
    }
}

/// Certified cuts for one who joins.
pub(crate) fn cuts(told: &mut proto::Cuts, how: u64, random: &mut Random) {
    let at = random.index(told.cuts.len());
    let Some(certified) = told.cuts.get_mut(at) else { return };
    match how {
        // A committee of one's own.
        0 => {
            if let Some(committee) = &mut certified.committee {
                committee.members.truncate(1);
            }
        }
        1 => state_root(certified.cut.as_mut()),
        2..=4 => certificate(certified.certificate.as_mut(), how),
        5 => told.cuts.clear(),
        _ => {
            told.cuts.remove(at);
        }
    }
}

/// Certified cuts of another history, with the certificates of the true one.
pub(crate) fn history(told: &mut proto::Cuts) {
    told.cuts.iter_mut().for_each(|certified| state_root(certified.cut.as_mut()));
}

/// Snapshots that are offered.
pub(crate) fn offers(told: &mut proto::Snapshots, how: u64, random: &mut Random) {
    let Some(header) = told.snapshots.first_mut() else { return };
    match how {
        // Of an epoch that is still to come.
        0 => header.epoch += random.between(1, 50),
        1 => header.cut = vec![5; 32],
        // Of other rows, in a chunk that is made up.
        2 => {
            if let Some(chunk) = header.chunks.first_mut() {
                chunk.digest = blake3::hash(&MADE_UP).as_bytes().to_vec();
                chunk.bytes = u32::try_from(MADE_UP.len()).unwrap_or(0);
            }
        }
        3 if random.permille(500) => {
            if let Some(table) = header.tables.first_mut() {
                table.rows += 1;
            }
        }
        3 => told.snapshots.clear(),
        // True: what follows is not.
        _ => {}
    }
}

/// What is in the chunk that a false header lists.
const MADE_UP: [u8; 64] = [7; 64];

/// A piece of a snapshot.
pub(crate) fn chunk(chunk: &mut proto::Chunk, how: u64, random: &mut Random) {
    let at = random.index(chunk.bytes.len());
    match how {
        2 => chunk.bytes = MADE_UP.to_vec(),
        4 => chunk.bytes.truncate(at),
        5 => chunk.bytes.clear(),
        6 => {
            if let Some(byte) = chunk.bytes.get_mut(at) {
                *byte ^= 1;
            }
        }
        // They lie before it comes to that.
        _ => {}
    }
}

fn state_root(cut: Option<&mut proto::Cut>) {
    if let Some(cut) = cut {
        cut.state_root = vec![5; 32];
    }
}

fn certificate(certificate: Option<&mut proto::Certificate>, how: u64) {
    let Some(certificate) = certificate else { return };
    let Some(first) = certificate.signatures.first_mut() else { return };
    match how {
        2 => certificate.signatures.truncate(1),
        3 => first.signature = Signature::new([1; 64]).as_bytes().to_vec(),
        // As many signatures as before, all of one signer.
        _ => {
            let first = first.clone();
            certificate.signatures.iter_mut().for_each(|one| *one = first.clone());
        }
    }
}
