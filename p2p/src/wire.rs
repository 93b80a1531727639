//! Counts before decoding: how many elements a request or response may hold.
//!
//! Two bytes on the wire can become a hundred in memory (an empty element of a repeated message), so
//! a bound on bytes alone would let 8 MiB turn into hundreds. A walk over the fields, without
//! allocation, refuses what no honest node sends before `prost` builds it.

use ganglion_types::limits;

/// What a message may hold: its repeated and nested fields. Any other field is a plain value.
struct Shape {
    fields: &'static [Field],
}

/// A field that repeats or holds a message.
struct Field {
    number: u64,
    most: usize,
    inner: Option<&'static Shape>,
}

const fn message(number: u64, most: usize, inner: &'static Shape) -> Field {
    Field { number, most, inner: Some(inner) }
}

const fn repeated(number: u64, most: usize) -> Field {
    Field { number, most, inner: None }
}

/// Plain fields of one message, repeats included: the widest has 10, and canonical ones never repeat.
const PLAIN: usize = 16;

const LEAF: Shape = Shape { fields: &[] };
const CUT: Shape =
    Shape { fields: &[repeated(4, limits::COMMITTEE), repeated(5, limits::CUT_ITEMS)] };
const SIGNATURES: Shape = Shape { fields: &[message(4, limits::COMMITTEE, &LEAF)] };
const VOTE: Shape = Shape { fields: &[message(1, 1, &LEAF)] };
const PROPOSAL: Shape = Shape { fields: &[message(1, 1, &LEAF), message(2, 1, &CUT)] };
const ROUND: Shape = Shape { fields: &[message(4, limits::COMMITTEE, &VOTE)] };
const AGREEMENT: Shape = Shape {
    fields: &[
        message(1, 1, &VOTE),
        message(2, 1, &PROPOSAL),
        message(3, 1, &SIGNATURES),
        message(4, 1, &ROUND),
        message(5, 1, &LEAF),
    ],
};
const LIST_BODY: Shape = Shape { fields: &[repeated(1, limits::LIST_IDS)] };
const STATUS: Shape = Shape { fields: &[message(1, 1, &LEAF)] };
const BUNDLE: Shape = Shape {
    fields: &[
        message(1, 1, &CUT),
        message(2, 1, &SIGNATURES),
        message(3, limits::CUT_ITEMS, &LEAF),
    ],
};

/// The published `Request`.
pub(crate) struct RequestShape;
/// The published `Response`.
pub(crate) struct ResponseShape;

/// A message whose counts can be checked.
pub(crate) trait Counts {
    /// Whether `bytes` are protobuf fields within the bounds.
    fn within(bytes: &[u8]) -> bool;
}

impl Counts for RequestShape {
    fn within(bytes: &[u8]) -> bool {
        const IDS: Shape = Shape { fields: &[repeated(1, limits::REQUEST_IDS)] };
        const BODIES: Shape = Shape { fields: &[repeated(1, limits::REQUEST_BODIES)] };
        const PEERS: Shape = Shape { fields: &[message(1, 1, &LEAF)] };
        const PUSH: Shape = Shape { fields: &[message(1, limits::PUSH_MESSAGES, &AGREEMENT)] };
        const DIFFERENCES: Shape =
            Shape { fields: &[message(1, 1, &LEAF), repeated(2, limits::SECTIONS)] };
        const TRADE: Shape = Shape {
            fields: &[
                message(2, limits::REQUEST_IDS, &LEAF),
                message(3, limits::PUSH_MESSAGES, &AGREEMENT),
                repeated(4, limits::REQUEST_IDS),
            ],
        };
        const REQUEST: Shape = Shape {
            fields: &[
                message(1, 1, &STATUS),
                message(2, 1, &IDS),
                message(3, 1, &BODIES),
                message(4, 1, &LEAF),
                message(5, 1, &LEAF),
                message(6, 1, &PEERS),
                message(7, 1, &PUSH),
                message(8, 1, &LEAF),
                message(20, 1, &LEAF),
                message(21, 1, &LEAF),
                message(22, 1, &LEAF),
                message(23, 1, &LEAF),
                message(9, 1, &DIFFERENCES),
                message(10, 1, &TRADE),
                message(11, 1, &LEAF),
                message(12, 1, &LEAF),
                message(13, 1, &LEAF),
            ],
        };
        fits(bytes, &REQUEST)
    }
}

impl Counts for ResponseShape {
    fn within(bytes: &[u8]) -> bool {
        const ITEMS: Shape = Shape { fields: &[message(1, limits::REQUEST_IDS, &LEAF)] };
        const BODIES: Shape = Shape { fields: &[message(1, limits::REQUEST_BODIES, &LIST_BODY)] };
        const EPOCHS: Shape = Shape { fields: &[message(1, limits::RESPONSE_EPOCHS, &BUNDLE)] };
        const PEERS: Shape = Shape { fields: &[message(1, limits::RESPONSE_PEERS, &LEAF)] };
        const TASK: Shape = Shape { fields: &[message(2, 1, &LEAF)] };
        const STAGES: Shape = Shape { fields: &[message(2, limits::STAGES, &LEAF)] };
        const ROWS: Shape = Shape { fields: &[message(1, limits::RESPONSE_ROWS, &LEAF)] };
        const FORK: Shape = Shape {
            fields: &[
                message(1, 1, &CUT),
                message(2, 1, &SIGNATURES),
                message(3, 1, &CUT),
                message(4, 1, &SIGNATURES),
            ],
        };
        const FORKS: Shape = Shape { fields: &[message(1, limits::RESPONSE_FORKS, &FORK)] };
        const WITNESS: Shape = Shape { fields: &[repeated(2, limits::RESPONSE_ENTRIES)] };
        const HELD: Shape = Shape { fields: &[repeated(2, limits::SECTION_IDS)] };
        const DIFFERENCES: Shape =
            Shape { fields: &[message(1, 1, &LEAF), message(2, limits::SECTIONS, &HELD)] };
        const TRADE: Shape = Shape {
            fields: &[
                message(1, 1, &LEAF),
                message(2, limits::REQUEST_IDS, &LEAF),
                message(3, limits::PUSH_MESSAGES, &AGREEMENT),
            ],
        };
        const SNAPSHOT: Shape =
            Shape { fields: &[message(4, 256, &LEAF), message(5, limits::SNAPSHOT_CHUNKS, &LEAF)] };
        const SNAPSHOTS: Shape =
            Shape { fields: &[message(1, limits::RESPONSE_SNAPSHOTS, &SNAPSHOT)] };
        const COMMITTEE: Shape = Shape { fields: &[message(1, limits::COMMITTEE, &LEAF)] };
        const CERTIFIED: Shape = Shape {
            fields: &[message(1, 1, &CUT), message(2, 1, &SIGNATURES), message(3, 1, &COMMITTEE)],
        };
        const CUTS: Shape = Shape { fields: &[message(1, limits::RESPONSE_CUTS, &CERTIFIED)] };
        const RESPONSE: Shape = Shape {
            fields: &[
                message(1, 1, &LEAF),
                message(2, 1, &ITEMS),
                message(3, 1, &BODIES),
                message(4, 1, &EPOCHS),
                message(5, 1, &LEAF),
                message(6, 1, &PEERS),
                message(7, 1, &LEAF),
                message(8, 1, &TASK),
                message(9, 1, &LEAF),
                message(20, 1, &STAGES),
                message(21, 1, &ROWS),
                message(22, 1, &FORKS),
                message(23, 1, &WITNESS),
                message(10, 1, &DIFFERENCES),
                message(11, 1, &TRADE),
                message(12, 1, &SNAPSHOTS),
                message(13, 1, &LEAF),
                message(14, 1, &CUTS),
            ],
        };
        fits(bytes, &RESPONSE)
    }
}

/// Fields that one shape lists at most; the tests hold the largest to it.
const SHAPE_FIELDS: usize = 32;

/// Recursion follows the shape, never the bytes, so its depth is that of the shapes above.
fn fits(mut bytes: &[u8], shape: &Shape) -> bool {
    let mut seen = [0usize; SHAPE_FIELDS];
    let mut plain = 0;
    while !bytes.is_empty() {
        let Some((number, content)) = next_field(&mut bytes) else { return false };
        let known = shape.fields.iter().position(|field| field.number == number);
        let Some(field) = known.and_then(|at| {
            let count = seen.get_mut(at)?;
            *count += 1;
            shape.fields.get(at).filter(|field| *count <= field.most)
        }) else {
            plain += 1;
            if known.is_some() || plain > PLAIN {
                return false;
            }
            continue;
        };
        if let Some(inner) = field.inner {
            let Some(content) = content else { return false };
            if !fits(content, inner) {
                return false;
            }
        }
    }
    true
}

/// The next field's number and, if it is length-delimited, its content.
fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let tag = varint(bytes)?;
    let content = match tag & 7 {
        0 => {
            varint(bytes)?;
            None
        }
        1 => {
            skip(bytes, 8)?;
            None
        }
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            Some(skip(bytes, length)?)
        }
        5 => {
            skip(bytes, 4)?;
            None
        }
        // Groups are long gone from protobuf.
        _ => return None,
    };
    Some((tag >> 3, content))
}

fn skip<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(head)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use ganglion_types::proto::{self, request, response};
    use prost::Message as _;

    use super::*;

    fn items(count: usize) -> Vec<u8> {
        let items = vec![proto::Item::default(); count];
        let response = response::Response::Items(proto::Items { items });
        proto::Response { response: Some(response) }.encode_to_vec()
    }

    #[test]
    fn counts_at_the_bound_pass_and_one_more_does_not() {
        assert!(ResponseShape::within(&items(limits::REQUEST_IDS)));
        assert!(!ResponseShape::within(&items(limits::REQUEST_IDS + 1)));
        let ids = |count| {
            let request =
                request::Request::Items(proto::ItemsRequest { ids: vec![vec![7; 32]; count] });
            proto::Request { request: Some(request) }.encode_to_vec()
        };
        assert!(RequestShape::within(&ids(limits::REQUEST_IDS)));
        assert!(!RequestShape::within(&ids(limits::REQUEST_IDS + 1)));
    }

    #[test]
    fn stages_rows_forks_and_entries_are_counted() {
        let within = |response| {
            ResponseShape::within(&proto::Response { response: Some(response) }.encode_to_vec())
        };
        let stages = |count| {
            let stages = vec![proto::StageDigest { number: 1, ..Default::default() }; count];
            within(response::Response::Stages(proto::Stages { epoch: 1, stages }))
        };
        assert!(stages(limits::STAGES) && !stages(limits::STAGES + 1));
        let rows = |count| {
            let rows = vec![proto::StageRow::default(); count];
            within(response::Response::StageRows(proto::StageRows { rows }))
        };
        assert!(rows(limits::RESPONSE_ROWS) && !rows(limits::RESPONSE_ROWS + 1));
        let forks = |count| {
            let forks = vec![proto::Fork::default(); count];
            within(response::Response::Forks(proto::Forks { forks }))
        };
        assert!(forks(limits::RESPONSE_FORKS) && !forks(limits::RESPONSE_FORKS + 1));
        let entries = |count| {
            let entries = vec![vec![1; 328]; count];
            within(response::Response::Witness(proto::Witness { count: 9, entries }))
        };
        assert!(entries(limits::RESPONSE_ENTRIES) && !entries(limits::RESPONSE_ENTRIES + 1));
    }

    #[test]
    fn the_largest_epoch_passes() {
        let id = vec![9; 32];
        let signature = proto::CutSignature { signer: id.clone(), signature: vec![8; 64] };
        let cut = proto::Cut {
            subnet: id.clone(),
            epoch: 1,
            prev: id.clone(),
            lists: vec![id.clone(); limits::COMMITTEE],
            items: vec![id.clone(); limits::CUT_ITEMS],
            time: 1,
            registry: id.clone(),
            result_root: id.clone(),
            state_root: id.clone(),
            next_committee_root: id.clone(),
        };
        let certificate = proto::Certificate {
            epoch: 1,
            round: 1,
            cut: id.clone(),
            signatures: vec![signature; limits::COMMITTEE],
        };
        let item = proto::Item {
            version: 1,
            subnet: id.clone(),
            kind: 1,
            body: vec![1; 40],
            signature: vec![2; 64],
        };
        let bundle = proto::EpochBundle {
            cut: Some(cut.clone()),
            certificate: Some(certificate),
            items: vec![item; limits::CUT_ITEMS],
        };
        let epochs = proto::Epochs { epochs: vec![bundle; 2] };
        let response = proto::Response { response: Some(response::Response::Epochs(epochs)) };
        assert!(ResponseShape::within(&response.encode_to_vec()));

        let body = proto::ProposalBody { epoch: 1, round: 1, pol_round: 1, cut: id.clone() };
        let proposal = proto::Proposal {
            body: Some(body),
            cut: Some(cut),
            signer: id,
            signature: vec![8; 64],
        };
        let message = proto::AgreementMessage {
            message: Some(proto::agreement_message::Message::Proposal(proposal)),
        };
        let push = proto::PushRequest { messages: vec![message; 3] };
        let request = proto::Request { request: Some(request::Request::Push(push)) };
        assert!(RequestShape::within(&request.encode_to_vec()));
    }

    #[test]
    fn trades_and_differences_are_counted() {
        let trade = |items, wanted| {
            let items = vec![proto::Item::default(); items];
            let wanted = vec![vec![7; 32]; wanted];
            let trade = proto::TradeRequest { epoch: 1, items, wanted, messages: Vec::new() };
            let request = request::Request::Trade(trade);
            RequestShape::within(&proto::Request { request: Some(request) }.encode_to_vec())
        };
        assert!(trade(limits::REQUEST_IDS, limits::REQUEST_IDS));
        assert!(!trade(limits::REQUEST_IDS + 1, 0));
        assert!(!trade(0, limits::REQUEST_IDS + 1));
        let told = |sections, ids| {
            let held = proto::Held { section: 1, ids: vec![vec![7; 32]; ids] };
            let told = proto::Differences { status: None, sections: vec![held; sections] };
            let response = response::Response::Differences(told);
            ResponseShape::within(&proto::Response { response: Some(response) }.encode_to_vec())
        };
        assert!(told(limits::SECTIONS, limits::SECTION_IDS));
        assert!(!told(limits::SECTIONS + 1, 0));
        assert!(!told(1, limits::SECTION_IDS + 1));
    }

    #[test]
    fn truncation_groups_and_endless_varints_are_refused() {
        let good = items(2);
        for end in 1..good.len() {
            assert!(!ResponseShape::within(&good[..end]), "cut at {end}");
        }
        assert!(!ResponseShape::within(&[0x0b]));
        assert!(!ResponseShape::within(&[0xff; 11]));
        assert!(!ResponseShape::within(&[0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]));
    }

    #[test]
    fn a_plain_field_does_not_repeat_for_ever() {
        let bytes: Vec<u8> = [0x78u8, 1].repeat(PLAIN);
        assert!(ResponseShape::within(&bytes));
        let bytes: Vec<u8> = [0x78u8, 1].repeat(PLAIN + 1);
        assert!(!ResponseShape::within(&bytes));
    }
}
