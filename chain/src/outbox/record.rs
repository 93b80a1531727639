//! What the outbox writes down (`docs/spec/anchors.md`, section 4).
//!
//! ```text
//! frame = length u32 BE ‖ check 8 ‖ body         check = the first 8 bytes of the Merkle leaf of body
//! body  = kind u8 ‖ fields
//! ```

use ganglion_types::{Epoch, merkle};

use crate::{
    AnchorPayload, ChainName, ChainPoint, PAYLOAD_BYTES, Prepared, Publisher, Reason, limits,
};

/// Bytes before the body of a frame.
const HEAD: usize = 12;

/// One thing that has to be known after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The file is of this chain, and the epochs up to `done` are not its business any more.
    Opened {
        /// The chain.
        chain: ChainName,
        /// The last epoch with nothing left to do.
        done: Epoch,
    },
    /// A signed transaction. On the medium before anybody sees it.
    Prepared {
        /// What it anchors.
        payload: AnchorPayload,
        /// The transaction.
        prepared: Prepared,
    },
    /// The chain's node took a transaction.
    Submitted {
        /// Its hash.
        transaction: [u8; 32],
    },
    /// It stands in a block: ours, or somebody else's that says the same.
    Included {
        /// What stands there.
        payload: AnchorPayload,
        /// Where.
        point: ChainPoint,
        /// Somebody else, if it is not ours.
        by: Option<Publisher>,
    },
    /// The block is not part of the chain any more, or none of the transactions can be included.
    Undone {
        /// Last epoch of the payload.
        last: Epoch,
        /// Whether its transactions are dead and its epochs wait again.
        dropped: bool,
    },
    /// It is final.
    Settled {
        /// What stands there.
        payload: AnchorPayload,
        /// Where.
        point: ChainPoint,
        /// Somebody else, if it is not ours.
        by: Option<Publisher>,
    },
    /// Nothing more is prepared or submitted until an operator says so.
    Parked {
        /// Kind of the error.
        kind: String,
        /// In words.
        reason: Reason,
    },
    /// An operator said so.
    Resumed,
    /// The cost of what was owed for longest is known.
    Paid {
        /// What all anchors have cost, this one included.
        spent: u128,
    },
    /// An anchor is done with and its cost is not known; written where the records that say so are left out.
    Owed {
        /// Hashes of its transactions.
        transactions: Vec<[u8; 32]>,
        /// Most that they may have cost.
        most: u128,
    },
}

impl Record {
    /// The frame of this record.
    pub(crate) fn to_frame(&self) -> Vec<u8> {
        let body = self.to_body();
        let mut frame = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        frame.extend(merkle::leaf(&body).as_bytes().iter().take(8));
        frame.extend(body);
        frame
    }

    fn to_body(&self) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        match self {
            Self::Opened { chain, done } => {
                out.byte(1).bytes(chain.as_str().as_bytes()).fixed(&done.get().to_be_bytes());
            }
            Self::Prepared { payload, prepared } => {
                out.byte(2).fixed(&payload.to_bytes()).fixed(&prepared.id);
                out.fixed(&prepared.nonce.to_be_bytes()).fixed(&prepared.fee_max.to_be_bytes());
                out.byte(u8::from(prepared.expires.is_some()));
                out.fixed(&prepared.expires.unwrap_or(0).to_be_bytes()).bytes(&prepared.bytes);
            }
            Self::Submitted { transaction } => {
                out.byte(3).fixed(transaction);
            }
            Self::Included { payload, point, by } => {
                out.byte(4).stands(payload, point, by.as_ref());
            }
            Self::Undone { last, dropped } => {
                out.byte(5).fixed(&last.get().to_be_bytes()).byte(u8::from(*dropped));
            }
            Self::Settled { payload, point, by } => {
                out.byte(6).stands(payload, point, by.as_ref());
            }
            Self::Parked { kind, reason } => {
                out.byte(7).bytes(kind.as_bytes()).bytes(reason.as_str().as_bytes());
            }
            Self::Resumed => {
                out.byte(8);
            }
            Self::Paid { spent } => {
                out.byte(9).fixed(&spent.to_be_bytes());
            }
            Self::Owed { transactions, most } => {
                out.byte(10).fixed(&most.to_be_bytes()).bytes(&transactions.concat());
            }
        }
        out.0
    }

    fn from_body(body: &[u8]) -> Option<Self> {
        let mut from = Reader(body);
        let record = match from.byte()? {
            1 => Self::Opened { chain: ChainName::new(&from.text()?)?, done: from.epoch()? },
            2 => Self::Prepared {
                payload: from.payload()?,
                prepared: Prepared {
                    id: from.fixed()?,
                    nonce: u64::from_be_bytes(from.fixed()?),
                    fee_max: u128::from_be_bytes(from.fixed()?),
                    expires: {
                        let some = from.flag()?;
                        let height = u64::from_be_bytes(from.fixed()?);
                        some.then_some(height)
                    },
                    bytes: from.bytes(limits::TRANSACTION_BYTES)?.to_vec(),
                },
            },
            3 => Self::Submitted { transaction: from.fixed()? },
            4 => {
                let (payload, point, by) = from.stands()?;
                Self::Included { payload, point, by }
            }
            5 => Self::Undone { last: from.epoch()?, dropped: from.flag()? },
            6 => {
                let (payload, point, by) = from.stands()?;
                Self::Settled { payload, point, by }
            }
            7 => Self::Parked { kind: from.text()?, reason: Reason::new(from.text()?) },
            8 => Self::Resumed,
            9 => Self::Paid { spent: u128::from_be_bytes(from.fixed()?) },
            10 => {
                let most = u128::from_be_bytes(from.fixed()?);
                let (ids, []) = from.bytes(32 * limits::ATTEMPTS)?.as_chunks::<32>() else {
                    return None;
                };
                Self::Owed { transactions: ids.to_vec(), most }
            }
            _ => return None,
        };
        from.0.is_empty().then_some(record)
    }
}

/// The records at the beginning of `file`, and how many bytes of it they are. What follows them is damaged or was
/// never written whole.
pub(crate) fn read_all(file: &[u8]) -> (Vec<Record>, usize) {
    let (mut records, mut rest) = (Vec::new(), file);
    while let Some((record, after)) = read_one(rest) {
        records.push(record);
        rest = after;
    }
    (records, file.len().saturating_sub(rest.len()))
}

fn read_one(file: &[u8]) -> Option<(Record, &[u8])> {
    let (head, rest) = file.split_at_checked(HEAD)?;
    let (length, check) = head.split_first_chunk::<4>()?;
    let (body, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let sound = merkle::leaf(body).as_bytes().starts_with(check);
    Some((sound.then(|| Record::from_body(body))??, rest))
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    fn stands(&mut self, payload: &AnchorPayload, point: &ChainPoint, by: Option<&Publisher>) {
        self.fixed(&payload.to_bytes()).fixed(&point.height.to_be_bytes()).fixed(&point.block);
        self.fixed(&point.index.to_be_bytes()).fixed(&point.transaction);
        self.bytes(by.map_or(&[], Publisher::as_bytes));
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn epoch(&mut self) -> Option<Epoch> {
        self.fixed().map(|bytes| Epoch::new(u64::from_be_bytes(bytes)))
    }

    fn bytes(&mut self, max: usize) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_be_bytes(self.fixed()?));
        let (head, rest) = self.0.split_at_checked(length).filter(|_| length <= max)?;
        self.0 = rest;
        Some(head)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes(limits::REASON_BYTES)?.to_vec()).ok()
    }

    fn payload(&mut self) -> Option<AnchorPayload> {
        AnchorPayload::from_bytes(&self.fixed::<PAYLOAD_BYTES>()?).ok()
    }

    fn stands(&mut self) -> Option<(AnchorPayload, ChainPoint, Option<Publisher>)> {
        let payload = self.payload()?;
        let point = ChainPoint {
            height: u64::from_be_bytes(self.fixed()?),
            block: self.fixed()?,
            index: u32::from_be_bytes(self.fixed()?),
            transaction: self.fixed()?,
        };
        let by = self.bytes(limits::PUBLISHER_BYTES)?;
        Some((payload, point, Publisher::new(by)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::CutHead;
    use ganglion_types::{CutId, Digest, SubnetId};

    pub(crate) fn payload(first: u64, last: u64) -> AnchorPayload {
        let cuts: Vec<CutId> = (first..=last)
            .map(|epoch| {
                let mut id = [7; 32];
                id[..8].copy_from_slice(&epoch.to_be_bytes());
                CutId::new(id)
            })
            .collect();
        let head = CutHead {
            subnet: SubnetId::new([1; 32]),
            epoch: Epoch::new(last),
            cut: *cuts.last().unwrap(),
            result_root: Digest::new([2; 32]),
            next_committee_root: Digest::new([3; 32]),
        };
        AnchorPayload::new(&cuts, &head).unwrap()
    }

    /// One of every kind, with every choice within.
    pub(crate) fn every_kind() -> Vec<Record> {
        let point = ChainPoint { height: 9, block: [4; 32], index: 3, transaction: [5; 32] };
        let prepared = |expires| Prepared {
            id: [6; 32],
            nonce: 11,
            expires,
            fee_max: 1 << 70,
            bytes: vec![1, 2, 3],
        };
        let (payload, by) = (payload(3, 5), Publisher::new(&[8; 20]));
        vec![
            Record::Opened { chain: ChainName::new("evm:1:0xab").unwrap(), done: Epoch::new(2) },
            Record::Prepared { payload, prepared: prepared(None) },
            Record::Prepared { payload, prepared: prepared(Some(77)) },
            Record::Submitted { transaction: [6; 32] },
            Record::Included { payload, point, by: None },
            Record::Included { payload, point, by: by.clone() },
            Record::Undone { last: Epoch::new(5), dropped: true },
            Record::Settled { payload, point, by },
            Record::Parked { kind: "refused".into(), reason: Reason::new("no such call") },
            Record::Resumed,
            Record::Paid { spent: 1 << 90 },
            Record::Owed { transactions: vec![[6; 32], [7; 32]], most: 1 << 80 },
        ]
    }

    #[test]
    fn a_file_cut_or_damaged_anywhere_gives_the_records_before() {
        let records = every_kind();
        let frames: Vec<Vec<u8>> = records.iter().map(Record::to_frame).collect();
        let file = frames.concat();
        assert_eq!(read_all(&file), (records.clone(), file.len()));
        let mut ends = Vec::new();
        for frame in &frames {
            ends.push(ends.last().copied().unwrap_or(0) + frame.len());
        }
        for at in 0..file.len() {
            let whole = ends.iter().filter(|end| **end <= at).count();
            let before = whole.checked_sub(1).map_or(0, |last| ends[last]);
            let wanted = (records[..whole].to_vec(), before);
            assert_eq!(read_all(&file[..at]), wanted, "cut at {at}");
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert_eq!(read_all(&damaged), wanted, "damaged at {at}");
        }
    }
}
