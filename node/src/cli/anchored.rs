//! `ganglion verify --anchor`: whether a proven cut stands on a chain.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ganglion_chain::{Anchor, AnchorPayload, ChainPoint, Finality};
use ganglion_consensus::proof::Proven;
use ganglion_types::{Canonical as _, EpochProof, MerkleProof};
use serde_json::{Value, json};

use super::{exit::Failure, output};
use crate::anchors::chains;
use crate::api::types::AnchorFound;
use crate::config::{AnchorBackend, EvmConfig, SubstrateConfig, SubstratePlace};
use crate::fault::Code;
use crate::{config, files};

/// Far above a thousand anchors with their paths.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Which anchor, and whom to ask about it.
#[derive(Debug, Args)]
pub(super) struct AnchoredArgs {
    /// Check an anchor too: what `ganglion anchor find EPOCH --json` printed
    #[arg(long, value_name = "FILE", requires = "anchor_rpc")]
    anchor: Option<PathBuf>,
    /// The chain's node to ask: one that you trust
    #[arg(long, value_name = "URL", requires = "anchor")]
    anchor_rpc: Option<String>,
    /// Number of an EVM chain
    #[arg(long, value_name = "NUMBER", requires_all = ["anchor", "anchor_contract"])]
    anchor_chain_id: Option<u64>,
    /// The contract on it
    #[arg(long, value_name = "ADDRESS", requires_all = ["anchor", "anchor_chain_id"])]
    anchor_contract: Option<String>,
    /// Take an anchor as final after so many blocks, where an EVM chain's node does not say it
    #[arg(long, value_name = "BLOCKS", requires_all = ["anchor", "anchor_contract"])]
    anchor_blocks: Option<u64>,
    /// Hash of the first block of a Substrate chain
    #[arg(long, value_name = "HASH", requires = "anchor", conflicts_with = "anchor_contract")]
    anchor_genesis: Option<String>,
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
            let sentence = format!("{} holds no anchors: {error}", path.display());
            Failure::input(Code::ANCHOR_FORM, sentence)
        })?;
        let chain = self.chain()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| refused(&error.to_string()))?;
        let mut reasons = vec!["the file holds no anchor".to_owned()];
        for claim in &claims {
            match runtime.block_on(holds(chain.as_ref(), claim, proof, proven)) {
                Ok(held) => {
                    add(report, &held);
                    return Ok(());
                }
                Err(reason) => reasons.push(reason),
            }
        }
        Err(refused(reasons.last().map_or("", String::as_str)))
    }

    /// The chain that is asked. It has to be named by the caller: a file could name any.
    fn chain(&self) -> Result<Arc<dyn Anchor>, Failure> {
        let rpc = self.anchor_rpc.clone().unwrap_or_default();
        let wrong = |value: &str, what: &str, rule: String| {
            let sentence = format!("{value:?} is no {what}: it {rule}");
            Failure::input(Code::CHAIN_VALUE, sentence)
        };
        let backend = if let Some(genesis) = &self.anchor_genesis {
            let hash = config::genesis(genesis);
            let genesis = hash.map_err(|rule| wrong(genesis, "hash of a block", rule))?;
            AnchorBackend::Substrate(SubstrateConfig {
                rpc,
                genesis,
                place: SubstratePlace::Remark,
            })
        } else if let (Some(address), Some(chain_id)) =
            (&self.anchor_contract, self.anchor_chain_id)
        {
            let contract = config::contract(address);
            let contract = contract.map_err(|rule| wrong(address, "contract", rule))?;
            AnchorBackend::Evm(EvmConfig {
                rpc,
                chain_id,
                contract,
                key_file: None,
                from_block: 0,
                fee_cap_gwei: 0,
                final_after: self.anchor_blocks,
            })
        } else {
            let sentence = "the chain of the anchor is not named";
            return Err(Failure::input(Code::CHAIN_UNNAMED, sentence));
        };
        if let Some(warning) = chains::warning(&backend) {
            output::note(warning);
        }
        chains::open(&backend, None)
            .map_err(|error| Failure::input(Code::CHAIN_ADDRESS, error.to_string()))
    }
}

fn refused(reason: &str) -> Failure {
    let sentence = format!("the row is proven, and its anchor is refused: {reason}");
    Failure::check(Code::ANCHOR_REFUSED, sentence)
}

/// What is told of an anchor that holds; else why it does not.
async fn holds(
    chain: &dyn Anchor,
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
    let verified = chain.verify(&payload, &point).await.map_err(|error| error.to_string())?;
    if let Finality::Confirmations(blocks) = verified.finality {
        return Err(format!("the block of the anchor is not final yet: {blocks} blocks deep"));
    }
    Ok(json!({
        "chain": chain.chain().as_str(),
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
