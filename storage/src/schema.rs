//! Which tables there are and how their keys are written.
//!
//! Every key begins with the byte of its table; numbers in keys are big-endian, so key order is number order. This list is
//! the only place where prefixes are given out; a new layout raises [`SCHEMA`].

use std::marker::PhantomData;

use crate::codec::Fields;

/// Number of the layout below, checked at open.
pub const SCHEMA: u32 = 1;

/// A table: keys of type `K`, values of bytes.
#[derive(Debug)]
pub(crate) struct Table<K> {
    pub(crate) prefix: u8,
    /// Its name in errors and in `docs/spec/storage.md`.
    pub(crate) name: &'static str,
    key: PhantomData<fn(K)>,
}

impl<K> Table<K> {
    const fn new(prefix: u8, name: &'static str) -> Self {
        Self { prefix, name, key: PhantomData }
    }
}

/// Single values: see the names below.
pub(crate) const META: Table<MetaKey> = Table::new(0x00, "meta");
/// Rows of the ledger, as of the applied epoch.
pub(crate) const STATE: Table<StateKey> = Table::new(0x01, "state");
/// Epoch to encoded cut.
pub(crate) const CUTS: Table<u64> = Table::new(0x02, "cuts");
/// Epoch to encoded certificate.
pub(crate) const CERTIFICATES: Table<u64> = Table::new(0x03, "certificates");
/// Epoch to the number of its result rows.
pub(crate) const EPOCHS: Table<u64> = Table::new(0x04, "epochs");
/// Epoch and uid to a result row.
pub(crate) const RESULTS: Table<(u64, u16)> = Table::new(0x05, "results");
/// Item id to epoch and item.
pub(crate) const ITEMS: Table<[u8; 32]> = Table::new(0x06, "items");
/// Epoch and item id to size.
pub(crate) const ITEMS_BY_EPOCH: Table<(u64, [u8; 32])> = Table::new(0x07, "items by epoch");
/// Digest to epoch and list body.
pub(crate) const LISTS: Table<[u8; 32]> = Table::new(0x08, "lists");
/// Epoch and digest to size.
pub(crate) const LISTS_BY_EPOCH: Table<(u64, [u8; 32])> = Table::new(0x09, "lists by epoch");
/// Digest to epoch and blob.
pub(crate) const BLOBS: Table<[u8; 32]> = Table::new(0x0a, "blobs");
/// Epoch and digest to size.
pub(crate) const BLOBS_BY_EPOCH: Table<(u64, [u8; 32])> = Table::new(0x0b, "blobs by epoch");
/// Hotkey to expiry and peer record.
pub(crate) const PEERS: Table<[u8; 32]> = Table::new(0x0c, "peers");
/// Name to a value of this node's own, which no other node needs.
pub(crate) const LOCAL: Table<Name> = Table::new(0x0d, "local");
/// Epoch to the committee that certifies it.
pub(crate) const COMMITTEES_BY_EPOCH: Table<u64> = Table::new(0x0e, "committees by epoch");
/// Committee root to encoded members.
pub(crate) const COMMITTEES: Table<[u8; 32]> = Table::new(0x18, "committees");
/// Pieces of large values: the whole key of the row, then the piece's number.
pub(crate) const CHUNKS: u8 = 0xf0;
/// A step too large for one batch, while it is applied.
pub(crate) const JOURNAL: u8 = 0xf1;

/// Names in [`META`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetaKey {
    /// u32: [`SCHEMA`].
    Schema,
    /// 32 bytes.
    Subnet,
    /// u64: the epoch whose step was applied last.
    Applied,
    /// u64: item sequence numbers below it may have been used, as the watermark says while there is one.
    ItemSeq,
    /// Number of rows in [`STATE`] and the exclusive or of their checks.
    StateSum,
}

/// Key of a ledger row: a table of the caller's and a key within it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StateKey {
    pub(crate) table: u8,
    pub(crate) key: Vec<u8>,
}

/// A name that the code above gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

/// How a key is written.
pub(crate) trait Key: Sized {
    /// Appends the key.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads what [`Key::write`] wrote.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Key for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Key for [u8; 32] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

impl Key for (u64, u16) {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
        out.extend_from_slice(&self.1.to_be_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let key = (fields.u64()?, fields.u16()?);
        fields.end(key)
    }
}

impl Key for (u64, [u8; 32]) {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
        out.extend_from_slice(&self.1);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let key = (fields.u64()?, fields.array()?);
        fields.end(key)
    }
}

impl Key for StateKey {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.table);
        out.extend_from_slice(&self.key);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.split_first().map(|(table, key)| Self { table: *table, key: key.to_vec() })
    }
}

impl Key for Name {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok().map(Self)
    }
}

impl Key for MetaKey {
    fn write(&self, out: &mut Vec<u8>) {
        let name: &[u8] = match self {
            Self::Schema => b"schema",
            Self::Subnet => b"subnet",
            Self::Applied => b"applied",
            Self::ItemSeq => b"item-seq",
            Self::StateSum => b"state-sum",
        };
        out.extend_from_slice(name);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            b"schema" => Some(Self::Schema),
            b"subnet" => Some(Self::Subnet),
            b"applied" => Some(Self::Applied),
            b"item-seq" => Some(Self::ItemSeq),
            b"state-sum" => Some(Self::StateSum),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written<K: Key>(key: &K) -> Vec<u8> {
        let mut out = Vec::new();
        key.write(&mut out);
        out
    }

    proptest! {
        #[test]
        fn keys_read_back_and_sort_as_their_values_do(
            a: (u64, u16), b: (u64, u16), digest: [u8; 32], table: u8, key: Vec<u8>,
        ) {
            prop_assert_eq!(<(u64, u16)>::read(&written(&a)), Some(a));
            prop_assert_eq!(a.cmp(&b), written(&a).cmp(&written(&b)));
            let aged = (a.0, digest);
            prop_assert_eq!(<(u64, [u8; 32])>::read(&written(&aged)), Some(aged));
            let state = StateKey { table, key };
            prop_assert_eq!(StateKey::read(&written(&state)), Some(state));
        }
    }

    #[test]
    fn meta_names_read_back_and_other_lengths_do_not() {
        use MetaKey::{Applied, ItemSeq, Schema, StateSum, Subnet};
        for key in [Schema, Subnet, Applied, ItemSeq, StateSum] {
            assert_eq!(MetaKey::read(&written(&key)), Some(key));
        }
        assert!(<(u64, u16)>::read(&[0; 9]).is_none() && <(u64, u16)>::read(&[0; 11]).is_none());
    }
}
