//! A node, its anchors, and a real node of an EVM chain.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::proxy::{Certificate, Proxy};
use crate::process::{Node, add_settings, subnet_of_two};
use crate::run::Ganglion;

/// A development chain with a block a second; its first account is known to everybody.
pub(super) struct Anvil(Child, pub(super) String);

pub(super) const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

impl Anvil {
    pub(super) fn start() -> Self {
        let path = std::env::var("GANGLION_ANVIL")
            .expect("GANGLION_ANVIL is the path of anvil: `.ci/run anchors` installs it");
        let mut child = Command::new(path)
            .args(["--host", "127.0.0.1", "--port", "0", "--block-time", "1"])
            .args(["--slots-in-an-epoch", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self(child, format!("http://{address}"))
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let text = |field: &str| good[0][field].as_str().unwrap().to_owned();
    let flipped = |field: &str| {
        let end = if text(field).ends_with('0') { "1" } else { "0" };
        with(field, format!("{}{end}", &text(field)[..text(field).len() - 1]).into())
    };
    let height = good[0]["height"].as_u64().unwrap();
    vec![
        ("the magic", byte(0), "not the bytes of an anchor"),
        ("the version", byte(4), "version"),
        ("reserved bytes", byte(6), "version"),
        ("the first epoch", byte(15), "range"),
        ("the last epoch", byte(16), "range"),
        ("the subnet", byte(24), "another subnet"),
        ("the last cut", byte(60), "range root"),
        ("the result root", byte(90), "anchors something else"),
        ("the next committee", byte(122), "anchors something else"),
        ("the range root", byte(160), "range root"),
        ("a payload cut short", with("payload", text("payload")[..300].into()), "150 bytes"),
        ("a longer payload", with("payload", (text("payload") + "00").into()), "185 bytes"),
        ("no hexadecimal", with("payload", "xyz".into()), "cannot be read"),
        ("the height", with("height", (height + 1).into()), "is in block"),
        ("the block", flipped("block"), "is in block"),
        ("the place in it", with("index", 7.into()), "is in block"),
        ("the transaction", flipped("transaction"), "in no block"),
        ("a hash cut short", with("transaction", "0x12".into()), "cannot be read"),
        ("a path of something else", with("path", "080110021a20".into()), "protobuf"),
        ("an empty list", json!([]), "holds no anchor"),
        ("another epoch's anchor", Value::Null, "does not name the proven cut"),
    ]
}

#[test]
fn an_epoch_is_anchored_on_an_evm_chain_and_a_stranger_can_verify_it() {
    let chain = Anvil::start();
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let (_, api) = Node::init(&home, "v", "v", &[]);
    let key = home.file("anchor.key", KEY, 0o600);
    let deploy = ["anchor", "deploy", "--rpc", &chain.1, "--chain-id", "31337", "--key-file", &key];
    let printed = home.ok(&deploy);
    add_settings(&home, &format!("{printed}anchor_key_file = \"{key}\"\n"));
    let node = Node::run(&home, "v", &api, &[]);
    node.until("three final anchors", |node| node.anchored() >= 3);
    let spent = |node: &Node| -> u128 {
        let shown = node.get("/v1/anchors").unwrap();
        shown["spent"].as_str().unwrap().parse().unwrap()
    };
    node.until("their price", |node| spent(node) > 0);
    let shown = home.json(&["anchor", "status", "--node", "v"]);
    assert!(shown["spent"].as_str().unwrap().parse::<u128>().unwrap() > 50_000 * 1_000_000_000);
    assert!(node.text("/metrics").unwrap().contains("ganglion_anchor_fees_units 0.0"));
    let found = home.json(&["anchor", "find", "2", "--node", "v"]);
    assert_eq!((&found[0]["truth"], &found[0]["finality"]), (&"same".into(), &"final".into()));
    let proof = home.ok(&["epoch", "prove", "2", "m", "--node", "v"]);
    let proof = home.file("proof.json", &proof, 0o600);
    let contract = printed.lines().find_map(|line| line.strip_prefix("anchor_contract = "));
    let contract = contract.unwrap().trim_matches('"').to_owned();
    let verify = |anchors: &Value| {
        let anchors = home.file("anchors.json", &anchors.to_string(), 0o600);
        let start = ["--json", "verify", &proof, "--genesis", "s.toml", "--anchor", &anchors];
        let asked = ["--anchor-rpc", &chain.1, "--anchor-chain-id", "31337"];
        home.run(&[&start[..], &asked, &["--anchor-contract", &contract]].concat())
    };
    let good = verify(&found);
    let report: Value = serde_json::from_str(&good.out).unwrap_or_else(|_| panic!("{good:?}"));
    assert_eq!(report["anchor"]["chain"].as_str().unwrap(), format!("evm:31337:{contract}"));
    let checked = report["checked"].as_array().unwrap().len();
    assert_eq!((checked, report["not_checked"].as_array().unwrap().len()), (9, 4));
    let other = home.json(&["anchor", "find", "3", "--node", "v"]);
    let cases = tampered(&found);
    assert!(cases.len() >= 20);
    for (what, mut file, reason) in cases {
        if file.is_null() {
            file = other.clone();
        }
        let ended = verify(&file);
        assert!(ended.err.contains(reason) && ended.code == 1, "{what}: {ended:?}");
    }
}

/// What came encrypted from one who is trusted is believed, and nothing else is asked for in that way.
#[test]
fn a_chain_behind_tls_is_reached_if_its_certificate_is_trusted() {
    let chain = Anvil::start();
    let home = Ganglion::new();
    let certificate = Certificate::new();
    let proxy = Proxy::start(&chain.1, Some(&certificate), |_| true);
    let key = home.file("anchor.key", KEY, 0o600);
    let rpc = format!("https://{}", proxy.address());
    let deploy = ["anchor", "deploy", "--rpc", &rpc, "--chain-id", "31337", "--key-file", &key];
    let trusted = home.file("authority.pem", &certificate.pem, 0o600);
    let stranger = home.file("stranger.pem", &Certificate::new().pem, 0o600);
    let refused = home.run_with(&deploy, &[("SSL_CERT_FILE", &stranger)], "");
    assert!(refused.code != 0 && refused.err.contains("certificate"), "{refused:?}");
    let plain = rpc.replace("https", "http");
    let plain = deploy.map(|word| if word == rpc { plain.as_str() } else { word });
    assert_ne!(home.run(&plain).code, 0, "no TLS, no answer");
    assert_eq!(proxy.requests(), 0, "nothing was said before the certificate was seen");
    let made = home.run_with(&deploy, &[("SSL_CERT_FILE", &trusted)], "");
    assert_eq!((made.code, made.err.as_str()), (0, ""), "{made:?}");
    assert!(made.out.contains(&format!("anchor_rpc = \"{rpc}\"")), "{made:?}");
    assert!(proxy.requests() > 5);
}
