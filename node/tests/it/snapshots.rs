//! Joining by a snapshot, between real processes.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ganglion::keys::{KeyFile, KeyPair, Password};
use ganglion::snapshots::{BadSnapshot, load, make};
use ganglion_consensus::ledger::State;
use ganglion_p2p as p2p;
use ganglion_types::{Canonical as _, Certificate, Epoch, Round, Snapshot};
use serde_json::Value;

use crate::run::Ganglion;
use crate::world::World;

/// A running node. It ends with its standard input.
struct Node {
    child: Child,
    api: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Node {
    fn init(home: &Ganglion, hotkey: &str, name: &str, more: &[&str]) -> (String, String) {
        let listen = format!("/ip4/127.0.0.1/tcp/{}", free_port());
        let api = format!("127.0.0.1:{}", free_port());
        let args = ["init", "--manifest", "s.toml", "--hotkey", hotkey, "--node", name];
        let addresses = ["--listen", listen.as_str(), "--api", api.as_str()];
        home.ok(&[&args[..], &addresses[..], more].concat());
        (listen, api)
    }

    fn run(home: &Ganglion, name: &str, api: &str, more: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_ganglion"))
            .args([&["run", "--node", name, "--exit-with-stdin"], more].concat())
            .current_dir(home.path(""))
            .env("GANGLION_HOME", home.path("home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, api: api.to_owned() }
    }

    /// A page that answers with 200.
    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = std::net::TcpStream::connect(&self.api).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.api);
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let good = head.split_whitespace().nth(1) == Some("200");
        good.then(|| serde_json::from_str(body).ok()).flatten()
    }

    fn epoch(&self) -> Option<u64> {
        self.get("/v1/status")?["epoch"].as_u64()
    }

    fn until_epoch(&self, epoch: u64) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.epoch().is_none_or(|now| now < epoch) {
            assert!(Instant::now() < end, "epoch {epoch} never came: {:?}", self.epoch());
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    fn cut(&self, epoch: u64) -> Option<String> {
        let shown = self.get(&format!("/v1/epochs/{epoch}"))?;
        Some(shown["cut"].as_str()?.to_owned())
    }
}

fn subnet(home: &Ganglion) {
    for (role, name) in [("hotkey", "v"), ("hotkey", "m"), ("hotkey", "o"), ("coldkey", "c")] {
        home.ok(&["keys", "new", "--role", role, "--name", name, "--no-password"]);
    }
    let entry = |role: &str, hotkey: &str, more: &[&str]| {
        let args = ["subnet", "entry", "--role", role, "--hotkey", hotkey, "--coldkey", "c"];
        home.file(&format!("{hotkey}.toml"), &home.ok(&[&args[..], more].concat()), 0o600)
    };
    let validator = entry("validator", "v", &["--stake", "100"]);
    let miner = entry("miner", "m", &[]);
    let args = ["subnet", "new", "--name", "s", "--genesis-in", "1s", "--epoch-length", "2s"];
    let participants = ["--participants", validator.as_str(), "--participants", miner.as_str()];
    home.ok(&[&args[..], &participants[..]].concat());
}

fn peer_of(home: &Ganglion, hotkey: &str) -> String {
    let path = home.path(&format!("home/keys/hotkeys/{hotkey}.json"));
    let pair: KeyPair = KeyFile::read(&path).unwrap().open(&path, &Password::none()).unwrap();
    p2p::peer_id(&pair.hotkey()).unwrap()
}

/// Whatever the header and the digests say: rows of another state than the cut's are refused.
#[test]
fn rows_that_are_not_the_certified_state_are_refused() {
    let world = World::new(&[50, 40], 1);
    let state = State::genesis(world.manifest.clone()).unwrap();
    let cut = state.genesis_cut().unwrap();
    let certificate = Certificate {
        epoch: Epoch::GENESIS,
        round: Round::new(0),
        cut: cut.id(),
        signatures: Vec::new(),
    };
    let parts = make(&state, &cut, &certificate).unwrap();
    let loaded = load(&parts, &world.manifest).unwrap();
    assert_eq!((loaded.state.root(), loaded.state.head()), (cut.state_root, cut.id()));

    let mut rows = state.rows();
    let account = rows.keys().find(|(table, _)| *table == 2).cloned().unwrap();
    rows.remove(&account);
    let listed = rows.iter().map(|((table, key), value)| (*table, &key[..], &value[..]));
    let (header, chunks) = Snapshot::of(*state.subnet(), cut.epoch, cut.id(), listed).unwrap();
    let forged: Vec<Vec<u8>> =
        [header.to_bytes(), parts[1].clone()].into_iter().chain(chunks).collect();
    let refused = load(&forged, &world.manifest).unwrap_err();
    assert!(matches!(refused, BadSnapshot::Root | BadSnapshot::State(_)), "{refused}");
    let mut cut_short = parts;
    cut_short.pop();
    assert!(matches!(load(&cut_short, &world.manifest), Err(BadSnapshot::Form(_))));
}

#[test]
fn a_newcomer_joins_by_a_snapshot_from_peers_and_from_a_file_slow() {
    let home = Ganglion::new();
    subnet(&home);
    let (listen, api) = Node::init(&home, "v", "v", &["--snapshot-every", "3"]);
    let bootnode = format!("{listen}/p2p/{}", peer_of(&home, "v"));
    let validator = Node::run(&home, "v", &api, &[]);
    validator.until_epoch(5);
    let checkpoint = format!("1:{}", validator.cut(1).unwrap());

    let (_, api) = Node::init(&home, "m", "m", &["--bootnode", &bootnode]);
    let joiner = Node::run(&home, "m", &api, &["--checkpoint", &checkpoint]);
    validator.until_epoch(8);
    joiner.until_epoch(8);
    assert_eq!(joiner.cut(8), validator.cut(8));
    assert_eq!(joiner.cut(2), None, "it fetched what lies before the snapshot");

    // It goes on from there after a restart, and without its tables.
    drop(joiner);
    let state = home.path("home/nodes/m/state");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    let joiner = Node::run(&home, "m", &api, &[]);
    validator.until_epoch(10);
    joiner.until_epoch(10);
    assert_eq!(joiner.cut(10), validator.cut(10));

    let out = home.path("state.snapshot");
    let out = out.to_str().unwrap();
    let exported = home.ok(&["snapshot", "export", "--node", "v", "--out", out, "--json"]);
    let exported: Value = serde_json::from_str(&exported).unwrap();
    let checkpoint = exported["checkpoint"].as_str().unwrap();
    let (_, api) = Node::init(&home, "o", "o", &["--bootnode", &bootnode]);
    let wrong = format!("{}:{}", exported["epoch"], "ab".repeat(32));
    let refused = home.run(&["snapshot", "import", "--node", "o", out, "--checkpoint", &wrong]);
    assert_eq!(refused.code, 1, "{refused:?}");
    home.ok(&["snapshot", "import", "--node", "o", out, "--checkpoint", checkpoint]);
    let observer = Node::run(&home, "o", &api, &[]);
    let last = validator.epoch().unwrap() + 2;
    observer.until_epoch(last);
    assert_eq!(observer.cut(last), validator.cut(last));
    let listed = home.ok(&["snapshot", "list", "--node", "o", "--json"]);
    assert!(listed.contains(checkpoint), "{listed}");
}
