//! A node is ended by SIGKILL at each step of an anchor, again and again, on one chain.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::evm::{Anvil, KEY};
use super::proxy::{At, Passing, Proxy};
use crate::process::{Node, add_settings, subnet_of_two};
use crate::run::Ganglion;

/// How often; GANGLION_TEST_KILLS says otherwise.
const KILLS: usize = 20;

fn kills() -> usize {
    std::env::var("GANGLION_TEST_KILLS").map_or(KILLS, |text| text.parse().expect("a number"))
}

/// The steps, by the request that is on its way.
const STEPS: [(&str, At); 6] = [
    // While it is prepared: nothing is signed.
    ("eth_estimateGas", At::Before),
    // The last thing asked for before it is signed and synced: somewhere in both.
    ("eth_getBalance", At::After),
    // Synced and told to nobody.
    ("eth_sendRawTransaction", At::Before),
    // With the chain, and the node has not heard of it.
    ("eth_sendRawTransaction", At::Between),
    // The node has heard, and is about to write it down.
    ("eth_sendRawTransaction", At::After),
    // It is asked where it stands.
    ("eth_getTransactionReceipt", At::Between),
];

/// Who is ended where; taken by the first request that fits.
#[derive(Default)]
struct Orders(Mutex<Option<(u32, (String, At))>>);

fn executioner(orders: Arc<Orders>, told: SyncSender<()>) -> impl Fn(&Passing<'_>) -> bool {
    move |passing| {
        let mut order = orders.0.lock().unwrap();
        let fits = |(_, (method, at)): &mut (u32, (String, At))| {
            *method == passing.method && *at == passing.at
        };
        let Some((process, _)) = order.take_if(fits) else { return true };
        let killed = Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
        assert!(killed.success());
        told.send(()).unwrap();
        false
    }
}

/// Runs the node until it is ended at a step.
fn run_until_killed(home: &Ganglion, api: &str, orders: &Orders, killed: &Receiver<()>, n: usize) {
    let node = Node::run(home, "v", api, &[]);
    let (method, at) = STEPS[n % STEPS.len()];
    *orders.0.lock().unwrap() = Some((node.id(), (method.into(), at)));
    let ended = killed.recv_timeout(Duration::from_secs(60));
    assert!(ended.is_ok(), "{method} never came {at:?}: {}", node.log());
}

fn rpc(chain: &Anvil, method: &str, params: &Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut answer = ureq::post(&chain.1).send_json(&body).unwrap();
    let answer: Value = answer.body_mut().read_json().unwrap();
    assert!(answer["error"].is_null(), "{answer}");
    answer["result"].clone()
}

fn number(hex: &str) -> u64 {
    u64::from_str_radix(hex.trim_start_matches("0x").trim_start_matches('0'), 16).unwrap_or(0)
}

#[test]
fn a_node_killed_at_any_step_of_an_anchor_loses_and_doubles_nothing() {
    let chain = Anvil::start();
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let (_, api) = Node::init(&home, "v", "v", &[]);
    let (orders, (told, killed)) = (Arc::new(Orders::default()), sync_channel(1));
    let proxy = Proxy::start(&chain.1, None, executioner(orders.clone(), told));
    let key = home.file("anchor.key", KEY, 0o600);
    let address = format!("http://{}", proxy.address());
    let deploy = ["anchor", "deploy", "--rpc", &address, "--chain-id", "31337"];
    let printed = home.ok(&[&deploy[..], &["--key-file", &key]].concat());
    add_settings(&home, &format!("{printed}anchor_key_file = \"{key}\"\n"));
    for n in 0..kills() {
        run_until_killed(&home, &api, &orders, &killed, n);
    }
    let node = Node::run(&home, "v", &api, &[]);
    node.until("an epoch", |node| node.epoch().is_some_and(|epoch| epoch > 1));
    let tip = node.epoch().unwrap();
    node.until("every epoch anchored", |node| node.anchored() >= tip);
    drop(node);
    let contract = printed.lines().find_map(|line| line.strip_prefix("anchor_contract = "));
    let filter = json!([{ "fromBlock": "0x0", "address": contract.unwrap().trim_matches('"') }]);
    let logs = rpc(&chain, "eth_getLogs", &filter);
    let logs = logs.as_array().unwrap();
    let mut next = 1;
    for log in logs {
        let first = number(&log["data"].as_str().unwrap()[2..66]);
        assert_eq!(first, next, "each epoch once and in order: {logs:?}");
        next = number(log["topics"][3].as_str().unwrap()) + 1;
    }
    assert!(next > tip, "{next} of {tip}");
    // Nothing was paid for but the contract and these.
    let payer = rpc(&chain, "eth_accounts", &json!([]))[0].clone();
    let paid = rpc(&chain, "eth_getTransactionCount", &json!([payer, "latest"]));
    let anchors: BTreeSet<&str> =
        logs.iter().map(|log| log["transactionHash"].as_str().unwrap()).collect();
    assert_eq!(number(paid.as_str().unwrap()), 1 + anchors.len() as u64);
}
