//! The inputs to begin with: the frozen encodings of every format, and a little text of each kind.

use std::collections::BTreeMap;

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// Targets that take more memory than this also take more time.
pub const LIGHT: usize = 32 << 20;

const TYPES: &str = include_str!("../../types/frozen/encodings.txt");
const CONSENSUS: &str = include_str!("../../consensus/frozen/encodings.txt");
const CHAIN: &str = include_str!("../../chain/frozen/encodings.txt");
/// Questions to a node of an EVM chain and its answers, with an empty line between two; of the first line of each the bytes.
const EVM: &str = include_str!("../recorded/evm.txt");
const STORAGE: &str = include_str!("../../storage/frozen/encodings.txt");

/// Names of frozen encodings, each ending here in the folder of a target.
const FROZEN: &[(&str, &str)] = &[
    ("anchor_payload_one_epoch", "anchor_payload"),
    ("anchor_payload_five_epochs", "anchor_payload"),
    ("item/", "item"),
    ("list_body", "list_body"),
    ("cut", "cut"),
    ("genesis/cut", "cut"),
    ("certificate", "certificate"),
    ("epoch_bundle", "epoch_bundle"),
    ("agreement/", "agreement_message"),
    ("manifest", "manifest"),
    ("proof/merkle_path", "merkle_proof"),
    ("result/path", "merkle_proof"),
    ("proof/committee", "committee_members"),
    ("external_registry", "external_registry"),
    ("proof/link", "epoch_link"),
    ("proof/epoch", "epoch_proof"),
    ("fork", "fork"),
    ("snapshot/header", "snapshot_header"),
    ("snapshot/chunk", "snapshot_chunk"),
    ("result/header", "result_rows"),
    ("result/row", "result_rows"),
    ("request/", "request"),
    ("response/", "response"),
    ("item/peer_record", "peer_record"),
];

/// What is in a message of agreement, in the order of the target's first byte.
const PARTS: [&str; 4] =
    ["agreement/vote", "agreement/proposal", "agreement/polka", "agreement/round_certificate"];

/// Files of a data directory.
const FILES: &[(&str, &str)] = &[
    ("certificates.log/whole", "certificate_log"),
    ("certificates.log/cuts", "certificate_log"),
    ("agreement.log", "agreement_log"),
    ("fork", "fork_file"),
    ("snapshot", "snapshot_file"),
];

fn encodings(text: &str) -> impl Iterator<Item = (&str, Vec<u8>)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split(' ');
        let (name, bytes) = (words.next()?, words.next()?);
        hex::decode(bytes).ok().map(|bytes| (name, bytes))
    })
}

type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

fn put(seeds: &mut Seeds, target: &'static str, bytes: impl Into<Vec<u8>>) {
    seeds.entry(target).or_default().push(bytes.into());
}

fn frozen(seeds: &mut Seeds) {
    for (name, bytes) in encodings(TYPES).chain(encodings(CONSENSUS)).chain(encodings(CHAIN)) {
        if name == "anchor_payload_one_epoch" {
            // Behind number, time, link and hotkey, before the signature, which is none.
            let entry = [&[0; 80][..], &bytes, &[0; 64]].concat();
            put(seeds, "anchor_outbox", entry.clone());
            put(seeds, "anchor_entry", entry);
        }
        for (pattern, target) in FROZEN {
            let folder = pattern.ends_with('/') && name.starts_with(pattern);
            if *target == "snapshot_chunk" && name == *pattern {
                let head = [bytes.first().copied().unwrap_or(0), 1];
                put(seeds, target, [&head[..], &bytes].concat());
            } else if folder || name == *pattern {
                put(seeds, target, bytes.clone());
            }
        }
        if let Some(at) = PARTS.iter().position(|part| *part == name) {
            // Behind the tag and the length of the message that it comes in.
            let tag = bytes.iter().skip(1).take_while(|byte| **byte >= 0x80).count() + 2;
            let part = u8::try_from(at).unwrap_or(0);
            put(seeds, "agreement_part", [&[part][..], &bytes[tag..]].concat());
        }
        if name.starts_with("item/") {
            bodies(seeds, name, &bytes);
        }
    }
    let mut slots = Vec::new();
    for (name, bytes) in encodings(STORAGE) {
        for (pattern, target) in FILES.iter().filter(|(pattern, _)| name == *pattern) {
            let _ = pattern;
            put(seeds, target, bytes.clone());
        }
        if name.starts_with("watermark/") {
            // The two slots lie a page apart.
            slots.resize(slots.len().next_multiple_of(4_096), 0);
            slots.extend_from_slice(&bytes);
        }
    }
    put(seeds, "watermark", slots);
}

/// The item for the topics it may come by, and its body by itself.
fn bodies(seeds: &mut Seeds, name: &str, bytes: &[u8]) {
    use ganglion_types::{Canonical as _, Item};
    let Ok(item) = Item::from_bytes(bytes, 1 << 20) else { return };
    let body = item.to_proto().body;
    let kind = u8::try_from(item.kind().number()).unwrap_or(0);
    put(seeds, "item_body", [&[kind][..], &body].concat());
    let channel = ganglion_subnet::intake::channel_of(item.kind());
    let at = channel.map_or(4, |channel| {
        use ganglion_subnet::Channel as C;
        [C::Tasks, C::Outputs, C::Weights, C::Ops].iter().position(|c| *c == channel).unwrap_or(4)
    });
    put(seeds, "gossip", [&[u8::try_from(at).unwrap_or(0)][..], bytes].concat());
    if name.starts_with("item/registry_op/") {
        put(seeds, "registry_op", body.clone());
        if name.ends_with("transfer") {
            let item = hex::encode(bytes);
            for path in ["ops", "ops/check"] {
                let head = format!("POST /v1/{path}\ncontent-type: application/json\n\n");
                put(seeds, "http_request", format!("{head}{{\"item\":\"{item}\"}}"));
            }
        }
        put(seeds, "http_body", format!("{{\"item\":\"{}\"}}", hex::encode(bytes)));
    }
    if name.starts_with("item/evidence/") {
        put(seeds, "evidence", body);
    }
}

fn recorded(seeds: &mut Seeds) {
    for talk in EVM.split("\n\n") {
        let (head, answers) = talk.split_once('\n').unwrap_or((talk, ""));
        let head = hex::decode(head).unwrap_or_default();
        put(seeds, "evm_answers", [&head[..], answers.trim_end().as_bytes()].concat());
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text.as_bytes()).and_then(|()| out.finish()).unwrap_or_default()
}

/// Nothing random: equal calls give equal bytes.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(length);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_be_bytes());
    }
    out.truncate(length);
    out
}

fn text(seeds: &mut Seeds) {
    use ganglion_types::{Canonical as _, EpochProof, Manifest};
    let find = |name: &str| encodings(TYPES).find(|(found, _)| *found == name).map(|found| found.1);
    if let Some(bytes) = find("manifest")
        && let Ok(manifest) = Manifest::from_bytes(&bytes, 1 << 20)
    {
        put(seeds, "manifest_toml", ganglion::manifest::render(&manifest));
    }
    for (_, bytes) in encodings(CONSENSUS).filter(|(name, _)| *name == "proof/epoch") {
        if let Ok(proof) = EpochProof::from_bytes(&bytes, 1 << 20) {
            put(seeds, "proof_file", ganglion::proof::ProofFile::to_json(&proof));
        }
    }
    if let Some(bytes) = find("cut")
        && let Ok(cut) = ganglion_types::Cut::from_bytes(&bytes, 1 << 20)
        && let Ok(dump) = serde_json::to_vec(&ganglion::audit::Dump::new(&cut, &[]))
    {
        put(seeds, "epoch_dump", dump);
    }
    for (target, text) in TEXTS {
        put(seeds, target, text.trim_start());
    }
    for file in [
        include_str!("../../examples/testnet.toml"),
        include_str!("../../examples/adversaries.toml"),
        include_str!("../../examples/changing.toml"),
    ] {
        put(seeds, "testnet_toml", file);
    }
    let row = "0,".repeat(64) + "7\n";
    put(seeds, "digits_data", gzip(&row.repeat(3)));
    let vectors = TEXTS.iter().filter(|(target, _)| *target == "yuma_file");
    for (_, text) in vectors {
        put(seeds, "yuma_file", gzip(text));
    }
}

/// Epochs of a chain, whole and as a node keeps or sends them.
fn chain(seeds: &mut Seeds) {
    use crate::targets::{chain, cuts};
    for first in [1, 3] {
        put(seeds, "archive", chain::archive(first, 4, &chain::records(first)));
    }
    put(seeds, "archive_edited", [0, 7]);
    put(seeds, "archive_edited", [1, 7]);
    put(seeds, "certified_cuts", [1]);
    put(seeds, "certified_cuts", [&[0][..], &cuts()].concat());
    for file in 0..3 {
        put(seeds, "old_directory", [file]);
    }
    // Each file as it is.
    for file in 0..8 {
        put(seeds, "directory_edited", [file]);
    }
    let key = ganglion::keys::KeyPair::from_seed(&[1; 32]);
    let given = ganglion_storage::Watermark {
        epoch: 7,
        round: 2,
        step: 3,
        locked: Some(ganglion_storage::RoundCut { round: 1, cut: [9; 32] }),
        item_seq_reserved: 64,
        ..ganglion_storage::Watermark::default()
    };
    let subnet = ganglion_types::SubnetId::new([0x51; 32]);
    let file = ganglion::history::HistoryFile::new(subnet, &key, &given);
    put(seeds, "signing_history", serde_json::to_vec(&file).unwrap_or_default());
}

/// All seeds, by target.
#[must_use]
pub fn all() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut seeds = Seeds::new();
    frozen(&mut seeds);
    text(&mut seeds);
    recorded(&mut seeds);
    chain(&mut seeds);
    for target in [
        "agreement_records",
        "archive_edited",
        "certified_cuts",
        "directory_edited",
        "old_directory",
        "signing_history_edited",
        "agreement_log_edited",
        "certificate_log_edited",
        "joining_file",
        "snapshot_edited",
        "state_rows",
        "yuma",
        "execute",
        "inclusion",
        "participant",
    ] {
        for (seed, length) in [(1, 64), (2, 300), (3, 1_500), (4, 700)] {
            put(&mut seeds, target, noise(seed, length));
        }
    }
    put(&mut seeds, "local_values", noise(5, 80));
    seeds
}

const TEXTS: &[(&str, &str)] = &[
    ("address", "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"),
    ("address", "12.500000001"),
    ("address", "1:abababababababababababababababababababababababababababababababab"),
    ("multiaddress", "/ip4/192.0.2.1/tcp/4001"),
    (
        "multiaddress",
        "/dns4/a.example/udp/4001/quic-v1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
    ),
    (
        "multiaddress",
        "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit",
    ),
    (
        "genesis_toml",
        r#"
[[miner]]
hotkey = "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"
coldkey = "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"
[[account]]
coldkey = "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"
balance = "3"
"#,
    ),
    (
        "config_toml",
        r#"
manifest = "s.toml"
hotkey = "v"
listen = ["/ip4/127.0.0.1/tcp/7800"]
api = "127.0.0.1:7801"
log_level = "info,ganglion=debug"
worker_command = "python3 -u 'my worker.py'"
max_connections = 64
checkpoint = "1:abababababababababababababababababababababababababababababababab"
"#,
    ),
    (
        "key_file",
        r#"{"version":1,"kind":"hotkey","address":"5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu","public":"8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c","crypto":{"cipher":"none","seed":"0101010101010101010101010101010101010101010101010101010101010101"}}"#,
    ),
    ("secret_uri", "//Alice/soft//7///password"),
    (
        "secret_uri",
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about//1",
    ),
    ("secret_uri", "0x0101010101010101010101010101010101010101010101010101010101010101//a"),
    (
        "yuma_file",
        r#"{"id":"a","tags":[],"input":{"n":2},"steps":[{"set":{},"expected":{"consensus":[0,0]}}]}
"#,
    ),
    ("digits_data", r#"{"version":1,"practised":3,"examples":[["00",7]]}"#),
    ("http_request", "GET /v1/status"),
    ("http_request", "GET /v1/epochs?from=1&limit=3"),
    ("http_request", "GET /v1/epochs/3\nhost: node.test:7880"),
    ("http_request", "GET /v1/epochs/latest"),
    ("http_request", "GET /v1/epochs/2/explain?format=text"),
    ("http_request", "GET /v1/epochs/2/explain\naccept: text/plain"),
    (
        "http_request",
        "GET /v1/epochs/3/proof/5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu?from=1",
    ),
    ("http_request", "GET /v1/epochs/4/replay"),
    ("http_request", "GET /v1/epochs/4/stages/1?after=00&limit=2"),
    ("http_request", "GET /v1/epochs/1/dump"),
    (
        "http_request",
        "GET /v1/accounts/5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu?from=0&limit=5",
    ),
    ("http_request", "GET /v1/metagraph"),
    ("http_request", "GET /v1/ledger"),
    ("http_request", "GET /v1/registration"),
    ("http_request", "GET /v1/parameters"),
    ("http_request", "GET /v1/revisions"),
    ("http_request", "GET /v1/scores"),
    ("http_request", "GET /v1/peers"),
    ("http_request", "GET /readyz"),
    ("http_request", "GET /metrics\nhost: evil.example"),
    (
        "http_request",
        "GET /v1/ops/abababababababababababababababababababababababababababababababab",
    ),
    (
        "http_request",
        "POST /v1/tasks\ncontent-type: application/json\n\n{\"input\":[1],\"miners\":2,\"timeout_ms\":100}",
    ),
    (
        "testnet_control",
        r#"{"schema":"ganglion/testnet-state/1","subnet":"","pid":7,"started_ms":1,"genesis_ms":2,"epoch_ms":10000,"nodes":[]}"#,
    ),
    ("testnet_control", r#"{"do":"add-miner","command":["python3","m.py"],"name":null}"#),
    ("testnet_control", r#"{"do":"stop","name":"miner-1","kill":true}"#),
    ("testnet_control", r#"{"failed":{"sentence":"no","cure":null,"input":true}}"#),
    ("task_values", "{\"pixels\":[1,\n16]}"),
    ("task_values", r#"{"label":7}"#),
    ("http_body", r#"{"input":{"pixels":[1,2]},"miners":3,"timeout_ms":500}"#),
    ("api_answer", r#"{"error":{"code":"busy","message":"later"}}"#),
    (
        "api_answer",
        r#"{"hotkey":"5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu","peer_id":"12D3","addresses":["/ip4/10.0.0.1/tcp/1"],"connected":true,"score":-1.5,"rtt_ms":1.5,"agent":"x"}"#,
    ),
    (
        "worker_answer",
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocol\":1,\"name\":\"m\",\"version\":\"1\",\"task_types\":[\"digits\"]}}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"scores\":[1,NaN,null,0.5]}}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-1,\"message\":\"no\"}}\n{\"jsonrpc\":\"2.0\",\"method\":\"log\",\"params\":{\"message\":\"x\"}}\n",
    ),
    (
        "worker_call",
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"hello\",\"params\":{\"protocol\":1}}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"forward\",\"params\":{\"input\":[1]}}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"health\"}\n",
    ),
];
