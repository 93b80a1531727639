//! The anchors in the blocks of the last while, found by reading them.
//!
//! A remark leaves no state, so whoever looks for one reads blocks. What stands in final blocks is kept in memory, so that
//! each block is read once; what is not final is read anew each time. The memory decides nothing: it is dropped when the
//! chain turns out to be another one, and a new process reads the same blocks again.

use std::collections::VecDeque;

use subxt::config::substrate::{H256, SubstrateConfig};
use subxt::error::{DispatchError, EventsError};
use subxt::events::{Events, Phase};
use subxt::ext::futures::{StreamExt as _, TryStreamExt as _, stream};
use subxt::ext::scale_decode::DecodeAsType;
use subxt::metadata::ArcMetadata;
use tokio::sync::Mutex;

use ganglion_types::Hotkey;

use super::call;
use super::link::{At, Chain, Head};
use super::refusal::{self, unreachable};
use crate::{AnchorError, AnchorPayload, ChainPoint, MAGIC};

/// Blocks read at once.
const READ_AT_ONCE: usize = 16;

/// Sightings kept in memory, 300 bytes each. Anybody may write them: the oldest give way.
pub(super) const SIGHTINGS: usize = 4_096;

/// Blocks beyond the final one that are read. A chain that far ahead of its finality has halted it.
const UNSETTLED: u64 = 512;

/// An anchor in an extrinsic of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) payload: AnchorPayload,
    pub(super) publisher: Hotkey,
    pub(super) point: ChainPoint,
    pub(super) outcome: Outcome,
    /// What it cost, in the chain's smallest unit; 0 where the node does not say.
    pub(super) fee: u128,
}

/// What became of the extrinsic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It did all that it says.
    Done,
    /// It was included and undone.
    Failed(AnchorError),
    /// The node does not keep the events of that block any more.
    Unknown,
}

/// What was read of final blocks.
#[derive(Debug)]
pub(super) struct History {
    lookback: u64,
    read: Mutex<Option<Read>>,
}

#[derive(Debug)]
struct Read {
    /// The newest block read.
    newest: Head,
    sightings: VecDeque<Sighting>,
}

impl Read {
    fn keep(&mut self, found: Vec<Sighting>) {
        self.sightings.extend(found);
        while self.sightings.len() > SIGHTINGS {
            self.sightings.pop_front();
        }
    }

    fn forget_before(&mut self, height: u64) {
        self.sightings.retain(|sighting| sighting.point.height >= height);
    }
}

impl History {
    /// Reads at most `lookback` blocks below the final one.
    pub(super) fn new(lookback: u64) -> Self {
        Self { lookback, read: Mutex::new(None) }
    }

    /// The anchors of the last blocks up to `best`, oldest first.
    ///
    /// # Errors
    /// What the node says. What was read until then is kept.
    pub(super) async fn sightings(
        &self,
        chain: &Chain,
        finalized: Head,
        best: Head,
    ) -> Result<Vec<Sighting>, AnchorError> {
        let mut all = self.settled(chain, finalized).await?;
        let end = best.height.min(finalized.height.saturating_add(UNSETTLED));
        let mut height = finalized.height;
        while height < end {
            let next = height.saturating_add(1);
            let upto = end.min(height.saturating_add(READ_AT_ONCE as u64));
            all.extend(read(chain, next, upto).await?.1);
            height = upto;
        }
        Ok(all)
    }

    async fn settled(&self, chain: &Chain, finalized: Head) -> Result<Vec<Sighting>, AnchorError> {
        let mut kept = self.read.lock().await;
        if let Some(read) = kept.as_ref() {
            // Final blocks do not change. If they did, this is another chain, or one that broke its promise.
            let same = read.newest.height <= finalized.height
                && chain.hash_at(read.newest.height).await? == Some(read.newest.hash);
            if !same {
                *kept = None;
            }
        }
        // The first block has no extrinsics, and not every node has a body of it.
        let oldest = finalized.height.saturating_sub(self.lookback).max(1);
        let goes_on =
            kept.as_ref().map(|read| read.newest.height).filter(|newest| *newest >= oldest);
        let mut next = match goes_on {
            Some(newest) => newest.saturating_add(1),
            None => {
                *kept = None;
                oldest
            }
        };
        while next <= finalized.height {
            let upto = finalized.height.min(next.saturating_add(READ_AT_ONCE as u64 - 1));
            let (newest, found) = read(chain, next, upto).await?;
            let read = kept.get_or_insert_with(|| Read { newest, sightings: VecDeque::new() });
            read.newest = newest;
            read.keep(found);
            next = upto.saturating_add(1);
        }
        let Some(read) = kept.as_mut() else { return Ok(Vec::new()) };
        read.forget_before(oldest);
        Ok(read.sightings.iter().cloned().collect())
    }
}

/// Reads the canonical blocks `from` to `upto`; both are included.
async fn read(chain: &Chain, from: u64, upto: u64) -> Result<(Head, Vec<Sighting>), AnchorError> {
    let blocks: Vec<(Head, Vec<Sighting>)> = stream::iter(from..=upto)
        .map(|height| async move {
            let hash = chain.hash_at(height).await?.ok_or_else(|| gone(height))?;
            let head = Head { height, hash };
            let found = block(chain, head).await?;
            Ok::<_, AnchorError>((head, found))
        })
        .buffered(READ_AT_ONCE)
        .try_collect()
        .await?;
    let newest = blocks.last().map(|(head, _)| *head).ok_or_else(|| gone(from))?;
    Ok((newest, blocks.into_iter().flat_map(|(_, found)| found).collect()))
}

fn gone(height: u64) -> AnchorError {
    AnchorError::Unreachable(crate::Reason::new(format!("the node lost block {height}")))
}

/// The anchors of one block.
pub(super) async fn block(chain: &Chain, head: Head) -> Result<Vec<Sighting>, AnchorError> {
    let body = chain.body(head.hash).await?;
    let marked: Vec<(u32, Vec<u8>)> = (0..)
        .zip(body)
        .filter(|(_, bytes)| bytes.windows(MAGIC.len()).any(|window| window == MAGIC))
        .collect();
    if marked.is_empty() {
        return Ok(Vec::new());
    }
    let (at, is_its_own) = chain.reading(head).await?;
    let events = if is_its_own { events(&at).await? } else { None };
    let mut found = Vec::new();
    for (index, bytes) in marked {
        let Some(Carried { publisher, transaction, payloads, never_fails }) =
            extrinsic(&at, bytes).await
        else {
            continue;
        };
        let point = ChainPoint { height: head.height, block: head.hash.0, index, transaction };
        let outcome = match &events {
            Some(events) => outcome(&at.metadata(), events, index),
            None if never_fails => Outcome::Done,
            None => Outcome::Unknown,
        };
        let fee = events.as_ref().map_or(0, |events| fee(events, index));
        found.extend(payloads.into_iter().map(|payload| Sighting {
            payload,
            publisher,
            point,
            outcome: outcome.clone(),
            fee,
        }));
    }
    Ok(found)
}

/// The events of a block; `None` if the node answers that it has that block's state no more.
///
/// # Errors
/// [`AnchorError::Unreachable`] if it does not answer.
pub(super) async fn events(at: &At) -> Result<Option<Events<SubstrateConfig>>, AnchorError> {
    match at.events().fetch().await {
        // Every block has an event for each of its extrinsics, and no block is without one.
        Ok(events) => Ok(Some(events).filter(|events| !events.is_empty())),
        Err(EventsError::CannotFetchEventBytes(error)) if refusal::is_told(&error) => Ok(None),
        Err(error) => Err(unreachable(&error)),
    }
}

/// What a signed extrinsic carries.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) publisher: Hotkey,
    pub(super) transaction: [u8; 32],
    pub(super) payloads: Vec<AnchorPayload>,
    /// Whether it did what it says wherever it is included: a remark does, and a batch or a commitment may not.
    pub(super) never_fails: bool,
}

/// What an extrinsic carries; `None` if it is not signed or its bytes are none.
pub(super) async fn extrinsic(at: &At, bytes: Vec<u8>) -> Option<Carried> {
    let body = at.extrinsics().from_bytes(vec![bytes]).await;
    let extrinsic = body.iter().next()?.ok()?;
    let publisher = account(extrinsic.address_bytes()?)?;
    let mut payloads = call::payloads(extrinsic.call_data_bytes(), at.metadata_ref());
    // `both` says the same twice.
    payloads.dedup();
    let H256(transaction) = extrinsic.hash();
    let never_fails =
        (extrinsic.pallet_name(), extrinsic.call_name()) == ("System", "remark_with_event");
    Some(Carried { publisher, transaction, payloads, never_fails })
}

/// The account of an address: `MultiAddress::Id`, or the bare id of chains without address forms.
fn account(address: &[u8]) -> Option<Hotkey> {
    match address {
        [0, id @ ..] if id.len() == 32 => Hotkey::from_slice(id),
        id => Hotkey::from_slice(id),
    }
}

/// What the events of a block say about its extrinsic at `index`.
pub(super) fn outcome(
    metadata: &ArcMetadata,
    events: &Events<SubstrateConfig>,
    index: u32,
) -> Outcome {
    for event in events.iter() {
        // After one that does not decode there are no more.
        let Ok(event) = event else { return Outcome::Unknown };
        if event.phase() != Phase::ApplyExtrinsic(index) || event.pallet_name() != "System" {
            continue;
        }
        match event.event_name() {
            "ExtrinsicSuccess" => return Outcome::Done,
            "ExtrinsicFailed" => {
                let error = DispatchError::decode_from(event.field_bytes(), metadata.clone());
                return Outcome::Failed(match error {
                    Ok(error) => refusal::dispatch(&error, 0),
                    Err(error) => unreachable(&error),
                });
            }
            _ => {}
        }
    }
    Outcome::Unknown
}

/// What an extrinsic cost whoever signed it.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct FeePaid {
    actual_fee: u128,
}

/// What the events of a block say that its extrinsic at `index` cost, tip included. One that nobody pays has no such event.
pub(super) fn fee(events: &Events<SubstrateConfig>, index: u32) -> u128 {
    let paid = events.iter().map_while(Result::ok).find(|event| {
        event.phase() == Phase::ApplyExtrinsic(index)
            && (event.pallet_name(), event.event_name())
                == ("TransactionPayment", "TransactionFeePaid")
    });
    let paid = paid.and_then(|event| event.decode_fields_unchecked_as::<FeePaid>().ok());
    paid.map_or(0, |paid| paid.actual_fee)
}
