//! Joining by a snapshot among peers that lie, stall or leave.

use std::path::Path;
use std::sync::{Arc, Mutex};

use ed25519_dalek::SigningKey;
use ganglion_consensus::ledger::State;
use ganglion_p2p as p2p;
use ganglion_persist::stored_answer;
use ganglion_storage::{Reader, Store};
use ganglion_types::proto::{self, request::Request, response::Response};
use ganglion_types::{
    Canonical as _, Coldkey, CutId, Hotkey, Hyperparameters, Manifest, Rao, Snapshot, limits,
};
use tokio::runtime::Runtime;

use crate::forward::{Life, live};
use crate::process::{Node, free_port, peer_of};
use crate::run::Ganglion;
use crate::world::{hot, hotkey, manifest, secret};

const LAST: u64 = 4;

/// A subnet whose state takes three chunks, and whose epochs take an hour.
fn subnet() -> Manifest {
    let plain = manifest(&[50], 5, Hyperparameters::default());
    // Keys that belong to somebody: a manifest takes no others.
    let more = (0..48_000_u32).map(|number| {
        let mut seed = [200; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let key = SigningKey::from_bytes(&seed).verifying_key();
        (Coldkey::new(key.to_bytes()), Rao::new(Rao::PER_UNIT))
    });
    let mut accounts: Vec<(Coldkey, Rao)> = more.chain(plain.accounts.clone()).collect();
    accounts.sort_unstable();
    Manifest { accounts, epoch_ms: 3_600_000, genesis_time: 1_700_000_000_000, ..plain }
}

/// A home with a node that lived, `h0`, and one that has nothing yet, `h9`.
fn home(manifest: &Manifest) -> Ganglion {
    let home = Ganglion::new();
    home.file("s.toml", &ganglion::manifest::render(manifest), 0o644);
    for number in [0, 9] {
        let name = format!("h{number}");
        let import = ["keys", "import", "--role", "hotkey", "--name", &name];
        let args = [&import[..], &["--mnemonic-file", "-", "--no-password"]].concat();
        assert_eq!(home.run_with(&args, &[], &secret(&hot(number))).code, 0);
    }
    home
}

/// What a peer answers to a request: what it would from its store goes in.
type Script = Arc<dyn Fn(&Request, Response) -> Option<Response> + Send + Sync>;

/// A peer in this process that answers by a script.
struct Scripted {
    _runtime: Runtime,
    address: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    fn start(number: u8, manifest: &Manifest, reader: Option<Reader>, script: Script) -> Self {
        let runtime = Runtime::new().unwrap();
        let listen = format!("/ip4/127.0.0.1/tcp/{}", free_port());
        let mut config = p2p::Config::new(hot(number), manifest.subnet_id());
        config.listen = vec![listen.clone()];
        config.discover = false;
        let (network, mut events) = runtime.block_on(p2p::start(config)).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        runtime.spawn(async move {
            // Tokens of requests that are never answered.
            let mut kept = Vec::new();
            while let Some(event) = events.recv().await {
                let p2p::Event::Request { token, request, .. } = event else { continue };
                let Some(wanted) = request.request.clone() else { continue };
                seen.lock().unwrap().push(wanted.clone());
                let honest = match &reader {
                    Some(reader) => stored_answer(reader, request),
                    None => Response::Snapshots(proto::Snapshots { snapshots: Vec::new() }),
                };
                match script(&wanted, honest) {
                    Some(answer) => {
                        network.respond(token, proto::Response { response: Some(answer) });
                    }
                    None => kept.push(token),
                }
            }
        });
        let peer = p2p::peer_id(&hotkey(number)).unwrap();
        Self { _runtime: runtime, address: format!("{listen}/p2p/{peer}"), asked }
    }

    fn asked_for_chunks(&self) -> Vec<u32> {
        let asked = self.asked.lock().unwrap();
        let chunk = |request: &Request| match request {
            Request::Chunk(asked) => Some(asked.index),
            _ => None,
        };
        asked.iter().filter_map(chunk).collect()
    }
}

/// A header and chunks of another state, under the cut of the true one.
fn false_state(manifest: &Manifest, header: &Snapshot) -> (proto::Snapshot, Vec<Vec<u8>>) {
    let state = State::genesis(Arc::new(manifest.clone())).unwrap();
    let rows = state.rows();
    let rows = rows.iter().map(|((table, key), value)| (*table, &key[..], &value[..]));
    let (header, chunks) = Snapshot::of(header.subnet, header.epoch, header.cut, rows).unwrap();
    (header.to_proto(), chunks)
}

fn changed_header(answer: Response, change: impl Fn(&mut proto::Snapshot)) -> Response {
    let Response::Snapshots(mut told) = answer else { return answer };
    told.snapshots.iter_mut().for_each(change);
    Response::Snapshots(told)
}

/// The liars, by what each of them lies about.
fn liars(manifest: &Manifest, reader: &Reader) -> Vec<Script> {
    let header = reader.snapshots().part(LAST, 0).unwrap().unwrap();
    let header = Snapshot::from_bytes(&header, limits::RPC_BYTES).unwrap();
    assert_eq!(header.chunks.len(), 3);
    let (false_header, false_chunks) = false_state(manifest, &header);
    // It has no chunks either: in the next round nobody asks it for cuts any more.
    let forged_cut: Script = Arc::new(|_, answer| {
        let mut told = match answer {
            Response::Cuts(told) => told,
            Response::Chunk(_) => {
                return Some(Response::Chunk(proto::Chunk { bytes: Vec::new() }));
            }
            other => return Some(other),
        };
        let last = told.cuts.last_mut().and_then(|cut| cut.certificate.as_mut());
        last.unwrap().signatures[0].signature[7] ^= 1;
        Some(Response::Cuts(told))
    });
    let wrong_chunk: Script = Arc::new(|_, answer| {
        let Response::Chunk(mut chunk) = answer else { return Some(answer) };
        chunk.bytes[5] ^= 1;
        Some(Response::Chunk(chunk))
    });
    let stalled: Script =
        Arc::new(|asked, answer| (!matches!(asked, Request::Chunk(_))).then_some(answer));
    let other_state: Script = Arc::new(move |asked, answer| {
        Some(match asked {
            Request::Snapshots(_) => {
                Response::Snapshots(proto::Snapshots { snapshots: vec![false_header.clone()] })
            }
            Request::Chunk(asked) => Response::Chunk(proto::Chunk {
                bytes: false_chunks[usize::try_from(asked.index).unwrap()].clone(),
            }),
            _ => answer,
        })
    });
    let other_cut: Script = Arc::new(|_, answer| {
        Some(changed_header(answer, |header| header.cut = CutId::new([3; 32]).as_bytes().to_vec()))
    });
    let too_many: Script = Arc::new(|_, answer| {
        Some(changed_header(answer, |header| {
            let one = header.chunks[0].clone();
            header.chunks.resize(limits::SNAPSHOT_CHUNKS + 1, one);
        }))
    });
    let too_large: Script = Arc::new(|_, answer| {
        Some(changed_header(answer, |header| header.chunks[0].bytes = 8 << 20))
    });
    vec![forged_cut, wrong_chunk, stalled, other_state, other_cut, too_many, too_large]
}

const REFUSALS: [&str; 7] = [
    "error=the certificate of epoch 4: ",
    "error=chunk 0 is not the one that its header lists",
    "error=no answer: refused with code 4: not answered in time",
    "error=its rows are not the state that the cut certifies",
    "error=its header names another cut than the certified one of that epoch",
    // The network itself looks at the lengths of lists.
    "error=no answer: the response is malformed",
    "error=field bytes must be at most 1 MiB",
];

fn lived(home: &Ganglion, manifest: &Manifest) -> (String, String) {
    let (listen, api) = Node::init(home, "h0", "h0", &[]);
    let life = Life { epochs: LAST, snapshot_every: 4, archive: true };
    live(&home.path("home/nodes/h0"), manifest, 1, life);
    (listen, api)
}

fn store(dir: &Path, manifest: &Manifest) -> Store {
    Store::open(dir, *manifest.subnet_id().as_bytes()).unwrap().0
}

fn copied(home: &Ganglion) -> std::path::PathBuf {
    let (from, to) = (home.path("home/nodes/h0"), home.path("copy"));
    let copied = std::process::Command::new("cp").arg("-r").args([&from, &to]).status().unwrap();
    assert!(copied.success());
    to
}

/// Each lie is refused for what it is, the liar loses its place, and the node joins from the one that is honest.
#[test]
fn every_lie_of_a_snapshot_peer_is_refused_and_the_honest_one_is_joined_from() {
    let manifest = subnet();
    let home = home(&manifest);
    let (listen, api) = lived(&home, &manifest);
    let store = store(&copied(&home), &manifest);
    let scripts = liars(&manifest, store.reader());
    // Peers are asked for cuts in the order of their keys: the one that forges them comes first, then whoever tells true ones.
    let mut numbers: Vec<u8> = (20..27).collect();
    numbers.sort_by_key(|number| hotkey(*number));
    let liars: Vec<Scripted> = numbers
        .iter()
        .zip(scripts)
        .map(|(number, script)| {
            Scripted::start(*number, &manifest, Some(store.reader().clone()), script)
        })
        .collect();
    let boot: Vec<&str> =
        liars.iter().flat_map(|liar| ["--bootnode", liar.address.as_str()]).collect();
    let (at, joiner) = Node::init(&home, "h9", "h9", &boot);
    let joiner = Node::run(&home, "h9", &joiner, &["--checkpoint", "genesis"]);
    joiner.until("all refusals", |node| {
        let log = node.log();
        REFUSALS.iter().all(|refusal| log.contains(refusal))
    });
    for (number, refusal) in numbers.iter().zip(REFUSALS) {
        let line = format!("peer={} {refusal}", hotkey(*number));
        joiner.until_logged(&line);
    }
    let status = joiner.get("/v1/status").unwrap();
    assert_eq!((&status["phase"], &status["epoch"]), (&"joining".into(), &0.into()), "{status}");
    assert_eq!(status["joining"]["epoch"], LAST, "{status}");
    assert!(joiner.reasons().contains("joining by a snapshot"), "{}", joiner.reasons());
    let score = |node: &Node, of: Hotkey| {
        let peers = node.get("/v1/peers").unwrap();
        let of = of.to_string();
        let peers = peers.as_array().unwrap().iter();
        peers.filter(|peer| peer["hotkey"] == of.as_str()).find_map(|peer| peer["score"].as_f64())
    };
    joiner.until("a liar's lower score", |node| {
        score(node, hotkey(numbers[1])).is_some_and(|score| score < 0.0)
    });
    let boot = format!("{at}/p2p/{}", peer_of(&home, "h9"));
    let honest = Node::run(&home, "h0", &api, &["--bootnode", &boot, "--listen", &listen]);
    joiner.until_epoch(LAST);
    assert_eq!(joiner.cut(LAST), honest.cut(LAST));
    joiner.until_logged("joined by a snapshot");
}

/// Chunks come from several peers; what came before a restart is not fetched again.
#[test]
fn a_join_goes_on_where_it_was_stopped_and_takes_chunks_from_several_peers() {
    let manifest = subnet();
    let home = home(&manifest);
    lived(&home, &manifest);
    let store = store(&home.path("home/nodes/h0"), &manifest);
    // Has the first chunk only: of the others it says nothing.
    let first: Script = Arc::new(|asked, answer| match asked {
        Request::Chunk(asked) if asked.index > 0 => {
            Some(Response::Chunk(proto::Chunk { bytes: Vec::new() }))
        }
        _ => Some(answer),
    });
    let one = Scripted::start(20, &manifest, Some(store.reader().clone()), first);
    let (_, api) = Node::init(&home, "h9", "h9", &["--bootnode", &one.address]);
    let joiner = Node::run(&home, "h9", &api, &["--checkpoint", "genesis"]);
    joiner.until("its first chunk", |node| {
        node.get("/v1/status").is_some_and(|status| status["joining"]["chunks"] == 1)
    });
    let status = home.ok(&["status", "--api", &api]);
    assert!(status.contains("joining    state of epoch 4: 1 of 3 chunks"), "{status}");
    drop(joiner);
    let honest: Script = Arc::new(|_, answer| Some(answer));
    let others: Vec<Scripted> = [21, 22]
        .map(|number| {
            Scripted::start(number, &manifest, Some(store.reader().clone()), Arc::clone(&honest))
        })
        .into();
    let more: Vec<&str> =
        others.iter().flat_map(|peer| ["--bootnode", peer.address.as_str()]).collect();
    drop(one);
    let joiner = Node::run(&home, "h9", &api, &[&["--checkpoint", "genesis"], &more[..]].concat());
    joiner.until_epoch(LAST);
    joiner.until_logged("going on with what was fetched before");
    let mut asked: Vec<u32> = others.iter().flat_map(Scripted::asked_for_chunks).collect();
    asked.sort_unstable();
    assert_eq!(asked, [1, 2], "each missing chunk once");
    assert!(!home.path("home/nodes/h9/snapshots/joining").exists());
}
