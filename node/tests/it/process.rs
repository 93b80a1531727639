//! Nodes as processes of their own.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ganglion::keys::{KeyFile, KeyPair, Password};
use ganglion::testnet::ports::Ports;
use ganglion_p2p as p2p;
use serde_json::Value;

use crate::run::Ganglion;

/// A running node. It ends with its standard input.
pub(crate) struct Node {
    child: Child,
    pub(crate) api: String,
    log: PathBuf,
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    Ports::default().take().unwrap()
}

impl Node {
    pub(crate) fn init(
        home: &Ganglion,
        hotkey: &str,
        name: &str,
        more: &[&str],
    ) -> (String, String) {
        let listen = format!("/ip4/127.0.0.1/tcp/{}", free_port());
        let api = format!("127.0.0.1:{}", free_port());
        let args = ["init", "--manifest", "s.toml", "--hotkey", hotkey, "--node", name];
        let addresses = ["--listen", listen.as_str(), "--api", api.as_str()];
        home.ok(&[&args[..], &addresses[..], more].concat());
        (listen, api)
    }

    pub(crate) fn run(home: &Ganglion, name: &str, api: &str, more: &[&str]) -> Self {
        let log = home.path(&format!("{name}.log"));
        let stderr = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ganglion"))
            .args([&["run", "--node", name, "--exit-with-stdin"], more].concat())
            .current_dir(home.path(""))
            .env("GANGLION_HOME", home.path("home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Self { child, api: api.to_owned(), log }
    }

    /// A page that answers with 200.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.page(path).filter(|(status, _)| *status == 200).map(|(_, page)| page)
    }

    /// Status and page.
    pub(crate) fn page(&self, path: &str) -> Option<(u16, Value)> {
        let (status, body) = self.answer(path)?;
        Some((status, serde_json::from_str(&body).ok()?))
    }

    /// The text of a page that answers with 200.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.answer(path).filter(|(status, _)| *status == 200).map(|(_, body)| body)
    }

    /// Status and body.
    pub(crate) fn answer(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = std::net::TcpStream::connect(&self.api).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.api);
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    pub(crate) fn epoch(&self) -> Option<u64> {
        self.get("/v1/status")?["epoch"].as_u64()
    }

    /// Waits until an epoch is certified here, as long as each minute brings one.
    pub(crate) fn until_epoch(&self, epoch: u64) {
        let mut now = self.epoch();
        while now.is_none_or(|now| now < epoch) {
            self.until(&format!("epoch {epoch}, after {now:?},"), |node| node.epoch() > now);
            now = self.epoch();
        }
    }

    pub(crate) fn cut(&self, epoch: u64) -> Option<String> {
        let shown = self.get(&format!("/v1/epochs/{epoch}"))?;
        Some(shown["cut"].as_str()?.to_owned())
    }

    /// Epochs whose anchors are final.
    pub(crate) fn anchored(&self) -> u64 {
        self.get("/v1/anchors").and_then(|board| board["done"].as_u64()).unwrap_or(0)
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Why it is not ready; empty if it is, or does not answer yet.
    pub(crate) fn reasons(&self) -> String {
        let page = self.page("/readyz").map(|(_, page)| page);
        page.map_or_else(String::new, |page| page["reasons"].to_string())
    }

    /// A line with this text is in its log, which may come after what it tells of can be seen elsewhere.
    pub(crate) fn until_logged(&self, text: &str) {
        self.until(text, |node| node.log().contains(text));
    }

    /// Waits until `holds`, at most a minute.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds(self) {
            assert!(Instant::now() < end, "{what} never came; its log: {}", self.log());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// Makes the keys `v`, `m` and `c`, and `s.toml`: a subnet of one validator and one miner that
/// begins in a second.
pub(crate) fn subnet_of_two(home: &Ganglion, epoch_length: &str) {
    for (role, name) in [("hotkey", "v"), ("hotkey", "m"), ("coldkey", "c")] {
        home.ok(&["keys", "new", "--role", role, "--name", name, "--no-password"]);
    }
    let entry = |role: &str, hotkey: &str, more: &[&str]| {
        let args = ["subnet", "entry", "--role", role, "--hotkey", hotkey, "--coldkey", "c"];
        home.file(&format!("{hotkey}.toml"), &home.ok(&[&args[..], more].concat()), 0o600)
    };
    let validator = entry("validator", "v", &["--stake", "100"]);
    let miner = entry("miner", "m", &[]);
    let args = ["subnet", "new", "--name", "s", "--genesis-in", "1s"];
    let length = ["--epoch-length", epoch_length];
    let participants = ["--participants", validator.as_str(), "--participants", miner.as_str()];
    home.ok(&[&args[..], &length, &participants].concat());
}

/// The hotkey of that name.
pub(crate) fn pair(home: &Ganglion, hotkey: &str) -> KeyPair {
    let path = home.path(&format!("home/keys/hotkeys/{hotkey}.json"));
    KeyFile::read(&path).unwrap().open(&path, &Password::none()).unwrap()
}

/// The libp2p id of a key's node.
pub(crate) fn peer_of(home: &Ganglion, hotkey: &str) -> String {
    p2p::peer_id(&pair(home, hotkey).hotkey()).unwrap()
}

/// Adds lines to the settings of the node `v`.
pub(crate) fn add_settings(home: &Ganglion, text: &str) {
    let path = home.path("home/nodes/v/node.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{before}\n{text}")).unwrap();
}
