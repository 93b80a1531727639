//! Anchors on a Substrate chain, signed by the hotkey of the node itself.
//!
//! Nothing about a chain is compiled in: calls are encoded, and answers decoded, by the metadata that the chain's runtime
//! gives for the block in question. Finality is the chain's own ("finalized head"); everything that this backend calls
//! final is at or below it.
//!
//! ```text
//!   prepare   final block = birth of the era ── nonce, call, fee ──► signed bytes, valid for ERA blocks
//!   status    blocks of the last while ──► an anchor of ours? ──► else: nonce used or era over? ──► Dead
//! ```
//! A transaction dies by itself: after the last block of its era is final without it, it can never be included, and so
//! nothing has to be undone before another one is made. What is replaced before that takes the same nonce, so
//! that the runtime admits one of the two.
//!
//! # Deviations
//! - The fee of a Substrate transaction is set by the runtime when it is included; `fee_max` is its word when it was made.
//! - A failed transaction uses its nonce up. Its status is [`Status::Dead`], and the reason is told by the next `prepare`,
//!   which asks the chain for what made it fail (registration, room, balance).

mod account;
mod call;
#[cfg(test)]
mod golden;
mod history;
mod link;
mod metagraph;
#[cfg(test)]
mod recorded;
mod refusal;
#[cfg(test)]
mod registry_tests;
mod room;
mod signature;
mod state;
mod verify;

use std::ops::RangeInclusive;

use ed25519_dalek::SigningKey;
use subxt::utils::AccountId32;

use ganglion_types::{CutId, Digest, Epoch, Hotkey, SubnetId, hex};

pub use call::Place;
pub use metagraph::RegistryReader;

use account::{Account, Terms};
use history::{History, Outcome, Sighting};
use link::{At, Chain, Head, Link};
use refusal::unreachable;

use crate::{
    Anchor, AnchorError, AnchorPayload, Answer, ChainName, ChainPoint, CutHead, Finality, Found,
    Prepared, Publisher, Reason, Status, Survey, Verified, limits,
};

/// Blocks for which a transaction can be included where the settings do not say: 13 minutes at 12 s.
pub const ERA: u64 = 64;

/// Shortest era that there is.
const ERA_MIN: u64 = 4;

/// Longest era that a runtime accepts: it keeps the hashes of 2,400 blocks or more.
const ERA_MAX: u64 = 2_048;

/// What a node is told about a Substrate chain.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of a node's RPC, `wss://`, or `ws://` on this machine.
    pub url: String,
    /// Hash of the chain's first block. A node of any other chain is refused.
    pub genesis: [u8; 32],
    /// Where anchors are put.
    pub place: Place,
    /// Blocks for which a transaction can be included, at least; made a power of two from 4 to 2,048. [`ERA`] is usual.
    pub era: u64,
    /// Blocks below the final one that are searched for anchors. An anchor of ours that is older is found in state if it
    /// is a commitment, and not at all if it is a remark.
    pub lookback: u64,
}

/// A Substrate chain.
#[derive(Debug)]
pub struct Substrate {
    name: ChainName,
    publisher: Option<Publisher>,
    account: Option<Account>,
    place: Place,
    era: u64,
    link: Link,
    history: History,
}

impl Substrate {
    /// Makes the backend; connects to nothing yet. Without a key the chain is only read.
    ///
    /// # Errors
    /// [`AnchorError::Refused`] for an address that is none or that is not safe.
    pub fn new(settings: &Settings, key: Option<SigningKey>) -> Result<Self, AnchorError> {
        let place = match settings.place {
            Place::Remark => "remark".to_owned(),
            Place::Commitment { netuid } => format!("commitment:{netuid}"),
            Place::Both { netuid } => format!("both:{netuid}"),
        };
        let name = format!("substrate:0x{}:{place}", hex(&settings.genesis));
        let name = ChainName::new(&name).ok_or_else(|| AnchorError::Refused(Reason::new(&name)))?;
        let account = key.map(Account::new);
        Ok(Self {
            name,
            publisher: account
                .as_ref()
                .and_then(|account| Publisher::new(account.hotkey().as_bytes())),
            account,
            place: settings.place,
            era: settings.era,
            link: Link::new(&settings.url, settings.genesis)?,
            history: History::new(settings.lookback.min(limits::LOOKBACK_BLOCKS)),
        })
    }

    fn hotkey(&self) -> Option<Hotkey> {
        self.account.as_ref().map(Account::hotkey)
    }

    async fn prepared(
        &self,
        payload: &AnchorPayload,
        replaces: &[Prepared],
        used: Option<u64>,
    ) -> Result<Prepared, AnchorError> {
        let refused = |text: &str| AnchorError::Refused(Reason::new(text));
        let account = self.account.as_ref().ok_or_else(|| refused("no key is set"))?;
        let chain = self.link.chain().await?;
        let (finalized, best) = (chain.finalized().await?, chain.best().await?);
        let at = chain.at(best).await?;
        if let Some((pallet, call)) = self.place.missing(at.metadata_ref()) {
            return Err(refused(&format!("the chain's runtime has no call {pallet}.{call}")));
        }
        let hotkey = account.hotkey();
        state::room(&at, self.place, hotkey).await?;
        let seat = self.seat(&chain, (finalized, &at), hotkey, (replaces, used)).await?;

        let call = call::anchor(self.place, payload);
        let era = era(self.era, best.height.saturating_sub(finalized.height));
        let sign = |tip: u128| {
            let terms = Terms { nonce: seat.nonce, tip, mortal: Some((era, finalized)) };
            account::signable(&at, &call, terms)
                .and_then(|mut signable| signable.sign(account))
                .map_err(|error| unreachable(&error))
        };
        let mut signed = sign(0)?;
        let fee = signed.partial_fee_estimate().await.map_err(|error| unreachable(&error))?;
        // Any tip above the one in the pool displaces it; an eighth of the fee per attempt stays small.
        let tip = (fee.max(8) / 8).saturating_mul(seat.displaces);
        if tip > 0 {
            signed = sign(tip)?;
        }
        let need = fee.saturating_add(tip);
        let have = state::balance(&at, hotkey).await?;
        if have < need {
            return Err(AnchorError::Funds { have, need });
        }
        Ok(Prepared {
            id: signed.hash().0,
            nonce: seat.nonce,
            expires: Some(finalized.height.saturating_add(era).saturating_sub(1)),
            fee_max: need,
            bytes: signed.into_encoded(),
        })
    }

    /// The nonce to take, and how many transactions that may still be in the pool it displaces.
    async fn seat(
        &self,
        chain: &Chain,
        (finalized, best): (Head, &At),
        hotkey: Hotkey,
        (replaces, used): (&[Prepared], Option<u64>),
    ) -> Result<Seat, AnchorError> {
        let settled = state::nonce(&chain.at(finalized).await?, hotkey).await?;
        let newest = state::nonce(best, hotkey).await?;
        let account = AccountId32(*hotkey.as_bytes());
        let next = chain.rpc.system_account_next_index(&account);
        let next = next.await.map_err(|error| unreachable(&error))?;
        seat((replaces, used), (finalized.height, settled), newest, next)
    }

    async fn submitted(&self, prepared: &Prepared) -> Result<(), AnchorError> {
        let chain = self.link.chain().await?;
        let Err(error) = chain.rpc.author_submit_extrinsic(&prepared.bytes).await else {
            return Ok(());
        };
        match refusal::submission(error, prepared.fee_max) {
            Err(AnchorError::Funds { need, .. }) => {
                let at = chain.at(chain.best().await?).await?;
                let have = match self.hotkey() {
                    Some(hotkey) => state::balance(&at, hotkey).await?,
                    None => 0,
                };
                Err(AnchorError::Funds { have, need })
            }
            answer => answer,
        }
    }

    async fn standing(
        &self,
        payload: &AnchorPayload,
        attempts: &[Prepared],
    ) -> Result<Status, AnchorError> {
        let chain = self.link.chain().await?;
        let (finalized, best) = (chain.finalized().await?, chain.best().await?);
        let Some(hotkey) = self.hotkey() else {
            return Err(AnchorError::Refused(Reason::new("no key is set")));
        };
        let mut sightings = self.history.sightings(&chain, finalized, best).await?;
        if let Some(netuid) = self.place.netuid() {
            sightings.extend(state::committed(&chain, finalized, netuid, Some(hotkey)).await?);
        }
        let mine = sightings.iter().filter(|sighting| sighting.publisher == hotkey);
        if let Some(status) = place_of(payload, mine, finalized.height)? {
            return Ok(status);
        }
        if attempts.is_empty() {
            return Ok(Status::Absent);
        }
        let settled = state::nonce(&chain.at(finalized).await?, hotkey).await?;
        let mut alive = false;
        for attempt in attempts.iter().filter(|a| is_alive(a, finalized.height, settled)) {
            alive = true;
            if chain.holds(&attempt.bytes).await {
                return Ok(Status::Pending);
            }
        }
        Ok(if alive { Status::Absent } else { Status::Dead })
    }

    async fn found(
        &self,
        subnet: SubnetId,
        epochs: RangeInclusive<Epoch>,
    ) -> Result<Vec<Found>, AnchorError> {
        let chain = self.link.chain().await?;
        let (finalized, best) = (chain.finalized().await?, chain.best().await?);
        let mut sightings = self.history.sightings(&chain, finalized, best).await?;
        if let Some(netuid) = self.place.netuid() {
            sightings.extend(state::committed(&chain, finalized, netuid, None).await?);
        }
        sightings.retain(|sighting| {
            let payload = &sighting.payload;
            sighting.outcome == Outcome::Done
                && payload.subnet() == subnet
                && payload.first() <= *epochs.end()
                && payload.last() >= *epochs.start()
        });
        sightings.sort_by_key(|sighting| std::cmp::Reverse(sighting.point));
        sightings.dedup_by(|a, b| a.point == b.point && a.payload == b.payload);
        sightings.truncate(limits::FOUND);
        let told = |sighting: Sighting| {
            Some(Found {
                payload: sighting.payload,
                publisher: Publisher::new(sighting.publisher.as_bytes())?,
                point: sighting.point,
                finality: finality(sighting.point.height, finalized, best),
            })
        };
        Ok(sightings.into_iter().filter_map(told).collect())
    }

    /// What transactions of this account have cost. What one in a block that the chain's node has dropped the state of cost is not
    /// known any more, and counts nothing.
    async fn spent(&self, transactions: &[[u8; 32]]) -> Result<u128, AnchorError> {
        let chain = self.link.chain().await?;
        let (finalized, best) = (chain.finalized().await?, chain.best().await?);
        let mut paid: Vec<(ChainPoint, u128)> = self
            .history
            .sightings(&chain, finalized, best)
            .await?
            .iter()
            .filter(|sighting| Some(sighting.publisher) == self.hotkey())
            .filter(|sighting| transactions.contains(&sighting.point.transaction))
            .map(|sighting| (sighting.point, sighting.fee))
            .collect();
        // An extrinsic with several payloads was paid for once.
        paid.dedup();
        Ok(paid.iter().fold(0, |sum, (_, fee)| fee.saturating_add(sum)))
    }

    async fn surveyed(&self) -> Result<Survey, AnchorError> {
        let chain = self.link.chain().await?;
        let (finalized, best) = (chain.finalized().await?, chain.best().await?);
        let at = chain.at(best).await?;
        let (mut balance, mut price) = (None, 0);
        let missing = self.place.missing(at.metadata_ref());
        let mut warning = missing.map(|(pallet, call)| {
            Reason::new(format!("the chain's runtime has no call {pallet}.{call}"))
        });
        if let (Some(account), None) = (&self.account, missing) {
            balance = Some(state::balance(&at, account.hotkey()).await?);
            price = self.price(&at, account).await?;
            if let Err(error) = state::registration(&at, self.place, account.hotkey()).await {
                warning = Some(Reason::new(error.to_string()));
            }
        }
        Ok(Survey {
            height: best.height,
            finalized: finalized.height,
            balance,
            price,
            unit: state::unit(&chain).await,
            warning,
        })
    }

    /// What an anchor costs now, by the runtime's word about one that nobody sends.
    async fn price(&self, at: &At, account: &Account) -> Result<u128, AnchorError> {
        let cut = CutId::default();
        let head = CutHead {
            subnet: SubnetId::default(),
            epoch: Epoch::GENESIS.next(),
            cut,
            result_root: Digest::ZERO,
            next_committee_root: Digest::ZERO,
        };
        let payload = AnchorPayload::new(&[cut], &head)
            .map_err(|error| AnchorError::Refused(Reason::new(error.to_string())))?;
        let call = call::anchor(self.place, &payload);
        let terms = Terms { nonce: 0, tip: 0, mortal: None };
        let signed = account::signable(at, &call, terms)
            .and_then(|mut signable| signable.sign(account))
            .map_err(|error| unreachable(&error))?;
        signed.partial_fee_estimate().await.map_err(|error| unreachable(&error))
    }
}

/// A place among the transactions of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seat {
    nonce: u64,
    /// Transactions with this nonce that may be in the pool of a node.
    displaces: u128,
}

/// Chooses the nonce of a new transaction. `settled` is the account's nonce at the final block, `newest` at the newest one, `next`
/// counts what is in the pool as well. `used` is the highest nonce of what is under way for other payloads: a reorganisation may
/// just have thrown it out of the chain, and it goes back there.
///
/// # Errors
/// [`AnchorError::Stale`] if one of `replaces` may just have been included: a new one beside it could be a second. Also if it
/// waits for a nonce before its own that nobody holds: it dies with its era, and one that lived longer would wait longer.
fn seat(
    (replaces, used): (&[Prepared], Option<u64>),
    (finalized, settled): (u64, u64),
    newest: u64,
    next: u64,
) -> Result<Seat, AnchorError> {
    let alive: Vec<&Prepared> =
        replaces.iter().filter(|one| is_alive(one, finalized, settled)).collect();
    let Some(lowest) = alive.iter().map(|one| one.nonce).min() else {
        let above = used.map_or(0, |used| used.saturating_add(1));
        return Ok(Seat { nonce: next.max(newest).max(above), displaces: 0 });
    };
    if newest > lowest {
        let text = format!("nonce {lowest} was used in a block that is not final yet");
        return Err(AnchorError::Stale(Reason::new(text)));
    }
    if next < lowest && used.is_none_or(|used| used < next) {
        let text = format!("nonce {next} is missing before {lowest}");
        return Err(AnchorError::Stale(Reason::new(text)));
    }
    // One nonce for all that live: the runtime admits one of them.
    let displaces = alive.iter().filter(|one| one.nonce == lowest).count();
    if displaces != alive.len() {
        let text = "transactions with several nonces are alive for one anchor";
        return Err(AnchorError::Stale(Reason::new(text)));
    }
    Ok(Seat { nonce: lowest, displaces: u128::try_from(displaces).unwrap_or(u128::MAX) })
}

/// Whether a transaction may still be included above the final block: its nonce is not used there and its era not over.
fn is_alive(prepared: &Prepared, finalized: u64, settled: u64) -> bool {
    prepared.nonce >= settled && prepared.expires.is_none_or(|expires| expires > finalized)
}

/// The era of a transaction whose birth is the final block, when the newest one is `lag` blocks above it: of what is asked for, and
/// at least as much again as has gone by.
fn era(asked: u64, lag: u64) -> u64 {
    let blocks = lag.saturating_mul(2).max(asked);
    blocks.checked_next_power_of_two().unwrap_or(ERA_MAX).clamp(ERA_MIN, ERA_MAX)
}

/// Where `payload` stands among the anchors of its publisher.
///
/// # Errors
/// [`AnchorError::Conflict`] if they hold one that cannot be true beside it.
fn place_of<'a>(
    payload: &AnchorPayload,
    mine: impl Iterator<Item = &'a Sighting>,
    finalized: u64,
) -> Result<Option<Status>, AnchorError> {
    let mut here: Option<ChainPoint> = None;
    for sighting in mine.filter(|sighting| sighting.outcome == Outcome::Done) {
        if sighting.payload.contradicts(payload) {
            return Err(AnchorError::Conflict(Box::new(sighting.payload)));
        }
        // The first of several counts: it is the oldest proof.
        if sighting.payload == *payload && here.is_none_or(|here| sighting.point < here) {
            here = Some(sighting.point);
        }
    }
    Ok(here.map(|point| {
        if point.height <= finalized { Status::Final(point) } else { Status::Included(point) }
    }))
}

fn finality(height: u64, finalized: Head, best: Head) -> Finality {
    if height <= finalized.height {
        return Finality::Final;
    }
    Finality::Confirmations(best.height.saturating_sub(height).saturating_add(1))
}

impl Anchor for Substrate {
    fn chain(&self) -> &ChainName {
        &self.name
    }

    fn publisher(&self) -> Option<&Publisher> {
        self.publisher.as_ref()
    }

    fn prepare<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        replaces: &'a [Prepared],
        used: Option<u64>,
    ) -> Answer<'a, Prepared> {
        Box::pin(self.prepared(payload, replaces, used))
    }

    fn submit<'a>(&'a self, prepared: &'a Prepared) -> Answer<'a, ()> {
        Box::pin(self.submitted(prepared))
    }

    fn status<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        attempts: &'a [Prepared],
    ) -> Answer<'a, Status> {
        Box::pin(self.standing(payload, attempts))
    }

    fn find(&self, subnet: SubnetId, epochs: RangeInclusive<Epoch>) -> Answer<'_, Vec<Found>> {
        Box::pin(self.found(subnet, epochs))
    }

    fn verify<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        point: &'a ChainPoint,
    ) -> Answer<'a, Verified> {
        Box::pin(verify::verify(&self.link, payload, point))
    }

    fn cost<'a>(&'a self, transactions: &'a [[u8; 32]]) -> Answer<'a, u128> {
        Box::pin(self.spent(transactions))
    }

    fn survey(&self) -> Answer<'_, Survey> {
        Box::pin(self.surveyed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(nonce: u64, expires: u64) -> Prepared {
        Prepared { id: [0; 32], nonce, expires: Some(expires), fee_max: 1, bytes: vec![1] }
    }

    #[test]
    fn a_transaction_lives_until_its_nonce_is_used_or_its_era_is_over_in_a_final_block() {
        let one = made(5, 163);
        for (finalized, settled, alive) in
            [(100, 5, true), (162, 5, true), (163, 5, false), (100, 6, false), (100, 4, true)]
        {
            assert_eq!(is_alive(&one, finalized, settled), alive, "{finalized} {settled}");
        }
        assert!(is_alive(&Prepared { expires: None, ..one }, u64::MAX, 5));
    }

    #[test]
    fn what_replaces_the_living_takes_their_nonce_and_what_replaces_the_dead_the_next() {
        let (low, high) = (made(5, 163), made(6, 163));
        let seated = |replaces: &[Prepared], finalized, newest, next| {
            seat((replaces, None), finalized, newest, next).map_err(|error| error.kind())
        };
        let one = std::slice::from_ref(&low);
        let free = |nonce| Ok(Seat { nonce, displaces: 0 });
        assert_eq!(seated(&[], (100, 5), 5, 5), free(5));
        // Two of ours wait in the pool already.
        assert_eq!(seated(&[], (100, 5), 5, 7), free(7));
        assert_eq!(seated(one, (163, 5), 5, 5), free(5));
        assert_eq!(seated(one, (100, 6), 6, 6), free(6));
        let both = [low.clone(), low.clone()];
        assert_eq!(seated(&both, (100, 5), 5, 6), Ok(Seat { nonce: 5, displaces: 2 }));
        // Used, but not in a final block: it may be the anchor itself.
        assert_eq!(seated(one, (100, 5), 6, 6), Err("stale"));
        assert_eq!(seated(&[low.clone(), high.clone()], (100, 5), 5, 7), Err("stale"));
        // One before it is gone and comes from nowhere.
        let alone = std::slice::from_ref(&high);
        assert_eq!(seated(alone, (100, 5), 5, 5), Err("stale"));
        let seated = |replaces, used| seat((replaces, Some(used)), (100, 5), 5, 5);
        assert_eq!(seated(alone, 5), Ok(Seat { nonce: 6, displaces: 1 }));
        // Thrown out of the chain with its payload, and on its way back: the next is above it.
        assert_eq!(seated(&[], 7), Ok(Seat { nonce: 8, displaces: 0 }));
        assert_eq!(seated(&[], 4), Ok(Seat { nonce: 5, displaces: 0 }));
    }

    #[test]
    fn an_era_outlasts_twice_the_way_to_finality() {
        for (lag, blocks) in
            [(0, 64), (3, 64), (32, 64), (33, 128), (500, 1_024), (u64::MAX, 2_048)]
        {
            assert_eq!(era(ERA, lag), blocks, "{lag}");
        }
        assert_eq!((era(0, 0), era(8, 1), era(9, 1), era(u64::MAX, 0)), (4, 8, 16, 2_048));
    }
}
