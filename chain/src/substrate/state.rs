//! What the chain's state says about an account: by names, decoded by the metadata of the block.

use std::time::Duration;

use subxt::dynamic;
use subxt::ext::codec::Decode;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use ganglion_types::Hotkey;

use super::call::{Commitment, Place};
use super::history::{self, Outcome, Sighting};
use super::link::{At, Chain, Head};
use super::refusal::unreachable;
use super::room::Room;
use crate::{AnchorError, Reason, limits};

/// Time of a block where the runtime does not say, as on subtensor.
const BLOCK_TIME: Duration = Duration::from_secs(12);

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct AccountInfo {
    pub(super) data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct AccountData {
    pub(super) free: u128,
}

/// A hotkey's commitment with the block that set it.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Registration {
    block: u64,
    info: Commitment,
}

/// Transactions of an account that the chain has executed.
pub(super) async fn nonce(at: &At, hotkey: Hotkey) -> Result<u64, AnchorError> {
    let account = AccountId32(*hotkey.as_bytes());
    at.tx().account_nonce(&account).await.map_err(|error| unreachable(&error))
}

/// What an account holds free, in the chain's smallest unit.
pub(super) async fn balance(at: &At, hotkey: Hotkey) -> Result<u128, AnchorError> {
    let entry = dynamic::storage::<([u8; 32],), AccountInfo>("System", "Account");
    let value = at.storage().try_fetch(entry, (*hotkey.as_bytes(),)).await;
    let Some(value) = value.map_err(|error| unreachable(&error))? else { return Ok(0) };
    Ok(value.decode().map_err(|error| unreachable(&error))?.data.free)
}

/// Whether subtensor knows the hotkey where `place` needs it to.
///
/// # Errors
/// [`AnchorError::Refused`] if it is not registered: only its owner's hand helps.
pub(super) async fn registration(at: &At, place: Place, hotkey: Hotkey) -> Result<(), AnchorError> {
    let Some(netuid) = place.netuid() else { return Ok(()) };
    let entry = dynamic::storage::<(u16, [u8; 32]), u16>("SubtensorModule", "Uids");
    let uid = at.storage().try_fetch(entry, (netuid, *hotkey.as_bytes())).await;
    if uid.map_err(|error| unreachable(&error))?.is_none() {
        let text = format!("hotkey {hotkey} is not registered on netuid {netuid}");
        return Err(AnchorError::Refused(Reason::new(text)));
    }
    Ok(())
}

/// Whether the runtime lets the hotkey commit in the next block.
///
/// # Errors
/// [`AnchorError::RateLimited`] with the time until it does; [`AnchorError::Refused`] if it never will.
pub(super) async fn room(at: &At, place: Place, hotkey: Hotkey) -> Result<(), AnchorError> {
    let Some(netuid) = place.netuid() else { return Ok(()) };
    registration(at, place, hotkey).await?;
    let metadata = at.metadata_ref();
    let commitments = metadata.pallet_by_name("Commitments");
    let has = |entry: &str| {
        let storage = commitments.as_ref().and_then(|pallet| pallet.storage());
        storage.is_some_and(|storage| storage.entry_by_name(entry).is_some())
    };
    let space = if has("MaxSpace") {
        let entry = dynamic::storage::<(), u64>("Commitments", "MaxSpace");
        let value = at.storage().fetch(entry, ()).await.map_err(|error| unreachable(&error))?;
        Some(value.decode().map_err(|error| unreachable(&error))?)
    } else {
        None
    };
    let pause = commitments
        .as_ref()
        .and_then(|pallet| pallet.constant_by_name("RateLimit"))
        .and_then(|constant| number(constant.value()))
        .unwrap_or(0);
    let tempo = dynamic::storage::<(u16,), u64>("SubtensorModule", "Tempo");
    let tempo = at.storage().fetch(tempo, (netuid,)).await.map_err(|error| unreachable(&error))?;
    let tempo = tempo.decode().map_err(|error| unreachable(&error))?;
    let last = dynamic::storage::<(u16, [u8; 32]), u64>("Commitments", "LastCommitment");
    let last = at.storage().try_fetch(last, (netuid, *hotkey.as_bytes())).await;
    let last = match last.map_err(|error| unreachable(&error))? {
        Some(last) => Some(last.decode().map_err(|error| unreachable(&error))?),
        None => None,
    };
    let room = Room { space, tempo, pause };
    match room.wait(last, at.block_number()) {
        Some(0) => Ok(()),
        Some(blocks) => {
            let wait = block_time(at).saturating_mul(u32::try_from(blocks).unwrap_or(u32::MAX));
            let text = format!("room for the next commitment in {blocks} blocks");
            Err(AnchorError::RateLimited { wait: Some(wait), reason: Reason::new(text) })
        }
        None => {
            let text = format!("{} bytes per tempo have no room for an anchor", space.unwrap_or(0));
            Err(AnchorError::Refused(Reason::new(text)))
        }
    }
}

/// A constant of 4 or 8 bytes, little-endian.
fn number(bytes: &[u8]) -> Option<u64> {
    match bytes.len() {
        4 => u32::decode(&mut &*bytes).ok().map(u64::from),
        8 => u64::decode(&mut &*bytes).ok(),
        _ => None,
    }
}

fn block_time(at: &At) -> Duration {
    let metadata = at.metadata_ref();
    let slot = metadata
        .pallet_by_name("Aura")
        .and_then(|pallet| number(pallet.constant_by_name("SlotDuration")?.value()));
    slot.map_or(BLOCK_TIME, Duration::from_millis)
}

/// The anchors that hotkeys of a subnet are committed to at the final block: of `of`, or of all.
///
/// State keeps the newest commitment of each; the block that set it gives the place.
pub(super) async fn committed(
    chain: &Chain,
    finalized: Head,
    netuid: u16,
    of: Option<Hotkey>,
) -> Result<Vec<Sighting>, AnchorError> {
    let at = chain.at(finalized).await?;
    let mut blocks = Vec::new();
    let entry = dynamic::storage::<(u16, [u8; 32]), Registration>("Commitments", "CommitmentOf");
    if let Some(hotkey) = of {
        let value = at.storage().try_fetch(entry, (netuid, *hotkey.as_bytes())).await;
        if let Some(value) = value.map_err(|error| unreachable(&error))? {
            blocks.extend(value.decode().ok().and_then(|set| anchored(&set)));
        }
    } else {
        let values = at.storage().iter(entry, (netuid,)).await;
        let mut values = values.map_err(|error| unreachable(&error))?;
        while let Some(value) = values.next().await {
            let value = value.map_err(|error| unreachable(&error))?;
            blocks.extend(value.value().decode().ok().and_then(|set| anchored(&set)));
            if blocks.len() >= limits::FOUND {
                break;
            }
        }
    }
    blocks.sort_unstable();
    blocks.dedup();
    let mut found = Vec::new();
    for height in blocks {
        let Some(hash) = chain.hash_at(height).await? else { continue };
        let sightings = history::block(chain, Head { height, hash }).await?;
        // State says that the commitment holds, also where the events of its block are gone.
        found.extend(sightings.into_iter().filter_map(|sighting| match sighting.outcome {
            Outcome::Failed(_) => None,
            _ => Some(Sighting { outcome: Outcome::Done, ..sighting }),
        }));
    }
    Ok(found)
}

/// The block of a commitment that is an anchor.
fn anchored(set: &Registration) -> Option<u64> {
    set.info.payload().map(|_| set.block)
}

/// Name and decimals of the chain's unit.
pub(super) async fn unit(chain: &Chain) -> (&'static str, u8) {
    const KNOWN: [&str; 4] = ["TAO", "DOT", "KSM", "UNIT"];
    let Ok(properties) = chain.rpc.system_properties().await else { return ("units", 0) };
    let first = |key: &str| {
        let value = properties.get(key)?;
        // Chains with several tokens give lists; fees are paid in the first.
        Some(value.get(0).unwrap_or(value).clone())
    };
    let decimals = first("tokenDecimals").and_then(|value| u8::try_from(value.as_u64()?).ok());
    let symbol = first("tokenSymbol").and_then(|value| Some(value.as_str()?.to_owned()));
    let name = KNOWN.iter().find(|name| Some(**name) == symbol.as_deref());
    (name.copied().unwrap_or("units"), decimals.unwrap_or(0))
}
