//! EIP-1559 transactions: encoded, signed, named.
//!
//! ```text
//! signed = 0x02 ‖ rlp([chain id, nonce, tip, fee, gas, to, value, data, [], parity, r, s])
//! hash   = keccak256(signed)            what is signed is the same list without the last three
//! ```
//! Only what one contract of ours needs, so a page in place of a hundred crates ([ADR 10](../../../docs/adr/0010-evm.md)).

use k256::ecdsa::SigningKey;
use sha3::{Digest as _, Keccak256};

/// An account of an EVM chain.
pub type Address = [u8; 20];

/// Keccak-256, the hash of these chains.
pub(super) fn keccak(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// A secp256k1 key. Its debug form does not show it.
#[derive(Clone)]
pub struct EvmKey(SigningKey);

impl EvmKey {
    /// Takes 32 bytes, if they are a key.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Option<Self> {
        SigningKey::from_slice(bytes).ok().map(Self)
    }

    /// Reads 64 hexadecimal digits, with or without `0x`.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = super::rpc::unhex(text.trim())?;
        Self::new(bytes.as_slice().try_into().ok()?)
    }

    /// The account.
    #[must_use]
    pub fn address(&self) -> Address {
        let point = self.0.verifying_key().to_encoded_point(false);
        let hash = keccak(point.as_bytes().get(1..).unwrap_or(&[]));
        let mut address = [0; 20];
        address.iter_mut().zip(hash.iter().skip(12)).for_each(|(to, from)| *to = *from);
        address
    }
}

impl std::fmt::Debug for EvmKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EvmKey of {}", super::rpc::data(&self.address()))
    }
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    /// Tip per unit of gas, wei.
    pub(super) tip: u128,
    /// Most per unit of gas, tip included, wei.
    pub(super) fee: u128,
    pub(super) gas: u64,
    /// `None` makes a contract.
    pub(super) to: Option<Address>,
    pub(super) data: Vec<u8>,
}

impl Transaction {
    fn fields(&self) -> Vec<Vec<u8>> {
        let to = self.to.as_ref().map_or(&[][..], |to| to.as_slice());
        vec![
            integer(u128::from(self.chain_id)),
            integer(u128::from(self.nonce)),
            integer(self.tip),
            integer(self.fee),
            integer(u128::from(self.gas)),
            string(to),
            integer(0),
            string(&self.data),
            list(&[]),
        ]
    }

    /// The bytes to submit, and their hash; `None` if the key can not sign, which does not happen.
    pub(super) fn sign(&self, key: &EvmKey) -> Option<(Vec<u8>, [u8; 32])> {
        let mut fields = self.fields();
        let digest = keccak(&typed(&list(&fields)));
        let (signature, parity) = key.0.sign_prehash_recoverable(&digest).ok()?;
        let (r, s) = (signature.r().to_bytes(), signature.s().to_bytes());
        fields.push(integer(u128::from(parity.to_byte())));
        fields.push(string(trim(&r)));
        fields.push(string(trim(&s)));
        let signed = typed(&list(&fields));
        let hash = keccak(&signed);
        Some((signed, hash))
    }
}

/// Tip and most per unit of gas that a signed transaction bids.
pub(super) fn bids(signed: &[u8]) -> Option<(u128, u128)> {
    let (2, rest) = signed.split_first()? else { return None };
    let (fields, []) = item(rest)? else { return None };
    let mut rest = fields;
    let mut numbers = Vec::new();
    for _ in 0..4 {
        let (field, after) = item(rest)?;
        numbers.push(
            field.iter().try_fold(0_u128, |number, byte| {
                Some(number.checked_mul(256)? | u128::from(*byte))
            })?,
        );
        rest = after;
    }
    Some((*numbers.get(2)?, *numbers.get(3)?))
}

/// The address of the contract that an account makes with the transaction at `nonce`.
pub(super) fn created(by: &Address, nonce: u64) -> Address {
    let hash = keccak(&list(&[string(by), integer(u128::from(nonce))]));
    let mut address = [0; 20];
    address.iter_mut().zip(hash.iter().skip(12)).for_each(|(to, from)| *to = *from);
    address
}

fn typed(list: &[u8]) -> Vec<u8> {
    [&[2], list].concat()
}

fn trim(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or(&[])
}

fn integer(number: u128) -> Vec<u8> {
    string(trim(&number.to_be_bytes()))
}

fn string(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [byte] if *byte < 0x80 => vec![*byte],
        _ => [header(0x80, bytes.len()), bytes.to_vec()].concat(),
    }
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let content = items.concat();
    [header(0xc0, content.len()), content].concat()
}

/// Up to 55 bytes the length is in the first byte, beyond it the length of the length is.
fn header(base: u8, length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short) if short <= 55 => vec![base.saturating_add(short)],
        _ => {
            let digits = trim(&length.to_be_bytes()).to_vec();
            let count = u8::try_from(digits.len()).unwrap_or(8);
            [vec![base.saturating_add(55).saturating_add(count)], digits].concat()
        }
    }
}

/// The content of the first item, and what follows it.
fn item(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let short = usize::from(first & 0x3f);
    match first {
        0..0x80 => bytes.split_at_checked(1),
        _ if short <= 55 => rest.split_at_checked(short),
        _ => {
            let (digits, rest) = rest.split_at_checked(short.checked_sub(55)?)?;
            let length = digits.iter().try_fold(0_usize, |length, byte| {
                length.checked_mul(256)?.checked_add(usize::from(*byte))
            })?;
            rest.split_at_checked(length)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rpc::{data, unhex};
    use super::*;

    /// The key, account and address that every development chain begins with.
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn example() -> Transaction {
        Transaction {
            chain_id: 31_337,
            nonce: 300,
            tip: 1_000_000_000,
            fee: 30_000_000_000,
            gas: 90_000,
            to: Some([0x11; 20]),
            data: vec![7; 228],
        }
    }

    #[test]
    fn a_key_has_the_account_that_everybody_knows_and_does_not_show_itself() {
        let key = EvmKey::from_hex(KEY).unwrap();
        assert_eq!(data(&key.address()), "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        assert!(!format!("{key:?}").contains("ac0974"));
        let first = created(&key.address(), 0);
        assert_eq!(data(&first), "0x5fbdb2315678afecb367f032d93f642f64180aa3");
        assert!(EvmKey::new(&[0; 32]).is_none() && EvmKey::new(&[0xff; 32]).is_none());
    }

    #[test]
    fn what_a_signed_transaction_bids_can_be_read_back() {
        let key = EvmKey::from_hex(KEY).unwrap();
        for (tip, fee) in [(0, 1), (127, 128), (1_000_000_000, 30_000_000_000), (1, 1 << 100)] {
            let (signed, hash) = Transaction { tip, fee, ..example() }.sign(&key).unwrap();
            assert_eq!(bids(&signed), Some((tip, fee)));
            assert_eq!(hash, keccak(&signed));
            for cut in 0..signed.len() {
                assert_eq!(bids(&signed[..cut]), None, "cut at {cut}");
            }
        }
    }

    /// The same key and message give the same bytes: what was synced is what is sent.
    #[test]
    fn signing_is_deterministic() {
        let key = EvmKey::from_hex(KEY).unwrap();
        assert_eq!(example().sign(&key), example().sign(&key));
    }

    /// From the specification of the encoding.
    #[test]
    fn lengths_are_encoded_as_specified() {
        assert_eq!(string(b"dog"), b"\x83dog");
        assert_eq!(list(&[string(b"cat"), string(b"dog")]), b"\xc8\x83cat\x83dog");
        assert_eq!((string(b""), list(&[])), (vec![0x80], vec![0xc0]));
        assert_eq!(
            (integer(0), integer(15), integer(1024)),
            (vec![0x80], vec![15], vec![0x82, 4, 0])
        );
        let long = [7; 56];
        assert_eq!(string(&long)[..2], [0xb8, 56]);
        assert_eq!(string(&[7; 1_024])[..3], [0xb9, 4, 0]);
        assert_eq!(unhex("0xabc"), None);
    }
}
