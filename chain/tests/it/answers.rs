//! What the EVM backend makes of answers that a chain's node should not give, or gives when it is busy, on a real socket and
//! without one.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use alloy::primitives::{hex, keccak256};
use ganglion_chain::evm::{Evm, EvmFinality, EvmKey, EvmSettings, is_open};
use ganglion_chain::{Anchor as _, AnchorError, AnchorPayload, CutHead, Found, Prepared, limits};
use ganglion_types::{CutId, Digest, Epoch, SubnetId};
use serde_json::{Value, json};

const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const CONTRACT: [u8; 20] = [0xc0; 20];
const SUBNET: SubnetId = SubnetId::new([0x5b; 32]);

fn settings(rpc: &str) -> EvmSettings {
    EvmSettings {
        rpc: rpc.into(),
        chain_id: 1,
        contract: CONTRACT,
        from_block: 0,
        fee_cap: u128::MAX,
        finality: EvmFinality::Blocks(2),
    }
}

/// A backend whose node gives these results, one after the other.
fn answered(results: &[Value]) -> Evm {
    let answer =
        |result: &Value| json!({ "jsonrpc": "2.0", "id": 0, "result": result }).to_string();
    raw(results.iter().map(|result| answer(result).into_bytes()).collect())
}

fn raw(answers: Vec<Vec<u8>>) -> Evm {
    Evm::recorded(settings(""), EvmKey::from_hex(KEY), answers).unwrap()
}

fn refusal(code: i64, message: &str) -> Vec<u8> {
    let error = json!({ "code": code, "message": message });
    json!({ "jsonrpc": "2.0", "id": 0, "error": error }).to_string().into_bytes()
}

fn payload(first: u64, last: u64) -> AnchorPayload {
    let cut = |epoch: u64| CutId::new([u8::try_from(epoch).unwrap(); 32]);
    let head = CutHead {
        subnet: SUBNET,
        epoch: Epoch::new(last),
        cut: cut(last),
        result_root: Digest::new([0xaa; 32]),
        next_committee_root: Digest::new([0xbb; 32]),
    };
    AnchorPayload::new(&(first..=last).map(cut).collect::<Vec<_>>(), &head).unwrap()
}

#[tokio::test]
async fn errors_and_nonsense_are_sorted_by_who_can_mend_them() {
    let text = |text: &str| text.as_bytes().to_vec();
    let deep = format!("{{\"id\":0,\"result\":{}", "[".repeat(100_000));
    for (answer, kind) in [
        (refusal(-32_005, "limit exceeded"), "rate_limited"),
        (refusal(-32_601, "no such method"), "refused"),
        (refusal(-32_602, "no such argument"), "refused"),
        (refusal(-32_000, "header not found"), "unreachable"),
        (text(r#"{"jsonrpc":"2.0","id":0,"result":"0x2"}"#), "wrong_chain"),
        (text(r#"{"jsonrpc":"2.0","id":0,"result":null}"#), "unreachable"),
        (text(r#"{"jsonrpc":"2.0","id":0,"result":{}}"#), "unreachable"),
        (text(r#"{"jsonrpc":"2.0","id":0,"result":"0xzz"}"#), "unreachable"),
        (text(r#"{"jsonrpc":"2.0","id":0,"result":"0x10000000000000000"}"#), "unreachable"),
        (text(r#"{"id":0,"result":"0x1","error":{"code":1,"message":""}}"#), "unreachable"),
        (text(r#"[{"jsonrpc":"2.0","id":0,"result":"0x1"}]"#), "unreachable"),
        (text(r#"{"jsonrpc":"2.0","id":0}"#), "unreachable"),
        (text(&deep), "unreachable"),
        (text("<html>"), "unreachable"),
        (text("\u{0}\u{1}"), "unreachable"),
        (Vec::new(), "unreachable"),
    ] {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(80)]).into_owned();
        let error = raw(vec![answer]).survey().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        assert!(error.to_string().len() < 2 * limits::REASON_BYTES, "{error}");
    }
}

#[tokio::test]
async fn what_a_node_says_to_a_transaction_is_sorted_by_what_is_to_be_done() {
    let given = Prepared { id: [1; 32], nonce: 3, expires: None, fee_max: 5, bytes: vec![2, 0xc0] };
    let said = |code, message: &str| {
        let then = json!({ "jsonrpc": "2.0", "id": 1, "result": "0x3e8" }).to_string();
        raw(vec![refusal(code, message), then.into_bytes()])
    };
    for (code, message, kind) in [
        (-32_000, "nonce too low: next nonce 5, tx nonce 3", "stale"),
        (-32_000, "Replacement transaction underpriced", "underpriced"),
        (-32_000, "max fee per gas less than block base fee", "underpriced"),
        (-32_003, "insufficient funds for gas * price + value", "funds"),
        (-32_000, "txpool is full", "rate_limited"),
        (-32_005, "slow down", "rate_limited"),
        (-32_000, "intrinsic gas too low", "refused"),
        (-32_000, "invalid chain id for signer", "refused"),
        (-32_000, "what nobody has ever said", "stale"),
    ] {
        let error = said(code, message).submit(&given).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{message}: {error}");
        if let AnchorError::Funds { have, need } = error {
            assert_eq!((have, need), (1_000, 5));
        }
    }
    for message in ["already known", "Known transaction: 0x1", "transaction already imported"] {
        said(-32_000, message).submit(&given).await.unwrap();
    }
    // Another hash than that of what was given changes nothing: the chain is asked what became of ours.
    answered(&[json!(format!("0x{}", "77".repeat(32)))]).submit(&given).await.unwrap();
    let lost = answered(&[json!("0x12")]).submit(&given).await.unwrap_err();
    assert_eq!(lost.kind(), "unreachable");
}

/// A log of the contract as a node tells it.
fn log(payload: &AnchorPayload, height: u64) -> Value {
    let word = |bytes: &[u8]| format!("0x{:0>64}", hex::encode(bytes));
    let event = "Anchored(bytes32,address,uint64,uint64,bytes32,bytes32,bytes32,bytes32)";
    let data = [
        &word(&payload.first().get().to_be_bytes())[2..],
        &hex::encode(payload.last_cut().as_bytes()),
        &hex::encode(payload.result_root().as_bytes()),
        &hex::encode(payload.next_committee_root().as_bytes()),
        &hex::encode(payload.range_root().as_bytes()),
    ];
    json!({
        "address": format!("0x{}", hex::encode(CONTRACT)),
        "topics": [
            keccak256(event).to_string(),
            word(payload.subnet().as_bytes()),
            word(&[0x42; 20]),
            word(&payload.last().get().to_be_bytes()),
        ],
        "data": format!("0x{}", data.concat()),
        "blockNumber": format!("0x{height:x}"),
        "blockHash": word(&[7; 32]),
        "transactionHash": word(&[8; 32]),
        "transactionIndex": "0x2",
        "logIndex": "0x0",
        "removed": false,
    })
}

fn found(logs: &Value) -> impl Future<Output = Result<Vec<Found>, AnchorError>> {
    // Height 100; the window ends at the final height, 98, and another one holds the rest.
    let evm = answered(&[json!("0x64"), logs.clone(), json!([])]);
    async move { evm.find(SUBNET, Epoch::new(1)..=Epoch::new(9)).await }
}

#[tokio::test]
async fn logs_that_were_not_asked_for_are_not_believed() {
    let good = log(&payload(3, 5), 50);
    let anchors = found(&json!([good])).await.unwrap();
    assert_eq!(anchors.len(), 1);
    let Found { payload: said, point, .. } = &anchors[0];
    assert_eq!((*said, point.height, point.index), (payload(3, 5), 50, 2));
    let with = |field: &str, value: Value| {
        let mut log = good.clone();
        log[field] = value;
        json!([log])
    };
    let mut topics = good["topics"].clone();
    topics[1] = json!(format!("0x{}", "5c".repeat(32)));
    for (what, ignored) in [
        ("another contract", with("address", json!(format!("0x{}", "c1".repeat(20))))),
        ("another subnet", with("topics", topics)),
        ("a log that was undone", with("removed", json!(true))),
        ("fewer words", with("data", json!("0x00"))),
        ("no topics", with("topics", json!([]))),
        ("epochs that were not asked for", json!([log(&payload(10, 12), 50)])),
    ] {
        assert_eq!(found(&ignored).await.unwrap(), [], "{what}");
    }
    for (what, nonsense) in [
        ("a block that was not asked for", with("blockNumber", json!("0x63"))),
        ("no block", with("blockNumber", Value::Null)),
        ("no hash", with("blockHash", Value::Null)),
        ("half a hash", with("blockHash", json!("0x07"))),
        ("no transaction", with("transactionHash", Value::Null)),
        ("a place beyond 32 bits", with("transactionIndex", json!("0x100000000"))),
        ("no list", json!({})),
        ("no logs", Value::Null),
    ] {
        let error = found(&nonsense).await.unwrap_err();
        assert_eq!(error.kind(), "unreachable", "{what}: {error}");
    }
}

/// A search ends, however high the node says it is, and the next one goes on behind it.
#[tokio::test]
async fn a_height_without_end_makes_no_search_without_end() {
    let windows = usize::try_from(limits::LOG_WINDOWS).unwrap();
    let search = [vec![json!("0xffffffffffffffff")], vec![json!([]); windows]].concat();
    let evm = answered(&[search.clone(), search].concat());
    for (times, from) in [(1, 10_000_000), (2, 20_000_000)] {
        let error = evm.find(SUBNET, Epoch::new(1)..=Epoch::new(9)).await.unwrap_err();
        let text = format!("read up to block {from} of {}", u64::MAX);
        assert!(error.is_transient() && error.to_string().contains(&text), "{times}: {error}");
    }
}

/// A node of the chain that says the same to everybody, for a number of connections.
fn serve(answers: Vec<Vec<u8>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            // The other side may have had enough of it.
            let _ = stream.write_all(&answer);
        }
    });
    (address, server)
}

fn read_request(stream: &mut TcpStream) {
    let (mut text, mut part) = (Vec::new(), [0; 4_096]);
    // Its body ends with the brace of the only object in it.
    while !text.ends_with(b"}") {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "a whole request");
        text.extend_from_slice(&part[..read]);
    }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

async fn over_http(answers: Vec<Vec<u8>>) -> AnchorError {
    let (address, server) = serve(answers);
    let evm = Evm::new(settings(&format!("http://{address}")), None).unwrap();
    let error = evm.survey().await.unwrap_err();
    server.join().unwrap();
    error
}

#[tokio::test]
async fn states_of_http_are_sorted_as_well() {
    let busy = http("429 Too Many Requests", "retry-after: 7\r\n", b"slow down");
    let AnchorError::RateLimited { wait, .. } = over_http(vec![busy]).await else {
        panic!("busy is busy")
    };
    assert_eq!(wait, Some(Duration::from_secs(7)));
    // The error within says more than the one without.
    let inner = http("500 Internal Server Error", "", &refusal(-32_601, "no such method"));
    assert_eq!(over_http(vec![inner]).await.kind(), "refused");
    let error = over_http(vec![http("502 Bad Gateway", "", b"<html>")]).await;
    assert!(error.kind() == "unreachable" && error.to_string().contains("502"), "{error}");
    // Nobody else is asked, whoever says so.
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let there = format!("location: http://{}/\r\n", elsewhere.local_addr().unwrap());
    let error = over_http(vec![http("307 Temporary Redirect", &there, b"")]).await;
    assert!(error.kind() == "unreachable" && error.to_string().contains("307"), "{error}");
    assert!(elsewhere.accept().is_err(), "it was asked");
}

/// The bound is filled to the last byte, and one more is too many; so is an answer that does not say how long it is.
#[tokio::test]
async fn answers_beyond_the_bound_are_given_up() {
    let room = usize::try_from(limits::RPC_BYTES).unwrap();
    let padded = |length: usize| {
        let mut body = br#"{"jsonrpc":"2.0","id":0,"result":"0x2"}"#.to_vec();
        body.resize(length, b' ');
        body
    };
    let error = over_http(vec![http("200 OK", "", &padded(room))]).await;
    assert_eq!(error.kind(), "wrong_chain", "{error}");
    let error = over_http(vec![http("200 OK", "", &padded(room + 1))]).await;
    assert_eq!(error.kind(), "unreachable", "{error}");
    let endless = [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
        [b"100000\r\n".to_vec(), vec![b' '; 1 << 20], b"\r\n".to_vec()].concat().repeat(4),
    ];
    let error = over_http(vec![endless.concat()]).await;
    assert_eq!(error.kind(), "unreachable", "{error}");
}

/// Of logs more fits: the same length is taken there.
#[tokio::test]
async fn logs_have_a_larger_bound_of_their_own() {
    let height = http("200 OK", "", br#"{"jsonrpc":"2.0","id":0,"result":"0x2"}"#);
    let logs = |length: u64| {
        let mut body = br#"{"jsonrpc":"2.0","id":1,"result":[]}"#.to_vec();
        body.resize(usize::try_from(length).unwrap(), b' ');
        http("200 OK", "", &body)
    };
    for (length, taken) in [(limits::RPC_LOG_BYTES, true), (limits::RPC_LOG_BYTES + 1, false)] {
        let (address, server) = serve(vec![height.clone(), logs(length)]);
        let mut settings = settings(&format!("http://{address}"));
        settings.finality = EvmFinality::Blocks(0);
        let evm = Evm::new(settings, None).unwrap();
        let found = evm.find(SUBNET, Epoch::new(1)..=Epoch::new(9)).await;
        server.join().unwrap();
        assert_eq!(found.is_ok(), taken, "{found:?}");
    }
}

/// It accepts and says nothing: a request has an end all the same.
#[tokio::test]
async fn a_node_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let rpc = format!("http://{}", listener.local_addr().unwrap());
    let evm = Evm::new(settings(&rpc), None).unwrap();
    let error = tokio::time::timeout(Duration::from_secs(60), evm.survey()).await;
    assert_eq!(error.expect("an end").unwrap_err().kind(), "unreachable");
}

#[test]
fn only_what_others_can_read_is_open() {
    for (rpc, open) in [
        ("https://rpc.example/key", Some(false)),
        ("http://rpc.example", Some(true)),
        ("http://192.0.2.1:8545", Some(true)),
        ("http://[2001:db8::1]:8545", Some(true)),
        ("http://127.0.0.1:8545", Some(false)),
        ("http://127.9.9.9", Some(false)),
        ("http://[::1]:8545", Some(false)),
        ("http://localhost:8545/", Some(false)),
        ("http://localhost.example", Some(true)),
        ("ws://127.0.0.1", None),
        ("127.0.0.1:8545", None),
        ("http://", None),
        ("", None),
    ] {
        assert_eq!(is_open(rpc), open, "{rpc}");
    }
}
