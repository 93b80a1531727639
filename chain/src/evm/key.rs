//! The account that pays, and what it signs.

use alloy::consensus::{SignableTransaction as _, Signed, TxEip1559};
use alloy::eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy::primitives::B256;
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;

/// An account of an EVM chain.
pub type Address = [u8; 20];

/// A secp256k1 key. Its debug form does not show it.
#[derive(Clone)]
pub struct EvmKey(PrivateKeySigner);

impl EvmKey {
    /// Takes 32 bytes, if they are a key.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Option<Self> {
        PrivateKeySigner::from_bytes(&B256::from(*bytes)).ok().map(Self)
    }

    /// Reads 64 hexadecimal digits, with or without `0x`.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }

    /// The account.
    #[must_use]
    pub fn address(&self) -> Address {
        self.0.address().into_array()
    }

    /// The bytes to submit, and their hash; `None` if the key can not sign, which does not happen. The same transaction gives
    /// the same bytes.
    pub(super) fn sign(&self, made: TxEip1559) -> Option<(Vec<u8>, [u8; 32])> {
        let signature = self.0.sign_hash_sync(&made.signature_hash()).ok()?;
        let signed = made.into_signed(signature);
        Some((signed.encoded_2718(), signed.hash().0))
    }
}

impl std::fmt::Debug for EvmKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EvmKey of 0x{}", ganglion_types::hex(&self.address()))
    }
}

/// Tip and most per unit of gas that a signed transaction bids.
pub(super) fn bids(signed: &[u8]) -> Option<(u128, u128)> {
    let signed = Signed::<TxEip1559>::decode_2718_exact(signed).ok()?;
    Some((signed.tx().max_priority_fee_per_gas, signed.tx().max_fee_per_gas))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{TxKind, hex, keccak256};

    use super::*;

    /// The key, account and address that every development chain begins with.
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn example(tip: u128, fee: u128) -> TxEip1559 {
        TxEip1559 {
            chain_id: 31_337,
            nonce: 300,
            max_priority_fee_per_gas: tip,
            max_fee_per_gas: fee,
            gas_limit: 90_000,
            to: TxKind::Call([0x11; 20].into()),
            input: vec![7; 228].into(),
            ..TxEip1559::default()
        }
    }

    #[test]
    fn a_key_has_the_account_that_everybody_knows_and_does_not_show_itself() {
        let key = EvmKey::from_hex(KEY).unwrap();
        assert_eq!(hex::encode(key.address()), "f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        assert!(!format!("{key:?}").contains("ac0974"));
        assert!(EvmKey::new(&[0; 32]).is_none() && EvmKey::new(&[0xff; 32]).is_none());
        assert!(EvmKey::from_hex(&KEY[..65]).is_none() && EvmKey::from_hex("").is_none());
    }

    #[test]
    fn what_a_signed_transaction_bids_can_be_read_back() {
        let key = EvmKey::from_hex(KEY).unwrap();
        for (tip, fee) in [(0, 1), (127, 128), (1_000_000_000, 30_000_000_000), (1, 1 << 100)] {
            let (signed, hash) = key.sign(example(tip, fee)).unwrap();
            assert_eq!(bids(&signed), Some((tip, fee)));
            assert_eq!(hash, keccak256(&signed).0);
            for cut in 0..signed.len() {
                assert_eq!(bids(&signed[..cut]), None, "cut at {cut}");
            }
        }
    }

    /// What was synced is what is sent again, by this version and by those before it, whose own encoder made these hashes.
    #[test]
    fn the_same_transaction_has_the_same_bytes_in_every_version() {
        let key = EvmKey::from_hex(KEY).unwrap();
        let makes = TxEip1559 { to: TxKind::Create, ..example(0, 1 << 100) };
        for (made, wanted) in [
            (
                example(1_000_000_000, 30_000_000_000),
                "32e48fbaced9bf95504d1150eda3afb22d4219ba5a394b06bb968382fa6f1c5d",
            ),
            (makes, "b1993a7fba2f33a4e092c42fc7d0b86716ee7592a71987834ce6f8cd4875c11e"),
        ] {
            let (signed, hash) = key.sign(made.clone()).unwrap();
            assert_eq!((hex::encode(hash), key.sign(made)), (wanted.into(), Some((signed, hash))));
        }
    }
}
