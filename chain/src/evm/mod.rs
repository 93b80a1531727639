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
mod key;
mod reads;
mod wire;

use alloy::consensus::TxEip1559;
use alloy::eips::BlockId;
use alloy::network::AnyNetwork;
use alloy::primitives::{Address as Account, TxKind};
use alloy::providers::{Provider as _, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::rpc::types::{TransactionInput, TransactionRequest};
use alloy::transports::TransportError;

use ganglion_types::Epoch;

pub use key::{Address, EvmKey};
pub use wire::is_open;

use crate::{
    AnchorError, AnchorPayload, Answer, ChainName, ChainPoint, Found, Prepared, Publisher, Reason,
    Status, Survey, Verified, limits,
};
use wire::Wire;

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
    /// The chain's node, `https://…` or `http://…`.
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
    contract: Account,
    /// Without fillers: nonces, fees and gas are the outbox's business and ours, and nothing of them is remembered here.
    node: RootProvider<AnyNetwork>,
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
        if is_open(&settings.rpc).is_none() {
            let reason = "the address of the chain's node must be like https://host or http://host";
            return Err(AnchorError::Refused(Reason::new(reason)));
        }
        let wire = Wire::new(&settings.rpc);
        Self::over(wire, settings, key)
    }

    /// A backend whose node answers these bytes, one element a request, and then nothing more: what a node may say is tried
    /// without one. The address in the settings is not looked at.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn recorded(
        settings: EvmSettings,
        key: Option<EvmKey>,
        answers: Vec<Vec<u8>>,
    ) -> Result<Self, AnchorError> {
        Self::over(Wire::recorded(answers), settings, key)
    }

    fn over(wire: Wire, settings: EvmSettings, key: Option<EvmKey>) -> Result<Self, AnchorError> {
        let contract = Account::from(settings.contract);
        // Lowercase and for ever: outboxes keep it.
        let name = format!("evm:{}:{contract:#x}", settings.chain_id);
        let name = ChainName::new(&name)
            .ok_or_else(|| AnchorError::Refused(Reason::new("no name for this chain")))?;
        let account = key.and_then(|key| {
            let publisher = Publisher::new(&key.address())?;
            Some((key, publisher))
        });
        let node = RootProvider::new(RpcClient::new(wire, false));
        Ok(Self { settings, contract, node, name, account, index: reads::Index::default().into() })
    }

    fn key(&self) -> Result<&EvmKey, AnchorError> {
        let none = || AnchorError::Refused(Reason::new("no key: the chain is only read"));
        self.account.as_ref().map(|(key, _)| key).ok_or_else(none)
    }

    /// The right chain, and our contract on it. Asked before anything is paid.
    async fn check(&self) -> Result<(), AnchorError> {
        self.check_chain().await?;
        let code = self.node.get_code_at(self.contract).latest().await?;
        if contract::code("runtime").is_none_or(|ours| ours != code) {
            let text = format!(
                "what stands at {:#x} is {}, not the contract of this version",
                self.contract,
                if code.is_empty() { "nothing" } else { "another contract" }
            );
            return Err(AnchorError::Refused(Reason::new(text)));
        }
        Ok(())
    }

    async fn check_chain(&self) -> Result<(), AnchorError> {
        let found = self.node.get_chain_id().await?;
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
        let tip = match self.node.get_max_priority_fee_per_gas().await {
            Ok(tip) => tip.max(TIP),
            Err(TransportError::ErrorResp(_)) => TIP,
            Err(error) => return Err(error.into()),
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
        let before = replaces.iter().filter_map(|old| key::bids(&old.bytes)).max();
        let gas = self.gas(key, payload, &call).await?;
        let (tip, fee) = self.bid(before).await?;
        let nonce = match replaces.last() {
            Some(old) => old.nonce,
            None => {
                let next = self.nonce(&key.address(), BlockId::latest()).await?;
                next.max(used.map_or(0, |used| used.saturating_add(1)))
            }
        };
        let made = TxEip1559 {
            chain_id: self.settings.chain_id,
            nonce,
            max_priority_fee_per_gas: tip,
            max_fee_per_gas: fee,
            gas_limit: gas,
            to: TxKind::Call(self.contract),
            input: call.into(),
            ..TxEip1559::default()
        };
        self.sign(key, made).await
    }

    /// Signs what the account can pay.
    async fn sign(&self, key: &EvmKey, made: TxEip1559) -> Result<Prepared, AnchorError> {
        let need = made.max_fee_per_gas.saturating_mul(u128::from(made.gas_limit));
        let have = self.balance(&key.address()).await?;
        if have < need {
            return Err(AnchorError::Funds { have, need });
        }
        let nonce = made.nonce;
        let unsigned = || AnchorError::Refused(Reason::new("the key does not sign"));
        let (bytes, id) = key.sign(made).ok_or_else(unsigned)?;
        Ok(Prepared { id, nonce, expires: None, fee_max: need, bytes })
    }

    /// Gas by trial on the newest block, and a quarter more. On that block and no other: on one with our own waiting transaction
    /// the anchor would be a repeat, and too little gas for the real thing. Gas that is not used is not paid.
    async fn gas(
        &self,
        key: &EvmKey,
        payload: &AnchorPayload,
        call: &[u8],
    ) -> Result<u64, AnchorError> {
        let trial = TransactionRequest { from: Some(key.address().into()), ..self.request(call) };
        match self.node.estimate_gas(trial.into()).block(BlockId::latest()).await {
            Ok(gas) => Ok(gas.saturating_add(gas / 4).max(GAS)),
            Err(TransportError::ErrorResp(said))
                if said.as_decoded_error::<contract::Conflict>().is_some() =>
            {
                Err(self.conflict(payload).await)
            }
            Err(TransportError::ErrorResp(said)) if said.code == 3 => {
                Err(AnchorError::Refused(Reason::new(said.message)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A call of the contract that is only tried. Nodes differ in the name of the field, so it has both.
    fn request(&self, call: &[u8]) -> TransactionRequest {
        let input = TransactionInput::both(call.to_vec().into());
        TransactionRequest { to: Some(TxKind::Call(self.contract)), input, ..Default::default() }
    }

    async fn submit(&self, prepared: &Prepared) -> Result<(), AnchorError> {
        let refused = match self.node.send_raw_transaction(&prepared.bytes).await {
            Ok(_) => return Ok(()),
            Err(TransportError::ErrorResp(refused)) => refused,
            Err(error) => return Err(error.into()),
        };
        let said = refused.message.to_lowercase();
        let says = |any: &[&str]| any.iter().any(|words| said.contains(words));
        let reason = Reason::new(format!("{} ({})", refused.message, refused.code));
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
        } else if refused.code == -32005 || says(&["pool is full", "txpool is full", "rate limit"])
        {
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
        let trial = TransactionRequest {
            from: Some(key.address().into()),
            input: TransactionInput::both(code.clone()),
            ..Default::default()
        };
        let gas = self.node.estimate_gas(trial.into()).block(BlockId::latest()).await;
        let gas = gas.map_err(AnchorError::from)?;
        let (tip, fee) = self.bid(None).await?;
        let nonce = self.nonce(&key.address(), BlockId::latest()).await?;
        let made = TxEip1559 {
            chain_id: self.settings.chain_id,
            nonce,
            max_priority_fee_per_gas: tip,
            max_fee_per_gas: fee,
            gas_limit: gas.saturating_add(gas / 4),
            to: TxKind::Create,
            input: code,
            ..TxEip1559::default()
        };
        let prepared = self.sign(key, made).await?;
        self.submit(&prepared).await?;
        for _ in 0..looks {
            if let Some(receipt) = self.receipt(&prepared.id).await? {
                let address = Account::from(key.address()).create(nonce).into_array();
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

    fn cost<'a>(&'a self, transactions: &'a [[u8; 32]]) -> Answer<'a, u128> {
        Box::pin(self.cost(transactions))
    }

    fn survey(&self) -> Answer<'_, Survey> {
        Box::pin(self.survey())
    }
}

/// Logs that are kept, at most.
const KEPT: usize = limits::FOUND;
