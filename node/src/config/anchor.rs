//! The settings of anchors, checked together.

use std::path::PathBuf;
use std::time::Duration;

use super::resolve::{Resolver, number};
use super::settings::*;

/// Where and how epochs are anchored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorConfig {
    /// The chain.
    pub backend: AnchorBackend,
    /// Epochs that have to wait before an anchor is made.
    pub every: u64,
    /// How long this node waits for each one before it in rank.
    pub takeover: Duration,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnchorBackend {
    /// None.
    None,
    /// A log of the node's own.
    Embedded,
    /// A contract of an EVM chain.
    Evm(EvmConfig),
    /// A Substrate chain.
    Substrate(SubstrateConfig),
}

/// A Substrate chain, on which the node's own hotkey is an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubstrateConfig {
    /// The chain's node.
    pub rpc: String,
    /// Hash of the chain's first block.
    pub genesis: [u8; 32],
    /// Where anchors are put.
    pub place: SubstratePlace,
}

/// Where on a Substrate chain anchors are put. A commitment is made to the subnet of this number on subtensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubstratePlace {
    /// A remark.
    Remark,
    /// The hotkey's commitment.
    Commitment(u16),
    /// Both in one transaction.
    Both(u16),
}

/// A contract of an EVM chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmConfig {
    /// The chain's node.
    pub rpc: String,
    /// Number of the chain.
    pub chain_id: u64,
    /// The contract.
    pub contract: [u8; 20],
    /// File of the key that pays, if any does.
    pub key_file: Option<PathBuf>,
    /// The block that made the contract.
    pub from_block: u64,
    /// Most per unit of gas, gwei.
    pub fee_cap_gwei: u64,
    /// Blocks after which one is final; none asks the chain.
    pub final_after: Option<u64>,
}

impl Resolver<'_> {
    pub(super) fn anchor(&mut self) -> Option<AnchorConfig> {
        let word = self.one(&ANCHOR, |text| match text {
            "embedded" | "none" => Ok(text.to_owned()),
            "evm" if cfg!(feature = "evm") => Ok(text.to_owned()),
            "substrate" if cfg!(feature = "substrate") => Ok(text.to_owned()),
            "evm" | "substrate" => Err(format!(
                "this program was built without the feature {text}: build it with --features chains"
            )),
            _ => Err("must be embedded, evm, substrate or none".into()),
        });
        let rpc = self.one(&ANCHOR_RPC, |text| match word.as_deref() {
            Some("substrate") => socket_url(text),
            _ => url(text, &["https://", "http://"]),
        });
        let genesis = self.one(&ANCHOR_GENESIS, genesis);
        let place = self.one(&ANCHOR_PLACE, |text| match text {
            "remark" | "commitment" | "both" => Ok(text.to_owned()),
            _ => Err("must be remark, commitment or both".into()),
        });
        let netuid = self.one(&ANCHOR_NETUID, |text| number(text, 0, u16::MAX.into()));
        let chain_id = self.one(&ANCHOR_CHAIN_ID, |text| number(text, 1, u32::MAX));
        let contract = self.one(&ANCHOR_CONTRACT, contract);
        let key_file = self.one(&ANCHOR_KEY_FILE, |text| Ok(text.to_owned()));
        let key_file = self.path(&ANCHOR_KEY_FILE, key_file);
        let from_block = self.one(&ANCHOR_FROM_BLOCK, |text| number(text, 0, u32::MAX));
        let fee_cap = self.one(&ANCHOR_FEE_CAP, |text| number(text, 1, 1_000_000));
        let finality = self.one(&ANCHOR_FINALITY, |text| match text {
            "finalized" => Ok(None),
            blocks => number(blocks, 1, 100_000).map(|blocks| Some(blocks.into())),
        });
        let every = self.one(&ANCHOR_EVERY, |text| number(text, 1, 4_096))?;
        let takeover = self.one(&ANCHOR_TAKEOVER, |text| number(text, 1, 86_400))?;
        let backend = match word?.as_str() {
            "none" => AnchorBackend::None,
            "embedded" => AnchorBackend::Embedded,
            "substrate" => {
                let (rpc, genesis) =
                    (self.needed(&ANCHOR_RPC, rpc), self.needed(&ANCHOR_GENESIS, genesis));
                let place = self.place(&place?, netuid)?;
                AnchorBackend::Substrate(SubstrateConfig { rpc: rpc?, genesis: genesis?, place })
            }
            _ => {
                let rpc = self.needed(&ANCHOR_RPC, rpc);
                let chain_id = self.needed(&ANCHOR_CHAIN_ID, chain_id);
                let contract = self.needed(&ANCHOR_CONTRACT, contract);
                AnchorBackend::Evm(EvmConfig {
                    rpc: rpc?,
                    chain_id: chain_id?.into(),
                    contract: contract?,
                    key_file,
                    from_block: from_block?.into(),
                    fee_cap_gwei: fee_cap?.into(),
                    final_after: finality?,
                })
            }
        };
        let takeover = Duration::from_secs(takeover.into());
        Some(AnchorConfig { backend, every: every.into(), takeover })
    }

    /// Commitments are made to a subnet of the chain, remarks to none.
    fn place(&mut self, word: &str, netuid: Option<u32>) -> Option<SubstratePlace> {
        if word == "remark" {
            return Some(SubstratePlace::Remark);
        }
        let netuid = u16::try_from(self.needed(&ANCHOR_NETUID, netuid)?).ok()?;
        Some(match word {
            "both" => SubstratePlace::Both(netuid),
            _ => SubstratePlace::Commitment(netuid),
        })
    }

    /// A setting that the chosen chain needs.
    fn needed<T>(&mut self, setting: &Setting, value: Option<T>) -> Option<T> {
        if value.is_none() && self.last_value(setting).is_empty() {
            let source = self.source(&ANCHOR);
            let chosen = self.last_value(&ANCHOR);
            self.problem(setting, &source, "", &format!("is needed for anchor = {chosen:?}"));
        }
        value
    }
}

/// Address of a Substrate node.
pub(super) fn socket_url(text: &str) -> Result<String, String> {
    url(text, &["ws://", "wss://"])
}

fn url(text: &str, schemes: &[&str]) -> Result<String, String> {
    let fits = schemes.iter().any(|scheme| text.starts_with(scheme));
    fits.then(|| text.to_owned()).ok_or_else(|| format!("must begin with {}", schemes.join(" or ")))
}

/// Hash of a block.
pub(crate) fn genesis(text: &str) -> Result<[u8; 32], String> {
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.ok_or_else(|| "must be 0x and 64 hexadecimal digits".into())
}

/// An address of 20 bytes.
pub(crate) fn contract(text: &str) -> Result<[u8; 20], String> {
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 20]>::try_from(bytes).ok());
    bytes.ok_or_else(|| "must be 0x and 40 hexadecimal digits".into())
}
