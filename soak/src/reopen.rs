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
use ganglion_storage::{Entry, Recovered, Standing, Watermark};
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

    /// Whether the node may say something other than it said: it signs at or before what it had signed without knowing
    /// all of that, or gives numbers of items out again.
    ///
    /// # Errors
    /// What it would contradict.
    pub(crate) fn contradicted_by(&self, found: &Recovered) -> Result<(), String> {
        let Some(signed) = self.signed else { return Ok(()) };
        // Nothing is signed at epochs that are certified, and at the last one perhaps nothing was.
        let to_keep =
            if signed.last_record > 0 { signed.epoch } else { signed.epoch.saturating_sub(1) };
        let certified = found.certified.unwrap_or(0);
        match &found.standing {
            Standing::MuteUnknown => return Ok(()),
            Standing::MuteThrough { epoch } if (*epoch).max(certified) < to_keep => {
                return Err(format!("signed at epoch {to_keep}, mute through {epoch} only"));
            }
            Standing::MuteThrough { .. } => {}
            Standing::Whole { entries } => {
                let position = found.watermark.map(|mark| mark.position());
                if position < Some(signed.position()) {
                    return Err(format!(
                        "signed at {:?}, and thinks {position:?}",
                        signed.position()
                    ));
                }
                let same = found.watermark.is_some_and(|mark| mark.epoch == signed.epoch);
                if let Some(lost) = self.said.iter().find(|one| same && !entries.contains(one)) {
                    return Err(format!(
                        "forgot record {} of epoch {}",
                        lost.sequence, signed.epoch
                    ));
                }
            }
        }
        if found.item_seq_reserved < signed.item_seq_reserved {
            let (now, then) = (found.item_seq_reserved, signed.item_seq_reserved);
            return Err(format!(
                "item numbers below {then} were given out, and it begins at {now}"
            ));
        }
        Ok(())
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
