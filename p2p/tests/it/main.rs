//! The network of this crate over real TCP connections on 127.0.0.1.

mod gossip;
mod hostile;
mod mesh;
mod metrics;
mod nat;
#[cfg(feature = "quic")]
mod quic;
mod raw;
mod records;
mod requests;
mod start;
mod support;
