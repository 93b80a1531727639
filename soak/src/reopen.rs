//! What a node's files must still hold, whatever happened to them, and the start that tells.
//!
//! The start is [`ganglion::node::resume`], the very function of the running node up to its network.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use anyhow::Context as _;
use ganglion::config::MANIFEST_NAME;
use ganglion::keys::{KeyKind, KeyPair, Password};
use ganglion::node::{NodeError, Resumed, resume};
use ganglion_storage::watermark::RoundCut;
use ganglion_storage::{Entry, Position, Standing, StoreError, Watermark};
use ganglion_types::Manifest;

use crate::cluster::Cluster;

/// Names that hold nothing that could be lost, and are made again: left out of copies, for they are large.
const IDLE: [&str; 4] = ["ballast", "probe.new", "log", "worker"];

/// Whose files they are.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) manifest: Arc<Manifest>,
    hotkey: KeyPair,
}

impl Owner {
    pub(crate) fn of(cluster: &Cluster, at: usize) -> anyhow::Result<Self> {
        let (layout, record) = (&cluster.layout, &cluster.nodes[at].record);
        let (path, file) = layout.home().read_key(KeyKind::Hotkey, &record.name)?;
        let hotkey = file.open(&path, &Password::none())?;
        Ok(Self {
            manifest: Arc::new(ganglion::manifest::load(
                &layout.node(&record.name).join(MANIFEST_NAME),
            )?),
            hotkey,
        })
    }

    /// Starts on `dir` as the node does. A panic that gets out is the error of the outer result.
    pub(crate) fn resume(&self, dir: &Path) -> Result<Result<Resumed, NodeError>, String> {
        let start = AssertUnwindSafe(|| resume(dir, &self.manifest, &self.hotkey));
        catch_unwind(start).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "a panic without text".into())
        })
    }
}

/// What files held, and what a later start on them must find.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// Every certified epoch, as the log has it.
    pub(crate) bundles: BTreeMap<u64, Vec<u8>>,
    /// How far the node signed.
    pub(crate) signed: Option<Watermark>,
    /// What it said at that epoch, as far as the watermark names it.
    pub(crate) said: Vec<Entry>,
}

impl Held {
    pub(crate) fn of(resumed: &Resumed) -> anyhow::Result<Self> {
        let mut held = Self::default();
        let reader = resumed.store.reader();
        for epoch in 1..=resumed.epoch {
            let bundle = reader.bundle(epoch)?.with_context(|| format!("epoch {epoch} is gone"))?;
            held.bundles.insert(epoch, bundle);
        }
        held.signed = resumed.found.watermark;
        let last = held.signed.map_or(0, |mark| mark.last_record);
        if let Standing::Whole { entries } = &resumed.found.standing {
            held.said = entries.iter().filter(|one| one.sequence <= last).cloned().collect();
        }
        Ok(held)
    }

    pub(crate) fn last(&self) -> u64 {
        self.bundles.last_key_value().map_or(0, |(epoch, _)| *epoch)
    }

    /// What a start found of the first `certified` epochs: how many cannot be read, and say so.
    ///
    /// # Errors
    /// An epoch that is gone or other than it was, and nothing says so.
    pub(crate) fn epochs_in(&self, resumed: &Resumed, certified: u64) -> Result<usize, String> {
        if resumed.epoch < certified {
            return Err(format!(
                "epoch {certified} was certified, and it goes on from {}",
                resumed.epoch
            ));
        }
        let mut unreadable = 0;
        for (epoch, bundle) in self.bundles.range(..=certified) {
            match resumed.store.reader().bundle(*epoch) {
                Ok(Some(found)) if found == *bundle => {}
                Ok(Some(_)) => return Err(format!("epoch {epoch} is another than it was")),
                Ok(None) => return Err(format!("epoch {epoch} is gone without a word")),
                Err(_) => unreadable += 1,
            }
        }
        Ok(unreadable)
    }

    /// Whether a start may say something other than was said: it signs at a height without knowing all that was said there,
    /// at one that was left, or it gives numbers of items out again.
    ///
    /// What it may sign is asked of the store that is to refuse it (protocol, section 4: not whole at an undecided height is
    /// mute there and below). At heights that are certified nobody signs; at one where nothing was said before, nothing can
    /// be contradicted.
    ///
    /// # Errors
    /// What it would contradict.
    pub(crate) fn contradicted_by(&self, resumed: &mut Resumed) -> Result<(), String> {
        self.contradicted(&Able::of(resumed))
    }

    fn contradicted(&self, able: &Able) -> Result<(), String> {
        let Some(signed) = self.signed else { return Ok(()) };
        let (now, then) = (able.item_seq_reserved, signed.item_seq_reserved);
        if now < then {
            return Err(format!(
                "item numbers below {then} were given out, and it begins at {now}"
            ));
        }
        let Some((mark, said)) = &able.signs else { return Ok(()) };
        if mark.position() < signed.position() {
            let (now, then) = (mark.position(), signed.position());
            return Err(format!("signed at {then:?}, and goes on from {now:?}"));
        }
        let same = mark.epoch == signed.epoch;
        let locks = [(signed.locked, mark.locked), (signed.valid, mark.valid)];
        if same && locks.iter().any(|(then, now)| is_lost(*then, *now)) {
            return Err(format!("forgot a lock of epoch {}: {locks:?}", signed.epoch));
        }
        if let Some(lost) = self.said.iter().find(|one| same && !said.contains(one)) {
            return Err(format!("forgot record {} of epoch {}", lost.sequence, signed.epoch));
        }
        Ok(())
    }
}

/// Within a height a lock, and a valid value, give way to one of a later round only.
fn is_lost(then: Option<RoundCut>, now: Option<RoundCut>) -> bool {
    let Some(then) = then else { return false };
    now.is_none_or(|now| now.round < then.round || (now.round == then.round && now.cut != then.cut))
}

/// What a node can do after a start.
#[derive(Debug)]
struct Able {
    /// Where it goes on signing, and what it knows to have said at that height; none if it is mute.
    signs: Option<(Watermark, Vec<Entry>)>,
    item_seq_reserved: u64,
}

impl Able {
    fn of(resumed: &mut Resumed) -> Self {
        let found = &resumed.found;
        let known = match &found.standing {
            Standing::Whole { entries } => entries.clone(),
            Standing::MuteThrough { .. } | Standing::MuteUnknown => Vec::new(),
        };
        let of = found.watermark.map(|mark| mark.epoch);
        let item_seq_reserved = found.item_seq_reserved;
        let store = &mut resumed.store;
        // To persist nothing at the beginning of a height is refused where the node is mute, and where it has gone on.
        let mute = matches!(store.persist(Position::default()), Err(StoreError::Mute { .. }));
        let signs = store.watermark().copied().filter(|_| !mute).map(|mark| {
            let said = if of == Some(mark.epoch) { known } else { Vec::new() };
            (mark, said)
        });
        Self { signs, item_seq_reserved }
    }
}

/// Copies a data directory to a place that is not there yet.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if IDLE.iter().any(|idle| name == *idle) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Removes a directory if it is there.
pub(crate) fn remove(dir: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics of whatever thread from now on, those that storage expects of its database and catches left out.
pub(crate) fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            others(info);
        }));
    });
}

/// How many there were.
pub(crate) fn panics() -> usize {
    PANICS.load(Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64) -> Entry {
        Entry { sequence, kind: 1, bytes: vec![7; 3] }
    }

    /// Two records of epoch 8, round 1, behind a lock, and ten numbers of items.
    fn held() -> Held {
        let signed = Watermark {
            epoch: 8,
            round: 1,
            step: 2,
            locked: Some(RoundCut { round: 1, cut: [5; 32] }),
            last_record: 2,
            item_seq_reserved: 10,
            ..Watermark::default()
        };
        Held { signed: Some(signed), said: vec![entry(1), entry(2)], ..Held::default() }
    }

    fn signing(mark: Watermark, said: Vec<Entry>) -> Able {
        Able { signs: Some((mark, said)), item_seq_reserved: 10 }
    }

    #[test]
    fn a_start_that_knows_all_it_said_or_is_mute_contradicts_nothing() {
        let held = held();
        let mark = held.signed.unwrap();
        let whole = signing(mark, held.said.clone());
        assert_eq!(held.contradicted(&whole), Ok(()));
        assert_eq!(held.contradicted(&Able { signs: None, ..whole }), Ok(()));
        let later = Watermark { epoch: 9, ..Watermark::default() };
        assert_eq!(held.contradicted(&signing(later, vec![])), Ok(()));
        assert_eq!(Held::default().contradicted(&signing(later, vec![])), Ok(()));
    }

    #[test]
    fn a_start_that_may_say_something_else_is_found() {
        let held = held();
        let mark = held.signed.unwrap();
        let begun = Watermark { epoch: 8, ..Watermark::default() };
        let other = Some(RoundCut { round: 1, cut: [6; 32] });
        for (able, what) in [
            // Mute up to the epoch before, and what was said at this one is forgotten.
            (signing(begun, vec![]), "signed at (8, 1, 2)"),
            (signing(Watermark { epoch: 7, round: 9, ..mark }, vec![]), "signed at (8, 1, 2)"),
            (signing(Watermark { locked: None, ..mark }, held.said.clone()), "forgot a lock"),
            (signing(Watermark { locked: other, ..mark }, held.said.clone()), "forgot a lock"),
            (signing(Watermark { round: 2, ..mark }, vec![entry(1)]), "forgot record 2"),
            (Able { signs: None, item_seq_reserved: 9 }, "item numbers below 10"),
        ] {
            let found = held.contradicted(&able).unwrap_err();
            assert!(found.starts_with(what), "{found}");
        }
    }

    #[test]
    fn an_epoch_at_which_nothing_was_said_may_be_signed_and_no_earlier_one() {
        let begun = |epoch| Watermark { epoch, item_seq_reserved: 10, ..Watermark::default() };
        let held = Held { signed: Some(begun(8)), ..Held::default() };
        assert_eq!(held.contradicted(&signing(begun(8), vec![])), Ok(()));
        assert!(held.contradicted(&signing(begun(7), vec![])).is_err());
        // A step without a record was a word all the same.
        let stepped = Watermark { step: 1, ..begun(8) };
        let held = Held { signed: Some(stepped), ..Held::default() };
        assert!(held.contradicted(&signing(begun(8), vec![])).is_err());
    }
}
