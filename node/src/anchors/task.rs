//! The task that owns the outbox.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ganglion_chain::outbox::{Input, Next, Outbox, OutboxError, Pace, carry_out};
use ganglion_chain::{Anchor, Medium as _};
use ganglion_types::{Epoch, Hotkey, SubnetId};
use tokio::sync::{mpsc, watch};

use super::{Board, LibraryCuts, Order, PaperFile, StartError};
use crate::config::{AnchorBackend, AnchorConfig};
use crate::library::Library;
use crate::view::View;

/// Between two looks at heights and balance.
const SURVEY: Duration = Duration::from_secs(60);
/// Pause after the outbox's file failed, before it is opened anew.
const REOPEN: Duration = Duration::from_secs(30);

/// Everything that is needed to open the outbox once more.
#[derive(Debug)]
pub(super) struct Opening {
    path: std::path::PathBuf,
    chain: ganglion_chain::ChainName,
    done: Epoch,
    pace: Pace,
    /// Whether one anchor serves all, so that nodes take turns; a witness's log is each node's own.
    shared: bool,
}

impl Opening {
    fn open(&self) -> Result<Outbox<PaperFile>, OutboxError> {
        let mut file = PaperFile::open(&self.path)?;
        if file.size()? > ganglion_chain::limits::OUTBOX_BYTES_MAX {
            // Not written by us. The chain knows what stands on it.
            file.replace(&[])?;
        }
        let mut seed = [0; 8];
        // Without entropy nodes come back at the same time, which is no worse than that.
        let _ = getrandom::fill(&mut seed);
        let (chain, seed) = (self.chain.clone(), u64::from_le_bytes(seed));
        Outbox::open(file, chain, self.done, self.pace, seed)
    }
}

/// Opens the outbox of a chain. What was certified before this node's first epoch is not its business.
pub(super) fn open(
    dir: &Path,
    anchor: &dyn Anchor,
    library: &Library,
    config: &AnchorConfig,
) -> Result<(Opening, Outbox<PaperFile>), StartError> {
    let first = library.reader().and_then(|reader| reader.certified()).map(|(first, _)| first);
    let done = Epoch::new(first.unwrap_or(1).saturating_sub(1));
    let takeover = u64::try_from(config.takeover.as_millis()).unwrap_or(u64::MAX);
    // A log of our own answers at once, and takes an entry in the moment it gets it.
    let shared = config.backend != AnchorBackend::Embedded;
    let poll = if shared { Pace::default().poll } else { 50 };
    let pace = Pace { every: config.every, takeover, poll, ..Pace::default() };
    let chain = anchor.chain().clone();
    // A name of its own for every chain: what was signed for one is never given to another.
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = chain.as_str().chars().map(plain).collect();
    let opening = Opening { path: dir.join(format!("{name}.outbox")), chain, done, pace, shared };
    let outbox = opening.open()?;
    Ok((opening, outbox))
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Task {
    opening: Opening,
    outbox: Outbox<PaperFile>,
    anchor: Arc<dyn Anchor>,
    cuts: LibraryCuts,
    subnet: SubnetId,
    view: View,
    certified: watch::Receiver<Epoch>,
    board: Arc<RwLock<Board>>,
    orders: mpsc::Receiver<Order>,
    began: Instant,
    rank: u32,
    /// When the outbox wants to go on.
    wake: Option<u64>,
}

impl Task {
    pub(super) fn new(
        (opening, outbox): (Opening, Outbox<PaperFile>),
        anchor: Arc<dyn Anchor>,
        cuts: LibraryCuts,
        (subnet, view, board, orders): (SubnetId, View, Arc<RwLock<Board>>, mpsc::Receiver<Order>),
    ) -> Self {
        let certified = view.certified();
        Self {
            opening,
            outbox,
            anchor,
            cuts,
            subnet,
            view,
            certified,
            board,
            orders,
            began: Instant::now(),
            rank: 0,
            wake: None,
        }
    }

    /// Runs until it is aborted, which is safe at any point.
    pub(crate) async fn run(mut self) {
        let mut surveyed: Option<Instant> = None;
        let mut input = self.newest();
        loop {
            if let Err(error) = self.feed(input).await {
                tracing::error!(%error, "the file of anchors failed; it is opened again in a while");
                self.tell(|board| board.failure = Some(error.to_string()));
                self.reopen().await;
            }
            if surveyed.is_none_or(|at| at.elapsed() >= SURVEY) {
                surveyed = Some(Instant::now());
                self.survey().await;
            }
            input = self.next(surveyed).await;
        }
    }

    fn newest(&mut self) -> Input {
        let epoch = *self.certified.borrow_and_update();
        self.rank = if self.opening.shared { rank(&self.view) } else { 0 };
        Input::Certified { epoch, rank: self.rank }
    }

    /// Waits for the first of: an epoch, an order, the outbox's time, the next survey.
    async fn next(&mut self, surveyed: Option<Instant>) -> Input {
        let survey = surveyed.map_or(Duration::ZERO, |at| SURVEY.saturating_sub(at.elapsed()));
        let now = self.now();
        let wake = self.wake.map_or(survey, |wake| Duration::from_millis(wake.saturating_sub(now)));
        tokio::select! {
            changed = self.certified.changed() => match changed {
                Ok(()) => self.newest(),
                // The view is gone: the node ends, and so does this task.
                Err(_) => std::future::pending().await,
            },
            Some(Order::Retry) = self.orders.recv() => Input::Retry,
            () = tokio::time::sleep(wake.min(survey)) => Input::Wake,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn feed(&mut self, input: Input) -> Result<(), OutboxError> {
        let mut input = Some(input);
        while let Some(next) = input.take() {
            let now = self.now();
            let (notices, next) = tokio::task::block_in_place(|| self.outbox.step(now, next))?;
            let rank = self.rank;
            self.tell(|board| {
                notices.iter().for_each(|notice| board.hear(notice));
                board.refresh(&self.outbox, rank);
            });
            match next {
                Next::Sleep(until) => self.wake = until,
                Next::Ask(request) => {
                    let (anchor, cuts) = (self.anchor.as_ref(), &self.cuts);
                    let reply = carry_out(anchor, cuts, self.subnet, request).await;
                    input = Some(Input::Answer(reply));
                }
            }
        }
        Ok(())
    }

    async fn reopen(&mut self) {
        loop {
            tokio::time::sleep(REOPEN).await;
            match self.opening.open() {
                Ok(outbox) => {
                    self.outbox = outbox;
                    let input = self.newest();
                    if self.feed(input).await.is_ok() {
                        return;
                    }
                }
                Err(error) => tracing::debug!(%error, "the file of anchors fails still"),
            }
        }
    }

    async fn survey(&self) {
        match self.anchor.survey().await {
            Ok(survey) => self.tell(|board| board.surveyed(&survey)),
            Err(error) => self.tell(|board| board.warning = Some(error.to_string())),
        }
    }

    fn tell(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.board.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// This node's place in the committee by stake, most first, ties by hotkey; who has no seat comes after all.
fn rank(view: &View) -> u32 {
    let now = view.now();
    let mut members: Vec<(std::cmp::Reverse<u64>, Hotkey)> = now
        .state
        .committee()
        .into_iter()
        .map(|member| (std::cmp::Reverse(member.stake.get()), member.hotkey))
        .collect();
    members.sort_unstable();
    let place = members.iter().position(|(_, hotkey)| *hotkey == now.hotkey);
    u32::try_from(place.unwrap_or(members.len())).unwrap_or(u32::MAX)
}
