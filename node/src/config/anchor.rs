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
            "evm" => Err("this program was built without the feature evm".into()),
            _ => Err("must be embedded, evm or none".into()),
        });
        let rpc = self.one(&ANCHOR_RPC, |text| {
            match text.starts_with("https://") || text.starts_with("http://") {
                true => Ok(text.to_owned()),
                false => Err("must begin with https:// or http://".into()),
            }
        });
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

    /// A setting that the chosen chain needs.
    fn needed<T>(&mut self, setting: &Setting, value: Option<T>) -> Option<T> {
        if value.is_none() && self.last_value(setting).is_empty() {
            let source = self.source(&ANCHOR);
            self.problem(setting, &source, "", "is needed for anchor = \"evm\"");
        }
        value
    }
}

/// An address of 20 bytes.
pub(crate) fn contract(text: &str) -> Result<[u8; 20], String> {
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 20]>::try_from(bytes).ok());
    bytes.ok_or_else(|| "must be 0x and 40 hexadecimal digits".into())
}
