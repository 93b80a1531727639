//! Frames that have brought nodes of this library down, byte for byte, against the real binary.
//!
//! Each goes to a running node over TCP and Noise; what multiplexes is written by hand. The node must
//! live, keep answering, take the next honest peer, and hold no more memory for it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use ganglion_p2p::Topic;
use libp2p::core::Endpoint;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::transport::{DialOpts, PortUse};
use libp2p::core::upgrade::{
    InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo, Version,
};
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, Transport as _, noise, tcp};

use crate::hostile::{Host, stranger};

/// Time in which the node answers or hangs up.
const LIMIT: Duration = Duration::from_secs(20);
/// How much more a node may hold after all of it.
const MORE_MEMORY: u64 = 64 << 20;

/// Agrees on Yamux and gives the bytes below it.
#[derive(Clone)]
struct BelowYamux;

impl UpgradeInfo for BelowYamux {
    type Info = &'static str;
    type InfoIter = [&'static str; 1];

    fn protocol_info(&self) -> Self::InfoIter {
        ["/yamux/1.0.0"]
    }
}

/// The bytes themselves, where a muxer is asked for.
struct Raw<C>(C);

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Raw<C> {
    type Substream = C;
    type Error = io::Error;

    fn poll_inbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<C>> {
        Poll::Pending
    }

    fn poll_outbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<C>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        Poll::Pending
    }
}

impl<C> OutboundConnectionUpgrade<C> for BelowYamux {
    type Output = Raw<C>;
    type Error = Infallible;
    type Future = Ready<Result<Raw<C>, Infallible>>;

    fn upgrade_outbound(self, stream: C, _: &'static str) -> Self::Future {
        ready(Ok(Raw(stream)))
    }
}

impl<C> InboundConnectionUpgrade<C> for BelowYamux {
    type Output = Raw<C>;
    type Error = Infallible;
    type Future = Ready<Result<Raw<C>, Infallible>>;

    fn upgrade_inbound(self, stream: C, _: &'static str) -> Self::Future {
        ready(Ok(Raw(stream)))
    }
}

/// What Yamux would have written: version, type, flags, stream, length or credit.
fn header(kind: u8, flags: u16, stream: u32, length: u32) -> Vec<u8> {
    let mut bytes = vec![0, kind];
    bytes.extend_from_slice(&flags.to_be_bytes());
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes
}

const DATA: u8 = 0;
const WINDOW: u8 = 1;
const SYN: u16 = 1;

fn data(flags: u16, stream: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = header(DATA, flags, stream, u32::try_from(body.len()).unwrap());
    bytes.extend_from_slice(body);
    bytes
}

/// Sends all bytes on a connection of its own and reads until `seen` is satisfied or the node hangs
/// up; what was read.
async fn exchange(host: &Host, bytes: &[u8], seen: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let keypair = Keypair::generate_ed25519();
    let address: Multiaddr = host.listen().parse().unwrap();
    let mut transport = tcp::tokio::Transport::new(tcp::Config::default())
        .upgrade(Version::V1)
        .authenticate(noise::Config::new(&keypair).unwrap())
        .multiplex(BelowYamux);
    let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    let (_, Raw(mut raw)) = transport.dial(address, options).unwrap().await.unwrap();
    // The node may hang up before it has read everything.
    let _ = raw.write_all(bytes).await;
    let _ = raw.flush().await;
    let mut read = Vec::new();
    let mut buffer = [0; 4_096];
    while !seen(&read) {
        match raw.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
    read
}

async fn bounded<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(LIMIT, future).await;
    done.unwrap_or_else(|_| panic!("{LIMIT:?} without: {what}"))
}

/// Resident memory of the node, in bytes.
fn memory(host: &Host) -> u64 {
    let path = format!("/proc/{}/status", host.node.id());
    let status = std::fs::read_to_string(path).expect("the node runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1_024
}

/// The node lives through three heartbeats, answers, takes a peer, and holds no more than before.
async fn is_none_the_worse(host: &Host, before: u64) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert!(host.node.text("/healthz").is_some(), "the node does not answer any more");
        tokio::task::yield_now().await;
    }
    let (_, peer, _events) = stranger(host, 90).await;
    assert!(peer.peers().iter().any(|peer| peer.connected));
    let after = memory(host);
    assert!(after < before + MORE_MEMORY, "it holds {after} bytes, {before} before");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// GHSA-vxx9-2994-q338 and its kin: the first frame of a stream is longer than its window, or its
/// credit is more than a window can be.
#[test]
fn yamux_frames_over_the_window_end_the_connection_and_nothing_else() {
    const OVER: u32 = 256 * 1024 + 1;
    let host = Host::start();
    let before = memory(&host);
    let first = [header(DATA, SYN, 1, OVER), vec![0; 300 * 1024]].concat();
    let promised = header(DATA, SYN, 1, u32::MAX);
    let credit = [header(WINDOW, SYN, 1, u32::MAX), header(WINDOW, 0, 1, u32::MAX)].concat();
    let twice = [data(SYN, 1, b"x"), data(SYN, 1, b"x")].concat();
    let unknown = vec![0xff; 12];
    runtime().block_on(async {
        for (what, frames, hangs_up) in [
            ("a body over the window", &first, true),
            ("a length that is only promised", &promised, true),
            ("a credit of all there is", &credit, false),
            ("a stream opened twice", &twice, false),
            ("no frame at all", &unknown, true),
        ] {
            for _ in 0..8 {
                let ends = exchange(&host, frames, |read| !hangs_up && !read.is_empty());
                bounded(&format!("an end to {what}"), ends).await;
            }
        }
        is_none_the_worse(&host, before).await;
    });
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

/// A length-delimited protobuf field.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 2, &mut out);
    varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

/// An RPC of one control message, with its length.
fn control(content: &[u8]) -> Vec<u8> {
    let rpc = field(3, content);
    let mut out = Vec::new();
    varint(rpc.len() as u64, &mut out);
    out.extend_from_slice(&rpc);
    out
}

fn prune(topic: &str, backoff: u64) -> Vec<u8> {
    let mut prune = field(1, topic.as_bytes());
    varint(3 << 3, &mut prune);
    varint(backoff, &mut prune);
    field(4, &prune)
}

/// GHSA-gc42-3jg7-rxr2, -xqmp-fxgv-xvq5, -g3g5-x568-qvqx and -vrx6-jcp8-vm7m: back-offs that no clock
/// can hold, and grafts and prunes of topics that nobody has joined.
#[test]
fn gossip_control_messages_overflow_no_clock_and_no_table() {
    const PROTOCOL: &str = "/meshsub/1.1.0";
    let host = Host::start();
    let before = memory(&host);
    let topic = Topic::Weights.path(&host.subnet);
    let mut rpcs = Vec::new();
    for backoff in [u64::MAX, u64::MAX / 2, i64::MAX as u64, 1 << 34, 0] {
        rpcs.push(control(&prune(&topic, backoff)));
        rpcs.push(control(&prune("nobody has joined this", backoff)));
    }
    // Within the bound on control messages each, far beyond what a peer may subscribe to in all.
    for batch in 0..200 {
        let grafts: Vec<u8> = (0..100)
            .flat_map(|number| field(3, &field(1, format!("{batch}-{number}").as_bytes())))
            .collect();
        rpcs.push(control(&grafts));
    }
    let mut opening = Vec::new();
    for word in ["/multistream/1.0.0", PROTOCOL] {
        varint(word.len() as u64 + 1, &mut opening);
        opening.extend_from_slice(word.as_bytes());
        opening.push(b'\n');
    }
    // In frames that fit the window, which is never given back here.
    let mut bytes = data(SYN, 1, &opening);
    rpcs.iter().for_each(|rpc| bytes.extend(data(0, 1, rpc)));
    assert!(rpcs.iter().map(Vec::len).sum::<usize>() < 256 * 1024);
    runtime().block_on(async {
        for _ in 0..4 {
            let agreed = |read: &[u8]| {
                read.windows(PROTOCOL.len()).any(|window| window == PROTOCOL.as_bytes())
            };
            let read = bounded("agreement on gossip", exchange(&host, &bytes, agreed)).await;
            assert!(agreed(&read), "the node did not take the stream for gossip");
        }
        is_none_the_worse(&host, before).await;
    });
}
