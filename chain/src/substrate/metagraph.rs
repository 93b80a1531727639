//! The registry of a subnet of subtensor, read at a final block.
//!
//! The runtime answers `SubnetInfoRuntimeApi.get_metagraph` with a typed value whose fields are told by its metadata, so fields may be
//! added and moved without a change here. Runtimes of 2024 and before answer with bytes of their own and say
//! nothing about them: those are refused, not guessed at.
//!
//! Which block is read decides what is read, so nodes take the newest final one whose height is a multiple of a
//! number they share.

use std::num::NonZeroU64;

use subxt::config::substrate::H256;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::metadata::Metadata;
use subxt::utils::AccountId32;

use ganglion_types::{Coldkey, Digest, ExternalMember, ExternalRegistry, Hotkey, Rao, Uid};

use super::link::{Head, Link};
use super::refusal::unreachable;
use crate::{AnchorError, Reason};

const API: &str = "SubnetInfoRuntimeApi";
const METHOD: &str = "get_metagraph";

/// Reads the registry of one subnet.
#[derive(Debug)]
pub struct RegistryReader {
    link: Link,
    genesis: [u8; 32],
    netuid: u16,
    every: NonZeroU64,
}

impl RegistryReader {
    /// Connects to nothing yet. `every` is the number of blocks whose multiples are read; nodes that drop states after 256 blocks,
    /// as they do by default, have those of up to some 200.
    ///
    /// # Errors
    /// [`AnchorError::Refused`] for an address that is none or that is not safe.
    pub fn new(
        url: &str,
        genesis: [u8; 32],
        netuid: u16,
        every: NonZeroU64,
    ) -> Result<Self, AnchorError> {
        Ok(Self { link: Link::new(url, genesis)?, genesis, netuid, every })
    }

    #[cfg(test)]
    pub(super) const fn over(
        link: Link,
        genesis: [u8; 32],
        netuid: u16,
        every: NonZeroU64,
    ) -> Self {
        Self { link, genesis, netuid, every }
    }

    /// The registry at the newest final block whose height is a multiple of `every`.
    ///
    /// # Errors
    /// [`AnchorError::Refused`] if the runtime is too old or has no such subnet; [`AnchorError::Mismatch`] if what it says is no
    /// registry; what the node says.
    pub async fn newest(&self) -> Result<ExternalRegistry, AnchorError> {
        let chain = self.link.chain().await?;
        let finalized = chain.finalized().await?.height;
        let height = finalized / self.every * self.every.get();
        self.at(height).await
    }

    /// The registry at the canonical block of a height that is final.
    ///
    /// # Errors
    /// As [`RegistryReader::newest`], and [`AnchorError::Refused`] above the final block.
    pub async fn at(&self, height: u64) -> Result<ExternalRegistry, AnchorError> {
        let chain = self.link.chain().await?;
        let finalized = chain.finalized().await?;
        if height > finalized.height {
            let text = format!("block {height} is above the final one, {}", finalized.height);
            return Err(AnchorError::Refused(Reason::new(text)));
        }
        let hash = chain.hash_at(height).await?.ok_or_else(|| {
            AnchorError::Unreachable(Reason::new(format!("the node has no block {height}")))
        })?;
        let at = chain.at(Head { height, hash }).await?;
        typed(at.metadata_ref(), at.spec_version())?;
        let argument = self.netuid.to_le_bytes();
        let bytes = at
            .runtime_apis()
            .call_raw(&format!("{API}_{METHOD}"), Some(argument.as_slice()))
            .await
            .map_err(|error| unreachable(&error))?;
        registry(&bytes, at.metadata_ref(), (self.genesis, height, hash), self.netuid)
    }
}

/// What is needed of a metagraph. All lists are indexed by uid.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Metagraph {
    netuid: u16,
    hotkeys: Vec<AccountId32>,
    coldkeys: Vec<AccountId32>,
    validator_permit: Vec<bool>,
    block_at_registration: Vec<u64>,
    /// Alpha, and TAO at the weight that the chain gives it: what Yuma weighs there.
    total_stake: Vec<u64>,
}

/// Whether a runtime tells the type of its answer.
///
/// # Errors
/// [`AnchorError::Refused`] names the version that does not.
pub(super) fn typed(metadata: &Metadata, spec: u32) -> Result<u32, AnchorError> {
    let refused = |what: &str| {
        let text = format!("the runtime of spec version {spec} {what}: too old for its registry");
        AnchorError::Refused(Reason::new(text))
    };
    let api = metadata.runtime_api_trait_by_name(API);
    let api = api.ok_or_else(|| refused("does not describe SubnetInfoRuntimeApi"))?;
    let method = api.method_by_name(METHOD).ok_or_else(|| refused("has no get_metagraph"))?;
    let answer = metadata.types().resolve(method.output_ty());
    // Before it was typed, the answer was bytes in bytes.
    if answer.is_none_or(|answer| answer.path.segments.last().is_none_or(|name| name != "Option")) {
        return Err(refused("answers get_metagraph with bytes of its own"));
    }
    Ok(method.output_ty())
}

/// Makes a registry of a runtime's answer.
pub(super) fn registry(
    bytes: &[u8],
    metadata: &Metadata,
    (genesis, height, H256(block)): ([u8; 32], u64, H256),
    netuid: u16,
) -> Result<ExternalRegistry, AnchorError> {
    let mismatch = |text: String| AnchorError::Mismatch(Reason::new(text));
    let answer = typed(metadata, 0)?;
    let cursor = &mut &*bytes;
    let metagraph = Option::<Metagraph>::decode_as_type(cursor, answer, metadata.types())
        .map_err(|error| mismatch(format!("the metagraph does not decode: {error}")))?;
    if !cursor.is_empty() {
        return Err(mismatch(format!("{} bytes follow the metagraph", cursor.len())));
    }
    let metagraph = metagraph.ok_or_else(|| {
        AnchorError::Refused(Reason::new(format!("the chain has no subnet {netuid}")))
    })?;
    if metagraph.netuid != netuid {
        return Err(mismatch(format!("the metagraph is that of netuid {}", metagraph.netuid)));
    }
    let members = members(&metagraph).map_err(mismatch)?;
    let place = (height, Digest::new(block));
    ExternalRegistry::new(Digest::new(genesis), place, netuid, members)
        .map_err(|error| mismatch(error.to_string()))
}

fn members(metagraph: &Metagraph) -> Result<Vec<ExternalMember>, String> {
    let count = metagraph.hotkeys.len();
    for (name, length) in [
        ("coldkeys", metagraph.coldkeys.len()),
        ("validator_permit", metagraph.validator_permit.len()),
        ("block_at_registration", metagraph.block_at_registration.len()),
        ("total_stake", metagraph.total_stake.len()),
    ] {
        if length != count {
            return Err(format!("{count} hotkeys and {length} of {name}"));
        }
    }
    let rows = metagraph
        .hotkeys
        .iter()
        .zip(&metagraph.coldkeys)
        .zip(&metagraph.validator_permit)
        .zip(&metagraph.block_at_registration)
        .zip(&metagraph.total_stake);
    let mut members = Vec::with_capacity(count);
    for (uid, ((((hotkey, coldkey), permit), registered_at), stake)) in rows.enumerate() {
        let uid = u16::try_from(uid).map_err(|_| format!("{count} members"))?;
        members.push(ExternalMember {
            uid: Uid::new(uid),
            hotkey: Hotkey::new(hotkey.0),
            coldkey: Coldkey::new(coldkey.0),
            stake: Rao::new(*stake),
            permit: *permit,
            registered_at: *registered_at,
        });
    }
    Ok(members)
}
