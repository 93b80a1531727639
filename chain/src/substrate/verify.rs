//! Whether an anchor stands where somebody says it stands: for readers without a key.

use subxt::config::substrate::H256;

use ganglion_types::Hotkey;

use super::history::{self, Carried, Outcome};
use super::link::{At, Chain, Head, Link};
use super::signature::{self, Signed};
use crate::{AnchorError, AnchorPayload, ChainPoint, Finality, Publisher, Reason, Verified};

fn mismatch(text: impl AsRef<str>) -> AnchorError {
    AnchorError::Mismatch(Reason::new(text))
}

/// Checks `payload` at `point`.
///
/// # Errors
/// [`AnchorError::Mismatch`] names what does not hold.
pub(super) async fn verify(
    link: &Link,
    payload: &AnchorPayload,
    point: &ChainPoint,
) -> Result<Verified, AnchorError> {
    let chain = link.chain().await?;
    let mut checked = vec!["the node's first block is that of the chain"];
    let head = canonical(&chain, point).await?;
    checked.push("the block is the canonical one of its height");
    let (finalized, best) = (chain.finalized().await?, chain.best().await?);
    let finality = super::finality(head.height, finalized, best);
    if finality == Finality::Final {
        checked.push("the block is at or below the finalized one");
    }

    let (at, is_its_own) = chain.reading(head).await?;
    let body = chain.body(head.hash).await?;
    let time = time(&at, &body).await;
    let place = usize::try_from(point.index).unwrap_or(usize::MAX);
    let bytes = body.into_iter().nth(place).ok_or_else(|| {
        mismatch(format!("block {} has no extrinsic {}", point.height, point.index))
    })?;
    let mut not_checked = vec![
        "that the block's header commits to its body and state: no proofs are asked for",
        "the votes by which the chain made the block final",
    ];
    let Carried { publisher: signer, transaction: hash, payloads, .. } =
        history::extrinsic(&at, bytes.clone()).await.ok_or_else(|| {
            mismatch("the extrinsic there is not signed, or is none of this runtime")
        })?;
    if hash != point.transaction {
        return Err(mismatch("the extrinsic there has another hash"));
    }
    checked.push("the extrinsic at that place of the block has the hash named");
    if !payloads.contains(payload) {
        return Err(mismatch("the extrinsic there carries no anchor with this content"));
    }
    checked.push("its call carries this anchor, byte for byte");

    match signed(&chain, (&at, head.height), bytes, &signer).await? {
        Signed::Holds => {
            checked.push("its account signed it, for this chain and with this content")
        }
        Signed::Fails if is_its_own => return Err(mismatch("its account did not sign it")),
        Signed::Fails => not_checked
            .push("the account's signature: the node does not know that block's runtime any more"),
        Signed::Unknown => {
            not_checked.push("the account's signature: of another scheme than ed25519")
        }
    }
    let events = if is_its_own { history::events(&at).await? } else { None };
    match events {
        None => {
            not_checked.push("that the call succeeded: the node has dropped that block's state")
        }
        Some(events) => match history::outcome(&at.metadata(), &events, point.index) {
            Outcome::Done => checked.push("the runtime says that the call succeeded"),
            Outcome::Failed(error) => {
                return Err(mismatch(format!("the call failed: {error}")));
            }
            Outcome::Unknown => not_checked.push("that the call succeeded: no event says so"),
        },
    }
    let publisher = Publisher::new(signer.as_bytes()).ok_or_else(|| mismatch("no signer"))?;
    Ok(Verified { publisher, finality, time, checked, not_checked })
}

/// Whether the account of an extrinsic in the block of a height signed it. `at` knows its form.
async fn signed(
    chain: &Chain,
    (at, height): (&At, u64),
    bytes: Vec<u8>,
    signer: &Hotkey,
) -> Result<Signed, AnchorError> {
    let body = at.extrinsics().from_bytes(vec![bytes]).await;
    let Some(Ok(extrinsic)) = body.iter().next() else { return Ok(Signed::Unknown) };
    let birth = match signature::birth(&extrinsic, height) {
        Some(height) => chain.hash_at(height).await?,
        None => at.genesis_hash(),
    };
    Ok(birth.map_or(Signed::Unknown, |birth| signature::check(at, &extrinsic, signer, birth)))
}

async fn canonical(chain: &Chain, point: &ChainPoint) -> Result<Head, AnchorError> {
    let hash = H256(point.block);
    match chain.hash_at(point.height).await? {
        None => Err(mismatch(format!("the chain has no block {} yet", point.height))),
        Some(found) if found != hash => {
            Err(mismatch(format!("block {} is {found:?}, and not {hash:?}", point.height)))
        }
        Some(_) => Ok(Head { height: point.height, hash }),
    }
}

/// The time that the block's author put into it, Unix seconds.
async fn time(at: &At, body: &[Vec<u8>]) -> Option<u64> {
    let body = at.extrinsics().from_bytes(body.to_vec()).await;
    let set = body
        .iter()
        .filter_map(Result::ok)
        .find(|extrinsic| (extrinsic.pallet_name(), extrinsic.call_name()) == ("Timestamp", "set"));
    let set = set?;
    let now = set.iter_call_data_fields().find(|field| field.name() == "now")?;
    let milliseconds: u64 = now.decode_as().ok()?;
    Some(milliseconds / 1_000)
}
