//! Walks through everything that a store holds and compares each part with the others.
//!
//! ```text
//!  certificate log ─► chain of cuts ─► certificates against committees ─► items against cuts
//!        └─► tables: cuts, certificates, results ─► state against the applied cut ─► snapshots against the log
//! ```
//! Committees need no trust: each cut names the digest of the one that certifies the next.

use std::sync::Arc;

use ganglion_consensus::certificate::{Committee, verify_certificate};
use ganglion_consensus::ledger::State;
use ganglion_consensus::ledger::stages::{RESULT, Stage};
use ganglion_consensus::proof;
use ganglion_storage::{Logged, Reader, StoreError};
use ganglion_types::{
    Canonical as _, Certificate, CommitteeMembers, Cut, EpochBundle, Item, Manifest, limits, proto,
};
use prost::Message as _;

use crate::keeper::committee_of;
use crate::restart::stored_state;
use crate::snapshots;
use crate::stored::StoredResult;

/// What is being walked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Epochs of the certificate log, with what the tables say of each.
    Epochs,
    /// Rows of the state.
    State,
    /// Snapshots.
    Snapshots,
}

/// The first thing that is wrong with a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The part, as in `docs/spec/storage.md`.
    pub part: &'static str,
    /// The epoch concerned.
    pub epoch: u64,
    /// What is wrong.
    pub what: String,
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Epochs of the certificate log.
    pub epochs: u64,
    /// Those of them with items.
    pub whole: u64,
    /// Items, each with its signature.
    pub items: u64,
    /// Certificates checked against their committee.
    pub certificates: u64,
    /// Certificates whose committee is not known here: of the first epoch of a node that joined by a snapshot.
    pub committee_unknown: u64,
    /// Result rows compared with the root in their cut.
    pub results: u64,
    /// Rows of the state.
    pub state_rows: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// The first thing wrong of each part, in the order in which they are walked through.
    pub wrong: Vec<Wrong>,
}

/// Told now and then: what is done, and how many there are of it.
pub type Progress<'a> = &'a mut dyn FnMut(Walk, u64, u64);

/// One epoch as the log has it.
struct Logbook {
    cut: Cut,
    certificate: Certificate,
    items: Option<Vec<Item>>,
    /// The committee beside a cut without items.
    committee: Option<Committee>,
}

fn read(logged: &Logged) -> Result<Logbook, String> {
    match logged {
        Logged::Whole(bytes) => {
            let bundle = EpochBundle::from_bytes(bytes, limits::RPC_BYTES)
                .map_err(|error| error.to_string())?;
            let EpochBundle { cut, certificate, items } = bundle;
            Ok(Logbook { cut, certificate, items: Some(items), committee: None })
        }
        Logged::Cut(bytes) => {
            let read =
                proto::CertifiedCut::decode(bytes.as_slice()).map_err(|error| error.to_string())?;
            let cut = read.cut.ok_or("there is no cut")?;
            let certificate = read.certificate.ok_or("there is no certificate")?;
            Ok(Logbook {
                cut: Cut::from_proto(cut).map_err(|error| error.to_string())?,
                certificate: Certificate::from_proto(certificate)
                    .map_err(|error| error.to_string())?,
                items: None,
                committee: read.committee.as_ref().and_then(snapshots::read_committee),
            })
        }
    }
}

/// Verifies all that `reader` gives.
///
/// # Errors
/// What the system says; damage is no error but in [`Verified::wrong`].
pub fn verify(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    progress: Progress<'_>,
) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    let genesis = State::genesis(Arc::clone(manifest)).ok();
    epochs(reader, manifest, genesis.as_ref(), &mut verified, progress)?;
    state(reader, manifest, &mut verified, progress)?;
    kept_snapshots(reader, manifest, &mut verified, progress)?;
    Ok(verified)
}

fn wrong(verified: &mut Verified, part: &'static str, epoch: u64, what: impl Into<String>) {
    if verified.wrong.iter().all(|one| one.part != part) {
        verified.wrong.push(Wrong { part, epoch, what: what.into() });
    }
}

/// Damage counts as an answer, other failures do not.
fn told<T>(result: Result<T, StoreError>) -> Result<Result<T, String>, StoreError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error @ (StoreError::Damaged { .. } | StoreError::Database { .. })) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

fn epochs(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    genesis: Option<&State>,
    verified: &mut Verified,
    progress: Progress<'_>,
) -> Result<(), StoreError> {
    const LOG: &str = "certificate log";
    let Some((first, last)) = reader.certified() else { return Ok(()) };
    let all = last.saturating_sub(first).saturating_add(1);
    let mut before: Option<Cut> = genesis.filter(|_| first == 1).and_then(State::genesis_cut);
    for epoch in first..=last {
        progress(Walk::Epochs, epoch.saturating_sub(first), all);
        let logged = match told(reader.logged(epoch))? {
            Ok(Some(logged)) => logged,
            Ok(None) => {
                wrong(verified, LOG, epoch, "the epoch is missing");
                return Ok(());
            }
            Err(what) => {
                wrong(verified, LOG, epoch, what);
                return Ok(());
            }
        };
        let book = match read(&logged) {
            Ok(book) => book,
            Err(what) => {
                wrong(verified, LOG, epoch, format!("it cannot be read: {what}"));
                return Ok(());
            }
        };
        verified.epochs = verified.epochs.saturating_add(1);
        if let Err(what) = follows(&book, manifest, epoch, before.as_ref()) {
            wrong(verified, LOG, epoch, what);
        }
        certificate(reader, genesis, &book, before.as_ref(), verified)?;
        items(&book, epoch, verified);
        tables(reader, &book, epoch, verified)?;
        before = Some(book.cut);
    }
    progress(Walk::Epochs, all, all);
    Ok(())
}

fn follows(
    book: &Logbook,
    manifest: &Manifest,
    epoch: u64,
    before: Option<&Cut>,
) -> Result<(), &'static str> {
    let cut = &book.cut;
    if cut.epoch.get() != epoch || cut.subnet != manifest.subnet_id() {
        return Err("the cut is of another epoch or subnet");
    }
    if before.is_some_and(|before| cut.prev != before.id()) {
        return Err("the cut does not follow on the one before");
    }
    if book.certificate.cut != cut.id() || book.certificate.epoch != cut.epoch {
        return Err("the certificate is for another cut");
    }
    Ok(())
}

fn certificate(
    reader: &Reader,
    genesis: Option<&State>,
    book: &Logbook,
    before: Option<&Cut>,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    let epoch = book.cut.epoch.get();
    let Some(before) = before else {
        verified.committee_unknown = verified.committee_unknown.saturating_add(1);
        return Ok(());
    };
    let root = before.next_committee_root;
    let fits = |committee: &Committee| committee.digest() == root;
    let noted = || -> Result<Option<Committee>, StoreError> {
        let by_epoch = told(reader.committee_of_epoch(epoch))?.ok().flatten();
        let by_epoch = by_epoch
            .and_then(|bytes| proto::CommitteeMembers::decode(bytes.as_slice()).ok())
            .and_then(|committee| snapshots::read_committee(&committee));
        if let Some(committee) = by_epoch.filter(fits) {
            return Ok(Some(committee));
        }
        let by_root = told(reader.committee(root.as_bytes()))?.ok().flatten();
        let members = by_root
            .and_then(|bytes| CommitteeMembers::from_bytes(&bytes, limits::AGREEMENT_BYTES).ok());
        Ok(members.and_then(|members| proof::committee_of(&members).ok()).filter(fits))
    };
    let beside = book.committee.clone().filter(fits);
    let of_genesis = || genesis.and_then(committee_of).filter(fits);
    let committee = match beside.or_else(of_genesis) {
        Some(committee) => Some(committee),
        None => noted()?,
    };
    let Some(committee) = committee else {
        // Executing the epoch before would tell; the certificate is checked again by whoever fetches it.
        verified.committee_unknown = verified.committee_unknown.saturating_add(1);
        return Ok(());
    };
    let cut = &book.cut;
    match verify_certificate(&book.certificate, &cut.subnet, cut.epoch, &committee) {
        Ok(_) => verified.certificates = verified.certificates.saturating_add(1),
        Err(error) => {
            let what = format!("its committee did not sign it: {error}");
            wrong(verified, "certificates", epoch, what);
        }
    }
    Ok(())
}

fn items(book: &Logbook, epoch: u64, verified: &mut Verified) {
    let Some(items) = &book.items else { return };
    verified.whole = verified.whole.saturating_add(1);
    let named = items.iter().map(Item::id).eq(book.cut.items.iter().copied());
    if !named {
        wrong(verified, "items", epoch, "they are not the ones that the cut names");
    } else if let Some(item) = items.iter().find(|item| !item.verify()) {
        let what = format!("the signature of item {} does not hold", item.id());
        wrong(verified, "items", epoch, what);
    }
    verified.items = verified.items.saturating_add(items.len() as u64);
}

/// What the tables say of an epoch that they must have.
fn tables(
    reader: &Reader,
    book: &Logbook,
    epoch: u64,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    const TABLES: &str = "tables";
    if told(reader.applied())?.ok().flatten().is_none_or(|applied| epoch > applied) {
        return Ok(());
    }
    let rows = [
        ("cut", told(reader.cut(epoch))?, book.cut.to_bytes()),
        ("certificate", told(reader.certificate(epoch))?, book.certificate.to_bytes()),
    ];
    for (name, found, expected) in rows {
        match found {
            Ok(Some(bytes)) if bytes == expected => {}
            Ok(_) => {
                wrong(verified, TABLES, epoch, format!("the {name} is not the one in the log"));
            }
            Err(what) => wrong(verified, TABLES, epoch, what),
        }
    }
    match told(StoredResult::read(reader, book.cut.epoch))? {
        Err(what) => wrong(verified, TABLES, epoch, what),
        Ok(StoredResult { header, rows, .. }) => {
            // Without the header the rows were pruned, or belong to an epoch before a snapshot.
            if let Some(header) = header {
                let count = rows.len() as u64;
                let rows = rows.into_iter().map(|(uid, row)| (uid.to_be_bytes().to_vec(), row));
                let rows = std::iter::once((Vec::new(), header)).chain(rows).collect();
                let digest = Stage { number: RESULT, rows }.digest().digest;
                if digest != book.cut.result_root {
                    let what = "the result rows are not those of the cut";
                    wrong(verified, TABLES, epoch, what);
                }
                verified.results = verified.results.saturating_add(count);
            }
        }
    }
    Ok(())
}

fn state(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    verified: &mut Verified,
    progress: Progress<'_>,
) -> Result<(), StoreError> {
    let certified = reader.certified().map_or(0, |(_, last)| last);
    let applied = match told(reader.applied())? {
        // A crash costs one epoch at most.
        Ok(applied) if applied.unwrap_or(0).saturating_add(1) < certified => {
            wrong(verified, "state", certified, lagging(applied, certified));
            return Ok(());
        }
        Ok(Some(applied)) => applied,
        Ok(None) => return Ok(()),
        Err(what) => {
            wrong(verified, "state", 0, what);
            return Ok(());
        }
    };
    progress(Walk::State, 0, 1);
    match stored_state(reader, manifest, applied) {
        Ok(state) => verified.state_rows = state.rows().len() as u64,
        Err(error) => wrong(verified, "state", applied, error.to_string()),
    }
    progress(Walk::State, 1, 1);
    Ok(())
}

/// How tables are told that lost epochs, which a database does that opens at an earlier state.
#[must_use]
pub fn lagging(applied: Option<u64>, certified: u64) -> String {
    let end =
        applied.map_or_else(|| "are empty".into(), |applied| format!("end with epoch {applied}"));
    format!("the tables {end}, and the certificate log ends with epoch {certified}")
}

fn kept_snapshots(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    verified: &mut Verified,
    progress: Progress<'_>,
) -> Result<(), StoreError> {
    let epochs = reader.snapshots().epochs()?;
    let all = epochs.len() as u64;
    for (done, epoch) in (0..).zip(epochs) {
        progress(Walk::Snapshots, done, all);
        if let Err(what) = snapshot(reader, manifest, epoch)? {
            wrong(verified, "snapshots", epoch, what);
        }
        verified.snapshots = verified.snapshots.saturating_add(1);
    }
    progress(Walk::Snapshots, all, all);
    Ok(())
}

/// Whether the snapshot of an epoch is whole, is the state that its cut states, and that cut is the one in the log.
///
/// # Errors
/// What the system says.
pub fn snapshot(
    reader: &Reader,
    manifest: &Arc<Manifest>,
    epoch: u64,
) -> Result<Result<(), String>, StoreError> {
    let Some(parts) = reader.snapshots().parts(epoch)? else {
        return Ok(Err("a part of the file does not hold".into()));
    };
    let loaded = match snapshots::load(&parts, manifest) {
        Ok(loaded) => loaded,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let logged = told(reader.logged(epoch))?.ok().flatten();
    let differs =
        logged.as_ref().and_then(snapshots::cut_of).filter(|cut| cut.id() != loaded.cut.id());
    Ok(match differs {
        Some(_) => Err("its cut is not the one in the certificate log".into()),
        None => Ok(()),
    })
}
