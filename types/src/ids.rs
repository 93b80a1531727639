//! Ids and positions. Each wraps its bytes so that one cannot be taken for another.

use std::fmt;

use crate::ss58;

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 bytes.
            #[must_use]
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Takes exactly 32 bytes, else `None`.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Lower-case hexadecimal, 64 characters.
            #[must_use]
            pub fn to_hex(&self) -> String {
                hex(&self.0)
            }

            /// Reads 64 hexadecimal characters, with or without `0x`.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                unhex(text).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

macro_rules! shown_as_hex {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }
    )*};
}

macro_rules! shown_as_ss58 {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            /// SS58 with prefix 42, as on any Substrate chain.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&ss58::encode(&self.0))
            }
        }

        impl std::str::FromStr for $name {
            type Err = ss58::Ss58Error;

            /// Reads SS58 with prefix 42, or 64 hexadecimal characters after `0x`.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.strip_prefix("0x") {
                    Some(hex) => Self::from_hex(hex).ok_or(ss58::Ss58Error::Alphabet),
                    None => ss58::decode(text).map(Self),
                }
            }
        }
    )*};
}

hash_type!(
    /// Hash of the canonical manifest: who has the manifest has the subnet.
    SubnetId
);
hash_type!(
    /// Ed25519 key that signs work. The libp2p `PeerId` derives from it.
    Hotkey
);
hash_type!(
    /// Ed25519 key that owns stake and balance, and never lives on a running node.
    Coldkey
);
hash_type!(
    /// Hash that an item's signature covers. The signature itself is not in it.
    ItemId
);
hash_type!(
    /// Hash of a cut's canonical bytes. Certificates are never hashed.
    CutId
);
hash_type!(
    /// Any other blake3 hash: a Merkle root, a list body, a blob.
    Digest
);
shown_as_hex!(SubnetId, ItemId, CutId, Digest);
shown_as_ss58!(Hotkey, Coldkey);

impl Digest {
    /// 32 zero bytes: "none" where a field must hold a digest.
    pub const ZERO: Self = Self::new([0; 32]);
}

/// An ed25519 signature, unchecked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Wraps 64 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Takes exactly 64 bytes, else `None`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}..)", hex(self.0.split_at(8).0))
    }
}

macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the number.
            #[must_use]
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The next one, saturating.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_type!(
    /// Count of cuts since genesis. Genesis is 0, the first epoch that is closed is 1.
    Epoch, u64
);
number_type!(
    /// Attempt of agreement within one epoch, from 0.
    Round, u32
);
number_type!(
    /// Position of a participant in one subnet's metagraph, dense from zero.
    ///
    /// Reused when a participant is deregistered, while a hotkey never is. Store hotkeys; use uids
    /// only beside the epoch they belong to.
    Uid, u16
);

impl Epoch {
    /// The synthetic epoch of the manifest.
    pub const GENESIS: Self = Self(0);

    /// The epoch before; genesis stays genesis.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl Uid {
    /// The uid as a position in a per-uid vector.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Lower-case hexadecimal of any bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if pair.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_round_trips_and_refuses_the_rest() {
        let id = CutId::new([0xab; 32]);
        assert_eq!(CutId::from_hex(&id.to_hex()), Some(id));
        assert_eq!(CutId::from_hex(&format!("0x{id}")), Some(id));
        for bad in ["", "ab", &"g".repeat(64), &"+f".repeat(32), &"é".repeat(32)] {
            assert_eq!(CutId::from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn epochs_saturate_at_both_ends() {
        assert_eq!(Epoch::GENESIS.previous(), Epoch::GENESIS);
        assert_eq!(Epoch::new(u64::MAX).next(), Epoch::new(u64::MAX));
    }
}
