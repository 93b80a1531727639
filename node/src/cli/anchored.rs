//! `ganglion verify --anchor`: whether a proven cut stands on a chain.

use std::path::PathBuf;

use clap::Args;
use ganglion_chain::evm::{Evm, EvmFinality, EvmSettings};
use ganglion_chain::{Anchor as _, AnchorPayload, ChainPoint, Finality};
use ganglion_consensus::proof::Proven;
use ganglion_types::{Canonical as _, EpochProof, MerkleProof};
use serde_json::{Value, json};

use super::{exit::Failure, output};
use crate::api::types::AnchorFound;
use crate::{config, files};

/// Far above a thousand anchors with their paths.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Which anchor, and whom to ask about it.
#[derive(Debug, Args)]
pub(super) struct AnchoredArgs {
    /// Check an anchor too: what `ganglion anchor find EPOCH --json` printed
    #[arg(long, value_name = "FILE", requires_all = ["anchor_rpc", "anchor_chain_id", "anchor_contract"])]
    anchor: Option<PathBuf>,
    /// The chain's node to ask: one that you trust
    #[arg(long, value_name = "URL", requires = "anchor")]
    anchor_rpc: Option<String>,
    /// Number of the chain
    #[arg(long, value_name = "NUMBER", requires = "anchor")]
    anchor_chain_id: Option<u64>,
    /// The contract on it
    #[arg(long, value_name = "ADDRESS", requires = "anchor")]
    anchor_contract: Option<String>,
    /// Take an anchor as final after so many blocks, where the chain's node does not say it
    #[arg(long, value_name = "BLOCKS", requires = "anchor")]
    anchor_blocks: Option<u64>,
}

impl AnchoredArgs {
    /// Adds what holds to the report; does nothing without the flag.
    ///
    /// # Errors
    /// Why no anchor of the file holds.
    pub(super) fn check(
        &self,
        proof: &EpochProof,
        proven: &Proven,
        report: &mut Value,
    ) -> Result<(), Failure> {
        let Some(path) = &self.anchor else { return Ok(()) };
        let text = files::read_text(path, FILE_BYTES_MAX)?;
        let claims: Vec<AnchorFound> = serde_json::from_str(&text).map_err(|error| {
            Failure::input(
                format!("{} holds no anchors: {error}", path.display()),
                "Write it with `ganglion anchor find EPOCH --json`.",
            )
        })?;
        let evm = self.evm()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| refused(&error.to_string()))?;
        let mut reasons = vec!["the file holds no anchor".to_owned()];
        for claim in &claims {
            match runtime.block_on(holds(&evm, claim, proof, proven)) {
                Ok(held) => {
                    add(report, &held);
                    return Ok(());
                }
                Err(reason) => reasons.push(reason),
            }
        }
        Err(refused(reasons.last().map_or("", String::as_str)))
    }

    fn evm(&self) -> Result<Evm, Failure> {
        let contract = self.anchor_contract.as_deref().unwrap_or_default();
        let contract = config::contract(contract).map_err(|rule| {
            Failure::input(format!("{contract:?} is no contract: it {rule}"), "Check the address.")
        })?;
        let settings = EvmSettings {
            rpc: self.anchor_rpc.clone().unwrap_or_default(),
            chain_id: self.anchor_chain_id.unwrap_or_default(),
            contract,
            from_block: 0,
            fee_cap: 0,
            finality: self.anchor_blocks.map_or(EvmFinality::Finalized, EvmFinality::Blocks),
        };
        if let Some(warning) = crate::anchors::open_rpc(&settings.rpc) {
            output::note(warning);
        }
        Evm::new(settings, None).map_err(|error| {
            Failure::input(error.to_string(), "Give it like https://HOST or http://127.0.0.1:8545.")
        })
    }
}

fn refused(reason: &str) -> Failure {
    Failure::check(format!("the row is proven, and its anchor is refused: {reason}"))
}

/// What is told of an anchor that holds; else why it does not.
async fn holds(
    evm: &Evm,
    claim: &AnchorFound,
    proof: &EpochProof,
    proven: &Proven,
) -> Result<Value, String> {
    let odd = |what: &str| format!("{what} of the anchor cannot be read");
    let payload = hex::decode(&claim.payload).map_err(|_| odd("the payload"))?;
    let payload = AnchorPayload::from_bytes(&payload).map_err(|error| error.to_string())?;
    if payload.subnet() != proof.subnet {
        return Err("the anchor is of another subnet".into());
    }
    let path = match &claim.path {
        None => None,
        Some(text) => {
            let bytes = hex::decode(text).map_err(|_| odd("the path"))?;
            let limit = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
            Some(MerkleProof::from_bytes(&bytes, limit).map_err(|error| error.to_string())?)
        }
    };
    if !payload.names(proven.epoch, &proven.cut, path.as_ref()) {
        return Err("the anchor does not name the proven cut".into());
    }
    let hash = |text: &str, what| {
        let bytes = hex::decode(text.trim_start_matches("0x")).ok();
        bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or_else(|| odd(what))
    };
    let point = ChainPoint {
        height: claim.height,
        block: hash(&claim.block, "the block")?,
        index: claim.index,
        transaction: hash(&claim.transaction, "the transaction")?,
    };
    let verified = evm.verify(&payload, &point).await.map_err(|error| error.to_string())?;
    if let Finality::Confirmations(blocks) = verified.finality {
        return Err(format!("the block of the anchor is not final yet: {blocks} blocks deep"));
    }
    Ok(json!({
        "chain": evm.chain().as_str(),
        "publisher": verified.publisher.to_string(),
        "first": payload.first().get(),
        "last": payload.last().get(),
        "height": point.height,
        "time": verified.time,
        "checked": verified.checked,
        "not_checked": verified.not_checked,
    }))
}

/// The report says what was and what was not checked, the anchor's part included.
fn add(report: &mut Value, held: &Value) {
    let mut checked = report["checked"].as_array().cloned().unwrap_or_default();
    checked.push("the anchor names the proven cut, by its id or by its path in the range".into());
    checked.extend(held["checked"].as_array().cloned().unwrap_or_default());
    let mut not_checked = report["not_checked"].as_array().cloned().unwrap_or_default();
    // That it was anchored is what has been checked now.
    not_checked.pop();
    not_checked.extend(held["not_checked"].as_array().cloned().unwrap_or_default());
    report["anchor"] = held.clone();
    (report["checked"], report["not_checked"]) = (checked.into(), not_checked.into());
}
