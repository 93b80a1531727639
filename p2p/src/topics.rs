//! Every topic and protocol name. All carry the protocol version and the subnet, so that two
//! subnets on one host never mix.
//!
//! The gossip protocol itself keeps libp2p's own ids (`/meshsub/1.x`): a custom id would turn off
//! version 1.2, with which a peer says that it does not want a large message again.

use std::collections::HashMap;

use libp2p::StreamProtocol;
use libp2p::gossipsub::{IdentTopic, TopicHash};

use ganglion_types::{PROTOCOL_VERSION, SubnetId, limits};

/// Bytes of one peer record on the wire: 8 addresses of 256 bytes, keys, numbers and signature.
pub const RECORD_BYTES: usize = 4 * 1024;

/// What a gossiped message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Task batches.
    Tasks,
    /// Output commitments and batches.
    Outputs,
    /// Rows of weights.
    Weights,
    /// Operations on registry and stake.
    Ops,
    /// Lists, votes and proposals.
    Agreement,
    /// Peer records. This crate alone publishes and validates them.
    Peers,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 6] =
        [Self::Tasks, Self::Outputs, Self::Weights, Self::Ops, Self::Agreement, Self::Peers];

    /// Last part of the name, and metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Outputs => "outputs",
            Self::Weights => "weights",
            Self::Ops => "ops",
            Self::Agreement => "agreement",
            Self::Peers => "peers",
        }
    }

    /// Bytes of the largest message.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Agreement => limits::AGREEMENT_BYTES,
            Self::Peers => RECORD_BYTES,
            Self::Tasks | Self::Outputs | Self::Weights | Self::Ops => limits::ITEM_BYTES,
        }
    }

    /// The full name: `/ganglion/1/<subnet>/<topic>`.
    #[must_use]
    pub fn path(self, subnet: &SubnetId) -> String {
        name(subnet, self.name())
    }
}

/// Protocol of the Kademlia table: `/ganglion/1/<subnet>/kad`.
#[must_use]
pub fn kad_protocol(subnet: &SubnetId) -> String {
    name(subnet, "kad")
}

/// Protocol of requests and responses: `/ganglion/1/<subnet>/rpc`.
#[must_use]
pub fn rpc_protocol(subnet: &SubnetId) -> String {
    name(subnet, "rpc")
}

/// What a node of this subnet calls itself when it identifies: `/ganglion/1/<subnet>/id`.
#[must_use]
pub fn identity_protocol(subnet: &SubnetId) -> String {
    name(subnet, "id")
}

fn name(subnet: &SubnetId, last: &str) -> String {
    format!("/ganglion/{PROTOCOL_VERSION}/{subnet}/{last}")
}

/// A protocol name as libp2p wants it.
pub(crate) fn stream_protocol(name: String) -> StreamProtocol {
    StreamProtocol::try_from_owned(name).expect("our protocol names start with a slash")
}

/// The topics of one subnet, both ways.
#[derive(Debug)]
pub(crate) struct Topics {
    subnet: SubnetId,
    topics: HashMap<TopicHash, Topic>,
}

impl Topics {
    pub(crate) fn new(subnet: SubnetId) -> Self {
        let topics = Topic::ALL
            .into_iter()
            .map(|topic| (IdentTopic::new(topic.path(&subnet)).hash(), topic))
            .collect();
        Self { subnet, topics }
    }

    pub(crate) fn ident(&self, topic: Topic) -> IdentTopic {
        IdentTopic::new(topic.path(&self.subnet))
    }

    pub(crate) fn hash(&self, topic: Topic) -> TopicHash {
        self.ident(topic).hash()
    }

    pub(crate) fn of(&self, hash: &TopicHash) -> Option<Topic> {
        self.topics.get(hash).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_version_subnet_and_purpose() {
        let subnet = SubnetId::new([0xab; 32]);
        let hex = "ab".repeat(32);
        assert_eq!(Topic::Tasks.path(&subnet), format!("/ganglion/1/{hex}/tasks"));
        assert_eq!(kad_protocol(&subnet), format!("/ganglion/1/{hex}/kad"));
        assert_eq!(rpc_protocol(&subnet), format!("/ganglion/1/{hex}/rpc"));
        assert_eq!(identity_protocol(&subnet), format!("/ganglion/1/{hex}/id"));
    }

    #[test]
    fn every_topic_has_its_own_hash() {
        let topics = Topics::new(SubnetId::new([1; 32]));
        for topic in Topic::ALL {
            assert_eq!(topics.of(&topics.hash(topic)), Some(topic));
        }
        let foreign = Topics::new(SubnetId::new([2; 32]));
        assert_eq!(topics.of(&foreign.hash(Topic::Tasks)), None);
    }
}
