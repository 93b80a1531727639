//! Tells the subnet what this member reads of the chain that registers its participants (`docs/spec/registry.md`).
//!
//! ```text
//! view ──certified epoch──► Observer ──newest──► a node of the chain
//!                              └──► observation, and the snapshot of a few ──► driver
//! ```
//! Once per epoch, and nothing waits for it: a chain that is away leaves the last snapshot in force.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
#[cfg(feature = "substrate")]
use ganglion_chain::substrate::RegistryReader;
use ganglion_consensus::ledger::State;
use ganglion_types::sign::tagged_hash;
use ganglion_types::{
    Body, Canonical as _, Digest, Epoch, ExternalRegistry, Hotkey, Item, Operation, RegistryOp,
};
use metrics::{counter, gauge};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::http::Submit;
use crate::keys::KeyPair;
use crate::view::View;

const HEIGHT: &str = "ganglion_registry_height";
const READS: &str = "ganglion_registry_reads_total";
const DIFFERS: &str = "ganglion_registry_differs_total";

/// How long a node of the chain may take.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// Members that show a snapshot the first time it is observed; twice as many in each epoch that does not take it.
const SHOWERS: usize = 3;
/// Doublings of that: more members than any committee has.
const DOUBLINGS: u32 = 7;

/// A registry of another chain that can be read.
pub(crate) trait Source: Send + Sync {
    /// The newest final snapshot that the subnet reads, or why it cannot be had.
    fn newest(&self) -> BoxFuture<'_, Result<ExternalRegistry, String>>;
}

/// What this node knows of the registry that the subnet follows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Seen {
    /// Height of the newest block that this node read.
    pub height: Option<u64>,
    /// Digest of what it read there.
    pub digest: Option<String>,
    /// Why the last reading failed, if it did.
    pub error: Option<String>,
}

/// Shared with the API.
pub type SharedSeen = Arc<RwLock<Seen>>;

/// What is known now.
pub(crate) fn seen_now(seen: &SharedSeen) -> Seen {
    seen.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The task.
pub(crate) struct Observer {
    source: Box<dyn Source>,
    view: View,
    certified: watch::Receiver<Epoch>,
    submit: Arc<dyn Submit>,
    key: KeyPair,
    seen: SharedSeen,
    /// The snapshot that was said last, and in how many epochs.
    said: Option<(Digest, u32)>,
}

/// Shows as 0 what has not happened yet.
pub(crate) fn begin_metrics() {
    for result in ["read", "failed"] {
        counter!(READS, "result" => result).increment(0);
    }
    counter!(DIFFERS).increment(0);
}

impl Observer {
    pub(crate) fn new(
        source: Box<dyn Source>,
        view: View,
        submit: Arc<dyn Submit>,
        key: KeyPair,
    ) -> Self {
        let certified = view.certified();
        Self { source, view, certified, submit, key, seen: SharedSeen::default(), said: None }
    }

    pub(crate) fn seen(&self) -> SharedSeen {
        Arc::clone(&self.seen)
    }

    /// Observes in every epoch until the node ends.
    pub(crate) async fn run(mut self) {
        loop {
            self.certified.borrow_and_update();
            self.observe().await;
            if self.certified.changed().await.is_err() {
                return;
            }
        }
    }

    async fn observe(&mut self) {
        let read = tokio::time::timeout(READ_LIMIT, self.source.newest()).await;
        let read = read.unwrap_or_else(|_| Err("the chain's node does not answer".into()));
        let registry = match read {
            Ok(registry) => registry,
            Err(error) => return self.failed(error),
        };
        counter!(READS, "result" => "read").increment(1);
        gauge!(HEIGHT, "of" => "read").set(registry.height() as f64);
        let digest = registry.digest();
        self.show(Seen {
            height: Some(registry.height()),
            digest: Some(digest.to_hex()),
            error: None,
        });
        // Reading takes time: what counts is the epoch that is open now.
        let state = Arc::clone(&self.view.now().state);
        let taken = state.external().map(|external| external.point);
        if let Some(point) = taken {
            gauge!(HEIGHT, "of" => "taken").set(point.height as f64);
            if point.height == registry.height() && point.digest != digest {
                counter!(DIFFERS).increment(1);
                tracing::error!(
                    height = point.height, taken = %point.digest, read = %digest,
                    "the subnet took another registry than this node reads at that block"
                );
            }
        }
        if taken.is_none_or(|point| registry.height() > point.height) {
            self.say(&state, registry, digest).await;
        }
    }

    /// The observation, and if it is this member's turn the snapshot.
    async fn say(&mut self, state: &State, registry: ExternalRegistry, digest: Digest) {
        let me = self.key.hotkey();
        let Some(rank) = rank(state, &me, &digest) else { return };
        let epochs = match self.said {
            Some((said, epochs)) if said == digest => epochs.saturating_add(1),
            _ => 0,
        };
        self.said = Some((digest, epochs));
        let point = registry.point();
        self.submit(state, Operation::ObserveRegistry { point }).await;
        if rank < SHOWERS << epochs.min(DOUBLINGS) {
            self.submit(state, Operation::ProvideRegistry { registry }).await;
        }
    }

    async fn submit(&self, state: &State, operation: Operation) {
        let name = operation.name();
        let op = RegistryOp {
            signer: *self.key.hotkey().as_bytes(),
            nonce: 0,
            valid_until: state.next_epoch(),
            operation,
        };
        let item = Item::sign(*state.subnet(), Body::RegistryOp(op), self.key.signing_key());
        if let Err(error) = self.submit.submit(item.to_bytes()).await {
            // An epoch that was certified meanwhile wants a word of its own, which comes.
            tracing::debug!(%error, name, "an observation was not taken");
        }
    }

    fn failed(&self, error: String) {
        counter!(READS, "result" => "failed").increment(1);
        let before = seen_now(&self.seen);
        if before.error.as_ref() != Some(&error) {
            tracing::warn!(%error, "the chain that registers participants cannot be read");
        }
        self.show(Seen { error: Some(error), ..before });
    }

    fn show(&self, seen: Seen) {
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

/// A member's place among those that show a snapshot, from 0; `None` for who has no seat.
fn rank(state: &State, me: &Hotkey, digest: &Digest) -> Option<usize> {
    let place = |hotkey: &Hotkey| {
        tagged_hash("ganglion/registry-rank", &[digest.as_bytes(), hotkey.as_bytes()])
    };
    let committee = state.committee();
    committee.iter().find(|member| member.hotkey == *me)?;
    let own = place(me);
    Some(committee.iter().filter(|member| place(&member.hotkey) < own).count())
}

#[cfg(feature = "substrate")]
impl Source for RegistryReader {
    fn newest(&self) -> BoxFuture<'_, Result<ExternalRegistry, String>> {
        Box::pin(async { Self::newest(self).await.map_err(|error| error.to_string()) })
    }
}

/// The registry that a manifest names, by the address of a node of that chain.
///
/// # Errors
/// An address that is none, or a program that was built without the feature.
#[cfg(feature = "substrate")]
pub(crate) fn open(
    source: &ganglion_types::RegistrySource,
    rpc: &str,
) -> Result<Box<dyn Source>, String> {
    let every = std::num::NonZeroU64::new(source.every).ok_or("every is 0")?;
    let reader = RegistryReader::new(rpc, *source.genesis.as_bytes(), source.netuid, every);
    Ok(Box::new(reader.map_err(|error| error.to_string())?))
}

/// The registry that a manifest names, by the address of a node of that chain.
///
/// # Errors
/// This program was built without the feature.
#[cfg(not(feature = "substrate"))]
pub(crate) fn open(_: &ganglion_types::RegistrySource, _: &str) -> Result<Box<dyn Source>, String> {
    Err("this program was built without the feature substrate".into())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use ganglion_types::{Coldkey, ExternalMember, Fork, ItemId, Rao, RegistrySource, Uid, limits};

    use super::*;
    use crate::http::SubmitError;
    use crate::metrics::fixture::{close, following, hotkey, key};

    const GENESIS: Digest = Digest::new([7; 32]);
    const SOURCE: RegistrySource = RegistrySource { genesis: GENESIS, netuid: 11, every: 100 };

    /// Gives each reading once.
    struct Readings(Mutex<VecDeque<Result<ExternalRegistry, String>>>);

    impl Source for Readings {
        fn newest(&self) -> BoxFuture<'_, Result<ExternalRegistry, String>> {
            let next = self.0.lock().unwrap().pop_front().unwrap();
            Box::pin(async { next })
        }
    }

    /// Keeps what is submitted.
    #[derive(Default)]
    struct Taken(Mutex<Vec<Item>>);

    impl Submit for Taken {
        fn submit(&self, item: Vec<u8>) -> BoxFuture<'_, Result<ItemId, SubmitError>> {
            let item = Item::from_bytes(&item, limits::ITEM_BYTES).unwrap();
            assert!(item.verify());
            let id = item.id();
            self.0.lock().unwrap().push(item);
            Box::pin(async move { Ok(id) })
        }

        fn forked(&self, _: Fork) -> bool {
            false
        }
    }

    impl Taken {
        fn drain(&self) -> Vec<Item> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    fn registry(height: u64, stakes: [u64; 2]) -> ExternalRegistry {
        let member = |(uid, stake): (u8, u64)| ExternalMember {
            uid: Uid::new(uid.into()),
            hotkey: hotkey(uid + 1),
            coldkey: Coldkey::new([uid + 50; 32]),
            stake: Rao::new(stake),
            permit: true,
            registered_at: 1,
        };
        let members = (0..2).zip(stakes).map(member).collect();
        ExternalRegistry::new(GENESIS, (height, Digest::new([2; 32])), 11, members).unwrap()
    }

    fn observer(
        who: u8,
        state: &State,
        readings: Vec<Result<ExternalRegistry, String>>,
    ) -> (Observer, Arc<Taken>) {
        let taken = Arc::new(Taken::default());
        let view = View::new(hotkey(who), state.clone());
        let source = Box::new(Readings(Mutex::new(readings.into())));
        let key = KeyPair::from_seed(&key(who).to_bytes());
        (Observer::new(source, view, Arc::clone(&taken) as Arc<dyn Submit>, key), taken)
    }

    fn names(items: &[Item]) -> Vec<&'static str> {
        let name = |item: &Item| match item.body() {
            Body::RegistryOp(op) => op.operation.name(),
            _ => "another",
        };
        items.iter().map(name).collect()
    }

    #[tokio::test]
    async fn what_members_say_is_taken_by_the_next_cut_and_said_no_more() {
        let state = following(SOURCE);
        let snapshot = registry(300, [60, 40]);
        let mut said = Vec::new();
        for who in [1, 2] {
            let (mut observer, taken) = observer(who, &state, vec![Ok(snapshot.clone())]);
            observer.observe().await;
            let items = taken.drain();
            assert_eq!(names(&items), ["observe_registry", "provide_registry"]);
            said.extend(items);
        }
        let commit = close(&state, said);
        assert_eq!(commit.state.registry_digest(), snapshot.digest());
        let later = vec![Ok(snapshot), Ok(registry(200, [1, 1])), Ok(registry(400, [1, 1]))];
        let (mut observer, taken) = observer(1, &commit.state, later);
        observer.observe().await;
        observer.observe().await;
        assert_eq!(taken.drain(), []);
        observer.observe().await;
        assert_eq!(names(&taken.drain()).len(), 2);
    }

    #[tokio::test]
    async fn who_has_no_seat_only_looks() {
        let state = following(SOURCE);
        let snapshot = registry(300, [60, 40]);
        let (mut observer, taken) = observer(3, &state, vec![Ok(snapshot.clone())]);
        observer.observe().await;
        assert_eq!(taken.drain(), []);
        let seen = seen_now(&observer.seen());
        assert_eq!(seen.height, Some(300));
        assert_eq!(seen.digest, Some(snapshot.digest().to_hex()));
    }

    #[tokio::test]
    async fn a_chain_that_is_away_is_shown_and_what_was_read_before_stays() {
        let state = following(SOURCE);
        let away = || Err("connection refused".to_owned());
        let readings = vec![away(), Ok(registry(300, [1, 1])), away(), Ok(registry(300, [1, 1]))];
        let (mut observer, taken) = observer(1, &state, readings);
        let seen = observer.seen();
        observer.observe().await;
        assert_eq!(seen_now(&seen).error.as_deref(), Some("connection refused"));
        assert_eq!((seen_now(&seen).height, taken.drain().len()), (None, 0));
        observer.observe().await;
        assert_eq!((seen_now(&seen).height, seen_now(&seen).error), (Some(300), None));
        observer.observe().await;
        assert_eq!(seen_now(&seen).height, Some(300));
        assert!(seen_now(&seen).error.is_some());
        // It was not taken meanwhile, so it is said anew, and shown by more members.
        taken.drain();
        observer.observe().await;
        assert_eq!(observer.said.map(|(_, epochs)| epochs), Some(1));
        assert_eq!(names(&taken.drain()), ["observe_registry", "provide_registry"]);
    }

    #[test]
    fn every_member_has_a_place_of_its_own_that_the_snapshot_decides() {
        let state = following(SOURCE);
        let places = |digest: Digest| [1, 2].map(|who| rank(&state, &hotkey(who), &digest));
        let mut seen: Vec<_> = (0..32).map(|byte| places(Digest::new([byte; 32]))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [[Some(0), Some(1)], [Some(1), Some(0)]]);
        assert_eq!(rank(&state, &hotkey(3), &Digest::ZERO), None);
    }
}
