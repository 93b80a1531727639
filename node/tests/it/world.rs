//! A subnet whose epochs a test closes by itself: the real ledger, store and server, without network.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ganglion::api::Client;
use ganglion::api::types::{TaskAnswer, TaskAnswers, TaskFailure};
use ganglion::http::{
    self, ApiToken, AskMiners, BoxFuture, Context, Network, PeerSeen, Submit, SubmitError,
    WorkerHealth,
};
use ganglion::library::Library;
use ganglion::view::View;
use ganglion_consensus::ledger::{Participant, State, execute};
use ganglion_storage::faulty::FaultyDisk;
use ganglion_storage::{StateChange, Store};
use ganglion_subnet::Commit;
use ganglion_types::sign::hotkey_of;
use ganglion_types::{
    Body, Canonical as _, Certificate, Coldkey, Cut, Digest, Epoch, EpochBundle, Fork,
    GenesisParticipant, Hotkey, Hyperparameters, Item, ItemId, Manifest, Operation, Phases, Rao,
    RegistryOp, Role, Round, Signature, TaskSpec, Vote, VoteType, Weights, proto, seed,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use prost::Message as _;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, oneshot};

pub(crate) fn hot(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub(crate) fn cold(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[100 + number; 32])
}

pub(crate) fn hotkey(number: u8) -> Hotkey {
    hotkey_of(&hot(number))
}

pub(crate) fn coldkey(number: u8) -> Coldkey {
    Coldkey::new(cold(number).verifying_key().to_bytes())
}

/// The seed of a key as `ganglion keys import` reads it.
pub(crate) fn secret(key: &SigningKey) -> String {
    format!("0x{}", ganglion_types::ids::hex(&key.to_bytes()))
}

/// Where the seed chain of a validator starts.
pub(crate) fn chain(number: u8) -> Digest {
    Digest::new([number; 32])
}

pub(crate) fn manifest(stakes: &[u64], miners: u8, rules: Hyperparameters) -> Manifest {
    let validators = u8::try_from(stakes.len()).unwrap();
    let participant = |number: u8| {
        let stake = stakes.get(usize::from(number)).copied();
        GenesisParticipant {
            hotkey: hotkey(number),
            coldkey: coldkey(number),
            role: if stake.is_some() { Role::Validator } else { Role::Miner },
            stake: Rao::new(stake.unwrap_or(0) * Rao::PER_UNIT),
            seed_tail: stake.and_then(|_| seed::element(&chain(number), 0)),
        }
    };
    let numbers = 0..validators + miners;
    let mut accounts: Vec<(Coldkey, Rao)> =
        numbers.clone().map(|number| (coldkey(number), Rao::new(100 * Rao::PER_UNIT))).collect();
    accounts.sort_unstable();
    Manifest {
        name: "api test".into(),
        salt: [7; 16],
        genesis_time: 1_790_000_000_000,
        epoch_ms: 10_000,
        phases: Phases::default(),
        task: TaskSpec::default(),
        // These tests set rows that count at once.
        hyperparameters: Hyperparameters { commit_reveal_weights_enabled: false, ..rules },
        participants: numbers.map(participant).collect(),
        accounts,
        owner: None,
        parent: None,
        registry: None,
    }
}

/// What a whole committee signs for a cut.
pub(crate) fn certificate(cut: &Cut, state: &State, round: Round, kind: VoteType) -> Certificate {
    let (epoch, id) = (cut.epoch, cut.id());
    let key = |member: &Hotkey| (0..100).map(hot).find(|key| hotkey_of(key) == *member).unwrap();
    let mut signatures: Vec<(Hotkey, Signature)> = state
        .committee()
        .iter()
        .map(|one| {
            let key = key(&one.hotkey);
            let vote = Vote::sign(&cut.subnet, kind, epoch, round, Some(id), &key);
            (vote.signer, vote.signature)
        })
        .collect();
    signatures.sort_unstable_by_key(|(signer, _)| *signer);
    Certificate { epoch, round, cut: id, signatures }
}

/// What closes epochs.
pub(crate) struct Chain {
    store: Store,
    view: View,
    pool: Vec<Item>,
    /// Whether a submitted operation is decided at once.
    pub(crate) eager: bool,
    /// Whether the next epoch is stored with another value in the first bonds row.
    pub(crate) spoil: bool,
}

impl Chain {
    /// Closes an epoch with all that was submitted, as far as it is admissible.
    pub(crate) fn close(&mut self) -> Epoch {
        let state = self.view.now().state;
        let admitted = |item: &Item| ganglion_consensus::ledger::admissible(&state, item).is_ok();
        let mut items: Vec<Item> = self.pool.drain(..).filter(admitted).collect();
        items.sort_by_key(Item::id);
        let time = state.chain().time + 10_000;
        let executed = execute(&state, time, &items).unwrap();
        let epoch = state.next_epoch();
        let cut = Cut {
            subnet: *state.subnet(),
            epoch,
            prev: state.head(),
            lists: vec![ItemId::new([1; 32]), ItemId::new([2; 32])],
            items: items.iter().map(Item::id).collect(),
            time,
            registry: Digest::ZERO,
            result_root: executed.roots.result_root,
            state_root: executed.roots.state_root,
            next_committee_root: executed.roots.next_committee_root,
        };
        let id = cut.id();
        let certificate = certificate(&cut, &state, Round::new(1), VoteType::Precommit);
        let (result, receipts) = (executed.result.clone(), executed.receipts.clone());
        let next = executed.into_state(id);
        let bundle = EpochBundle { cut, certificate, items };
        let mut changed = next.changed_rows(&state);
        if std::mem::take(&mut self.spoil) {
            let (table, key) = (5, vec![0, 0]);
            let mut row = proto::SparseRow::decode(next.rows()[&(table, key.clone())].as_slice());
            row.as_mut().unwrap().values[0] ^= 1;
            changed.retain(|(one, other, _)| (*one, other) != (table, &key));
            changed.push((table, key, Some(row.unwrap().encode_to_vec())));
        }
        let state = Arc::new(next);
        let commit = Commit {
            bundle,
            id,
            rows: changed,
            result: result.clone(),
            receipts: receipts.clone(),
            state: Arc::clone(&state),
        };
        self.store.commit_epoch(ganglion_persist::epoch_commit(&commit)).unwrap();
        self.view.update(|view| {
            view.state = state;
            view.recent.insert(epoch, (Arc::clone(&view.state), Arc::new(result.clone())));
            view.recent.retain(|one, _| one.get() + 2 > epoch.get());
            view.result = Some(Arc::new(result));
            view.latencies.insert(epoch, 321);
            for receipt in receipts {
                view.receipts.insert(receipt.item, (epoch, receipt.outcome.to_string()));
            }
        });
        epoch
    }
}

/// A data directory of a node that lived for some epochs and was stopped. The last one may be spoiled.
pub(crate) fn lived_on_disk(dir: &Path, manifest: &Manifest, epochs: u64, spoil: bool) {
    let state = State::genesis(Arc::new(manifest.clone())).unwrap();
    let (mut store, _) = Store::open(dir, *state.subnet().as_bytes()).unwrap();
    let rows = state.rows().into_iter();
    let rows = rows.map(|((table, key), value)| StateChange { table, key, value: Some(value) });
    store.commit_genesis(state.genesis_cut().unwrap().to_bytes(), rows.collect()).unwrap();
    let view = View::new(hotkey(0), state);
    let mut chain = Chain { store, view, pool: Vec::new(), eager: false, spoil: false };
    for epoch in 1..=epochs {
        let weights = weights(&chain.view.now().state, 0, &[(3, u16::MAX), (4, 9_000)]);
        chain.pool.push(weights);
        chain.spoil = spoil && epoch == epochs;
        chain.close();
    }
}

/// A row of weights of a genesis validator for the epoch being closed.
fn weights(state: &State, number: u8, entries: &[(u16, u16)]) -> Item {
    let seed = seed::element(&chain(number), state.next_epoch().get()).unwrap();
    weights_with(state, number, entries, seed)
}

/// The same with the element of its seed chain that belongs to the epoch.
pub(crate) fn weights_with(
    state: &State,
    number: u8,
    entries: &[(u16, u16)],
    task_preimage: Digest,
) -> Item {
    let epoch = state.next_epoch();
    let body = Body::Weights(Weights {
        signer: hotkey(number),
        mechid: 0,
        epoch,
        seq: epoch.get(),
        entries: entries.to_vec(),
        task_preimage,
    });
    Item::sign(*state.subnet(), body, &hot(number))
}

/// Stands where the driver does.
struct Intake(Arc<Mutex<Chain>>);

impl Submit for Intake {
    fn submit(&self, item: Vec<u8>) -> BoxFuture<'_, Result<ItemId, SubmitError>> {
        Box::pin(async move {
            let item = Item::from_bytes(&item, usize::MAX).expect("the server checked it");
            let id = item.id();
            let mut chain = self.0.lock().unwrap();
            chain.pool.push(item);
            if chain.eager {
                chain.close();
            }
            Ok(id)
        })
    }

    fn forked(&self, _: Fork) -> bool {
        false
    }
}

/// Miners that answer with a fixed label.
#[derive(Default)]
pub(crate) struct Miners {
    /// Answer nothing.
    pub(crate) silent: AtomicBool,
    /// Wait for `go` before answering.
    pub(crate) hold: AtomicBool,
    pub(crate) waiting: Notify,
    pub(crate) go: Notify,
}

impl AskMiners for Miners {
    fn ask(
        &self,
        input: Vec<u8>,
        miners: u16,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<TaskAnswers, String>> {
        Box::pin(async move {
            if self.hold.load(Ordering::SeqCst) {
                self.waiting.notify_one();
                self.go.notified().await;
            }
            if self.silent.load(Ordering::SeqCst) {
                return Err(format!("none of {miners} miners answered within {timeout:?}"));
            }
            assert!(serde_json::from_slice::<serde_json::Value>(&input).is_ok());
            let answer = |uid: u16| TaskAnswer {
                output: serde_json::json!({"label": 7}),
                uid,
                hotkey: hotkey(9).to_string(),
                receipt: "00".into(),
                signature: "ab".repeat(64),
                latency_ms: 1.5,
            };
            let failed = TaskFailure { uid: 99, hotkey: "x".into(), reason: "unreachable".into() };
            Ok(TaskAnswers { answers: (0..miners).map(answer).collect(), failures: vec![failed] })
        })
    }
}

struct Peers;

impl Network for Peers {
    fn peers(&self) -> Vec<PeerSeen> {
        let peer = |number: u8, connected: bool| PeerSeen {
            hotkey: hotkey(number),
            peer_id: "12D3KooWtest".into(),
            addresses: vec!["/ip4/10.0.0.1/tcp/7800".into()],
            connected,
            relayed: false,
            score: -1.5,
            rtt: connected.then(|| Duration::from_micros(1_500)),
            agent: Some("ganglion/0.1.0\u{1b}[31m".into()),
            archive: number == 77,
        };
        vec![peer(1, true), peer(77, false)]
    }

    fn peer_id(&self) -> String {
        "12D3KooWself".into()
    }

    fn listen(&self) -> Vec<String> {
        vec!["/ip4/127.0.0.1/tcp/7800".into()]
    }
}

/// A subnet with a server.
pub(crate) struct World {
    pub(crate) chain: Arc<Mutex<Chain>>,
    pub(crate) view: View,
    pub(crate) miners: Arc<Miners>,
    pub(crate) worker: Arc<Mutex<WorkerHealth>>,
    pub(crate) address: SocketAddr,
    pub(crate) manifest: Arc<Manifest>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    runtime: Option<Runtime>,
}

impl World {
    /// Validators with stakes in units, then miners; participant `n` has the keys of number `n`. The
    /// node is that of validator 0.
    pub(crate) fn new(stakes: &[u64], miners: u8) -> Self {
        Self::changed(stakes, miners, |_| ())
    }

    pub(crate) fn with(stakes: &[u64], miners: u8, rules: Hyperparameters) -> Self {
        Self::changed(stakes, miners, |manifest| manifest.hyperparameters = rules)
    }

    /// The same with any change of the manifest.
    pub(crate) fn changed(stakes: &[u64], miners: u8, change: impl FnOnce(&mut Manifest)) -> Self {
        Self::serving(stakes, miners, change, None)
    }

    /// A validator and a miner, and a token for whoever changes something.
    pub(crate) fn guarded(token: ApiToken) -> Self {
        Self::serving(&[50], 1, |_| (), Some(token))
    }

    fn serving(
        stakes: &[u64],
        miners: u8,
        change: impl FnOnce(&mut Manifest),
        token: Option<ApiToken>,
    ) -> Self {
        let rules = Hyperparameters { min_difficulty: 200, ..Hyperparameters::default() };
        let mut manifest = manifest(stakes, miners, rules);
        change(&mut manifest);
        let manifest = Arc::new(manifest);
        assert_eq!(manifest.violations(), []);
        let state = State::genesis(Arc::clone(&manifest)).unwrap();
        let (disk, dir) = (Arc::new(FaultyDisk::new()), Path::new("/node"));
        let subnet = *state.subnet().as_bytes();
        Store::init_on(disk.clone(), dir, subnet).unwrap();
        let (mut store, _) = Store::open_on(disk, dir, subnet).unwrap();
        let rows = state.rows().into_iter();
        let rows = rows.map(|((table, key), value)| StateChange { table, key, value: Some(value) });
        store.commit_genesis(state.genesis_cut().unwrap().to_bytes(), rows.collect()).unwrap();
        let view = View::new(hotkey(0), state);
        let reader = store.reader().clone();
        let chain =
            Chain { store, view: view.clone(), pool: Vec::new(), eager: false, spoil: false };
        let (chain, miners) = (Arc::new(Mutex::new(chain)), Arc::new(Miners::default()));
        let worker = Arc::new(Mutex::new(WorkerHealth::Ready));
        let health = Arc::clone(&worker);
        let context = Context {
            view: view.clone(),
            library: Library::new(reader),
            submit: Arc::new(Intake(Arc::clone(&chain))),
            tasks: Arc::clone(&miners) as Arc<dyn AskMiners>,
            network: Arc::new(Peers),
            worker: Arc::new(move || health.lock().unwrap().clone()),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            anchors: None,
            registry: None,
            token,
            hosts: vec!["node.test".into()],
        };
        let runtime = Runtime::new().unwrap();
        let bound = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = bound.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = runtime.spawn(http::serve(bound, context, async {
            let _ = stopped.await;
        }));
        let (stop, served, runtime) = (Some(stop), Some(served), Some(runtime));
        Self { chain, view, miners, worker, address, manifest, stop, served, runtime }
    }

    /// Decides each operation as soon as it is submitted.
    pub(crate) fn eager(self) -> Self {
        self.chain.lock().unwrap().eager = true;
        self
    }

    /// What a participant of genesis, or a later one, is now.
    pub(crate) fn seat(&self, number: u8) -> Option<Participant> {
        let state = self.view.now().state;
        state.uid_of(&hotkey(number)).and_then(|uid| state.participant(uid).copied())
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address.to_string()).unwrap()
    }

    pub(crate) fn api(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes an epoch that is stored with another value in the first bonds row.
    pub(crate) fn close_spoiled(&self) -> Epoch {
        let mut chain = self.chain.lock().unwrap();
        chain.spoil = true;
        chain.close()
    }

    pub(crate) fn close(&self) -> Epoch {
        self.chain.lock().unwrap().close()
    }

    /// A row of weights of a genesis validator for the epoch being closed.
    pub(crate) fn weigh(&self, number: u8, entries: &[(u16, u16)]) {
        let item = weights(&self.view.now().state, number, entries);
        self.chain.lock().unwrap().pool.push(item);
    }

    /// An operation of coldkey `number`.
    pub(crate) fn operation(&self, number: u8, nonce: u64, operation: Operation) -> Item {
        let key = cold(number);
        let valid_until = Epoch::new(self.view.now().state.next_epoch().get() + 20);
        let signer = key.verifying_key().to_bytes();
        let op = RegistryOp { signer, nonce, valid_until, operation };
        Item::sign(self.manifest.subnet_id(), Body::RegistryOp(op), &key)
    }

    /// Puts an item where the next cut finds it.
    pub(crate) fn submit(&self, item: Item) {
        self.chain.lock().unwrap().pool.push(item);
    }

    /// What was stored.
    pub(crate) fn reader(&self) -> ganglion_storage::Reader {
        self.chain.lock().unwrap().store.reader().clone()
    }

    /// Asks the server to end and waits for it, at most `limit`.
    pub(crate) fn stop(&mut self, limit: Duration) {
        self.stop.take().unwrap().send(()).unwrap();
        let served = self.served.take().unwrap();
        let runtime = self.runtime.as_ref().unwrap();
        let ended = runtime.block_on(async { tokio::time::timeout(limit, served).await });
        ended.expect("the server ends in time").unwrap().unwrap();
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(future)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
