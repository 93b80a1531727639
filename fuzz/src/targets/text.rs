//! Text: files that people write, bodies of HTTP, lines of workers.

use std::path::PathBuf;

use arbitrary::Unstructured;
use ganglion::api::{Explanation, Ledger, types as api};
use ganglion::audit::Dump;
use ganglion::history::HistoryFile;
use ganglion::home::Home;
use ganglion::keys::{KeyPair, Password, Phrase, SecretUri};
use ganglion::models::digits::{TaskInput, TaskLabel};
use ganglion::testnet::control::{Line, Order};
use ganglion::testnet::observe::Observation;
use ganglion::testnet::setup::State;
use ganglion::testnet::spec::{Flags, Spec};
use ganglion::worker::protocol::{Forward, Hello, RpcError, WorkerInfo};
use ganglion::worker::serve::{Worker, serve};
use ganglion::{config, fuzzing, manifest, proof, yuma};
use ganglion_storage::{RoundCut, Watermark};
use ganglion_types::{Canonical as _, Hotkey, Item, SubnetId, limits};
use serde_json::value::RawValue;

use crate::edit::edited;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A file in a folder of this thread, for what is read by its path.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    thread_local! {
        static DIR: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
    }
    let path = DIR.with(|dir| dir.path().join(name));
    std::fs::write(&path, bytes).expect("a temporary file");
    path
}

/// What is read can be written, and reads back as the same subnet.
pub(super) fn manifest_toml(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match manifest::parse("subnet.toml", text) {
        Ok(read) => {
            let again = manifest::parse("again", &manifest::render(&read));
            assert_eq!(again.ok().map(|again| again.subnet_id()), Some(read.subnet_id()));
        }
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}

pub(super) fn genesis_toml(bytes: &[u8]) {
    if let Some(text) = text(bytes)
        && let Err(problems) = manifest::parse_genesis("genesis.toml", text)
    {
        assert!(!problems.to_string().is_empty());
    }
}

pub(super) fn config_toml(bytes: &[u8]) {
    let path = file("config.toml", bytes);
    let dir = path.parent().expect("it is in a folder").to_owned();
    let args = config::ConfigArgs { data_dir: Some(dir.clone()), ..Default::default() };
    if let Err(error) = config::resolve(&args, &Home::new(Some(dir)), &|_| None) {
        assert!(!error.to_string().is_empty());
    }
}

pub(super) fn testnet_toml(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match Spec::parse("testnet.toml", text, &Flags::default()) {
        Ok(spec) => assert!(spec.nodes.len() <= 1_000, "{} nodes", spec.nodes.len()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A file that opens without a password opens to the address it names.
pub(super) fn key_file(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(file) = fuzzing::key_file(text) else { return };
    if !file.is_encrypted()
        && let Ok(pair) = file.open("key".as_ref(), &Password::none())
    {
        assert_eq!(Some(*pair.hotkey().as_bytes()), file.public());
    }
}

pub(super) fn secret_uri(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    // Each thousand rounds of key stretching are dear: long paths say nothing new.
    if text.len() > 512 {
        return;
    }
    let _ = Phrase::parse(text);
    let _ = SecretUri::parse(text);
}

pub(super) fn proof_file(bytes: &[u8]) {
    if let Ok(file) = proof::ProofFile::parse(bytes) {
        let text = proof::ProofFile::to_json(&file.proof);
        let again = proof::ProofFile::parse(text.as_bytes());
        assert!(again.is_ok_and(|again| again.proof == file.proof));
        let _ = proof::check(bytes, file.checkpoint);
    }
}

pub(super) fn epoch_dump(bytes: &[u8]) {
    let Ok(dump) = serde_json::from_slice::<Dump>(bytes) else { return };
    if let Ok((cut, stages)) = dump.read() {
        let again = Dump::new(&cut, &stages).read();
        assert!(again.is_ok_and(|again| again.0 == cut && again.1.len() == stages.len()));
    }
}

pub(super) fn yuma_file(bytes: &[u8]) {
    let path = file("vectors.jsonl", bytes);
    match yuma::check(&[path]) {
        Ok(report) => assert!(report.cases > 0),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

pub(super) fn digits_data(bytes: &[u8]) {
    let _ = fuzzing::digits(bytes);
    if let Some(text) = text(bytes) {
        let _ = fuzzing::learner(text);
    }
}

pub(super) fn http_body(bytes: &[u8]) {
    if let Ok(body) = serde_json::from_slice::<api::SubmitOp>(bytes)
        && let Ok(item) = hex::decode(body.item.trim_start_matches("0x"))
        && let Ok(item) = Item::from_bytes(&item, limits::ITEM_BYTES)
    {
        let _ = (item.id(), item.verify());
    }
    if let Ok(body) = serde_json::from_slice::<api::TaskCall>(bytes) {
        let _ = body.input.to_string();
    }
}

pub(super) fn api_answer(bytes: &[u8]) {
    macro_rules! read {
        ($($name:ident)*) => {$(
            if let Ok(answer) = serde_json::from_slice::<api::$name>(bytes) {
                assert!(!format!("{answer:?}").is_empty());
            }
        )*};
    }
    read!(Status Ready Peer Metagraph EpochSummary EpochDetail Registration OpCheck OpStatus TaskAnswers
        Score ErrorBody Stages StageRows ReplayReport SubmittedOp Account InForce Revisions AnchorFound AnchorEntry);
    let _ = serde_json::from_slice::<Explanation>(bytes).map(|told| told.to_text());
    let _ = serde_json::from_slice::<Ledger>(bytes);
    let _ = serde_json::from_slice::<Observation>(bytes);
}

/// A history that is not as its hotkey signed it is refused, and one that is gives what was written.
pub(super) fn signing_history(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match HistoryFile::parse(text) {
        Ok(file) => {
            let again = serde_json::to_string(&file).expect("plain data is JSON");
            assert_eq!(HistoryFile::parse(&again).as_ref(), Ok(&file));
            let _ = file.watermark(SubnetId::new([0x51; 32]), Hotkey::new([1; 32]));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A history with any numbers in it, written by the node, and then edited.
pub(super) fn signing_history_edited(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let Ok(given) = watermark(&mut u) else { return };
    let (subnet, key) = (SubnetId::new([0x51; 32]), KeyPair::from_seed(&[1; 32]));
    let file = HistoryFile::new(subnet, &key, &given);
    let written = serde_json::to_vec(&file).expect("plain data is JSON");
    let changed = edited(&written, u.take_rest());
    let Ok(text) = std::str::from_utf8(&changed) else { return };
    match HistoryFile::parse(text).and_then(|file| file.watermark(subnet, key.hotkey())) {
        Ok(read) => assert_eq!(read, given, "a history that its hotkey did not sign"),
        Err(error) => assert!(changed != written, "its own history is refused: {error}"),
    }
}

fn watermark(u: &mut Unstructured<'_>) -> arbitrary::Result<Watermark> {
    let value = |u: &mut Unstructured<'_>| -> arbitrary::Result<Option<RoundCut>> {
        let held = u.arbitrary::<Option<(u32, [u8; 32])>>()?;
        Ok(held.map(|(round, cut)| RoundCut { round, cut }))
    };
    Ok(Watermark {
        epoch: u.arbitrary()?,
        round: u.arbitrary()?,
        step: u.arbitrary()?,
        locked: value(u)?,
        valid: value(u)?,
        item_seq_reserved: u.arbitrary()?,
        ..Watermark::default()
    })
}

/// The state file of a testnet, and both directions of its socket.
pub(super) fn testnet_control(bytes: &[u8]) {
    if let Ok(state) = serde_json::from_slice::<State>(bytes) {
        let again = serde_json::to_vec(&state).expect("plain data is JSON");
        assert_eq!(serde_json::from_slice::<State>(&again).ok(), Some(state));
    }
    if let Ok(order) = serde_json::from_slice::<Order>(bytes) {
        let again = serde_json::to_vec(&order).expect("plain data is JSON");
        assert_eq!(serde_json::from_slice::<Order>(&again).ok(), Some(order));
    }
    let _ = serde_json::from_slice::<Line>(bytes);
}

/// Inputs of tasks and answers of miners: bytes of strangers that go into a line for a worker, and what the digits
/// subnet takes them for.
pub(super) fn task_values(bytes: &[u8]) {
    if let Some(line) = fuzzing::payload(bytes.to_vec()) {
        assert!(!line.contains(['\n', '\r']), "a value that ends a line");
        let value = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).ok();
        assert_eq!(value(line.as_bytes()), value(bytes), "a value that became another");
    }
    if let Ok(input) = serde_json::from_slice::<TaskInput>(bytes) {
        let _ = input.image();
    }
    let _ = serde_json::from_slice::<TaskLabel>(bytes);
}

pub(super) fn worker_answer(bytes: &[u8]) {
    bytes.split(|byte| *byte == b'\n').for_each(fuzzing::worker_line);
}

/// Says back what it is asked.
struct Echo;

impl Worker for Echo {
    fn hello(&mut self, hello: &Hello) -> Result<WorkerInfo, RpcError> {
        let _ = format!("{hello:?}");
        Err(RpcError { code: 1, message: "no".into() })
    }

    fn forward(&mut self, call: &Forward) -> Result<Box<RawValue>, RpcError> {
        Ok(call.input.clone())
    }
}

pub(super) fn worker_call(bytes: &[u8]) {
    let mut out = Vec::new();
    let calls = bytes.split(|byte| *byte == b'\n').count();
    if serve(&mut Echo, bytes, &mut out).is_ok() {
        let answers = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let answers: Vec<serde_json::Value> =
            answers.map(|line| serde_json::from_slice(line).expect("answers are JSON")).collect();
        assert!(answers.len() <= calls, "more answers than calls");
    }
}
