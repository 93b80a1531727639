//! The keys of each table: fixed widths, big-endian, so that bytes and values have one order.

use ganglion_types::{Coldkey, Epoch, Hotkey, Uid};

use super::super::commits::CommitKey;

/// A value that rows are stored under.
pub(super) trait Key: Ord + Sized {
    /// What is said of bytes that are none.
    const RULE: &'static str;

    fn to_key(&self) -> Vec<u8>;
    fn from_key(bytes: &[u8]) -> Option<Self>;
    /// For people.
    fn show(&self) -> String;
}

/// The key of a table of one row.
impl Key for () {
    const RULE: &'static str = "has a key, but must have none";

    fn to_key(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(())
    }

    fn show(&self) -> String {
        "the only one".into()
    }
}

/// A public key is its own row key, and is shown as an address.
macro_rules! public_key {
    ($key:ident, $rule:literal) => {
        impl Key for $key {
            const RULE: &'static str = $rule;

            fn to_key(&self) -> Vec<u8> {
                self.as_bytes().to_vec()
            }

            fn from_key(bytes: &[u8]) -> Option<Self> {
                Self::from_slice(bytes)
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    };
}

public_key!(Coldkey, "has a key that is no coldkey");
public_key!(Hotkey, "has a key that is no hotkey");

impl Key for Uid {
    const RULE: &'static str = "has a key that is no uid";

    fn to_key(&self) -> Vec<u8> {
        self.get().to_be_bytes().to_vec()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(u16::from_be_bytes(bytes.try_into().ok()?)))
    }

    fn show(&self) -> String {
        format!("uid {self}")
    }
}

impl Key for Epoch {
    const RULE: &'static str = "has a key that is no epoch";

    fn to_key(&self) -> Vec<u8> {
        self.get().to_be_bytes().to_vec()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(u64::from_be_bytes(bytes.try_into().ok()?)))
    }

    fn show(&self) -> String {
        format!("epoch {self}")
    }
}

/// The number of a revision.
impl Key for u64 {
    const RULE: &'static str = "has a key that is no number";

    fn to_key(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_be_bytes(bytes.try_into().ok()?))
    }

    fn show(&self) -> String {
        format!("number {self}")
    }
}

impl Key for CommitKey {
    const RULE: &'static str = "has a key that is no uid, mechanism and epoch";

    fn to_key(&self) -> Vec<u8> {
        [self.uid.to_key(), self.mechid.to_be_bytes().to_vec(), self.epoch.to_key()].concat()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        let (uid, rest) = bytes.split_first_chunk::<2>()?;
        let (mechid, epoch) = rest.split_first_chunk::<2>()?;
        let mechid = u16::from_be_bytes(*mechid);
        Some(Self { uid: Uid::from_key(uid)?, mechid, epoch: Epoch::from_key(epoch)? })
    }

    fn show(&self) -> String {
        format!("{}, mechanism {}, {}", self.uid.show(), self.mechid, self.epoch.show())
    }
}

/// A key of two parts; the last 32 bytes are the second.
impl<A: Key> Key for (A, Coldkey) {
    const RULE: &'static str = "has a key of other parts than its table wants";

    fn to_key(&self) -> Vec<u8> {
        [self.0.to_key(), self.1.to_key()].concat()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        let (head, coldkey) = bytes.split_last_chunk::<32>()?;
        Some((A::from_key(head)?, Coldkey::new(*coldkey)))
    }

    fn show(&self) -> String {
        format!("{}, coldkey {}", self.0.show(), self.1)
    }
}

impl Key for (Epoch, Hotkey, Coldkey) {
    const RULE: &'static str = "has a key of other parts than its table wants";

    fn to_key(&self) -> Vec<u8> {
        [self.0.to_key(), self.1.to_key(), self.2.to_key()].concat()
    }

    fn from_key(bytes: &[u8]) -> Option<Self> {
        let (head, coldkey) = bytes.split_last_chunk::<32>()?;
        let (epoch, hotkey) = head.split_last_chunk::<32>()?;
        Some((Epoch::from_key(epoch)?, Hotkey::new(*hotkey), Coldkey::new(*coldkey)))
    }

    fn show(&self) -> String {
        format!("{}, hotkey {}, coldkey {}", self.0.show(), self.1, self.2)
    }
}
