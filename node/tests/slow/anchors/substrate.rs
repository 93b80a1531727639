//! A running node that anchors on a chain with a real Substrate runtime.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::process::{Node, pair, subnet_of_two};
use crate::run::Ganglion;

/// Hash of the first block of every chain of this kind.
const GENESIS: &str = "0x4545454545454545454545454545454545454545454545454545454545454545";

/// Chopsticks, with the runtime of Polkadot's bridge hub; makes a block for every transaction.
struct Chain {
    child: Child,
    /// `ws://127.0.0.1:PORT`.
    url: String,
    _directory: tempfile::TempDir,
}

impl Chain {
    fn start() -> Self {
        let installed = std::env::var_os("GANGLION_CHOPSTICKS")
            .expect("GANGLION_CHOPSTICKS is where `.ci/run anchors` installs a Substrate node");
        let installed = PathBuf::from(installed);
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yml");
        let specification = installed.join("chain-spec.json");
        let text = format!(
            "chain-spec: {}\nhost: 127.0.0.1\nport: 0\nbuild-block-mode: Instant\nallow-unresolved-imports: true\n",
            specification.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("node")
            .arg(installed.join("node_modules/.bin/chopsticks"))
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("ws://").map(|(_, at)| format!("ws://{}", at.trim())))
            .expect("it says where it listens");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, url, _directory: directory }
    }

    fn ask(&self, method: &str, params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let url = self.url.replace("ws://", "http://");
        let mut answer = ureq::post(&url).send_json(&body).expect("the chain's node answers");
        let answer: Value = answer.body_mut().read_json().expect("JSON");
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    fn fund(&self, address: &str, amount: u64) {
        let account = json!({"providers": 1, "data": {"free": amount.to_string()}});
        self.ask("dev_setStorage", &json!([{"System": {"Account": [[[address], account]]}}]));
        self.ask("dev_newBlock", &json!([]));
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn board(node: &Node) -> Value {
    node.get("/v1/anchors").unwrap_or_default()
}

/// What is wrong with a file of anchors, and how it is told.
fn tampered(good: &Value) -> Vec<(&'static str, Value, &'static str)> {
    let with = |field: &str, value: Value| {
        let mut one = good.clone();
        one[0][field] = value;
        one
    };
    // A byte of the payload, by its place (docs/spec/anchors.md).
    let byte = |at: usize| {
        let mut payload = good[0]["payload"].as_str().unwrap().to_owned().into_bytes();
        payload[2 * at] = if payload[2 * at] == b'0' { b'1' } else { b'0' };
        with("payload", String::from_utf8(payload).unwrap().into())
    };
    let flipped = |field: &str| {
        let text = good[0][field].as_str().unwrap();
        let end = if text.ends_with('0') { "1" } else { "0" };
        with(field, format!("{}{end}", &text[..text.len() - 1]).into())
    };
    let (height, index) = (good[0]["height"].as_u64().unwrap(), good[0]["index"].as_u64().unwrap());
    vec![
        ("the subnet", byte(24), "another subnet"),
        // All that waited for money went as one range.
        ("the last cut", byte(60), "no anchor with this content"),
        ("the range root", byte(160), "does not name the proven cut"),
        ("the result root", byte(90), "no anchor with this content"),
        ("the next committee", byte(122), "no anchor with this content"),
        ("the height", with("height", (height - 1).into()), "and not"),
        ("a height to come", with("height", (height + 9_999).into()), "no block"),
        ("the block", flipped("block"), "and not"),
        ("the place in it", with("index", 0.into()), "not signed"),
        ("a place beyond it", with("index", (index + 1).into()), "no extrinsic"),
        ("the transaction", flipped("transaction"), "another hash"),
        ("an empty list", json!([]), "holds no anchor"),
    ]
}

#[test]
fn an_epoch_is_anchored_by_the_hotkey_itself_and_a_stranger_can_verify_it() {
    let chain = Chain::start();
    let home = Ganglion::new();
    subnet_of_two(&home, "3s");
    let (_, api) = Node::init(&home, "v", "v", &[]);
    let path = home.path("home/nodes/v/node.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    let settings = format!(
        "anchor = \"substrate\"\nanchor_rpc = \"{}\"\nanchor_genesis = \"{GENESIS}\"\n",
        chain.url
    );
    std::fs::write(&path, format!("{before}\n{settings}")).unwrap();
    let node = Node::run(&home, "v", &api, &[]);

    // Epochs go on without money on that chain, and the operator is told.
    node.until("an account that cannot pay", |node| board(node)["held"] == true);
    node.until_epoch(2);
    assert_eq!(board(&node)["done"], 0);
    let hotkey = pair(&home, "v").hotkey();
    chain.fund(&hotkey.to_string(), 1_000_000_000_000);
    let client = home.ok(&["anchor", "retry", "--node", "v"]);
    assert_eq!(client, "");
    node.until("three final epochs", |node| board(node)["done"].as_u64() >= Some(3));

    let shown = home.ok(&["anchor", "status", "--node", "v"]);
    assert!(shown.contains(&format!("substrate:{GENESIS}:remark")), "{shown}");
    let publisher = format!("0x{}", ganglion_types::hex(hotkey.as_bytes()));
    assert!(shown.contains(&publisher), "{shown}");
    let found = home.json(&["anchor", "find", "2", "--node", "v"]);
    assert_eq!((&found[0]["truth"], &found[0]["finality"]), (&"same".into(), &"final".into()));
    assert_eq!(found.as_array().map(Vec::len), Some(1), "once");

    let proof = home.ok(&["epoch", "prove", "2", "m", "--node", "v"]);
    let proof = home.file("proof.json", &proof, 0o600);
    let verify = |anchors: &Value, genesis: &str| {
        let anchors = home.file("anchors.json", &anchors.to_string(), 0o600);
        let start = ["--json", "verify", &proof, "--genesis", "s.toml", "--anchor", &anchors];
        home.run(&[&start[..], &["--anchor-rpc", &chain.url, "--anchor-genesis", genesis]].concat())
    };
    let good = verify(&found, GENESIS);
    let report: Value = serde_json::from_str(&good.out).unwrap_or_else(|_| panic!("{good:?}"));
    assert_eq!(report["anchor"]["publisher"], publisher);
    let checked = report["checked"].to_string();
    assert!(checked.contains("its account signed it"), "{report}");
    assert!(checked.contains("the runtime says that the call succeeded"), "{report}");
    for (what, file, reason) in tampered(&found) {
        let ended = verify(&file, GENESIS);
        assert!(ended.err.contains(reason) && ended.code == 1, "{what}: {ended:?}");
    }
    let ended = verify(&found, &GENESIS.replace("45", "46"));
    assert!(ended.err.contains("the settings name") && ended.code == 1, "{ended:?}");

    // The registry of another chain is read with the same means; this runtime keeps none.
    let asked = ["registry", "show", "--rpc", &chain.url, "--genesis", GENESIS, "--netuid", "1"];
    let ended = home.run(&asked);
    assert!(ended.err.contains("too old for its registry") && ended.code == 2, "{ended:?}");
}
