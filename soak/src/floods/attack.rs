//! The attacker's side: what a stranger with one machine can send.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context as _;
use ed25519_dalek::SigningKey;
use ganglion_p2p::{self as p2p, Topic};
use ganglion_types::{Body, Canonical as _, Digest, Epoch, Item, SubnetId, Weights, sign};
use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::cluster::pause;

/// Connections of one sybil: room for every honest node. What is more would go to other sybils, and all of them share one
/// process, which may have some 20,000 files open.
const SYBIL_PEERS: usize = 32;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flood {
    /// Connections that send noise, or half a handshake, as fast as they are taken.
    Junk,
    /// Rows of weights, well formed and signed, by keys without a permit, of past and future epochs.
    Useless,
    /// Peers that join, say nothing of use, and never pass anything on.
    Sybils,
    /// HTTP clients that send their request slowly, or never read the answer.
    Readers,
}

impl Flood {
    pub(crate) const EACH: [Self; 4] = [Self::Junk, Self::Useless, Self::Sybils, Self::Readers];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Junk => "junk",
            Self::Useless => "useless items",
            Self::Sybils => "sybils",
            Self::Readers => "slow readers",
        }
    }
}

/// An order for a process that attacks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attack {
    pub(crate) flood: Flood,
    /// Subnet id, hex.
    pub(crate) subnet: String,
    /// The victim's multiaddr with its peer id.
    pub(crate) address: String,
    /// Host and port of its HTTP interface.
    pub(crate) api: String,
    /// Peers or connections.
    pub(crate) many: u64,
    pub(crate) seed: u64,
}

impl Attack {
    /// Attacks until standard input ends.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
        match self.flood {
            Flood::Junk => self.junk(),
            Flood::Readers => self.readers(),
            Flood::Useless | Flood::Sybils => {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(self.peers())
            }
        }
    }

    /// Host and port of the victim's libp2p.
    fn socket(&self) -> anyhow::Result<String> {
        let mut parts = self.address.split('/').skip(2).step_by(2);
        let (host, port) = (parts.next(), parts.next());
        Ok(format!("{}:{}", host.context("no host")?, port.context("no port")?))
    }

    fn junk(&self) -> anyhow::Result<()> {
        let socket = self.socket()?;
        let mut chance = Chance::new(self.seed);
        let mut held = Vec::new();
        loop {
            let Ok(mut stream) = TcpStream::connect(&socket) else {
                pause(Duration::from_millis(10));
                continue;
            };
            stream.set_write_timeout(Some(Duration::from_millis(200)))?;
            let mut bytes: Vec<u8> = (0..8_192).flat_map(|_| chance.next().to_be_bytes()).collect();
            match chance.below(4) {
                // A true beginning, then noise.
                0 => {
                    let _ = stream.write_all(b"\x13/multistream/1.0.0\n\x07/noise\n");
                }
                // A frame that promises the most.
                1 => bytes.splice(0..2, [0xff, 0xff]).for_each(drop),
                // Half-open: nothing at all.
                2 => bytes.clear(),
                _ => {}
            }
            let _ = stream.write_all(&bytes);
            held.push(stream);
            if held.len() as u64 > self.many {
                held.remove(0);
            }
        }
    }

    fn readers(&self) -> anyhow::Result<()> {
        let mut chance = Chance::new(self.seed);
        let mut held: Vec<TcpStream> = Vec::new();
        loop {
            while (held.len() as u64) < self.many {
                let Ok(mut stream) = TcpStream::connect(&self.api) else { break };
                stream.set_nonblocking(true)?;
                let request = match chance.below(3) {
                    0 => "GET /v1/status HTTP/1.1\r\nHost: ".to_owned(),
                    // The answer is large and is never read.
                    1 => {
                        let one = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", self.api);
                        one.repeat(50)
                    }
                    _ => format!(
                        "POST /v1/ops HTTP/1.1\r\nHost: {}\r\nContent-Length: 100000\r\n\r\n{{",
                        self.api
                    ),
                };
                let _ = stream.write_all(request.as_bytes());
                held.push(stream);
            }
            // One byte now and then keeps a slow request alive.
            held.retain_mut(|stream| match stream.write(b"1") {
                Ok(_) => true,
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            });
            pause(Duration::from_millis(500));
        }
    }

    async fn peers(&self) -> anyhow::Result<()> {
        let subnet = SubnetId::from_hex(&self.subnet).context("no subnet id")?;
        let many = if self.flood == Flood::Sybils { self.many } else { 4 };
        let mut peers = Vec::new();
        for number in 0..many {
            let mut chance = Chance::new(self.seed.wrapping_mul(1_000_003).wrapping_add(number));
            let secret: Vec<u8> = (0..4).flat_map(|_| chance.next().to_be_bytes()).collect();
            let key = SigningKey::from_bytes(secret.as_slice().try_into()?);
            let mut config = p2p::Config::new(key.clone(), subnet);
            config.bootnodes = vec![self.address.clone()];
            config.discover = self.flood == Flood::Sybils;
            if self.flood == Flood::Sybils {
                config.max_peers = SYBIL_PEERS;
            }
            // What it hears is dropped with the channel's end that is never read.
            let (handle, events) = p2p::start(config).await?;
            peers.push((key, chance, handle, events));
        }
        let mut seq = 0u64;
        loop {
            for (key, chance, handle, _) in &mut peers {
                let rounds = if self.flood == Flood::Sybils { 1 } else { 50 };
                for _ in 0..rounds {
                    seq += 1;
                    let bytes = row(subnet, key, chance, seq);
                    // Its own limits refuse some: what a stranger with this code can send is what counts.
                    let _ = handle.publish(Topic::Weights, bytes);
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A row that is right in form and of no use: its signer has no permit.
fn row(subnet: SubnetId, key: &SigningKey, chance: &mut Chance, seq: u64) -> Vec<u8> {
    let weights = Weights {
        signer: sign::hotkey_of(key),
        mechid: 0,
        epoch: Epoch::new(chance.below(20)),
        seq,
        entries: (0..16).map(|uid| (uid, 4_096)).collect(),
        task_preimage: Digest::new([7; 32]),
    };
    Item::sign(subnet, Body::Weights(weights), key).to_bytes()
}
