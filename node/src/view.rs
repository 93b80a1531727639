//! What the rest of the process may see of the driver: a snapshot, replaced as a whole.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use ganglion_consensus::ledger::{EpochResult, State};
use ganglion_persist::snapshots::join::Joining;
use ganglion_subnet::{Following, Stranded};
use ganglion_types::{CutId, Epoch, Fork, Hotkey, ItemId, Uid};

/// Shared between the driver, which writes it, and everybody else.
#[derive(Clone, Debug)]
pub struct View {
    inner: Arc<RwLock<Snapshot>>,
    certified: Arc<tokio::sync::watch::Sender<Epoch>>,
}

/// The node at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// State after the last certified epoch.
    pub state: Arc<State>,
    /// Result of the last certified epoch; none at genesis and before the first after a restart.
    pub result: Option<Arc<EpochResult>>,
    /// The last few epochs that were certified while the node ran, for comparisons.
    pub recent: BTreeMap<Epoch, (Arc<State>, Arc<EpochResult>)>,
    /// Own hotkey.
    pub hotkey: Hotkey,
    /// `waiting`, `window`, `lists`, `agreement` or `catching_up`.
    pub phase: &'static str,
    /// When the window closes.
    pub deadline: Option<Instant>,
    /// Round of agreement, once it began.
    pub round: Option<u32>,
    /// Whether this node signs.
    pub signing: bool,
    /// Why, or why not.
    pub signing_reason: &'static str,
    /// Best epoch a peer has shown, when past ours.
    pub behind: Option<Epoch>,
    /// How far catching up is, while it lasts.
    pub following: Option<Following>,
    /// How far joining by a snapshot is, while it lasts.
    pub joining: Option<Joining>,
    /// The epoch that no peer can give, if peers are further and none can.
    pub stranded: Option<Stranded>,
    /// Stake whose lists came in the last epoch, and all of it.
    pub stake_seen: (u64, u64),
    /// Epochs that this node missed while it ran.
    pub missed: Vec<Epoch>,
    /// Decision latency by epoch, of the last 1,000.
    pub latencies: BTreeMap<Epoch, u64>,
    /// What became of the items of recent cuts.
    pub receipts: BTreeMap<ItemId, (Epoch, String)>,
    /// This validator's view of the miners.
    pub scores: BTreeMap<Hotkey, ScoreView>,
    /// Why the disk takes no writes, while it does not.
    pub storage: Option<String>,
    /// Why the node stopped, if it did.
    pub halted: Option<String>,
    /// Epochs with two certified cuts, with the proof if it is whole: the node is frozen.
    pub forks: BTreeMap<Epoch, Option<Arc<Fork>>>,
}

/// A validator's view of one miner.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScoreView {
    /// Tasks scored since the node started.
    pub tasks: u64,
    /// Mean of the last round, millionths.
    pub last: i64,
    /// Moving average, billionths.
    pub average: u64,
}

/// Epochs whose state is remembered.
pub const RECENT: usize = 4;
/// Epochs whose latency is remembered.
pub const LATENCIES: usize = 1_000;

impl View {
    /// A view of a node that has not started.
    #[must_use]
    pub fn new(hotkey: Hotkey, state: State) -> Self {
        let snapshot = Snapshot {
            state: Arc::new(state),
            result: None,
            recent: BTreeMap::new(),
            hotkey,
            phase: "waiting",
            deadline: None,
            round: None,
            signing: false,
            signing_reason: "starting",
            behind: None,
            following: None,
            joining: None,
            stranded: None,
            stake_seen: (0, 0),
            missed: Vec::new(),
            latencies: BTreeMap::new(),
            receipts: BTreeMap::new(),
            scores: BTreeMap::new(),
            storage: None,
            halted: None,
            forks: BTreeMap::new(),
        };
        let (certified, _) = tokio::sync::watch::channel(snapshot.state.epoch());
        Self { inner: Arc::new(RwLock::new(snapshot)), certified: Arc::new(certified) }
    }

    /// The last certified epoch, for whoever waits for the next. Holds one value: who is slow misses those between.
    #[must_use]
    pub fn certified(&self) -> tokio::sync::watch::Receiver<Epoch> {
        self.certified.subscribe()
    }

    /// The node now. Cheap: the large parts are shared.
    #[must_use]
    pub fn now(&self) -> Snapshot {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the snapshot. For the driver.
    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        let epoch = {
            let mut snapshot = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut snapshot);
            snapshot.state.epoch()
        };
        self.certified.send_if_modified(|last| std::mem::replace(last, epoch) != epoch);
    }
}

impl Snapshot {
    /// The last certified epoch and its cut.
    #[must_use]
    pub fn head(&self) -> (Epoch, CutId) {
        (self.state.epoch(), self.state.head())
    }

    /// Own uid, if registered.
    #[must_use]
    pub fn uid(&self) -> Option<Uid> {
        self.state.uid_of(&self.hotkey)
    }

    /// `validator`, `miner` or `observer`.
    #[must_use]
    pub fn role(&self) -> &'static str {
        self.uid()
            .and_then(|uid| self.state.participant(uid))
            .map_or("observer", |seat| seat.role.name())
    }
}
