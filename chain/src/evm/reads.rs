//! What the chain is asked that costs nothing.

use std::ops::RangeInclusive;

use ganglion_types::{Epoch, SubnetId};
use serde_json::{Value, json};

use super::rpc::{self, data, number, quantity, small};
use super::transaction::Address;
use super::{Evm, EvmFinality, KEPT, at, contract};
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
    logs: Vec<Value>,
}

impl Evm {
    pub(super) async fn nonce(&self, of: &Address, block: &str) -> Result<u64, AnchorError> {
        let count = self.rpc.call("eth_getTransactionCount", json!([data(of), block])).await?;
        small(&count)
    }

    pub(super) async fn balance(&self, of: &Address) -> Result<u128, AnchorError> {
        let held = self.rpc.call("eth_getBalance", json!([data(of), "latest"])).await?;
        // More than u128 holds is enough.
        Ok(number(&held).unwrap_or(u128::MAX))
    }

    async fn block(&self, which: &str) -> Result<Option<Value>, AnchorError> {
        let block = self.rpc.call("eth_getBlockByNumber", json!([which, false])).await?;
        Ok(Some(block).filter(|block| !block.is_null()))
    }

    pub(super) async fn base_fee(&self) -> Result<u128, AnchorError> {
        let newest = self.block("latest").await?.unwrap_or_default();
        let none = || AnchorError::Refused(Reason::new("a chain without EIP-1559 fees"));
        number(newest.get("baseFeePerGas").ok_or_else(none)?)
    }

    /// Heights of the newest and of the newest final block.
    pub(super) async fn heights(&self) -> Result<(u64, u64), AnchorError> {
        let height = small(&self.rpc.call("eth_blockNumber", json!([])).await?)?;
        let finalized = match self.settings.finality {
            EvmFinality::Blocks(blocks) => height.saturating_sub(blocks),
            EvmFinality::Finalized => match self.block("finalized").await? {
                Some(block) => small(block.get("number").unwrap_or(&Value::Null))?,
                None => 0,
            },
        };
        Ok((height, finalized.min(height)))
    }

    pub(super) async fn receipt(&self, id: &[u8; 32]) -> Result<Option<Receipt>, AnchorError> {
        let receipt = self.rpc.call("eth_getTransactionReceipt", json!([data(id)])).await?;
        if receipt.is_null() {
            return Ok(None);
        }
        let field = |name: &str| receipt.get(name).unwrap_or(&Value::Null);
        let point = ChainPoint {
            height: small(field("blockNumber"))?,
            block: rpc::hash(field("blockHash"))?,
            index: u32::try_from(small(field("transactionIndex"))?).unwrap_or(u32::MAX),
            transaction: *id,
        };
        let logs = field("logs").as_array().cloned().unwrap_or_default();
        Ok(Some(Receipt { point, succeeded: small(field("status"))? == 1, logs }))
    }

    /// Whether the contract states the payload as this publisher's at a height.
    async fn states(
        &self,
        payload: &AnchorPayload,
        by: &Address,
        height: u64,
    ) -> Result<bool, AnchorError> {
        let to = data(&self.settings.contract);
        let call = json!([{ "to": to, "data": data(&contract::stated(payload, by)) }, at(height)]);
        let answer = rpc::bytes(&self.rpc.call("eth_call", call).await?)?;
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
        let used = self.nonce(&account, &at(finalized)).await?;
        if attempts.iter().all(|attempt| attempt.nonce < used) {
            return Ok(Status::Dead);
        }
        // The place is taken, but not for good: time says whether by us.
        let newest = self.nonce(&account, &at(height)).await?;
        if attempts.iter().all(|attempt| attempt.nonce < newest) {
            return Ok(Status::Pending);
        }
        for attempt in attempts.iter().rev() {
            let known =
                self.rpc.call("eth_getTransactionByHash", json!([data(&attempt.id)])).await?;
            if !known.is_null() {
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
    fn logged(&self, receipt: &Receipt) -> impl Iterator<Item = (AnchorPayload, Address)> {
        receipt.logs.iter().filter_map(|log| self.read_log(log))
    }

    fn read_log(&self, log: &Value) -> Option<(AnchorPayload, Address)> {
        let by = rpc::bytes(log.get("address")?).ok()?;
        let topics = log.get("topics")?.as_array()?.iter();
        let topics: Vec<[u8; 32]> =
            topics.map(|topic| rpc::hash(topic).ok()).collect::<Option<_>>()?;
        let data = rpc::bytes(log.get("data")?).ok()?;
        contract::log(&topics, &data).filter(|_| by == self.settings.contract)
    }

    /// Anchors of a subnet in some blocks.
    async fn logs(
        &self,
        subnet: SubnetId,
        blocks: RangeInclusive<u64>,
    ) -> Result<Vec<Found>, AnchorError> {
        let topics = [data(&contract::topic()), data(subnet.as_bytes())];
        let filter = json!([{
            "address": data(&self.settings.contract),
            "topics": topics,
            "fromBlock": quantity(*blocks.start()),
            "toBlock": quantity(*blocks.end()),
        }]);
        let answer = self.rpc.call("eth_getLogs", filter).await?;
        let odd = || AnchorError::Unreachable(Reason::new("logs that are no list"));
        let mut found = Vec::new();
        for log in answer.as_array().ok_or_else(odd)? {
            let Some((payload, publisher)) = self.read_log(log) else { continue };
            let Some(publisher) = Publisher::new(&publisher) else { continue };
            let field = |name: &str| log.get(name).unwrap_or(&Value::Null);
            let point = ChainPoint {
                height: small(field("blockNumber"))?,
                block: rpc::hash(field("blockHash"))?,
                index: u32::try_from(small(field("transactionIndex"))?).unwrap_or(u32::MAX),
                transaction: rpc::hash(field("transactionHash"))?,
            };
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
        while next <= height {
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
        let block = self.block(&at(point.height)).await?.unwrap_or_default();
        let field = |name: &str| block.get(name).unwrap_or(&Value::Null);
        if rpc::hash(field("hash"))? != point.block {
            return Err(wrong("the block is not the one of the canonical chain".into()));
        }
        let (height, finalized) = self.heights().await?;
        let finality = if point.height <= finalized {
            Finality::Final
        } else {
            Finality::Confirmations(height.saturating_sub(point.height).saturating_add(1))
        };
        let publisher =
            Publisher::new(&by).ok_or_else(|| wrong("an anchor without a publisher".into()))?;
        Ok(Verified {
            publisher,
            finality,
            time: small(field("timestamp")).ok(),
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
