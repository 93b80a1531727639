//! SS58 addresses with prefix 42, the generic Substrate format.
//!
//! Layout: `base58(0x2a ‖ key 32 ‖ checksum 2)`, checksum = the first two bytes of
//! `blake2b-512("SS58PRE" ‖ 0x2a ‖ key)`. Source: the SS58 page of the Polkadot documentation.

use blake2::{Blake2b512, Digest as _};

const PREFIX: u8 = 42;

/// Text that is no address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ss58Error {
    /// Not base 58, or not hexadecimal after `0x`.
    #[error("not an SS58 address: wrong characters or length")]
    Alphabet,
    /// Not one prefix byte, 32 key bytes and two of checksum.
    #[error("not an SS58 address of a 32-byte key")]
    Length,
    /// Another network's prefix.
    #[error("an SS58 address of network {0}, where 42 is expected")]
    Prefix(u8),
    /// A wrong character somewhere.
    #[error("the checksum of the address does not hold: a character is wrong")]
    Checksum,
}

/// The address of a key.
#[must_use]
pub fn encode(key: &[u8; 32]) -> String {
    let mut bytes = Vec::with_capacity(35);
    bytes.push(PREFIX);
    bytes.extend_from_slice(key);
    let checksum = checksum(&bytes);
    bytes.extend_from_slice(&checksum);
    bs58::encode(bytes).into_string()
}

/// The key of an address.
///
/// # Errors
/// Names what is wrong with the text, see [`Ss58Error`].
pub fn decode(text: &str) -> Result<[u8; 32], Ss58Error> {
    if text.len() > 64 {
        return Err(Ss58Error::Length);
    }
    let bytes = bs58::decode(text).into_vec().map_err(|_| Ss58Error::Alphabet)?;
    let (body, sum) = bytes.split_at_checked(33).ok_or(Ss58Error::Length)?;
    let (prefix, key) = body.split_first().ok_or(Ss58Error::Length)?;
    if *prefix != PREFIX {
        return Err(Ss58Error::Prefix(*prefix));
    }
    let key = key.try_into().map_err(|_| Ss58Error::Length)?;
    if sum.len() != 2 {
        return Err(Ss58Error::Length);
    }
    if sum != checksum(body) {
        return Err(Ss58Error::Checksum);
    }
    Ok(key)
}

fn checksum(body: &[u8]) -> [u8; 2] {
    let hash = Blake2b512::new().chain_update(b"SS58PRE").chain_update(body).finalize();
    let mut bytes = hash.iter().copied();
    [bytes.next().unwrap_or(0), bytes.next().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Hotkey, hex};

    // The development accounts //Alice and //Bob of `subkey inspect --scheme ed25519`.
    const ACCOUNTS: [(&str, &str); 2] = [
        (
            "88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee",
            "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu",
        ),
        (
            "d17c2d7823ebf260fd138f2d7e27d114c0145d968b5ff5006125f2414fadae69",
            "5GoNkf6WdbxCFnPdAnYYQyCjAKPJgLNxXwPjwTh6DGg6gN3E",
        ),
    ];

    #[test]
    fn development_accounts_have_their_known_addresses() {
        for (key, address) in ACCOUNTS {
            let decoded = decode(address).unwrap();
            assert_eq!(hex(&decoded), key);
            assert_eq!(encode(&decoded), address);
            assert_eq!(address.parse::<Hotkey>().unwrap(), Hotkey::new(decoded));
        }
    }

    #[test]
    fn every_single_wrong_character_is_refused() {
        let (_, address) = ACCOUNTS[0];
        for at in 0..address.len() {
            let mut text: Vec<u8> = address.bytes().collect();
            text[at] = if text[at] == b'2' { b'3' } else { b'2' };
            assert!(decode(std::str::from_utf8(&text).unwrap()).is_err(), "at {at}");
        }
        assert_eq!(decode(""), Err(Ss58Error::Length));
        assert_eq!(decode("0OIl"), Err(Ss58Error::Alphabet));
    }
}
