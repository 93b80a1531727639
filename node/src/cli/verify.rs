//! `ganglion verify`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ganglion_consensus::ledger::{ResultRow, State};
use ganglion_consensus::proof::{Checkpoint, Proven};
use ganglion_types::{CutId, Epoch, EpochProof};
use serde_json::{Value, json};

use super::exit::Failure;
use super::{Global, output};
use crate::fault::Code;
use crate::manifest;
use crate::proof::{FILE_BYTES_MAX, Refusal, check};

/// What a proof does not show, whoever checks it.
const NOT_CHECKED: [&str; 4] = [
    "that the checkpoint is right: you named it, and all else rests on it",
    "that the items behind the cuts are still to be had from anybody",
    "that the roots follow from the items: replay the epoch for that",
    "that the last cut was anchored anywhere outside the subnet",
];

/// Check a proof of one row, with no node and no keys
#[derive(Debug, Args)]
#[command(after_help = "\
A proof shows that what is paid in one row was certified, for whoever believes one cut id: the
checkpoint. Take it from a source of your own, never from whoever gave you the file.

Examples:
  ganglion epoch prove 12 m1 > proof.json
  ganglion verify proof.json --genesis subnet.toml
  ganglion verify proof.json --checkpoint 8:9f86d0...
  ganglion anchor find 12 --json > anchors.json
  ganglion verify proof.json --checkpoint 8:9f86d0... --anchor anchors.json \\
    --anchor-rpc http://127.0.0.1:8545 --anchor-chain-id 31337 --anchor-contract 0x5fbd...
  ganglion verify proof.json --checkpoint 8:9f86d0... --anchor anchors.json \\
    --anchor-rpc wss://node.example.org --anchor-genesis 0x91b1...")]
pub(super) struct VerifyArgs {
    /// The file
    file: PathBuf,
    /// Believe this cut: its epoch and its id
    #[arg(long, value_name = "EPOCH:CUTID", required_unless_present = "genesis")]
    checkpoint: Option<String>,
    /// Believe the genesis of this manifest
    #[arg(long, value_name = "MANIFEST", conflicts_with = "checkpoint")]
    genesis: Option<PathBuf>,
    #[command(flatten)]
    anchored: super::anchored::AnchoredArgs,
}

pub(super) fn run(global: &Global, args: &VerifyArgs) -> Result<(), Failure> {
    let checkpoint = checkpoint(args)?;
    let bytes = read(&args.file)?;
    match check(&bytes, checkpoint) {
        Ok((proof, proven)) => {
            let mut report = report(&proof, &proven, checkpoint);
            args.anchored.check(&proof, &proven, &mut report)?;
            match global.json {
                true => output::print_json(&report),
                false => output::print(&text(&report)),
            }
        }
        Err(refusal) => {
            if global.json {
                output::print_json(&refused(&refusal))?;
            }
            let code = refusal.code();
            Err(Failure::check(
                Code::PROOF_REFUSED,
                format!("the proof is refused ({code}): {refusal}"),
            ))
        }
    }
}

fn checkpoint(args: &VerifyArgs) -> Result<Checkpoint, Failure> {
    if let Some(path) = &args.genesis {
        let manifest = manifest::load(path)?;
        let state = State::genesis(Arc::new(manifest));
        let state = state.map_err(|_| {
            Failure::input(Code::MANIFEST_NO_SUBNET, "the manifest makes no subnet")
        })?;
        return Ok(Checkpoint { epoch: Epoch::GENESIS, cut: state.head() });
    }
    let text = args.checkpoint.as_deref().unwrap_or_default();
    let parsed = text.split_once(':').and_then(|(epoch, cut)| {
        Some(Checkpoint { epoch: Epoch::new(epoch.parse().ok()?), cut: CutId::from_hex(cut)? })
    });
    parsed
        .ok_or_else(|| Failure::input(Code::CHECKPOINT_FORM, format!("{text:?} is no checkpoint")))
}

/// At most one byte more than a file may have, which is then refused as such.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::input(
            Code::PROOF_FORM,
            format!("cannot read {}: {error}", path.display()),
        )),
    }
}

fn refused(refusal: &Refusal) -> Value {
    json!({
        "schema": "ganglion/verify/1",
        "holds": false,
        "code": refusal.code(),
        "reason": refusal.to_string(),
    })
}

fn report(proof: &EpochProof, proven: &Proven, checkpoint: Checkpoint) -> Value {
    let row = ResultRow::from_bytes(&proof.row).map(|row| {
        json!({
            "coldkey": row.coldkey.to_string(),
            "paid_rao": output::rao_json(row.paid),
            "paid": row.paid.to_string(),
            "consensus": row.consensus,
            "incentive": row.incentive,
            "dividends": row.dividends,
        })
    });
    json!({
        "schema": "ganglion/verify/1",
        "holds": true,
        "subnet": proof.subnet.to_hex(),
        "checkpoint": {"epoch": checkpoint.epoch.get(), "cut_id": checkpoint.cut.to_hex()},
        "epoch": proven.epoch.get(),
        "cut": proven.cut.to_hex(),
        "uid": proven.uid.get(),
        "hotkey": proof.hotkey.to_string(),
        "row": row,
        "checked": checked(proven),
        "not_checked": NOT_CHECKED,
    })
}

fn checked(proven: &Proven) -> Vec<String> {
    let Proven { cuts, certificates, signatures, committees, .. } = proven;
    vec![
        "every part has its one canonical encoding, and the checkpoint's cut has the id given"
            .into(),
        format!("{cuts} cuts follow on the checkpoint, each on the one before, in this subnet"),
        format!("{committees} committees are those that the cuts before them name"),
        format!(
            "{certificates} certificates hold more than 2/3 of stake, {signatures} strict ed25519 \
             signatures bound to this subnet; cuts between them are bound by their successors"
        ),
        "the row stands in the result of the last cut, and names the hotkey".into(),
    ]
}

fn text(report: &Value) -> String {
    let mut text = String::new();
    let string = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:11} {value}");
    };
    line("proven", format!("epoch {}, uid {}", report["epoch"], report["uid"]));
    line("hotkey", string(&report["hotkey"]));
    if report["row"].is_object() {
        let row = &report["row"];
        line("paid", format!("{} units to {}", string(&row["paid"]), string(&row["coldkey"])));
    }
    line("cut", string(&report["cut"]));
    let start = &report["checkpoint"];
    line("checkpoint", format!("epoch {}, cut {}", start["epoch"], string(&start["cut_id"])));
    if report["anchor"].is_object() {
        let anchor = &report["anchor"];
        let (chain, height) = (string(&anchor["chain"]), string(&anchor["height"]));
        line("anchored", format!("by {} on {chain}, block {height}", string(&anchor["publisher"])));
        line("since", format!("Unix time {} by the chain's clock", string(&anchor["time"])));
    }
    for (name, list) in [("checked", "checked"), ("NOT checked", "not_checked")] {
        for one in report[list].as_array().into_iter().flatten() {
            line(name, string(one));
        }
    }
    text
}
