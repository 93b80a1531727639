//! Peer records: what is taken from others, cheapest check first.

use libp2p::{Multiaddr, PeerId};

use ganglion_types::{Body, Canonical as _, Hotkey, Item, PeerRecord, SubnetId, limits, proto};

use crate::circuit::{self, Form};
use crate::identity;
use crate::topics::RECORD_BYTES;

/// Why a peer record is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordFault {
    #[error("not a canonical item of at most {RECORD_BYTES} bytes")]
    Malformed,
    #[error("an item of another kind")]
    Kind,
    #[error("of another subnet")]
    Subnet,
    #[error("the own one")]
    Own,
    #[error("expired")]
    Expired,
    #[error("expires too far ahead")]
    TooFarAhead,
    #[error("older than the one held")]
    Stale,
    #[error("an address that cannot be read, or names another peer")]
    Address,
    #[error("not signed by its peer")]
    Signature,
    #[error("no room for another peer")]
    Full,
}

impl RecordFault {
    /// Whether an honest peer may have sent it: clocks differ, and records cross on the way.
    pub(crate) const fn is_innocent(&self) -> bool {
        match self {
            Self::Own | Self::Expired | Self::TooFarAhead | Self::Stale | Self::Full => true,
            Self::Malformed | Self::Kind | Self::Subnet | Self::Address | Self::Signature => false,
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Kind => "kind",
            Self::Subnet => "subnet",
            Self::Own => "own",
            Self::Expired => "expired",
            Self::TooFarAhead => "too_far_ahead",
            Self::Stale => "stale",
            Self::Address => "address",
            Self::Signature => "signature",
            Self::Full => "full",
        }
    }
}

/// A record whose every check passed.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    pub(crate) item: Item,
    pub(crate) record: PeerRecord,
    pub(crate) peer: PeerId,
    /// Those this build can dial.
    pub(crate) addresses: Vec<Multiaddr>,
}

/// Reads a gossiped record.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Item, RecordFault> {
    Item::from_bytes(bytes, RECORD_BYTES).map_err(|_| RecordFault::Malformed)
}

/// Reads a record out of a request or response.
pub(crate) fn from_proto(item: proto::Item) -> Result<Item, RecordFault> {
    if item.body.len() > RECORD_BYTES {
        return Err(RecordFault::Malformed);
    }
    Item::from_proto(item).map_err(|_| RecordFault::Malformed)
}

/// What a record is checked against.
#[derive(Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) subnet: &'a SubnetId,
    /// Unix seconds.
    pub(crate) now: u64,
    /// The record held of this signer.
    pub(crate) held: Option<u64>,
    /// Records from the own store may have expired: they are tried, not told.
    pub(crate) expired_too: bool,
}

/// The signer that a record claims, before anything is proven.
pub(crate) fn claimed(item: &Item) -> Result<Hotkey, RecordFault> {
    match item.body() {
        Body::PeerRecord(record) => Ok(record.signer),
        _ => Err(RecordFault::Kind),
    }
}

/// Checks subnet, expiry, sequence and addresses: all but the signature.
pub(crate) fn check_form(
    item: &Item,
    terms: &Terms<'_>,
) -> Result<(PeerId, Vec<Multiaddr>), RecordFault> {
    let Body::PeerRecord(record) = item.body() else { return Err(RecordFault::Kind) };
    if item.subnet() != terms.subnet {
        return Err(RecordFault::Subnet);
    }
    if record.expires <= terms.now && !terms.expired_too {
        return Err(RecordFault::Expired);
    }
    if record.expires > terms.now.saturating_add(limits::PEER_TTL_SECONDS) {
        return Err(RecordFault::TooFarAhead);
    }
    if terms.held.is_some_and(|held| record.seq <= held) {
        return Err(RecordFault::Stale);
    }
    let peer = identity::peer_of(&record.signer).ok_or(RecordFault::Signature)?;
    let addresses = addresses_of(record, &peer)?;
    Ok((peer, addresses))
}

/// Checks the form, and the signature last.
pub(crate) fn verify(item: Item, terms: &Terms<'_>) -> Result<Verified, RecordFault> {
    let (peer, addresses) = check_form(&item, terms)?;
    if !item.verify() {
        return Err(RecordFault::Signature);
    }
    let Body::PeerRecord(record) = item.body().clone() else { return Err(RecordFault::Kind) };
    Ok(Verified { item, record, peer, addresses })
}

/// The addresses this build can dial, one of each relay. One it cannot read is a fault, a transport it lacks is not.
fn addresses_of(record: &PeerRecord, peer: &PeerId) -> Result<Vec<Multiaddr>, RecordFault> {
    let (mut dialable, mut relays) = (Vec::new(), Vec::new());
    for text in &record.addresses {
        let address: Multiaddr = text.parse().map_err(|_| RecordFault::Address)?;
        match circuit::read(&address) {
            Form::Direct(_, Some(named)) | Form::Circuit { peer: Some(named), .. }
                if named != *peer =>
            {
                return Err(RecordFault::Address);
            }
            Form::Circuit { relay, .. } if relay == *peer => return Err(RecordFault::Address),
            Form::Bad => return Err(RecordFault::Address),
            Form::Direct(base, _) => dialable.push(base),
            Form::Circuit { address, relay, .. } if !relays.contains(&relay) => {
                relays.push(relay);
                dialable.push(address);
            }
            Form::Circuit { .. } | Form::Unknown => {}
        }
    }
    Ok(dialable)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use ganglion_types::sign;

    pub(crate) const NOW: u64 = 1_700_000_000;
    pub(crate) const SUBNET: SubnetId = SubnetId::new([1; 32]);

    pub(crate) fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    pub(crate) fn record(seed: u8) -> PeerRecord {
        PeerRecord {
            signer: sign::hotkey_of(&key(seed)),
            seq: 5,
            expires: NOW + 100,
            addresses: vec!["/ip4/127.0.0.1/tcp/4001".into()],
            archive: false,
        }
    }

    pub(crate) fn signed(record: PeerRecord, seed: u8) -> Item {
        Item::sign(SUBNET, Body::PeerRecord(record), &key(seed))
    }

    fn terms() -> Terms<'static> {
        Terms { subnet: &SUBNET, now: NOW, held: None, expired_too: false }
    }

    #[test]
    fn a_good_record_passes_by_both_ways() {
        let item = signed(record(7), 7);
        let read = from_bytes(&item.to_bytes()).unwrap();
        assert_eq!(from_proto(item.to_proto()).unwrap(), read);
        let verified = verify(read, &terms()).unwrap();
        assert_eq!(verified.addresses.len(), 1);
        assert_eq!(identity::hotkey_of(&verified.peer), Some(record(7).signer));
    }

    #[test]
    fn each_broken_rule_is_named_and_blames_only_the_guilty() {
        let named = |peer: &str| vec![format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}")];
        let other = identity::peer_id(&record(8).signer).unwrap();
        let good = record(7);
        let far = NOW + limits::PEER_TTL_SECONDS;
        let cases = [
            (signed(PeerRecord { expires: NOW, ..good.clone() }, 7), RecordFault::Expired),
            (signed(PeerRecord { expires: far + 1, ..good.clone() }, 7), RecordFault::TooFarAhead),
            (
                signed(PeerRecord { addresses: named(&other), ..good.clone() }, 7),
                RecordFault::Address,
            ),
            (
                signed(PeerRecord { addresses: vec!["x".into()], ..good.clone() }, 7),
                RecordFault::Address,
            ),
            (signed(good.clone(), 8), RecordFault::Signature),
            (
                Item::sign(SubnetId::new([2; 32]), Body::PeerRecord(good.clone()), &key(7)),
                RecordFault::Subnet,
            ),
        ];
        for (item, fault) in cases {
            assert_eq!(verify(item, &terms()).unwrap_err(), fault);
        }
        let held = Terms { held: Some(5), ..terms() };
        assert_eq!(verify(signed(good.clone(), 7), &held).unwrap_err(), RecordFault::Stale);
        assert!(verify(signed(PeerRecord { expires: far, ..good.clone() }, 7), &terms()).is_ok());
        let newer = Terms { held: Some(4), ..terms() };
        assert!(verify(signed(good, 7), &newer).is_ok());
        assert!(RecordFault::Stale.is_innocent() && !RecordFault::Signature.is_innocent());
    }

    /// Invariant I5: what a cheaper check refuses never costs a signature.
    #[test]
    fn the_signature_is_checked_last() {
        let stale = Terms { held: Some(9), ..terms() };
        assert_eq!(verify(signed(record(7), 8), &stale).unwrap_err(), RecordFault::Stale);
        let late = Terms { now: NOW + 200, ..terms() };
        assert_eq!(verify(signed(record(7), 8), &late).unwrap_err(), RecordFault::Expired);
    }

    #[test]
    fn an_unknown_transport_is_no_fault_but_is_not_dialed() {
        let addresses =
            vec!["/ip4/127.0.0.1/udp/1/webrtc-direct".into(), "/ip4/127.0.0.1/tcp/1".into()];
        let item = signed(PeerRecord { addresses, ..record(7) }, 7);
        assert_eq!(verify(item, &terms()).unwrap().addresses.len(), 1);
    }

    #[test]
    fn a_circuit_is_dialed_once_per_relay_and_blames_whoever_makes_one_up() {
        let id = |seed| identity::peer_of(&record(seed).signer).unwrap();
        let circuit =
            |port, relay: PeerId| format!("/ip4/192.0.2.1/tcp/{port}/p2p/{relay}/p2p-circuit");
        let taken = |addresses: &[String]| {
            let record = PeerRecord { addresses: addresses.to_vec(), ..record(7) };
            verify(signed(record, 7), &terms()).map(|verified| verified.addresses.len())
        };
        let first = circuit(1, id(1));
        assert_eq!(taken(&[first.clone(), circuit(2, id(1)), circuit(2, id(2))]), Ok(2));
        assert_eq!(taken(&[format!("{first}/p2p/{}", id(7))]), Ok(1));
        for hostile in [
            format!("{first}/p2p/{}", id(8)),
            circuit(1, id(7)),
            format!("{first}/p2p/{}/p2p-circuit", id(7)),
            circuit(1, PeerId::from_bytes(&[&[0x12, 0x20][..], &[5; 32]].concat()).unwrap()),
        ] {
            assert_eq!(
                taken(std::slice::from_ref(&hostile)),
                Err(RecordFault::Address),
                "{hostile}"
            );
        }
    }

    #[test]
    fn an_expired_record_of_the_own_store_still_gives_addresses() {
        let own = Terms { now: NOW + 9_999, expired_too: true, ..terms() };
        assert!(verify(signed(record(7), 7), &own).is_ok());
        assert_eq!(verify(signed(record(7), 8), &own).unwrap_err(), RecordFault::Signature);
    }

    #[test]
    fn oversize_and_foreign_bytes_are_malformed() {
        assert_eq!(from_bytes(&[0; RECORD_BYTES + 1]), Err(RecordFault::Malformed));
        assert_eq!(from_bytes(b"nothing"), Err(RecordFault::Malformed));
        let mut item = signed(record(7), 7).to_proto();
        item.body = vec![0; RECORD_BYTES + 1];
        assert_eq!(from_proto(item), Err(RecordFault::Malformed));
    }
}
