//! Anchors in the contract `GanglionAnchor` of an EVM chain.
//!
//! ```text
//! prepare   fees of the newest block, gas by trial, nonce given or next; signed, told to nobody
//! status    what the contract states at the final block, else at the newest; else the account's nonces
//! find      logs of the contract, from the block it was made in
//! verify    receipt, block hash at its height, final height
//! ```
//! Final is what the chain's node calls `finalized`, or a number of blocks where the settings say so.

mod contract;
mod reads;
mod rpc;
mod transaction;

use serde_json::json;

use ganglion_types::Epoch;

pub use transaction::{Address, EvmKey};

use crate::{
    AnchorError, AnchorPayload, Answer, ChainName, ChainPoint, Found, Prepared, Publisher, Reason,
    Status, Survey, Verified, limits,
};
use rpc::{Fault, Rpc, data, quantity, small};
use transaction::Transaction;

/// Least tip per unit of gas, wei: what nodes take without a word of their own.
const TIP: u128 = 1_000_000_000;

/// Gas that one anchor is given at least: measured 51,000 for one epoch, 73,000 for a range.
const GAS: u64 = 90_000;

/// When a block counts as final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvmFinality {
    /// When the chain's node says `finalized`.
    Finalized,
    /// With so many blocks on top, for chains without that word.
    Blocks(u64),
}

/// Where to anchor and at what price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmSettings {
    /// The chain's node, `http://…`.
    pub rpc: String,
    /// Number of the chain; a node of another one is refused.
    pub chain_id: u64,
    /// The contract.
    pub contract: Address,
    /// Height of the block that made the contract, from which anchors are looked for; 0 looks through the whole chain.
    pub from_block: u64,
    /// Most per unit of gas, wei.
    pub fee_cap: u128,
    /// When a block is final.
    pub finality: EvmFinality,
}

/// The backend.
#[derive(Debug)]
pub struct Evm {
    settings: EvmSettings,
    rpc: Rpc,
    name: ChainName,
    account: Option<(EvmKey, Publisher)>,
    index: tokio::sync::Mutex<reads::Index>,
}

impl Evm {
    /// A backend; with a key it can anchor. Asks nobody: the chain may be down.
    ///
    /// # Errors
    /// [`AnchorError::Refused`] for an address of a node that is none.
    pub fn new(settings: EvmSettings, key: Option<EvmKey>) -> Result<Self, AnchorError> {
        if !settings.rpc.starts_with("http://") {
            let reason = "the address of the chain's node must begin with http://";
            return Err(AnchorError::Refused(Reason::new(reason)));
        }
        let name = format!("evm:{}:{}", settings.chain_id, data(&settings.contract));
        let name = ChainName::new(&name)
            .ok_or_else(|| AnchorError::Refused(Reason::new("no name for this chain")))?;
        let account = key.and_then(|key| {
            let publisher = Publisher::new(&key.address())?;
            Some((key, publisher))
        });
        let (rpc, index) = (Rpc::new(&settings.rpc), reads::Index::default().into());
        Ok(Self { settings, rpc, name, account, index })
    }

    fn key(&self) -> Result<&EvmKey, AnchorError> {
        let none = || AnchorError::Refused(Reason::new("no key: the chain is only read"));
        self.account.as_ref().map(|(key, _)| key).ok_or_else(none)
    }

    /// The right chain, and our contract on it. Asked before anything is paid.
    async fn check(&self) -> Result<(), AnchorError> {
        self.check_chain().await?;
        let code = rpc::bytes(
            &self.rpc.call("eth_getCode", json!([data(&self.settings.contract), "latest"])).await?,
        )?;
        if contract::code("runtime").is_none_or(|ours| ours != code) {
            let text = format!(
                "what stands at {} is {}, not the contract of this version",
                data(&self.settings.contract),
                if code.is_empty() { "nothing" } else { "another contract" }
            );
            return Err(AnchorError::Refused(Reason::new(text)));
        }
        Ok(())
    }

    async fn check_chain(&self) -> Result<(), AnchorError> {
        let found = small(&self.rpc.call("eth_chainId", json!([])).await?)?;
        if found == self.settings.chain_id {
            return Ok(());
        }
        let (expected, found) = (self.settings.chain_id.to_string(), found.to_string());
        Err(AnchorError::WrongChain { expected, found })
    }

    /// Tip and most per unit of gas for a transaction that is to be included soon, above `before` by an eighth.
    async fn bid(&self, before: Option<(u128, u128)>) -> Result<(u128, u128), AnchorError> {
        let base = self.base_fee().await?;
        // Not every chain's node has an opinion.
        let tip = match self.rpc.call("eth_maxPriorityFeePerGas", json!([])).await {
            Ok(tip) => rpc::number(&tip)?.max(TIP),
            Err(Fault::Said { .. }) => TIP,
            Err(fault) => return Err(fault.into()),
        };
        let more = |bid: u128| bid.saturating_add(bid / 8).saturating_add(1);
        let (old_tip, old_fee) = before.map_or((0, 0), |(tip, fee)| (more(tip), more(fee)));
        let tip = tip.max(old_tip);
        let least = base.saturating_add(tip).max(old_fee);
        let cap = self.settings.fee_cap;
        if least > cap {
            return Err(AnchorError::FeeCap { need: least, cap });
        }
        // Twice the base fee lasts for six full blocks.
        let fee = base.saturating_mul(2).saturating_add(tip).max(old_fee).min(cap);
        Ok((tip, fee))
    }

    async fn prepare(
        &self,
        payload: &AnchorPayload,
        replaces: &[Prepared],
        used: Option<u64>,
    ) -> Result<Prepared, AnchorError> {
        let key = self.key()?;
        self.check().await?;
        let call = contract::anchor(payload);
        let before = replaces.iter().filter_map(|old| transaction::bids(&old.bytes)).max();
        let gas = self.gas(&key.address(), payload, &call).await?;
        let (tip, fee) = self.bid(before).await?;
        let nonce = match replaces.last() {
            Some(old) => old.nonce,
            None => {
                let next = self.nonce(&key.address(), "latest").await?;
                next.max(used.map_or(0, |used| used.saturating_add(1)))
            }
        };
        let made = Transaction {
            chain_id: self.settings.chain_id,
            nonce,
            tip,
            fee,
            gas,
            to: Some(self.settings.contract),
            data: call,
        };
        self.sign(key, &made).await
    }

    /// Signs what the account can pay.
    async fn sign(&self, key: &EvmKey, made: &Transaction) -> Result<Prepared, AnchorError> {
        let need = made.fee.saturating_mul(u128::from(made.gas));
        let have = self.balance(&key.address()).await?;
        if have < need {
            return Err(AnchorError::Funds { have, need });
        }
        let unsigned = || AnchorError::Refused(Reason::new("the key does not sign"));
        let (bytes, id) = made.sign(key).ok_or_else(unsigned)?;
        Ok(Prepared { id, nonce: made.nonce, expires: None, fee_max: need, bytes })
    }

    /// Gas by trial on the newest block, and a quarter more. On that block and no other: on one with our own waiting transaction
    /// the anchor would be a repeat, and too little gas for the real thing. Gas that is not used is not paid.
    async fn gas(
        &self,
        from: &Address,
        payload: &AnchorPayload,
        call: &[u8],
    ) -> Result<u64, AnchorError> {
        let to = data(&self.settings.contract);
        let trial = json!([{ "from": data(from), "to": to, "data": data(call) }, "latest"]);
        match self.rpc.call("eth_estimateGas", trial).await {
            Ok(gas) => {
                let gas = small(&gas)?;
                Ok(gas.saturating_add(gas / 4).max(GAS))
            }
            Err(Fault::Said { data, .. })
                if contract::is_conflict(&rpc::unhex(&data).unwrap_or_default()) =>
            {
                Err(self.conflict(payload).await)
            }
            Err(Fault::Said { code: 3, message, .. }) => {
                Err(AnchorError::Refused(Reason::new(message)))
            }
            Err(fault) => Err(fault.into()),
        }
    }

    async fn submit(&self, prepared: &Prepared) -> Result<(), AnchorError> {
        let sent = self.rpc.call("eth_sendRawTransaction", json!([data(&prepared.bytes)])).await;
        let Err(Fault::Said { code, message, .. }) = sent else {
            return sent.map(|_| ()).map_err(Into::into);
        };
        let said = message.to_lowercase();
        let says = |any: &[&str]| any.iter().any(|words| said.contains(words));
        let reason = Reason::new(format!("{message} ({code})"));
        if says(&["already known", "already imported", "known transaction", "already exists"]) {
            return Ok(());
        }
        Err(if says(&["nonce too low", "nonce is too low", "invalid nonce"]) {
            AnchorError::Stale(reason)
        } else if says(&["underpriced", "less than block base fee", "fee too low", "replacement"]) {
            AnchorError::Underpriced(reason)
        } else if says(&["insufficient funds"]) {
            let have = self.balance(&self.key()?.address()).await?;
            AnchorError::Funds { have, need: prepared.fee_max }
        } else if code == -32005 || says(&["pool is full", "txpool is full", "rate limit"]) {
            AnchorError::RateLimited { wait: None, reason }
        } else if says(&["gas limit", "intrinsic gas", "chain id", "not supported"]) {
            AnchorError::Refused(reason)
        } else {
            // Whatever it means, the chain's state says what to do.
            AnchorError::Stale(reason)
        })
    }

    async fn survey(&self) -> Result<Survey, AnchorError> {
        self.check_chain().await?;
        let (height, finalized) = self.heights().await?;
        let base = self.base_fee().await?;
        let fee = base.saturating_mul(2).saturating_add(TIP);
        let balance = match &self.account {
            Some((key, _)) => Some(self.balance(&key.address()).await?),
            None => None,
        };
        let warning = self.check().await.err().map(|error| Reason::new(error.to_string()));
        let price = fee.saturating_mul(u128::from(GAS));
        Ok(Survey { height, finalized, balance, price, unit: ("ETH", 18), warning })
    }

    /// Makes the contract with the given key, waits until its block is there, and says its address and that block's height.
    /// `settings.contract` is not looked at.
    ///
    /// # Errors
    /// What the chain says; [`AnchorError::Unreachable`] if it is in no block after `looks` looks, one every `pause`.
    pub async fn deploy(
        &self,
        looks: u32,
        pause: std::time::Duration,
    ) -> Result<(Address, u64), AnchorError> {
        let key = self.key()?;
        self.check_chain().await?;
        let code = contract::code("bytecode")
            .ok_or_else(|| AnchorError::Refused(Reason::new("no artifact")))?;
        let trial = json!([{ "from": data(&key.address()), "data": data(&code) }, "latest"]);
        let gas = small(&self.rpc.call("eth_estimateGas", trial).await?)?;
        let (tip, fee) = self.bid(None).await?;
        let nonce = self.nonce(&key.address(), "latest").await?;
        let chain_id = self.settings.chain_id;
        let gas = gas.saturating_add(gas / 4);
        let made = Transaction { chain_id, nonce, tip, fee, gas, to: None, data: code };
        let prepared = self.sign(key, &made).await?;
        self.submit(&prepared).await?;
        for _ in 0..looks {
            if let Some(receipt) = self.receipt(&prepared.id).await? {
                let address = transaction::created(&key.address(), nonce);
                return if receipt.succeeded {
                    Ok((address, receipt.point.height))
                } else {
                    Err(AnchorError::Refused(Reason::new("the contract could not be made")))
                };
            }
            tokio::time::sleep(pause).await;
        }
        Err(AnchorError::Unreachable(Reason::new("the contract is in no block yet")))
    }
}

impl crate::Anchor for Evm {
    fn chain(&self) -> &ChainName {
        &self.name
    }

    fn publisher(&self) -> Option<&Publisher> {
        self.account.as_ref().map(|(_, publisher)| publisher)
    }

    fn prepare<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        replaces: &'a [Prepared],
        used: Option<u64>,
    ) -> Answer<'a, Prepared> {
        Box::pin(self.prepare(payload, replaces, used))
    }

    fn submit<'a>(&'a self, prepared: &'a Prepared) -> Answer<'a, ()> {
        Box::pin(self.submit(prepared))
    }

    fn status<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        attempts: &'a [Prepared],
    ) -> Answer<'a, Status> {
        Box::pin(self.status(payload, attempts))
    }

    fn find(
        &self,
        subnet: ganglion_types::SubnetId,
        epochs: std::ops::RangeInclusive<Epoch>,
    ) -> Answer<'_, Vec<Found>> {
        Box::pin(self.find(subnet, epochs))
    }

    fn verify<'a>(
        &'a self,
        payload: &'a AnchorPayload,
        point: &'a ChainPoint,
    ) -> Answer<'a, Verified> {
        Box::pin(self.verify(payload, point))
    }

    fn survey(&self) -> Answer<'_, Survey> {
        Box::pin(self.survey())
    }
}

/// Height of a block that has to be asked for by number.
fn at(height: u64) -> String {
    quantity(height)
}

/// Logs that are kept, at most.
const KEPT: usize = limits::FOUND;
