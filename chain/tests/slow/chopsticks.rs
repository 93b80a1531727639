//! A node that runs the real runtime of a Substrate chain: chopsticks, with the specification of Polkadot's bridge hub.
//!
//! `scripts/chopsticks.sh install DIRECTORY` gets both; `GANGLION_CHOPSTICKS` names the directory. Every test has a node of its own,
//! on a port that the system chooses, and ends it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ed25519_dalek::SigningKey;
use ganglion_chain::substrate::{Place, Settings, Substrate};
use ganglion_chain::{AnchorPayload, CutHead};
use ganglion_types::{CutId, Digest, Epoch, Hotkey, SubnetId, sign};
use serde_json::{Value, json};
use subxt::rpcs::client::{RpcClient, RpcParams};

pub(crate) const SUBNET: SubnetId = SubnetId::new([0xaa; 32]);

/// Blocks for which a transaction can be included. Short, because blocks take time.
pub(crate) const ERA: u64 = 8;

/// What an account is given: a hundred units of that chain.
pub(crate) const FUNDS: u128 = 1_000_000_000_000;

pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
    pub(crate) genesis: [u8; 32],
    rpc: RpcClient,
    // Holds the settings file for as long as the process may read it.
    _directory: tempfile::TempDir,
}

impl Node {
    /// Starts a node that makes blocks only when told, and waits until it answers.
    pub(crate) async fn start() -> Self {
        let installed = std::env::var_os("GANGLION_CHOPSTICKS")
            .expect("GANGLION_CHOPSTICKS names where scripts/chopsticks.sh installed it");
        let installed = PathBuf::from(installed);
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yml");
        let specification = installed.join("chain-spec.json");
        let text = format!(
            "chain-spec: {}\nhost: 127.0.0.1\nport: 0\nbuild-block-mode: Manual\nallow-unresolved-imports: true\n",
            specification.display(),
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("node")
            .arg(installed.join("node_modules/.bin/chopsticks"))
            .arg("--config")
            .arg(&config)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("node starts");
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, told) = tokio::sync::oneshot::channel();
        // Reads on to the end, so that the process never waits for a reader.
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("ws://")
                    && let Some(tell) = tell.take()
                {
                    let _ = tell.send(format!("ws://{}", url.trim()));
                }
            }
        });
        let url = told.await.expect("the node says where it listens");
        let rpc = RpcClient::from_url(&url).await.unwrap();
        let mut node = Self { child, url, genesis: [0; 32], rpc, _directory: directory };
        let first = node.ask("chain_getBlockHash", &[json!(0)]).await;
        node.genesis = *Digest::from_hex(first.as_str().unwrap()).unwrap().as_bytes();
        node
    }

    pub(crate) async fn ask(&self, method: &str, arguments: &[Value]) -> Value {
        let mut parameters = RpcParams::new();
        for argument in arguments {
            parameters.push(argument).unwrap();
        }
        self.rpc
            .request(method, parameters)
            .await
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    pub(crate) async fn fund(&self, hotkey: &Hotkey, amount: u128) {
        let account = json!({"providers": 1, "data": {"free": amount.to_string()}});
        let change = json!({"System": {"Account": [[[hotkey.to_string()], account]]}});
        self.ask("dev_setStorage", &[change]).await;
    }

    /// Makes blocks, with what the pool holds in the first.
    pub(crate) async fn blocks(&self, count: u64) {
        self.ask("dev_newBlock", &[json!({ "count": count })]).await;
    }

    /// Makes a block if a transaction waits for one.
    pub(crate) async fn block_if_wanted(&self) {
        if self.ask("author_pendingExtrinsics", &[]).await != json!([]) {
            self.blocks(1).await;
        }
    }

    /// Goes back to a block, as if what came after had never been.
    pub(crate) async fn rewind(&self, height: u64) {
        self.ask("dev_setHead", &[json!(height)]).await;
    }

    pub(crate) async fn height(&self) -> u64 {
        let header = self.ask("chain_getHeader", &[]).await;
        let number = header["number"].as_str().unwrap().trim_start_matches("0x");
        u64::from_str_radix(number, 16).unwrap()
    }

    /// The backend, by way of `url`.
    pub(crate) fn chain_at(&self, url: &str, key: Option<u8>) -> Substrate {
        let settings = Settings {
            url: url.to_owned(),
            genesis: self.genesis,
            place: Place::Remark,
            era: ERA,
            lookback: 1_000,
        };
        Substrate::new(&settings, key.map(signing)).unwrap()
    }

    pub(crate) fn chain(&self, key: Option<u8>) -> Substrate {
        self.chain_at(&self.url, key)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signing(key: u8) -> SigningKey {
    SigningKey::from_bytes(&[key; 32])
}

pub(crate) fn hotkey(key: u8) -> Hotkey {
    sign::hotkey_of(&signing(key))
}

/// An anchor of the epochs `first` to `last`, whose cut ids all begin with `fork`.
pub(crate) fn payload(first: u64, last: u64, fork: u8) -> AnchorPayload {
    let cut = |epoch: u64| {
        let mut id = [fork; 32];
        id[24..].copy_from_slice(&epoch.to_be_bytes());
        CutId::new(id)
    };
    let cuts: Vec<CutId> = (first..=last).map(cut).collect();
    let head = CutHead {
        subnet: SUBNET,
        epoch: Epoch::new(last),
        cut: cut(last),
        result_root: Digest::new([1; 32]),
        next_committee_root: Digest::new([2; 32]),
    };
    AnchorPayload::new(&cuts, &head).unwrap()
}
