//! A real node and what strangers may send it over real connections.

use std::time::{Duration, Instant};

use ganglion::keys::KeyPair;
use ganglion_p2p::{self as p2p, Topic};
use ganglion_types::{
    AgreementMessage, Body, Canonical as _, CutId, Digest, Epoch, Hotkey, Item, Round, SubnetId,
    Vote, VoteType, Weights, sign,
};
use tokio::sync::mpsc;

use crate::process::{Node, pair, peer_of, subnet_of_two};
use crate::run::Ganglion;

/// A node of a subnet of one validator and one miner, and its home.
pub(crate) struct Host {
    // Before its home, which it needs until it has ended.
    pub(crate) node: Node,
    home: Ganglion,
    address: String,
    pub(crate) subnet: SubnetId,
}

fn prepare(home: &Ganglion) -> SubnetId {
    subnet_of_two(home, "1h");
    // Plain rows, so that a single item is good or bad by itself.
    let manifest = std::fs::read_to_string(home.path("s.toml")).unwrap();
    let plain = manifest
        .replace("commit_reveal_weights_enabled = true", "commit_reveal_weights_enabled = false");
    assert_ne!(plain, manifest);
    home.file("s.toml", &plain, 0o600);
    let id = home.ok(&["subnet", "id", "s.toml"]);
    SubnetId::from_hex(id.trim()).unwrap()
}

impl Host {
    pub(crate) fn start() -> Self {
        let home = Ganglion::new();
        let subnet = prepare(&home);
        let (listen, api) = Node::init(&home, "v", "v", &[]);
        let node = Node::run(&home, "v", &api, &[]);
        node.until("its first window", |node| {
            let status = node.get("/v1/status").unwrap_or_default();
            status["phase"] == "window" && status["signing"] == true
        });
        let address = format!("{listen}/p2p/{}", peer_of(&home, "v"));
        Self { node, home, address, subnet }
    }

    /// Where it listens, without its peer id.
    pub(crate) fn listen(&self) -> &str {
        self.address.split("/p2p/").next().unwrap_or_default()
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        self.node.until(what, |_| holds());
    }

    /// How many items of a kind ended with a result.
    fn counted(&self, kind: &str, result: &str) -> u64 {
        let name = format!("ganglion_items_total{{kind=\"{kind}\",result=\"{result}\"}} ");
        let text = self.node.text("/metrics").unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |n| n.parse().unwrap())
    }

    fn score_of(&self, peer: &Hotkey) -> f64 {
        let text = self.node.text("/v1/peers").unwrap();
        let peers: Vec<ganglion::api::types::Peer> = serde_json::from_str(&text).unwrap();
        peers.iter().find(|one| one.hotkey == peer.to_string()).unwrap().score
    }
}

/// A stranger on the network: its key, its handle and what it hears.
pub(crate) async fn stranger(
    node: &Host,
    seed: u8,
) -> (Hotkey, p2p::Handle, mpsc::Receiver<p2p::Event>) {
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let hotkey = sign::hotkey_of(&key);
    let mut config = p2p::Config::new(key, node.subnet);
    config.bootnodes = vec![node.address.clone()];
    config.discover = false;
    let (handle, events) = p2p::start(config).await.unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !handle.peers().iter().any(|peer| peer.connected && peer.subscribed) {
        assert!(Instant::now() < end, "no subscribed connection within 20 s");
        let _ = tokio::time::timeout(Duration::from_secs(1), handle.peers_changed()).await;
    }
    (hotkey, handle, events)
}

fn weights(key: &KeyPair, epoch: u64, seq: u64, entries: &[(u16, u16)]) -> Weights {
    Weights {
        signer: key.hotkey(),
        mechid: 0,
        epoch: Epoch::new(epoch),
        seq,
        entries: entries.to_vec(),
        task_preimage: ganglion_types::seed::element(&key.seed_chain_start(0), epoch)
            .unwrap_or(Digest::ZERO),
    }
}

fn signed(subnet: SubnetId, key: &KeyPair, body: Weights) -> Vec<u8> {
    Item::sign(subnet, Body::Weights(body), key.signing_key()).to_bytes()
}

/// Bad items: their topic, their bytes, and the kind and reason they are counted under.
type Bad = (Topic, Vec<u8>, &'static str, &'static str);

/// What an honest but late or confused peer may pass on.
fn innocent(subnet: SubnetId, key: &KeyPair, stranger: &KeyPair) -> Vec<Bad> {
    let row = |key: &KeyPair, epoch| weights(key, epoch, 1 << 40, &[(1, 65_535)]);
    vec![
        (Topic::Weights, signed(subnet, key, row(key, 0)), "weights", "stale"),
        (Topic::Weights, signed(subnet, key, row(key, 9)), "weights", "future"),
        (Topic::Weights, signed(subnet, stranger, row(stranger, 1)), "weights", "not_permitted"),
        (
            Topic::Weights,
            signed(subnet, key, weights(key, 1, 1 << 41, &[(7, 65_535)])),
            "weights",
            "inadmissible",
        ),
    ]
}

/// What no honest peer passes on.
fn guilty(subnet: SubnetId, key: &KeyPair) -> Vec<Bad> {
    let good = signed(subnet, key, weights(key, 1, 1 << 42, &[(1, 65_535)]));
    let mut forged = good.clone();
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    let foreign = signed(SubnetId::new([9; 32]), key, weights(key, 1, 1, &[(1, 65_535)]));
    let mut vote = Vote::sign(
        &subnet,
        VoteType::Prevote,
        Epoch::new(1),
        Round::new(0),
        Some(CutId::new([1; 32])),
        key.signing_key(),
    );
    vote.round = Round::new(1);
    let vote = AgreementMessage::Vote(vote).to_bytes();
    vec![
        (Topic::Weights, [good.clone(), vec![0x78, 1]].concat(), "unknown", "non_canonical"),
        (Topic::Weights, vec![0xff; 50], "unknown", "malformed"),
        (Topic::Ops, good, "unknown", "wrong_kind"),
        (Topic::Weights, foreign, "unknown", "wrong_subnet"),
        (Topic::Weights, forged, "weights", "bad_signature"),
        (Topic::Agreement, vec![0xee; 40], "unknown", "malformed"),
        (Topic::Agreement, vote, "vote", "bad_signature"),
    ]
}

fn send(node: &Host, from: &p2p::Handle, bad: Vec<Bad>) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    for (topic, bytes, kind, result) in bad {
        let before = node.counted(kind, result);
        from.publish(topic, bytes.clone()).unwrap();
        node.until(&format!("{kind} counted as {result}"), || node.counted(kind, result) > before);
        sent.push(bytes);
    }
    sent
}

#[test]
fn bad_items_from_a_second_client_are_counted_blamed_and_never_forwarded() {
    let node = Host::start();
    let key = pair(&node.home, "v");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ((sender, handle, _events), (_, listener, mut heard)) =
        runtime.block_on(async { (stranger(&node, 51).await, stranger(&node, 52).await) });
    let other = KeyPair::from_seed(&[53; 32]);
    let mut bad = send(&node, &handle, innocent(node.subnet, &key, &other));
    let score = node.score_of(&sender);
    assert!(score >= -0.5, "blamed for what it could not know: {score}");
    // One stranger each: whoever sends a few of these is not listened to any more.
    for (seed, case) in (60..).zip(guilty(node.subnet, &key)) {
        let (guilty, theirs, _events) = runtime.block_on(stranger(&node, seed));
        bad.extend(send(&node, &theirs, vec![case]));
        node.until("the sender's score falls", || node.score_of(&guilty) < -1.0);
    }

    // What the listener hears comes from the node, or this would show nothing.
    assert_eq!(listener.peers().iter().filter(|peer| peer.connected).count(), 1);

    // A good one passes, and nothing bad came before it.
    let good = signed(node.subnet, &key, weights(&key, 1, 1 << 43, &[(1, 65_535)]));
    handle.publish(Topic::Weights, good.clone()).unwrap();
    runtime.block_on(async {
        let limit = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let event = tokio::time::timeout_at(limit, heard.recv()).await;
            let event =
                event.expect("the good item arrives within 20 s").expect("the network runs");
            if let p2p::Event::Gossip { bytes, .. } = event {
                assert!(!bad.contains(&bytes), "a bad item was forwarded");
                if bytes == good {
                    break;
                }
            }
        }
    });
}

#[test]
fn a_locked_directory_and_a_taken_port_end_with_one_sentence_and_its_cure() {
    let node = Host::start();
    let ended = node.home.run(&["run", "--node", "v"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("error[data-locked]: "), "{ended:?}");
    assert!(ended.err.contains("  help: Stop the process"), "{ended:?}");

    let taken = node.address.split("/p2p/").next().unwrap().to_owned();
    let api = node.node.api.clone();
    for (name, listen, api) in
        [("a", taken.as_str(), "127.0.0.1:0"), ("b", "/ip4/127.0.0.1/tcp/0", api.as_str())]
    {
        node.home.ok(&[
            "init",
            "--manifest",
            "s.toml",
            "--hotkey",
            "m",
            "--node",
            name,
            "--listen",
            listen,
            "--api",
            api,
        ]);
        let ended = node.home.run(&["run", "--node", name]);
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(ended.err.contains("  help: Stop the process that listens there"), "{ended:?}");
    }
    // The node that held them is none the worse.
    assert!(node.node.text("/healthz").is_some());
}
