//! A second libp2p client that keeps none of our rules.

use std::io;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _};
use ganglion_p2p::topics;
use ganglion_types::{SubnetId, proto};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Message, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, gossipsub, identify, kad, noise, tcp,
    yamux,
};
use prost::Message as _;
use tokio::time::{Instant, timeout_at};

use crate::support::LIMIT;

/// Writes what it is given and reads what comes.
#[derive(Clone, Default)]
pub(crate) struct Bytes;

impl request_response::Codec for Bytes {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = Vec::new();
        io.take(1 << 24).read_to_end(&mut bytes).await.map(|_| bytes)
    }

    async fn read_response<T>(
        &mut self,
        protocol: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read_request(protocol, io).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(
        &mut self,
        protocol: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write_request(protocol, io, bytes).await
    }
}

#[derive(NetworkBehaviour)]
pub(crate) struct Protocols {
    pub(crate) rpc: request_response::Behaviour<Bytes>,
    pub(crate) gossip: gossipsub::Behaviour,
    pub(crate) kad: kad::Behaviour<kad::store::MemoryStore>,
    identify: identify::Behaviour,
}

pub(crate) struct Client {
    pub(crate) swarm: Swarm<Protocols>,
    pub(crate) node: PeerId,
}

/// How a client differs from a good one.
pub(crate) struct Manners {
    pub(crate) seed: u8,
    pub(crate) protocol: String,
    pub(crate) signed_gossip: bool,
}

impl Manners {
    pub(crate) fn good(seed: u8, subnet: &SubnetId) -> Self {
        Self { seed, protocol: topics::rpc_protocol(subnet), signed_gossip: false }
    }
}

impl Client {
    /// Connects to the node at `address`, which ends in its peer id.
    pub(crate) async fn connect(subnet: &SubnetId, manners: Manners, address: &str) -> Self {
        let address: Multiaddr = address.parse().unwrap();
        let node = address.iter().find_map(|part| match part {
            libp2p::multiaddr::Protocol::P2p(peer) => Some(peer),
            _ => None,
        });
        let keypair = Keypair::ed25519_from_bytes([manners.seed; 32]).unwrap();
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|keypair| protocols(keypair, subnet, &manners))
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(LIMIT))
            .build();
        swarm.dial(address).unwrap();
        let mut client = Self { swarm, node: node.unwrap() };
        client
            .until("a connection", |event| {
                matches!(event, SwarmEvent::ConnectionEstablished { .. }).then_some(())
            })
            .await;
        client
    }

    /// Runs until `pick` takes an event.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(SwarmEvent<ProtocolsEvent>) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            let event = timeout_at(deadline, self.swarm.select_next_some()).await;
            match event {
                Ok(event) => {
                    if let Some(picked) = pick(event) {
                        return picked;
                    }
                }
                Err(_) => panic!("{what}: not within {LIMIT:?}"),
            }
        }
    }

    /// Sends raw bytes on a stream and returns the raw answer, or how it failed.
    pub(crate) async fn exchange(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        let node = self.node;
        let id = self.swarm.behaviour_mut().rpc.send_request(&node, bytes);
        self.until("an answer", |event| match event {
            SwarmEvent::Behaviour(ProtocolsEvent::Rpc(event)) => match event {
                request_response::Event::Message {
                    message: Message::Response { request_id, response },
                    ..
                } if request_id == id => Some(Ok(response)),
                request_response::Event::OutboundFailure { request_id, error, .. }
                    if request_id == id =>
                {
                    Some(Err(error.to_string()))
                }
                _ => None,
            },
            _ => None,
        })
        .await
    }

    /// The same with a whole request, framed, and the answer decoded.
    pub(crate) async fn ask(&mut self, request: proto::Request) -> proto::Response {
        let answer = self.exchange(frame(&request.encode_to_vec())).await.unwrap();
        decode(&answer)
    }
}

fn protocols(keypair: &Keypair, subnet: &SubnetId, manners: &Manners) -> Protocols {
    let stream = |name| StreamProtocol::try_from_owned(name).unwrap();
    let authenticity = if manners.signed_gossip {
        gossipsub::MessageAuthenticity::Signed(keypair.clone())
    } else {
        gossipsub::MessageAuthenticity::Anonymous
    };
    let gossip = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::None)
        .message_id_fn(|message| {
            gossipsub::MessageId::from(blake3::hash(&message.data).as_bytes().to_vec())
        })
        .heartbeat_initial_delay(Duration::from_millis(100))
        .heartbeat_interval(Duration::from_millis(500))
        .max_transmit_size(1 << 20)
        .build()
        .unwrap();
    let me = keypair.public().to_peer_id();
    let mut kad = kad::Behaviour::with_config(
        me,
        kad::store::MemoryStore::new(me),
        kad::Config::new(stream(topics::kad_protocol(subnet))),
    );
    kad.set_mode(Some(kad::Mode::Server));
    Protocols {
        rpc: request_response::Behaviour::new(
            [(stream(manners.protocol.clone()), ProtocolSupport::Full)],
            request_response::Config::default(),
        ),
        gossip: gossipsub::Behaviour::new(authenticity, gossip).unwrap(),
        kad,
        identify: identify::Behaviour::new(identify::Config::new(
            topics::identity_protocol(subnet),
            keypair.public(),
        )),
    }
}

/// Length and bytes.
pub(crate) fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [length.to_be_bytes().as_slice(), bytes].concat()
}

pub(crate) fn decode(answer: &[u8]) -> proto::Response {
    let (length, body) = answer.split_at_checked(4).expect("an answer has a length");
    assert_eq!(length, u32::try_from(body.len()).unwrap().to_be_bytes());
    proto::Response::decode(body).expect("an answer is a response")
}
