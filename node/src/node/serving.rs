//! What the HTTP server asks of driver, network and tasks.

use std::time::Duration;

use futures::future::BoxFuture;
use ganglion_p2p as p2p;
use ganglion_subnet::Input;
use ganglion_types::{Fork, ItemId};

use crate::api::types::TaskAnswers;
use crate::driver::{self, Driver, Mail};
use crate::http::{self, PeerSeen, SubmitError};
use crate::tasks::TaskClient;

impl http::Submit for Driver {
    fn submit(&self, item: Vec<u8>) -> BoxFuture<'_, Result<ItemId, SubmitError>> {
        Box::pin(async move {
            Self::submit(self, item).await.map_err(|error| match error {
                driver::SubmitError::Refused(reason) => SubmitError::Refused(reason),
                driver::SubmitError::Busy => SubmitError::Busy,
            })
        })
    }

    fn forked(&self, fork: Fork) -> bool {
        self.mail(Mail::Input(Input::Forked(Box::new(fork))))
    }
}

impl http::AskMiners for TaskClient {
    fn ask(
        &self,
        input: Vec<u8>,
        miners: u16,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<TaskAnswers, String>> {
        Box::pin(async move {
            self.call(input, miners, timeout).await.map_err(|error| error.to_string())
        })
    }
}

impl http::Network for p2p::Handle {
    fn peers(&self) -> Vec<PeerSeen> {
        let mut peers: Vec<PeerSeen> = Self::peers(self)
            .into_iter()
            .map(|peer| PeerSeen {
                hotkey: peer.hotkey,
                peer_id: peer.peer_id,
                addresses: peer.addresses,
                connected: peer.connected,
                relayed: peer.relayed,
                score: peer.score,
                rtt: peer.rtt,
                agent: peer.agent,
                archive: peer.archive,
            })
            .collect();
        peers.sort_by_key(|peer| (!peer.connected, peer.hotkey));
        peers
    }

    fn peer_id(&self) -> String {
        self.local_peer_id()
    }

    fn listen(&self) -> Vec<String> {
        self.listen_addresses()
    }

    fn reach(&self) -> &'static str {
        Self::reach(self).name()
    }

    fn metrics(&self) -> String {
        self.libp2p_metrics()
    }
}
