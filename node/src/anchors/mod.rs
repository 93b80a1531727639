//! Brings certified epochs to the chain that the operator chose. Nothing in the subnet waits for it.
//!
//! ```text
//! view ──newest epoch (one value)──► task ──► Outbox ──► file, synced
//! HTTP ──orders 8───────────────────►  │  ◄── carry_out ──► Anchor (embedded, evm, substrate)
//!                                      └──► Board ──► HTTP, metrics
//! ```
//! The task owns the outbox. What it says is on the [`Board`]. A file that fails, or a chain that does, ends anchoring or
//! delays it, and never the node.

mod board;
mod exchange;
mod file;
mod task;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use ganglion_chain::embedded::{Embedded, Entry, Reader};
use ganglion_chain::outbox::{Cuts, Judged, Truth, judge};
use ganglion_chain::{Anchor, AnchorError, CutHead, Reason, range_path};
use ganglion_types::{Canonical as _, Cut, CutId, Digest, Epoch, MerkleProof, SubnetId, limits};
use tokio::sync::mpsc;

pub use board::{Board, FlightSeen};
pub(crate) use exchange::Exchange;
pub use exchange::Shelf;
pub use file::PaperFile;
pub(crate) use task::Task;

use crate::config::{AnchorBackend, AnchorConfig};
use crate::keys::KeyPair;
use crate::library::Library;
use crate::view::View;

/// Orders of operators that wait.
pub const ORDERS: usize = 8;
/// Directory of the files, in the data directory.
const DIR: &str = "anchors";
/// Directory of the copies in it.
const WITNESSES_DIR: &str = "witnesses";

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Everything tried again now.
    Retry,
}

/// What the rest of the process has of anchors. Clones share it.
#[derive(Clone, Debug)]
pub struct Anchors {
    board: Arc<RwLock<Board>>,
    orders: mpsc::Sender<Order>,
    anchor: Arc<dyn Anchor>,
    witness: Option<Witness>,
    cuts: LibraryCuts,
    subnet: SubnetId,
}

/// This node's own log, and the copies of others'.
#[derive(Clone, Debug)]
struct Witness {
    own: Reader<PaperFile>,
    others: Shelf,
}

/// Shows as 0 what has not happened yet.
pub(crate) fn begin_metrics() {
    board::begin_metrics();
    exchange::begin_metrics();
}

impl Anchors {
    /// What is known now.
    #[must_use]
    pub fn board(&self) -> Board {
        self.board.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands an order over; `false` if too many wait, or anchoring has ended.
    #[must_use]
    pub fn order(&self, order: Order) -> bool {
        self.orders.try_send(order).is_ok()
    }

    /// Anchors on the chain that speak about an epoch, compared with this node's cuts.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn find(&self, epoch: Epoch) -> Result<Vec<Judged>, AnchorError> {
        let mut found = self.anchor.find(self.subnet, epoch..=epoch).await?;
        if let Some(shelf) = self.shelf() {
            let others = tokio::task::block_in_place(|| shelf.covering(epoch));
            let others = others.map_err(|error| {
                AnchorError::Unreachable(Reason::new(format!("a copy of a log: {error}")))
            })?;
            found.extend(others.iter().filter_map(Entry::found));
        }
        let judged = found.into_iter().map(|found| {
            let truth = judge(&self.cuts, &found.payload);
            Judged { found, truth }
        });
        Ok(judged.collect())
    }

    /// The path of an epoch's cut in an anchor that names this node's cuts.
    #[must_use]
    pub fn path(&self, epoch: Epoch, judged: &Judged) -> Option<MerkleProof> {
        let payload = &judged.found.payload;
        if judged.truth != Truth::Same || !payload.covers(epoch) {
            return None;
        }
        let epochs = payload.first().get()..=payload.last().get();
        let cuts = epochs.map(|epoch| self.cuts.head(Epoch::new(epoch)).map(|head| head.cut));
        let cuts: Vec<CutId> = cuts.collect::<Option<_>>()?;
        let place = usize::try_from(epoch.get().checked_sub(payload.first().get())?).ok()?;
        range_path(&cuts, place)
    }

    /// The length of this node's own log, and entries of it from number `from` on; nothing where it keeps none.
    ///
    /// # Errors
    /// What the disk says.
    pub fn entries(&self, from: u64, max: usize) -> std::io::Result<(u64, Vec<Entry>)> {
        let Some(Witness { own, .. }) = &self.witness else { return Ok((0, Vec::new())) };
        Ok((own.count(), own.entries(from, max)?))
    }

    /// Copies of other nodes' logs, if this one keeps a log too.
    #[must_use]
    pub fn shelf(&self) -> Option<&Shelf> {
        self.witness.as_ref().map(|witness| &witness.others)
    }
}

/// The certified cuts of the store.
#[derive(Clone, Debug)]
pub struct LibraryCuts(Library);

impl Cuts for LibraryCuts {
    fn head(&self, epoch: Epoch) -> Option<CutHead> {
        let reader = self.0.reader()?;
        let bytes = reader.cut(epoch.get()).ok().flatten()?;
        Cut::from_bytes(&bytes, limits::AGREEMENT_BYTES).ok().map(|cut| CutHead::of(&cut))
    }
}

/// Why there are no anchors.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The files.
    #[error("the files of anchors cannot be used: {0}")]
    File(#[from] std::io::Error),
    /// What is under way.
    #[error("{0}")]
    Outbox(#[from] ganglion_chain::OutboxError),
    /// The settings do not make a chain.
    #[error("{0}")]
    Chain(#[from] AnchorError),
    /// The key that pays.
    #[error("{0}")]
    Key(String),
}

/// Makes what the settings ask for; `None` where they ask for nothing. The task is for the caller to run.
///
/// # Errors
/// [`StartError`]: the node runs without anchors then, and says so.
pub(crate) fn start(
    config: &AnchorConfig,
    data_dir: &Path,
    hotkey: &KeyPair,
    (subnet, library, view): (SubnetId, Library, View),
) -> Result<Option<(Anchors, Task)>, StartError> {
    let dir = data_dir.join(DIR);
    let (anchor, witness): (Arc<dyn Anchor>, _) = match &config.backend {
        AnchorBackend::None => return Ok(None),
        AnchorBackend::Embedded => {
            std::fs::create_dir_all(&dir)?;
            // A log belongs to a hotkey, and a rotated one begins its own.
            let file = PaperFile::open(&dir.join(format!("witness-{}.log", hotkey.hotkey())))?;
            let mut salt = [0; 32];
            getrandom::fill(&mut salt).map_err(|error| StartError::Key(error.to_string()))?;
            let (key, salt) = (hotkey.signing_key().clone(), Digest::new(salt));
            let log = Embedded::open(file, subnet, key, salt, unix_ms)?;
            let reader = log.reader();
            let others = Shelf::open(&dir.join(WITNESSES_DIR), subnet)?;
            (Arc::new(log), Some(Witness { own: reader, others }))
        }
        #[cfg(feature = "evm")]
        AnchorBackend::Evm(evm) => (Arc::new(self::evm(evm)?), None),
        #[cfg(not(feature = "evm"))]
        AnchorBackend::Evm(_) => {
            return Err(StartError::Key("this program was built without the feature evm".into()));
        }
        #[cfg(feature = "substrate")]
        AnchorBackend::Substrate(chain) => {
            (Arc::new(substrate(chain, Some(hotkey.signing_key().clone()))?), None)
        }
        #[cfg(not(feature = "substrate"))]
        AnchorBackend::Substrate(_) => {
            let text = "this program was built without the feature substrate";
            return Err(StartError::Key(text.into()));
        }
    };
    std::fs::create_dir_all(&dir)?;
    let cuts = LibraryCuts(library.clone());
    let (orders, orders_out) = mpsc::channel(ORDERS);
    let board = Arc::new(RwLock::new(Board::of(anchor.as_ref())));
    let outbox = task::open(&dir, anchor.as_ref(), &library, config)?;
    let anchors =
        Anchors { board: board.clone(), orders, anchor: anchor.clone(), witness, cuts, subnet };
    let cuts = anchors.cuts.clone();
    let task = Task::new(outbox, anchor, cuts, (subnet, view, board, orders_out));
    Ok(Some((anchors, task)))
}

/// The backend of an EVM chain.
#[cfg(feature = "evm")]
pub(crate) fn evm(
    config: &crate::config::EvmConfig,
) -> Result<ganglion_chain::evm::Evm, StartError> {
    use ganglion_chain::evm::{Evm, EvmFinality, EvmKey, EvmSettings};
    let key = match &config.key_file {
        None => None,
        Some(path) => {
            let text = crate::keys::read_secret(path)
                .map_err(|error| StartError::Key(error.to_string()))?;
            let key = EvmKey::from_hex(&text).ok_or_else(|| {
                StartError::Key(format!("{} holds no secp256k1 key in hexadecimal", path.display()))
            })?;
            Some(key)
        }
    };
    let settings = EvmSettings {
        rpc: config.rpc.clone(),
        chain_id: config.chain_id,
        contract: config.contract,
        from_block: config.from_block,
        fee_cap: u128::from(config.fee_cap_gwei) * 1_000_000_000,
        finality: config.final_after.map_or(EvmFinality::Finalized, EvmFinality::Blocks),
    };
    Ok(Evm::new(settings, key)?)
}

/// The backend of a Substrate chain. It signs with the hotkey of the node, if with any.
#[cfg(feature = "substrate")]
pub(crate) fn substrate(
    config: &crate::config::SubstrateConfig,
    key: Option<ed25519_dalek::SigningKey>,
) -> Result<ganglion_chain::substrate::Substrate, StartError> {
    use crate::config::SubstratePlace;
    use ganglion_chain::substrate::{ERA, Place, Settings, Substrate};
    let place = match config.place {
        SubstratePlace::Remark => Place::Remark,
        SubstratePlace::Commitment(netuid) => Place::Commitment { netuid },
        SubstratePlace::Both(netuid) => Place::Both { netuid },
    };
    let settings = Settings {
        url: config.rpc.clone(),
        genesis: config.genesis,
        place,
        era: ERA,
        lookback: ganglion_chain::limits::LOOKBACK_BLOCKS,
    };
    Ok(Substrate::new(&settings, key)?)
}

fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
