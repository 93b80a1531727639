//! The node's hotkey as an account of a Substrate chain.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use subxt::client::{ClientAtBlock, OfflineClientAtBlockT};
use subxt::config::DefaultExtrinsicParamsBuilder;
use subxt::config::substrate::{AccountId32, MultiSignature, SubstrateConfig};
use subxt::error::ExtrinsicError;
use subxt::ext::scale_value::Composite;
use subxt::tx::{DynamicPayload, SignableTransaction, Signer};

use ganglion_types::Hotkey;

use super::link::Head;

/// A call with its arguments by name.
pub(super) type Call = DynamicPayload<Composite<()>>;

/// Signs extrinsics with the hotkey. Its account id is the public key itself, so hotkey and account have one address.
pub(super) struct Account(SigningKey);

impl Account {
    pub(super) const fn new(key: SigningKey) -> Self {
        Self(key)
    }

    pub(super) fn hotkey(&self) -> Hotkey {
        Hotkey::new(self.0.verifying_key().to_bytes())
    }
}

impl Signer<SubstrateConfig> for Account {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.0.verifying_key().to_bytes())
    }

    /// Chains take an ed25519 signature beside sr25519 and ecdsa ones; which it is stands in front of it. What is signed
    /// is an extrinsic, or its blake2 hash if it is long, and never begins as items of a subnet do: those begin with
    /// "ganglion/1 ", whose first two bytes would call pallet 0x67, call 0x61.
    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Ed25519(self.0.sign(payload).to_bytes())
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.hotkey())
    }
}

/// What a transaction says besides its call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) nonce: u64,
    /// In the chain's smallest unit.
    pub(super) tip: u128,
    /// Blocks for which it can be included and the block they are counted from; `None` for ever.
    pub(super) mortal: Option<(u64, Head)>,
}

/// A transaction, ready to sign. Nothing is asked of a node, so what is signed depends on the arguments alone.
pub(super) fn signable<'call, C: OfflineClientAtBlockT<SubstrateConfig>>(
    at: &ClientAtBlock<SubstrateConfig, C>,
    call: &'call Call,
    terms: Terms,
) -> Result<SignableTransaction<'call, SubstrateConfig, C, Call>, ExtrinsicError> {
    let parameters =
        DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new().nonce(terms.nonce).tip(terms.tip);
    let parameters = match terms.mortal {
        Some((era, birth)) => parameters.mortal_from_unchecked(era, birth.height, birth.hash),
        None => parameters.immortal(),
    };
    at.tx().create_signable_offline(call, parameters.build())
}
