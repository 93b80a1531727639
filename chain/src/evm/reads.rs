//! What the chain is asked that costs nothing.

use std::ops::RangeInclusive;

use alloy::consensus::{Eip658Value, TxReceipt as _};
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::AnyRpcBlock;
use alloy::primitives::B256;
use alloy::providers::Provider as _;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent as _;
use ganglion_types::{Epoch, SubnetId};

use super::{Account, Address, Evm, EvmFinality, KEPT, contract};
use crate::{
    AnchorError, AnchorPayload, ChainPoint, Finality, Found, Prepared, Publisher, Reason, Status,
    Verified, limits,
};

/// Anchors in final blocks that were read already. Only saves reading them again.
#[derive(Debug, Default)]
pub(super) struct Index {
    subnet: Option<SubnetId>,
    /// The last height that is in it.
    upto: Option<u64>,
    /// Oldest first, the newest [`KEPT`] only.
    found: Vec<Found>,
}

/// What became of a transaction.
#[derive(Debug)]
pub(super) struct Receipt {
    pub(super) point: ChainPoint,
    pub(super) succeeded: bool,
    logs: Vec<Log>,
    /// Wei.
    cost: u128,
}

impl Evm {
    pub(super) async fn nonce(&self, of: &Address, block: BlockId) -> Result<u64, AnchorError> {
        Ok(self.node.get_transaction_count(of.into()).block_id(block).await?)
    }

    pub(super) async fn balance(&self, of: &Address) -> Result<u128, AnchorError> {
        // More than u128 holds is enough.
        Ok(self.node.get_balance(of.into()).latest().await?.saturating_to())
    }

    async fn block(&self, which: BlockNumberOrTag) -> Result<Option<AnyRpcBlock>, AnchorError> {
        Ok(self.node.get_block_by_number(which).await?)
    }

    pub(super) async fn base_fee(&self) -> Result<u128, AnchorError> {
        let newest = self.block(BlockNumberOrTag::Latest).await?;
        let newest = newest.ok_or_else(|| odd("no newest block"))?;
        let none = || AnchorError::Refused(Reason::new("a chain without EIP-1559 fees"));
        newest.header.inner.base_fee_per_gas.map(u128::from).ok_or_else(none)
    }

    /// Heights of the newest and of the newest final block.
    pub(super) async fn heights(&self) -> Result<(u64, u64), AnchorError> {
        let height = self.node.get_block_number().await?;
        let finalized = match self.settings.finality {
            EvmFinality::Blocks(blocks) => height.saturating_sub(blocks),
            EvmFinality::Finalized => match self.block(BlockNumberOrTag::Finalized).await? {
                Some(block) => block.header.inner.number,
                None => 0,
            },
        };
        Ok((height, finalized.min(height)))
    }

    pub(super) async fn receipt(&self, id: &[u8; 32]) -> Result<Option<Receipt>, AnchorError> {
        let Some(receipt) = self.node.get_transaction_receipt(id.into()).await? else {
            return Ok(None);
        };
        let receipt = receipt.0.inner;
        if receipt.transaction_hash != B256::from(*id) {
            return Err(odd("a receipt of another transaction"));
        }
        let place = (receipt.block_number, receipt.block_hash, receipt.transaction_index);
        let point = point(place, *id).ok_or_else(|| odd("a receipt without a place"))?;
        let Eip658Value::Eip658(succeeded) = receipt.inner.inner.status_or_post_state() else {
            return Err(odd("a receipt without a status"));
        };
        let cost = u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price);
        let logs = receipt.inner.inner.receipt.logs;
        Ok(Some(Receipt { point, succeeded, logs, cost }))
    }

    /// Gas used times the price paid, summed. A rollup's share for the chain beneath it is not in there.
    pub(super) async fn cost(&self, transactions: &[[u8; 32]]) -> Result<u128, AnchorError> {
        let mut cost = 0_u128;
        for id in transactions {
            let paid = self.receipt(id).await?.map_or(0, |receipt| receipt.cost);
            cost = cost.saturating_add(paid);
        }
        Ok(cost)
    }

    /// Whether the contract states the payload as this publisher's at a height.
    async fn states(
        &self,
        payload: &AnchorPayload,
        by: &Address,
        height: u64,
    ) -> Result<bool, AnchorError> {
        let call = self.request(&contract::stated(payload, by.into()));
        let answer = self.node.call(call.into()).block(BlockId::number(height)).await;
        let answer = answer.map_err(AnchorError::from)?;
        if answer.is_empty() {
            // No contract at that height: it is younger.
            return Ok(false);
        }
        let odd = || AnchorError::Refused(Reason::new("the contract answers in another form"));
        let (cut, root) = contract::stated_answer(&answer).ok_or_else(odd)?;
        let none = [0; 32];
        let other_root =
            payload.span() > 1 && root != none && root != *payload.range_root().as_bytes();
        if (cut != none && cut != *payload.last_cut().as_bytes()) || other_root {
            return Err(self.conflict(payload).await);
        }
        Ok(cut != none && (payload.span() == 1 || root != none))
    }

    /// The error for a payload that contradicts what this publisher said before.
    pub(super) async fn conflict(&self, payload: &AnchorPayload) -> AnchorError {
        let ours = self.account.as_ref().map(|(_, publisher)| publisher);
        let found = self.find(payload.subnet(), payload.last()..=payload.last()).await;
        let other = found
            .into_iter()
            .flatten()
            .find(|found| Some(&found.publisher) == ours && found.payload.contradicts(payload));
        match other {
            Some(found) => AnchorError::Conflict(Box::new(found.payload)),
            None => AnchorError::Refused(Reason::new(format!(
                "the contract holds other cuts of this account for epoch {}",
                payload.last()
            ))),
        }
    }

    pub(super) async fn status(
        &self,
        payload: &AnchorPayload,
        attempts: &[Prepared],
    ) -> Result<Status, AnchorError> {
        let account = self.key()?.address();
        self.check_chain().await?;
        let (height, finalized) = self.heights().await?;
        if self.states(payload, &account, height).await? {
            let Some(point) = self.place(payload, attempts).await? else {
                // Stated, and in no block: the chain moved between two questions.
                return Ok(Status::Pending);
            };
            let settled =
                point.height <= finalized && self.states(payload, &account, finalized).await?;
            return Ok(if settled { Status::Final(point) } else { Status::Included(point) });
        }
        if attempts.is_empty() {
            return Ok(Status::Absent);
        }
        let used = self.nonce(&account, BlockId::number(finalized)).await?;
        if attempts.iter().all(|attempt| attempt.nonce < used) {
            return Ok(Status::Dead);
        }
        // The place is taken, but not for good: time says whether by us.
        let newest = self.nonce(&account, BlockId::number(height)).await?;
        if attempts.iter().all(|attempt| attempt.nonce < newest) {
            return Ok(Status::Pending);
        }
        for attempt in attempts.iter().rev() {
            if self.node.get_transaction_by_hash(attempt.id.into()).await?.is_some() {
                return Ok(Status::Pending);
            }
        }
        Ok(Status::Absent)
    }

    /// Where a stated payload stands: by its transactions, else by the logs.
    async fn place(
        &self,
        payload: &AnchorPayload,
        attempts: &[Prepared],
    ) -> Result<Option<ChainPoint>, AnchorError> {
        for attempt in attempts.iter().rev() {
            let Some(receipt) = self.receipt(&attempt.id).await? else { continue };
            if self.logged(&receipt).any(|(logged, _)| logged == *payload) {
                return Ok(Some(receipt.point));
            }
        }
        let ours = self.account.as_ref().map(|(_, publisher)| publisher);
        let found = self.find(payload.subnet(), payload.last()..=payload.last()).await?;
        let same = |found: &&Found| found.payload == *payload && Some(&found.publisher) == ours;
        Ok(found.iter().find(same).map(|found| found.point))
    }

    /// Anchors in the logs of a receipt.
    fn logged(&self, receipt: &Receipt) -> impl Iterator<Item = (AnchorPayload, Account)> {
        receipt.logs.iter().filter_map(|log| self.read_log(log))
    }

    fn read_log(&self, log: &Log) -> Option<(AnchorPayload, Account)> {
        let counts = log.inner.address == self.contract && !log.removed;
        counts.then(|| contract::log(&log.inner.data))?
    }

    /// Anchors of a subnet in some blocks.
    async fn logs(
        &self,
        subnet: SubnetId,
        blocks: RangeInclusive<u64>,
    ) -> Result<Vec<Found>, AnchorError> {
        let filter = Filter::new()
            .address(self.contract)
            .event_signature(contract::Anchored::SIGNATURE_HASH)
            .topic1(B256::from(*subnet.as_bytes()))
            .from_block(*blocks.start())
            .to_block(*blocks.end());
        let mut found = Vec::new();
        for log in self.node.get_logs(&filter).await? {
            let Some((payload, publisher)) = self.read_log(&log) else { continue };
            // The node was asked for these only, and is not believed that they are.
            if payload.subnet() != subnet {
                continue;
            }
            let Some(publisher) = Publisher::new(publisher.as_slice()) else { continue };
            let transaction = log.transaction_hash.ok_or_else(|| odd("a log of no transaction"))?;
            let place = (log.block_number, log.block_hash, log.transaction_index);
            let point = point(place, transaction.0).ok_or_else(|| odd("a log without a place"))?;
            if !blocks.contains(&point.height) {
                return Err(odd("a log of a block that was not asked for"));
            }
            found.push(Found { payload, publisher, point, finality: Finality::Final });
        }
        Ok(found)
    }

    pub(super) async fn find(
        &self,
        subnet: SubnetId,
        epochs: RangeInclusive<Epoch>,
    ) -> Result<Vec<Found>, AnchorError> {
        let (height, finalized) = self.heights().await?;
        let mut index = self.index.lock().await;
        if index.subnet != Some(subnet) {
            *index = Index { subnet: Some(subnet), ..Index::default() };
        }
        let mut young = Vec::new();
        let mut next = index.upto.map_or(self.settings.from_block, |upto| upto.saturating_add(1));
        let mut windows = 0;
        while next <= height {
            // Whatever height the node claims to have, a search ends; the next one goes on where this one was.
            if windows >= limits::LOG_WINDOWS {
                let text = format!("read up to block {next} of {height}, and go on from there");
                return Err(AnchorError::Unreachable(Reason::new(text)));
            }
            windows = windows.saturating_add(1);
            // A window ends at the final height or after it, so that it is kept as a whole or not at all.
            let whole = next.saturating_add(limits::LOG_BLOCKS.saturating_sub(1));
            let limit = if next <= finalized { finalized } else { height };
            let end = whole.min(limit);
            let found = self.logs(subnet, next..=end).await?;
            if end <= finalized {
                index.found.extend(found);
                let surplus = index.found.len().saturating_sub(KEPT);
                index.found.drain(..surplus);
                index.upto = Some(end);
            } else {
                young.extend(found.into_iter().map(|found| {
                    let blocks = height.saturating_sub(found.point.height).saturating_add(1);
                    Found { finality: Finality::Confirmations(blocks), ..found }
                }));
            }
            next = end.saturating_add(1);
        }
        let overlaps = |found: &&Found| {
            found.payload.first() <= *epochs.end() && found.payload.last() >= *epochs.start()
        };
        let newest_first = young.iter().rev().chain(index.found.iter().rev());
        Ok(newest_first.filter(overlaps).take(limits::FOUND).cloned().collect())
    }

    pub(super) async fn verify(
        &self,
        payload: &AnchorPayload,
        point: &ChainPoint,
    ) -> Result<Verified, AnchorError> {
        let wrong = |text: String| AnchorError::Mismatch(Reason::new(text));
        self.check().await?;
        let receipt = self.receipt(&point.transaction).await?;
        let receipt = receipt.ok_or_else(|| wrong("the transaction is in no block".into()))?;
        if receipt.point != *point {
            return Err(wrong(format!("the transaction is in block {}", receipt.point.height)));
        }
        if !receipt.succeeded {
            return Err(wrong("the transaction was undone".into()));
        }
        let by = self.logged(&receipt).find(|(logged, _)| logged == payload);
        let (_, by) = by.ok_or_else(|| wrong("the transaction anchors something else".into()))?;
        let block = self.block(point.height.into()).await?;
        let same = |block: &AnyRpcBlock| {
            block.header.hash.0 == point.block && block.header.inner.number == point.height
        };
        let block = block
            .filter(same)
            .ok_or_else(|| wrong("the block is not the one of the canonical chain".into()))?;
        let (height, finalized) = self.heights().await?;
        let finality = if point.height <= finalized {
            Finality::Final
        } else {
            Finality::Confirmations(height.saturating_sub(point.height).saturating_add(1))
        };
        let publisher = Publisher::new(by.as_slice())
            .ok_or_else(|| wrong("an anchor without a publisher".into()))?;
        Ok(Verified {
            publisher,
            finality,
            time: Some(block.header.inner.timestamp),
            checked: vec![
                "the node is on the chain that was asked for, and the contract is ours byte for byte",
                "the transaction succeeded and logged exactly this payload",
                "its block is the one at its height, and final or as deep as said",
            ],
            not_checked: vec![
                "that the chain's node tells the truth: ask one that you run, or several",
            ],
        })
    }
}

/// Height, hash and place in it, if all are told.
fn point(
    (height, block, index): (Option<u64>, Option<B256>, Option<u64>),
    transaction: [u8; 32],
) -> Option<ChainPoint> {
    Some(ChainPoint {
        height: height?,
        block: block?.0,
        index: u32::try_from(index?).ok()?,
        transaction,
    })
}

/// An answer that makes no sense: the node's fault, and perhaps another one answers next time.
fn odd(what: &str) -> AnchorError {
    AnchorError::Unreachable(Reason::new(format!("the answer is {what}")))
}
