//! What one row is in the database: its key, its head, its pieces.

use super::VALUE_BYTES_MAX;
use crate::{
    backend::Operation,
    codec::{Fields, check},
    error::{Damage, Part, StoreError},
    schema::{CHUNKS, Key, Table},
};

pub(crate) const PIECE_BYTES: usize = 6 << 10;
const ROW_CONTEXT: &str = "ganglion storage row";
const INLINE: u8 = 0;
const IN_PIECES: u8 = 1;

pub(super) fn full_key<K: Key>(table: &Table<K>, key: &K) -> Vec<u8> {
    let mut out = vec![table.prefix];
    key.write(&mut out);
    out
}

pub(super) fn piece_key(full_key: &[u8], piece: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(full_key.len() + 5);
    out.push(CHUNKS);
    out.extend_from_slice(full_key);
    out.extend_from_slice(&piece.to_be_bytes());
    out
}

/// The first key behind all that begin with `prefix`. Table bytes stay below 0xff, so there is one.
pub(super) fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut out = prefix.to_vec();
    while let Some(last) = out.pop() {
        if let Some(next) = last.checked_add(1) {
            out.push(next);
            break;
        }
    }
    out
}

/// A stored row, looked at without its pieces.
pub(super) enum Stored<'a> {
    Inline { check: [u8; 16], value: &'a [u8] },
    InPieces { check: [u8; 16], length: usize, pieces: u32 },
}

impl<'a> Stored<'a> {
    pub(super) fn read(row: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(row);
        let (tag, check) = (fields.u8()?, fields.array()?);
        match tag {
            INLINE => Some(Self::Inline { check, value: fields.rest() }),
            IN_PIECES => {
                let length = usize::try_from(fields.u64()?).ok()?;
                let pieces = fields.u32()?;
                let fits = length <= VALUE_BYTES_MAX && pieces == pieces_of(length);
                fields.end(Self::InPieces { check, length, pieces }).filter(|_| fits)
            }
            _ => None,
        }
    }

    pub(super) fn check(&self) -> [u8; 16] {
        match self {
            Self::Inline { check, .. } | Self::InPieces { check, .. } => *check,
        }
    }

    pub(super) fn pieces(&self) -> u32 {
        match self {
            Self::Inline { .. } => 0,
            Self::InPieces { pieces, .. } => *pieces,
        }
    }
}

pub(super) fn pieces_of(length: usize) -> u32 {
    u32::try_from(length.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX)
}

pub(super) fn row_check(key: &[u8], value: &[u8]) -> [u8; 16] {
    let length = (key.len() as u64).to_be_bytes();
    check(ROW_CONTEXT, &[&length, key, value])
}

pub(super) fn damaged(table: &'static str) -> StoreError {
    StoreError::Damaged { part: Part::State, damage: Damage::Row { table } }
}

/// The operations that give one row its new value, where its old one had `pieces_before`.
pub(super) fn expand_row(
    operations: &mut Vec<Operation>,
    key: &[u8],
    value: Option<Vec<u8>>,
    pieces_before: u32,
) {
    let Some(value) = value else {
        operations.push((key.to_vec(), None));
        operations.extend((0..pieces_before).map(|piece| (piece_key(key, piece), None)));
        return;
    };
    let found = row_check(key, &value);
    let mut row = Vec::with_capacity(17 + value.len().min(PIECE_BYTES));
    if value.len() <= PIECE_BYTES {
        row.push(INLINE);
        row.extend_from_slice(&found);
        row.extend_from_slice(&value);
        operations.push((key.to_vec(), Some(row)));
        operations.extend((0..pieces_before).map(|piece| (piece_key(key, piece), None)));
        return;
    }
    let pieces = pieces_of(value.len());
    row.push(IN_PIECES);
    row.extend_from_slice(&found);
    row.extend_from_slice(&(value.len() as u64).to_be_bytes());
    row.extend_from_slice(&pieces.to_be_bytes());
    operations.push((key.to_vec(), Some(row)));
    for (number, piece) in (0..).zip(value.chunks(PIECE_BYTES)) {
        operations.push((piece_key(key, number), Some(piece.to_vec())));
    }
    operations.extend((pieces..pieces_before).map(|piece| (piece_key(key, piece), None)));
}
