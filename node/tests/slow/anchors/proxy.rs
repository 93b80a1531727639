//! Stands between a node and its chain's node: with TLS where it should, and seeing each request before and after.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The chain's node has not seen it.
    Before,
    /// It has, and its answer has not been passed on.
    Between,
    /// The answer has been passed on.
    After,
}

/// One request, by the name of its method.
#[derive(Clone, Debug)]
pub(super) struct Passing<'a> {
    pub(super) method: &'a str,
    pub(super) at: At,
}

/// Of its own making, for 127.0.0.1.
pub(super) struct Certificate {
    pub(super) pem: String,
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Certificate {
    pub(super) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = made.key_pair.serialize_der();
        Self { pem: made.cert.pem(), der: made.cert.der().clone(), key }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::Pkcs8(self.key.clone().into());
        Arc::new(config.with_single_cert(vec![self.der.clone()], key).unwrap())
    }
}

/// It stands for as long as the process of the test.
pub(super) struct Proxy {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    /// Passes on to `chain`, `http://…`. `see` is called on the way and holds it up; where it says no, the way ends.
    pub(super) fn start(
        chain: &str,
        certificate: Option<&Certificate>,
        see: impl Fn(&Passing<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let chain = chain.strip_prefix("http://").unwrap().to_owned();
        let tls = certificate.map(Certificate::config);
        let requests = Arc::new(AtomicUsize::new(0));
        let passer = Arc::new(Passer { chain, requests: requests.clone(), see: Box::new(see) });
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (passer, tls) = (passer.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => passer.serve(stream),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        passer.serve(StreamOwned::new(connection, stream));
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many have come.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

struct Passer {
    chain: String,
    requests: Arc<AtomicUsize>,
    see: Box<dyn Fn(&Passing<'_>) -> bool + Send + Sync>,
}

impl Passer {
    /// Until either side goes away.
    fn serve(&self, mut client: impl Read + Write) {
        while let Some(request) = message(&mut client) {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let text = String::from_utf8_lossy(&request);
            let method = text.split("\"method\":\"").nth(1).and_then(|rest| rest.split('"').next());
            let method = method.expect("a request of JSON-RPC");
            let see = |at| (self.see)(&Passing { method, at });
            if !see(At::Before) {
                return;
            }
            let mut chain = TcpStream::connect(&self.chain).unwrap();
            chain.write_all(&request).unwrap();
            let Some(answer) = message(&mut chain) else { return };
            if !see(At::Between)
                || client.write_all(&answer).and_then(|()| client.flush()).is_err()
                || !see(At::After)
            {
                return;
            }
        }
    }
}

/// One message of HTTP, with the body that its head tells of; `None` at the end of the connection.
fn message(stream: &mut impl Read) -> Option<Vec<u8>> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        if let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if bytes.len() >= head + 4 + length {
                return Some(bytes);
            }
        }
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
    }
}
