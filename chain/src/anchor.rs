//! What a chain has to be able to do, and what it says.

use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;

use ganglion_types::{Epoch, SubnetId, hex};

use crate::{AnchorError, AnchorPayload, Reason, limits};

/// What a method of [`Anchor`] returns: a future that may move between threads. Dropping it leaves no state behind but
/// what the chain's node has already been told.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, AnchorError>> + Send + 'a>>;

/// A chain that keeps anchors.
///
/// Backends hold no memory that matters: each answer comes from the chain as it is now, so that a process which
/// starts anew asks the same questions and gets the same answers. They put time limits of their own on what they ask.
///
/// ```text
///   prepare ──bytes, synced by the caller──► submit ──► status: Pending ► Included ► Final
///      ▲                                                  │         ▲         │
///      └─ with the transactions it replaces ◄─ too slow ──┤         └─ reorg ─┤
///      └─ anew ◄──────────────────────────────── Dead ◄───┘                   ▼
/// ```
pub trait Anchor: fmt::Debug + Send + Sync {
    /// Which chain this is.
    fn chain(&self) -> &ChainName;

    /// Who anchors here; `None` where the settings hold no key and the chain is only read.
    fn publisher(&self) -> Option<&Publisher>;

    /// Makes and signs a transaction. Tells nobody.
    ///
    /// `replaces` are the transactions made before for this payload, oldest first. If there are any, the new one must
    /// exclude them: at most one of all may ever be included. Without any it takes the account's next place, above
    /// `used` if there is one: the highest place of what is under way for other payloads. It may have left the chain in a
    /// reorganisation a moment ago, and goes back there.
    ///
    /// # Errors
    /// [`AnchorError::Funds`] and [`AnchorError::FeeCap`] before anything is signed; [`AnchorError::Refused`] without a key.
    fn prepare<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        replaces: &'a [Prepared],
        used: Option<u64>,
    ) -> Answer<'a, Prepared>;

    /// Gives a transaction to the chain's node. Giving the same bytes again does nothing more, and is no error.
    ///
    /// # Errors
    /// [`AnchorError::Stale`] if it can not be included any more: [`Anchor::status`] says why. A lost connection says nothing
    /// about whether it arrived.
    fn submit<'a>(&'a self, prepared: &'a Prepared) -> Answer<'a, ()>;

    /// Where `payload` stands, as put there by this publisher; `attempts` are all transactions made for it.
    ///
    /// # Errors
    /// [`AnchorError::Conflict`] if this publisher anchored other cut ids for the payload's last epoch.
    fn status<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        attempts: &'a [Prepared],
    ) -> Answer<'a, Status>;

    /// Anchors of any publisher that speak about one of `epochs`, newest first, at most [`limits::FOUND`].
    ///
    /// Anybody may write to a public chain, so what is found is a claim: compare its cut ids.
    ///
    /// # Errors
    /// What the chain's node says.
    fn find(&self, subnet: SubnetId, epochs: RangeInclusive<Epoch>) -> Answer<'_, Vec<Found>>;

    /// Checks that `payload` stands at `point` of the canonical chain, without a key and without trusting [`Anchor::find`].
    ///
    /// # Errors
    /// [`AnchorError::Mismatch`] says what does not hold.
    fn verify<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        point: &'a ChainPoint,
    ) -> Answer<'a, Verified>;

    /// What transactions of this publisher have cost, in the chain's smallest unit; those that are in no block cost nothing.
    /// Asked once what became of them is final.
    ///
    /// # Errors
    /// What the chain's node says.
    fn cost<'a>(&'a self, transactions: &'a [[u8; 32]]) -> Answer<'a, u128> {
        // For chains that cost nothing.
        let _ = transactions;
        Box::pin(async { Ok(0) })
    }

    /// How far the chain is, and what the publisher's account holds.
    ///
    /// # Errors
    /// What the chain's node says.
    fn survey(&self) -> Answer<'_, Survey>;
}

/// A chain and the place on it where anchors stand, such as `evm:31337:0x5fbd…`. Stable: it is kept with what was signed, and
/// nothing that was signed for one name is given to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainName(String);

impl ChainName {
    /// A name of printable ASCII without spaces, at most [`limits::REASON_BYTES`].
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let plain = !name.is_empty()
            && name.len() <= limits::REASON_BYTES
            && name.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The account that put an anchor on a chain, as that chain knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publisher(Vec<u8>);

impl Publisher {
    /// At most [`limits::PUBLISHER_BYTES`] bytes and at least one.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let fits = (1..=limits::PUBLISHER_BYTES).contains(&bytes.len());
        fits.then(|| Self(bytes.to_vec()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex(&self.0))
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publisher({self})")
    }
}

/// A signed transaction. All of it is kept on the disk before it is submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What the chain will call it: its hash.
    pub id: [u8; 32],
    /// Its place among the transactions of the account; of two with one place at most one is included.
    pub nonce: u64,
    /// Height after which it can not be included; `None` where a transaction stays valid for ever.
    pub expires: Option<u64>,
    /// Most that it may cost, in the chain's smallest unit.
    pub fee_max: u128,
    /// What is submitted, at most [`limits::TRANSACTION_BYTES`].
    pub bytes: Vec<u8>,
}

/// A place in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainPoint {
    /// Number of the block.
    pub height: u64,
    /// Hash of the block.
    pub block: [u8; 32],
    /// Place of the transaction in the block.
    pub index: u32,
    /// Hash of the transaction.
    pub transaction: [u8; 32],
}

/// Where an anchor stands, by the chain's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not on the chain and not with its node, and a transaction given may still be included: submit it again. Without
    /// transactions: prepare one.
    Absent,
    /// The chain's node holds a transaction of it.
    Pending,
    /// None of the transactions can ever be included, and the anchor is not there: prepare another one.
    Dead,
    /// In a block that may yet be undone.
    Included(ChainPoint),
    /// In a block that the chain does not undo.
    Final(ChainPoint),
}

/// How firmly a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finality {
    /// So many blocks on top of its own, its own included.
    Confirmations(u64),
    /// Final by the chain's own rule.
    Final,
}

/// An anchor that somebody put on a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub payload: AnchorPayload,
    /// Who put it there.
    pub publisher: Publisher,
    /// Where.
    pub point: ChainPoint,
    /// How firmly.
    pub finality: Finality,
}

/// What [`Anchor::verify`] looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who put it there.
    pub publisher: Publisher,
    /// How firmly the block stands.
    pub finality: Finality,
    /// Time of the block by the chain's clock, Unix seconds, if it has one.
    pub time: Option<u64>,
    /// What was compared and held, one sentence each.
    pub checked: Vec<&'static str>,
    /// What this backend takes on the word of the chain's node, one sentence each.
    pub not_checked: Vec<&'static str>,
}

/// How far a chain is, and what an account on it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Height of the newest block.
    pub height: u64,
    /// Height of the newest final block.
    pub finalized: u64,
    /// What the publisher's account holds, in the chain's smallest unit; `None` where nothing is paid or there is no key.
    pub balance: Option<u128>,
    /// What one more anchor may cost at most now, in the same unit; 0 where nothing is paid.
    pub price: u128,
    /// Name and decimals of the unit that people see, such as `("ETH", 18)`.
    pub unit: (&'static str, u8),
    /// What the operator should know, if anything.
    pub warning: Option<Reason>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Backends are chosen by a setting, so the node holds them behind one pointer.
    #[test]
    fn the_trait_serves_as_an_object() {
        fn held(_: Option<Box<dyn Anchor>>) {}
        held(None);
    }

    #[test]
    fn publishers_and_names_have_bounds() {
        assert!(Publisher::new(&[]).is_none());
        assert!(Publisher::new(&[0; limits::PUBLISHER_BYTES]).is_some());
        assert!(Publisher::new(&[0; limits::PUBLISHER_BYTES + 1]).is_none());
        assert!(ChainName::new("evm:31337:0x00").is_some());
        for bad in ["", "two words", "line\n", "ümlaut"] {
            assert!(ChainName::new(bad).is_none(), "{bad:?}");
        }
        assert!(ChainName::new(&"x".repeat(limits::REASON_BYTES + 1)).is_none());
    }
}
