//! What peers send over a connection.

use std::sync::LazyLock;

use ganglion_p2p::fuzzing;
use ganglion_persist::snapshots;
use ganglion_subnet::Channel;
use ganglion_subnet::intake;
use ganglion_types::{
    AgreementMessage, Body, Canonical as _, Cut, CutId, EpochBundle, Fork, Item, ListBody,
    Snapshot, SubnetId, limits, proto,
};
use prost::Message as _;

use super::chain::{CHAIN, state_after};
use crate::edit::edited;

/// The subnet of the frozen items.
const SUBNET: SubnetId = SubnetId::new([0xaa; 32]);
const NOW: u64 = 1_800_000_000;

fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

pub(super) fn request(bytes: &[u8]) {
    // As it came, where the length may lie, and with the right length.
    let _ = fuzzing::request(bytes);
    let Some(proto::Request { request: Some(request) }) = fuzzing::request(&framed(bytes)) else {
        return;
    };
    use proto::request::Request;
    match request {
        Request::Push(push) => {
            for message in push.messages {
                let _ = AgreementMessage::from_proto(message);
            }
        }
        Request::Trade(trade) => {
            for message in trade.messages {
                let _ = AgreementMessage::from_proto(message);
            }
        }
        _ => {}
    }
}

pub(super) fn response(bytes: &[u8]) {
    let _ = fuzzing::response(bytes);
    let Some(proto::Response { response: Some(response) }) = fuzzing::response(&framed(bytes))
    else {
        return;
    };
    use proto::response::Response;
    match response {
        Response::Items(items) => {
            for item in items.items {
                let _ = Item::from_proto(item);
            }
        }
        Response::Epochs(epochs) => {
            for bundle in epochs.epochs {
                let _ = EpochBundle::from_proto(bundle);
            }
        }
        Response::ListBodies(bodies) => {
            for body in bodies.bodies {
                let _ = ListBody::from_proto(body);
            }
        }
        Response::Trade(trade) => {
            for item in trade.items {
                let _ = Item::from_proto(item);
            }
            for message in trade.messages {
                let _ = AgreementMessage::from_proto(message);
            }
        }
        Response::Task(answer) => {
            let _ = answer.receipt.map(Item::from_proto);
        }
        Response::Peers(peers) => {
            for item in peers.records {
                let _ = Item::from_proto(item);
            }
        }
        Response::Snapshots(told) => {
            for header in told.snapshots {
                let _ = Snapshot::from_proto(header);
            }
        }
        Response::Forks(told) => {
            for fork in told.forks {
                let _ = Fork::from_proto(fork);
            }
        }
        Response::Cuts(cuts) => {
            for cut in cuts.cuts.into_iter().filter_map(|certified| certified.cut) {
                let _ = Cut::from_proto(cut);
            }
        }
        _ => {}
    }
}

pub(super) fn peer_record(bytes: &[u8]) {
    let Some(record) = fuzzing::record(bytes, &SUBNET, NOW) else { return };
    assert!(record.addresses.len() <= limits::PEER_ADDRESSES);
    assert!(record.expires <= NOW + limits::PEER_TTL_SECONDS);
}

pub(super) fn multiaddress(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = fuzzing::address(text);
    }
}

/// The topic is the first byte.
pub(super) fn gossip(bytes: &[u8]) {
    const CHANNELS: [Channel; 5] =
        [Channel::Tasks, Channel::Outputs, Channel::Weights, Channel::Ops, Channel::Agreement];
    let Some((at, bytes)) = bytes.split_first() else { return };
    let channel = CHANNELS[usize::from(*at) % CHANNELS.len()];
    if let Ok(item) = intake::decode(bytes, &SUBNET, channel) {
        assert_eq!(item.subnet(), &SUBNET);
        assert!(bytes.len() <= intake::size_max(item.kind()));
        let travels = intake::channel_of(item.kind());
        let list = matches!(item.body(), Body::InclusionList(_));
        assert!(travels == Some(channel) || (list && channel == Channel::Agreement));
    }
}

pub(crate) static CUTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let certified = |step: &super::chain::Step| {
        let before = state_after(step.bundle.cut.epoch.get() - 1).expect("it has epochs");
        let committee = snapshots::committee_of(&before);
        proto::CertifiedCut {
            cut: Some(step.bundle.cut.to_proto()),
            certificate: Some(step.bundle.certificate.to_proto()),
            committee: proto::CommitteeMembers::decode(committee.as_slice()).ok(),
        }
    };
    proto::Cuts { cuts: CHAIN.iter().map(certified).collect() }.encode_to_vec()
});

/// What a peer says were the certified cuts since genesis, its own words or true ones changed: none holds but the true
/// ones, in their order.
pub(super) fn certified_cuts(bytes: &[u8]) {
    let Some((raw, rest)) = bytes.split_first() else { return };
    let bytes = if raw % 2 == 0 { rest.to_vec() } else { edited(&CUTS, rest) };
    let Ok(told) = proto::Cuts::decode(&bytes[..]) else { return };
    let genesis = state_after(0).expect("a sound manifest");
    let passed = ganglion_persist::snapshots::join::follow_all(&genesis, told);
    let chain: Vec<CutId> = CHAIN.iter().map(|step| step.bundle.cut.id()).collect();
    assert!(chain.starts_with(&passed), "cuts that nobody certified");
    if bytes == *CUTS {
        assert_eq!(passed.len(), chain.len(), "true cuts were refused");
    }
}
