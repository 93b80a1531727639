//! What libp2p counts by itself: its swarm, Kademlia, identify, ping, gossipsub and traffic.
//!
//! It has a registry of its own, in another form than ours. This module fills it and gives its text; which of it a
//! node shows, under which bounds, is for the node to say.

use std::sync::Arc;

use libp2p::gossipsub;
use libp2p::metrics::{BandwidthTransport, Metrics, Recorder as _, Registry};
use libp2p::swarm::SwarmEvent;
use prometheus_client::encoding::text::encode_registry;

use crate::behaviour::BehaviourEvent;
use crate::gossip;
use crate::topics::Topic;

/// Before all names.
const PREFIX: &str = "ganglion";

/// The registry while a network is put together.
pub(crate) struct Counts {
    registry: Registry,
    metrics: Metrics,
}

impl Counts {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let metrics = Metrics::new(&mut registry);
        Self { registry, metrics }
    }

    /// Lets gossipsub count. It listens to our topics only, so theirs are all the labels there are. They are subscribed
    /// to before it counts, which is why it takes them for foreign ones.
    pub(crate) fn gossip(&mut self, behaviour: gossip::Behaviour) -> gossip::Behaviour {
        let registry = self.registry.sub_registry_with_prefix("libp2p");
        let mut config = gossipsub::MetricsConfig {
            max_topics: Topic::ALL.len(),
            max_never_subscribed_topics: Topic::ALL.len(),
            ..gossipsub::MetricsConfig::default()
        };
        config.buckets_using_scoring_thresholds(&gossip::thresholds());
        behaviour.with_metrics(registry.sub_registry_with_prefix("gossipsub"), config)
    }

    /// Counts the bytes of streams.
    pub(crate) fn bandwidth<T>(&mut self, transport: T) -> BandwidthTransport<T> {
        BandwidthTransport::new(transport, &mut self.registry)
    }

    /// What counts from now on, and what can be read.
    pub(crate) fn finish(self) -> (Counting, Counted) {
        (Counting(self.metrics), Counted(Arc::new(self.registry)))
    }
}

/// Counts what happens in a swarm.
pub(crate) struct Counting(Metrics);

impl Counting {
    pub(crate) fn record(&self, event: &SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.0.record(event),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(event)) => self.0.record(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => self.0.record(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.0.record(event),
            SwarmEvent::Behaviour(_)
            // Their labels are what a peer says it saw.
            | SwarmEvent::NewExternalAddrCandidate { .. }
            | SwarmEvent::ExternalAddrConfirmed { .. }
            | SwarmEvent::ExternalAddrExpired { .. } => {}
            event => self.0.record(event),
        }
    }
}

/// What was counted. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Counted(Arc<Registry>);

impl Counted {
    /// In the text format of `OpenMetrics`, without its end mark.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A string takes whatever is written to it; what libp2p refuses to write is left out.
        let _ = encode_registry(&mut text, &self.0);
        text
    }
}
