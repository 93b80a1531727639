//! TCP with Noise and Yamux, names resolved by DNS, and circuits through relays; QUIC beside them if the feature is on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::Either;
use futures::{AsyncRead, AsyncWrite, ready};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Transport, dns, noise, relay, tcp, yamux};
use metrics::{Counter, counter};

use crate::counts::Counts;
use crate::metrics::BYTES;

/// Time from the first packet to a secure connection. Ten seconds are three lost SYNs.
const CONNECT: Duration = Duration::from_secs(10);
/// Streams of one connection: gossip 2, Kademlia 32, requests 32 each way, the rest identify, ping
/// and room for what is just closing.
const STREAMS: usize = 128;

pub(crate) fn build(
    keypair: &Keypair,
    circuits: relay::client::Transport,
    counts: &mut Counts,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, io::Error> {
    let named = match dns::tokio::Transport::system(numeric(keypair)?) {
        Ok(transport) => transport,
        // A bare container without `/etc/resolv.conf` still runs.
        Err(error) => {
            tracing::warn!(%error, "no DNS configuration: only numeric addresses can be dialed");
            let (config, options) = (dns::ResolverConfig::default(), dns::ResolverOpts::default());
            dns::tokio::Transport::custom(numeric(keypair)?, config, options)
        }
    };
    // Bytes of a circuit are bytes of the connection to its relay, and counted there.
    let direct = counts.bandwidth(named).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let circuits = circuits
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair).map_err(io::Error::other)?)
        .multiplex(muxer())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let all = circuits.or_transport(direct).map(|either, _| match either {
        Either::Left(connection) | Either::Right(connection) => connection,
    });
    Ok(TransportTimeout::new(all, CONNECT).boxed())
}

fn muxer() -> yamux::Config {
    let mut muxer = yamux::Config::default();
    muxer.set_max_num_streams(STREAMS);
    muxer
}

/// The transports proper, which dial IP addresses only.
fn numeric(keypair: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, io::Error> {
    let read = counter!(BYTES, "direction" => "in");
    let written = counter!(BYTES, "direction" => "out");
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .map(move |stream, _| Counted { stream, read: read.clone(), written: written.clone() })
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair).map_err(io::Error::other)?)
        .multiplex(muxer())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    #[cfg(feature = "quic")]
    let tcp = {
        let quic = libp2p::quic::tokio::Transport::new(libp2p::quic::Config::new(keypair))
            .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
        tcp.or_transport(quic).map(|either, _| match either {
            Either::Left(connection) | Either::Right(connection) => connection,
        })
    };
    Ok(tcp.boxed())
}

/// A stream that counts its bytes, encryption and framing included.
struct Counted<S> {
    stream: S,
    read: Counter,
    written: Counter,
}

fn count(counter: &Counter, bytes: usize) {
    counter.increment(u64::try_from(bytes).unwrap_or(u64::MAX));
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        count(&self.read, bytes);
        Poll::Ready(Ok(bytes))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.stream).poll_write(cx, buffer))?;
        count(&self.written, bytes);
        Poll::Ready(Ok(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, buffers))?;
        count(&self.written, bytes);
        Poll::Ready(Ok(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
