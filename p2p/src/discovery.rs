//! Finding peers: the rendezvous, the exchange of signed records, and whom to dial.
//!
//! ```text
//! bootnode ──Kademlia: who provides this subnet?──► a few peers (hint only, can be squatted)
//! any peer ──PeersRequest{own record}──► Peers{records}       at connect, then now and then
//! any peer ──gossip on the topic `peers`──► every peer         when a record is new
//! records  ──► dial, below the target, with back-off
//! ```

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use libp2p::kad::{self, GetProvidersOk, QueryResult, RecordKey, store::RecordStore as _};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, gossipsub, identify, relay};

use ganglion_types::proto::{self, request, response};
use ganglion_types::{Body, Canonical as _, Item, PeerRecord, limits};

use crate::circuit::is_circuit;
use crate::config::{is_loopback, parts};
use crate::handle::{Event, Fault, Verdict};
use crate::nat::Reach;
use crate::record::{self, RecordFault, Terms};
use crate::request::{Asked, Frame, Reply};
use crate::service::Service;
use crate::topics::Topic;
use crate::{metrics, peers};

/// Own record: signed anew after this time.
const RENEW: Duration = Duration::from_secs(limits::PEER_TTL_SECONDS / 4);
/// Own record: so much shorter than allowed, that a clock five minutes behind still takes it.
const SKEW_SECONDS: u64 = 300;
/// Dials at a time. Each costs about 5 ms of a core.
const DIALS: usize = 8;
/// Records are exchanged so often while the node is young or alone ...
const EXCHANGE_YOUNG: Duration = Duration::from_secs(2);
/// ... which is for so long ...
const YOUNG: Duration = Duration::from_secs(30);
/// ... and then so often.
const EXCHANGE: Duration = Duration::from_secs(30);
/// The rendezvous is asked so often while there are few peers ...
const LOOKUP_FEW: Duration = Duration::from_secs(15);
/// ... and then so often.
const LOOKUP: Duration = Duration::from_secs(300);
/// Peers from which on the rendezvous has done its work.
const ENOUGH: usize = 4;
/// Head start of the peer with the lower id, so that two do not dial each other at once.
const YIELD: Duration = Duration::from_millis(400);
/// A peer of another subnet is left alone for so long.
const FOREIGN: Duration = Duration::from_secs(600);
/// Characters kept of what a peer says it runs.
const AGENT: usize = 64;

/// What this part remembers.
#[derive(Debug)]
pub(crate) struct Discovery {
    started: Instant,
    own: Option<Item>,
    own_addresses: Vec<String>,
    own_seq: u64,
    own_signed: Instant,
    own_published: bool,
    next_exchange: Instant,
    next_lookup: Instant,
    providing: bool,
}

impl Discovery {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            own: None,
            own_addresses: Vec::new(),
            own_seq: 0,
            own_signed: now,
            own_published: false,
            next_exchange: now + EXCHANGE_YOUNG,
            next_lookup: now,
            providing: false,
        }
    }
}

/// How a record that passed came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// The very record held.
    Known,
    /// Another.
    Fresh,
}

/// From where a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// An answer to our question: its peers do not know of us.
    Answer,
    /// Its peer's own news: it may be about to dial us.
    News,
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn unix_millis() -> u64 {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    u64::try_from(millis).unwrap_or(u64::MAX)
}

impl Service {
    /// Peers to have; the rest of `max_peers` is for those that dial us.
    fn target(&self) -> usize {
        (self.max_peers * 3).div_ceil(4)
    }

    /// Fills the table from the configuration.
    pub(crate) fn seed(
        &mut self,
        bootnodes: &[(PeerId, Multiaddr)],
        known: Vec<Item>,
        now: Instant,
    ) {
        let unix = unix_seconds();
        for item in known.into_iter().take(peers::PEERS_MAX / 2) {
            let terms = Terms { subnet: &self.subnet, now: unix, held: None, expired_too: true };
            match record::verify(item, &terms) {
                Ok(verified) if verified.record.signer == self.hotkey => {
                    self.discovery.own_seq = self.discovery.own_seq.max(verified.record.seq);
                }
                Ok(verified) => {
                    self.peers.hint(verified.peer, verified.addresses.clone(), false, now);
                    if verified.record.expires > unix {
                        let _ = self.peers.insert(verified, now);
                    }
                }
                Err(fault) => tracing::debug!(%fault, "a record of the own store is of no use"),
            }
        }
        for (peer, address) in bootnodes {
            let held = self.peers.get(peer).filter(|held| held.bootnode);
            let mut addresses = held.map_or_else(Vec::new, |held| held.hints.clone());
            addresses.push(address.clone());
            self.peers.hint(*peer, addresses, true, now);
            self.route(peer, address.clone());
        }
    }

    /// Enters a peer into Kademlia's routing table; without discovery that stays empty.
    fn route(&mut self, peer: &PeerId, address: Multiaddr) {
        if self.discover_more {
            self.swarm.behaviour_mut().kad.add_address(peer, address);
        }
    }

    /// The work that time brings.
    pub(crate) fn discover(&mut self, now: Instant) {
        self.renew_own(now);
        self.publish_own();
        self.dial(now);
        if now >= self.discovery.next_exchange {
            let young = now.saturating_duration_since(self.discovery.started) < YOUNG;
            let few = self.peers.connected_count() < ENOUGH;
            self.discovery.next_exchange =
                now + if young || few { EXCHANGE_YOUNG } else { EXCHANGE };
            if let Some(peer) = self.peers.any_connected() {
                self.ask_records(peer);
            }
        }
        if self.discover_more && now >= self.discovery.next_lookup {
            self.look_up(now);
        }
    }

    /// The addresses to tell: those configured, else those listened at, loopback only if there are no others.
    /// Behind NAT those of relays come first.
    fn told_addresses(&self) -> Vec<Multiaddr> {
        if self.nat.reach() == Reach::Behind {
            return self.told_behind().into_iter().take(limits::PEER_ADDRESSES).collect();
        }
        let all = if self.external.is_empty() { &self.listening } else { &self.external };
        let public: Vec<_> = all.iter().filter(|a| !is_loopback(a)).cloned().collect();
        let told = if public.is_empty() { all.clone() } else { public };
        told.into_iter().take(limits::PEER_ADDRESSES).collect()
    }

    fn renew_own(&mut self, now: Instant) {
        let told = self.told_addresses();
        let texts: Vec<String> = told.iter().map(ToString::to_string).collect();
        let due = now.saturating_duration_since(self.discovery.own_signed) >= RENEW;
        let signed = self.discovery.own.is_some() && texts == self.discovery.own_addresses;
        if texts.is_empty() || (signed && !due) {
            return;
        }
        let seq = unix_millis().max(self.discovery.own_seq.saturating_add(1));
        let record = PeerRecord {
            signer: self.hotkey,
            seq,
            expires: unix_seconds() + limits::PEER_TTL_SECONDS - SKEW_SECONDS,
            addresses: texts.clone(),
            archive: self.archive,
        };
        self.discovery.own = Some(Item::sign(self.subnet, Body::PeerRecord(record), &self.key));
        self.discovery.own_addresses = texts;
        self.discovery.own_seq = seq;
        self.discovery.own_signed = now;
        self.discovery.own_published = false;
        // Kademlia tells only what the swarm calls external.
        for address in told {
            if !is_circuit(&address) {
                self.offer_to_punch(&address);
            }
            self.swarm.add_external_address(address);
        }
    }

    fn publish_own(&mut self) {
        let Some(own) = self.discovery.own.as_ref().filter(|_| !self.discovery.own_published)
        else {
            return;
        };
        let topic = self.topics.hash(Topic::Peers);
        let result = self.swarm.behaviour_mut().gossip.publish(topic, own.to_bytes());
        // Without a peer it is tried again; a peer that comes later is told when it connects.
        if !matches!(result, Err(gossipsub::PublishError::NoPeersSubscribedToTopic)) {
            self.discovery.own_published = true;
            metrics::published(Topic::Peers, if result.is_ok() { "sent" } else { "failed" });
        }
    }

    fn dial(&mut self, now: Instant) {
        let dialing = self.peers.dialing_count();
        let missing = self.target().saturating_sub(self.peers.connected_count() + dialing);
        let most = missing.min(DIALS.saturating_sub(dialing));
        if most == 0 {
            return;
        }
        for peer in self.peers.pick_dials(most, self.loopback, !self.discover_more, now) {
            let addresses =
                self.peers.get(&peer).map(|held| held.addresses(self.loopback)).unwrap_or_default();
            let options = DialOpts::peer_id(peer)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(addresses)
                .build();
            let connection = options.connection_id();
            self.peers.on_dialing(&peer, connection);
            if let Err(error) = self.swarm.dial(options) {
                tracing::debug!(%peer, %error, "not dialed");
                self.peers.on_dial_failed(&peer, connection, now);
            }
        }
    }

    /// Tells a peer our record and asks for those it holds.
    pub(crate) fn ask_records(&mut self, peer: PeerId) {
        let held = self.peers.get_mut(&peer);
        let within = held.is_some_and(|held| held.rates.asked.take(1.0, Instant::now()));
        if !within || !self.outbound.has_room(&peer) {
            return;
        }
        let mine = self.discovery.own.iter().map(Item::to_proto).collect();
        let request = request::Request::Peers(proto::PeersRequest { mine });
        let request = proto::Request { request: Some(request) };
        let id = self.swarm.behaviour_mut().rpc.send_request(&peer, Frame::Outgoing(request));
        self.outbound.insert(id, Asked { peer, kind: "peers", reply: Reply::Records });
    }

    /// Takes the asker's record and answers with those held.
    pub(crate) fn answer_records(
        &mut self,
        from: PeerId,
        asked: proto::PeersRequest,
    ) -> proto::Response {
        for item in asked.mine {
            let taken =
                record::from_proto(item).and_then(|item| self.take(item, from, Source::News));
            if taken.is_err_and(|fault| !fault.is_innocent()) {
                self.charge(from, Fault::Invalid);
            }
        }
        let own = self.discovery.own.clone();
        let mut records = self.peers.sample(limits::RESPONSE_PEERS, unix_seconds());
        records.truncate(limits::RESPONSE_PEERS - usize::from(own.is_some()));
        let records = own.iter().chain(&records).map(Item::to_proto).collect();
        proto::Response { response: Some(response::Response::Peers(proto::Peers { records })) }
    }

    /// Takes the records of an answer.
    pub(crate) fn on_records(&mut self, from: PeerId, response: proto::Response) {
        let Some(response::Response::Peers(peers)) = response.response else { return };
        let mut guilty = false;
        for item in peers.records {
            let taken =
                record::from_proto(item).and_then(|item| self.take(item, from, Source::Answer));
            guilty |= taken.is_err_and(|fault| !fault.is_innocent());
        }
        if guilty {
            self.charge(from, Fault::Invalid);
        }
        self.dial(Instant::now());
    }

    /// Judges a gossiped record.
    pub(crate) fn judge_record(&mut self, from: PeerId, bytes: &[u8]) -> Verdict {
        match record::from_bytes(bytes).and_then(|item| self.take(item, from, Source::News)) {
            // The very record held is passed on too: it may have come here by another way.
            Ok(Taken::Known | Taken::Fresh) => Verdict::Accept,
            Err(fault) if fault.is_innocent() => Verdict::Ignore,
            Err(_) => Verdict::Reject,
        }
    }

    fn take(&mut self, item: Item, from: PeerId, source: Source) -> Result<Taken, RecordFault> {
        let taken = self.try_take(item, from, source);
        if let Err(fault) = &taken
            && !matches!(fault, RecordFault::Own | RecordFault::Stale)
        {
            metrics::record_refused(fault.name());
            tracing::debug!(%fault, %from, "peer record refused");
        }
        taken
    }

    fn try_take(&mut self, item: Item, from: PeerId, source: Source) -> Result<Taken, RecordFault> {
        let now = Instant::now();
        let signer = record::claimed(&item)?;
        if signer == self.hotkey {
            self.on_own_record(&item);
            return Err(RecordFault::Own);
        }
        let id = crate::identity::peer_of(&signer).ok_or(RecordFault::Signature)?;
        let held = self.peers.get(&id).and_then(|peer| peer.record.as_ref());
        if held.is_some_and(|held| held.item == item) {
            return Ok(Taken::Known);
        }
        let held = held.map(|held| held.record.seq);
        let terms = Terms { subnet: &self.subnet, now: unix_seconds(), held, expired_too: false };
        let sender = self.peers.get_mut(&from);
        record::check_form(&item, &terms)?;
        if sender.is_some_and(|sender| !sender.rates.records.take(1.0, now)) {
            return Err(RecordFault::Full);
        }
        let verified = record::verify(item, &terms)?;
        let event = Event::Record { record: verified.item.clone() };
        let inserted = self.peers.insert(verified, now)?;
        if inserted == peers::Inserted::New && source == Source::News && self.peer_id > id {
            let jitter = self.peers.jitter(YIELD);
            self.peers.wait_until(&id, now + YIELD + jitter);
        }
        self.outbox.deliver(event);
        Ok(Taken::Fresh)
    }

    /// An own record that is not older than ours is from before a restart with a clock set back: the
    /// next one must be newer, or nobody would take it.
    fn on_own_record(&mut self, item: &Item) {
        let Body::PeerRecord(record) = item.body() else { return };
        let newer = self.discovery.own.as_ref() != Some(item)
            && *item.subnet() == self.subnet
            && record.seq >= self.discovery.own_seq;
        if newer && item.verify() {
            self.discovery.own_seq = record.seq;
            self.discovery.own = None;
        }
    }

    fn look_up(&mut self, now: Instant) {
        let connected = self.peers.connected_count();
        if connected == 0 {
            return;
        }
        let wait = if connected < ENOUGH { LOOKUP_FEW } else { LOOKUP };
        self.discovery.next_lookup = now + wait;
        let key = RecordKey::new(self.subnet.as_bytes());
        let kad = &mut self.swarm.behaviour_mut().kad;
        if !self.discovery.providing {
            // Neither fails once there is a peer; if it does, the next look-up tries again.
            let bootstrap = kad.bootstrap().is_ok();
            self.discovery.providing = bootstrap && kad.start_providing(key.clone()).is_ok();
        }
        kad.get_providers(key);
    }

    pub(crate) fn on_kad(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest {
                request: kad::InboundRequest::AddProvider { record: Some(record) },
            } => self.keep_provider(record),
            kad::Event::OutboundQueryProgressed {
                result:
                    QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })),
                ..
            } => {
                for peer in providers {
                    self.dial_provider(peer);
                }
            }
            _ => {}
        }
    }

    /// Nothing else is kept for others. That the provider is the sender, kad has checked.
    fn keep_provider(&mut self, record: kad::ProviderRecord) {
        let ours = record.key.as_ref() == self.subnet.as_bytes();
        if ours && self.swarm.behaviour_mut().kad.store_mut().add_provider(record).is_err() {
            tracing::debug!("no room for a provider");
        }
    }

    /// A provider is known by id only; its addresses came to the swarm beside the answer.
    fn dial_provider(&mut self, peer: PeerId) {
        let wanted = self.peers.connected_count() + self.peers.dialing_count() < self.target();
        if peer == self.peer_id || !wanted || self.peers.get(&peer).is_some() {
            return;
        }
        let options =
            DialOpts::peer_id(peer).condition(PeerCondition::DisconnectedAndNotDialing).build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::debug!(%peer, %error, "provider not dialed");
        }
    }

    pub(crate) fn on_identified(&mut self, peer: PeerId, info: identify::Info, now: Instant) {
        if info.protocol_version != crate::topics::identity_protocol(&self.subnet) {
            metrics::connection("foreign_subnet");
            self.peers.wait_until(&peer, now + FOREIGN);
            let _ = self.swarm.disconnect_peer_id(peer);
            return;
        }
        self.swarm.behaviour_mut().admit(peer);
        let held = self.peers.get_mut(&peer).and_then(|peer| peer.connected.as_mut());
        let Some(connected) = held else { return };
        connected.relays = info.protocols.contains(&relay::HOP_PROTOCOL_NAME);
        // Once per connection: Kademlia would keep every address of every push.
        if connected.identified {
            return;
        }
        let shown = info.agent_version.chars().filter(|c| !c.is_control()).take(AGENT);
        connected.agent = Some(shown.collect());
        connected.identified = true;
        for address in info.listen_addrs.iter().take(limits::PEER_ADDRESSES) {
            if let Some((base, _)) =
                parts(address).filter(|_| self.loopback || !is_loopback(address))
            {
                self.route(&peer, base);
            }
        }
    }
}
