//! One simulated machine: a disk that outlives its processes, clocks, and the process that runs now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use ganglion_persist::Keeper;
use ganglion_persist::restart::{self, RestartError, Who};
use ganglion_persist::snapshots::{Checkpoint, join::Fetched};
use ganglion_storage::disk::Disk as _;
use ganglion_storage::faulty::FaultyDisk;
use ganglion_storage::{OpenError, Recovered, Store};
use ganglion_subnet::runner::Runner;
use ganglion_subnet::{AnswerToken, AskId, Behaviour, JobId, Now};
use ganglion_types::{CutId, Digest, Epoch, Hotkey, Manifest, SubnetId, sign};

use crate::byzantine::Liar;
use crate::clock::Clock;
use crate::host::{SimHost, home};
use crate::joining::Joining;
use crate::plan::Trick;

/// What a node is, for as long as the world lasts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) hotkey: Hotkey,
    pub(crate) key: SigningKey,
    pub(crate) disk: FaultyDisk,
    pub(crate) runner: Option<Runner<SimHost>>,
    /// The process, while it joins by a snapshot.
    pub(crate) joining: Option<Joining>,
    /// The cut that it trusts for that, if it is a node that joins by a snapshot.
    pub(crate) joins_from: Option<Checkpoint>,
    /// When it had joined; 0 before.
    pub(crate) joined: u64,
    /// Counts processes, so that what was meant for a former one is lost.
    pub(crate) life: u64,
    pub(crate) clock: Clock,
    /// Stands still until then.
    pub(crate) paused: u64,
    /// None for an honest node.
    pub(crate) liar: Option<Liar>,
    /// True time of the next timer.
    pub(crate) due: Option<u64>,
    /// Never runs again.
    pub(crate) retired: bool,
    /// Whether it signs, as it says itself.
    pub(crate) signing: bool,
    pub(crate) seeds: Vec<Digest>,
    /// Percent of tasks that a miner answers rightly.
    pub(crate) skill: u64,
    pub(crate) asked: BTreeMap<AnswerToken, (usize, u64, AskId)>,
    pub(crate) pending: BTreeSet<AskId>,
    pub(crate) next_token: u64,
    pub(crate) made: BTreeMap<JobId, Vec<u8>>,
}

/// Why a process did not begin.
#[derive(Debug)]
pub(crate) enum NoStart {
    Open(OpenError),
    Restart(RestartError),
}

impl Node {
    pub(crate) fn new(key: SigningKey, seeds: Vec<Digest>) -> Self {
        Self {
            hotkey: sign::hotkey_of(&key),
            key,
            disk: FaultyDisk::new(),
            runner: None,
            joining: None,
            joins_from: None,
            joined: 0,
            life: 0,
            clock: Clock::new(0, 0, 1_000, 0),
            paused: 0,
            liar: None,
            due: None,
            retired: false,
            signing: false,
            seeds,
            skill: 0,
            asked: BTreeMap::new(),
            pending: BTreeSet::new(),
            next_token: 0,
            made: BTreeMap::new(),
        }
    }

    pub(crate) const fn is_honest(&self) -> bool {
        self.liar.is_none()
    }

    pub(crate) fn does(&self, trick: Trick) -> bool {
        self.liar.as_ref().is_some_and(|liar| liar.does(trick))
    }

    pub(crate) fn now(&self, truth: u64) -> Now {
        self.clock.now(truth)
    }

    /// The last epoch of the running process.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.runner.as_ref().map(|runner| runner.participant().state().epoch().get())
    }

    pub(crate) fn head(&self) -> Option<(Epoch, CutId)> {
        let state = self.runner.as_ref()?.participant().state();
        Some((state.epoch(), state.head()))
    }

    /// Reads off when the next timer is due.
    pub(crate) fn set_due(&mut self, truth: u64) {
        let timer = match &self.joining {
            Some(joining) => joining.next_timer(),
            None => self.runner.as_ref().and_then(Runner::next_timer),
        };
        self.due = timer.map(|mono| self.clock.truth_of(mono, truth).max(self.paused));
    }

    /// Makes the data directory of a new node.
    pub(crate) fn init(&mut self, subnet: &SubnetId) -> Result<(), OpenError> {
        Store::init_on(Arc::new(self.disk.clone()), &home(), *subnet.as_bytes())
    }

    /// Starts a process on what the disk holds, in the order of the binary.
    pub(crate) fn start(
        &mut self,
        manifest: &Arc<Manifest>,
        snapshot_every: u64,
    ) -> Result<(), NoStart> {
        let (store, found) = self.open(&manifest.subnet_id()).map_err(NoStart::Open)?;
        self.life += 1;
        if let Some(checkpoint) = self.joins_from.filter(|_| restart::is_fresh(&found)) {
            self.joining = Some(Joining::new((store, found), Arc::clone(manifest), checkpoint));
            return Ok(());
        }
        self.begin((store, found), None, manifest, snapshot_every).map_err(NoStart::Restart)
    }

    /// Goes on as a node of the subnet, with what it has joined with.
    pub(crate) fn has_joined(
        &mut self,
        opened: (Store, Recovered),
        fetched: Fetched,
        manifest: &Arc<Manifest>,
        snapshot_every: u64,
    ) -> Result<(), NoStart> {
        // What was asked before is of no use to what runs now.
        self.life += 1;
        self.pending.clear();
        self.begin(opened, Some(fetched), manifest, snapshot_every).map_err(NoStart::Restart)
    }

    fn begin(
        &mut self,
        (mut store, found): (Store, Recovered),
        fetched: Option<Fetched>,
        manifest: &Arc<Manifest>,
        snapshot_every: u64,
    ) -> Result<(), RestartError> {
        let begin = |store: &mut Store, found: Recovered| {
            let state = match fetched {
                Some((loaded, parts)) => {
                    restart::begin_with(store, &loaded, &parts)?;
                    loaded.state
                }
                None => restart::recover(store, &found, manifest)?,
            };
            restart::begin_height(store, &found.standing, &state)?;
            let past = restart::participant_past(store, found)?;
            let forks = restart::known_forks(store)?;
            let reader = store.reader().clone();
            let who = Who {
                key: Some(self.key.clone()),
                seed_chains: self.seeds.clone(),
                behaviour: self.behaviour(),
            };
            restart::participant(manifest, &reader, (state, past), &forks, who)
        };
        let participant = begin(&mut store, found)?;
        let mut keeper = Keeper::new(store, false);
        keeper.keep_committee(participant.state());
        let host = SimHost::new(keeper, self.disk.clone(), Some(self.hotkey), snapshot_every);
        self.signing = false;
        self.runner = Some(Runner::new(participant, host));
        Ok(())
    }

    /// Opens the store; damaged tables are put aside and made anew, as the binary does.
    fn open(&self, subnet: &SubnetId) -> Result<(Store, Recovered), OpenError> {
        let disk = Arc::new(self.disk.clone());
        let open = || Store::open_on(Arc::clone(&disk) as _, &home(), *subnet.as_bytes());
        match open() {
            Err(error) if error.is_rebuildable() => {
                let journal = home().join("state.journal");
                if disk.remove(&journal).is_err() {
                    return Err(error);
                }
                open()
            }
            other => other,
        }
    }

    fn behaviour(&self) -> Behaviour {
        if self.does(Trick::Unopened) { Behaviour::Withholder } else { Behaviour::Honest }
    }

    /// Ends the process; what it had open is gone.
    pub(crate) fn end(&mut self) {
        self.runner = None;
        self.joining = None;
        self.due = None;
        self.signing = false;
        self.asked.clear();
        self.pending.clear();
        self.made.clear();
    }
}
