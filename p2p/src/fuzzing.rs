//! Decoders of what peers send, as they are called behind libp2p. For the targets in `fuzz/` only.

use std::sync::Arc;

use futures::executor::block_on;
use futures::io::Cursor;
use ganglion_types::{PeerRecord, SubnetId, proto};
use libp2p::Multiaddr;
use tokio::sync::Semaphore;

use crate::circuit::{self, Form};
use crate::record::{self, Terms};
use crate::request::{self, Frame};
use crate::wire::{RequestShape, ResponseShape};

fn budget() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1 << 10))
}

fn received<T>(frame: std::io::Result<Frame<T>>) -> Option<T> {
    match frame {
        Ok(Frame::Received(message, _)) => Some(message),
        _ => None,
    }
}

/// The request in a stream's bytes, its length in front.
#[must_use]
pub fn request(bytes: &[u8]) -> Option<proto::Request> {
    let mut bytes = Cursor::new(bytes);
    let limit = request::REQUEST_BYTES;
    let frame = block_on(request::read::<_, RequestShape, _>(&mut bytes, limit, &budget()));
    let message = received(frame)?;
    // What the node looks at before the participant does.
    let _ = request::kind(&message);
    Some(message)
}

/// The response in a stream's bytes, its length in front.
#[must_use]
pub fn response(bytes: &[u8]) -> Option<proto::Response> {
    let mut bytes = Cursor::new(bytes);
    let limit = request::RESPONSE_BYTES;
    received(block_on(request::read::<_, ResponseShape, _>(&mut bytes, limit, &budget())))
}

/// The record in a gossip message, checked whole at `now`, unix seconds.
#[must_use]
pub fn record(bytes: &[u8], subnet: &SubnetId, now: u64) -> Option<PeerRecord> {
    let item = record::from_bytes(bytes).ok()?;
    let terms = Terms { subnet, now, held: None, expired_too: true };
    record::verify(item, &terms).ok().map(|verified| verified.record)
}

/// Whether an address of a record or a configuration is one to dial.
#[must_use]
pub fn address(text: &str) -> bool {
    text.parse::<Multiaddr>().is_ok_and(|address| {
        matches!(circuit::read(&address), Form::Direct(..) | Form::Circuit { .. })
    })
}
