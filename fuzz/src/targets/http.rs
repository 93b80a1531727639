//! Requests to the server of a node that has a few epochs, as its routes get them.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use ganglion::api::types::{ErrorBody, TaskAnswers};
use ganglion::http::{
    AskMiners, BoxFuture, Context, Network, PeerSeen, Submit, SubmitError, WorkerHealth,
};
use ganglion::library::Library;
use ganglion::view::View;
use ganglion_storage::Store;
use ganglion_subnet::{Channel, intake};
use ganglion_types::{Fork, ItemId};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use super::chain::{CHAIN, LIVED, open};
use super::ledger::WORLD;
use super::ledger::fixture::hotkey;

/// A node of nobody's acquaintance, whose pool is full.
struct Alone;

impl Submit for Alone {
    fn submit(&self, item: Vec<u8>) -> BoxFuture<'_, Result<ItemId, SubmitError>> {
        let subnet = WORLD.subnet.manifest.subnet_id();
        let taken = intake::decode(&item, &subnet, Channel::Ops).expect("the route has checked it");
        assert!(taken.verify(), "an operation with a bad signature came through");
        Box::pin(async { Err(SubmitError::Busy) })
    }

    fn forked(&self, _: Fork) -> bool {
        panic!("no input here is signed by a committee")
    }
}

impl AskMiners for Alone {
    fn ask(
        &self,
        input: Vec<u8>,
        miners: u16,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<TaskAnswers, String>> {
        assert!((1..=16).contains(&miners) && timeout <= Duration::from_secs(60));
        assert!(serde_json::from_slice::<serde_json::Value>(&input).is_ok());
        Box::pin(async { Err("nobody is connected".into()) })
    }
}

impl Network for Alone {
    fn peers(&self) -> Vec<PeerSeen> {
        Vec::new()
    }

    fn peer_id(&self) -> String {
        "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA".into()
    }

    fn listen(&self) -> Vec<String> {
        Vec::new()
    }
}

struct Server {
    runtime: Runtime,
    router: Router,
    /// Open as long as it is read from.
    _store: Mutex<Store>,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let (store, _) = open(&LIVED.copy()).expect("a sound disk");
    let last = CHAIN.last().expect("it has epochs");
    let context = Context {
        view: View::new(hotkey(0), last.state.clone()),
        library: Library::new(store.reader().clone()),
        submit: Arc::new(Alone),
        tasks: Arc::new(Alone),
        network: Arc::new(Alone),
        worker: Arc::new(|| WorkerHealth::None),
        anchors: None,
        registry: None,
        token: None,
        metrics: ganglion::fuzzing::no_metrics(),
        hosts: vec!["node.test".into()],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    Server {
        runtime: runtime.expect("a runtime"),
        router: ganglion::fuzzing::router(context),
        _store: Mutex::new(store),
    }
});

/// `METHOD PATH`, lines of headers, an empty line, the body. `None` if no request could look like this.
fn parse(bytes: &[u8]) -> Option<Request<Body>> {
    let split = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match split {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, uri) = first.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(uri);
    let mut has_host = false;
    for line in lines.take(64) {
        let at = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..at], line[at + 1..].trim_ascii());
        has_host |= name.eq_ignore_ascii_case(b"host");
        request = request.header(name, value);
    }
    if !has_host {
        request = request.header(header::HOST, "127.0.0.1");
    }
    request.body(Body::from(body.to_vec())).ok()
}

/// Nothing that is asked is a failure of the node, and every refusal is in the form that commands read.
pub(super) fn http_request(bytes: &[u8]) {
    let Some(request) = parse(bytes) else { return };
    let Server { runtime, router, .. } = &*SERVER;
    let head = request.method() == "HEAD";
    let (status, kind, body) = runtime.block_on(async {
        let answer = router.clone().oneshot(request).await.expect("the router never fails");
        let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
        let body = axum::body::to_bytes(answer.into_body(), 8 << 20).await;
        (status, kind, body.expect("an answer of less than 8 MiB"))
    });
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{}", String::from_utf8_lossy(&body));
    if (status.is_client_error() || status.is_server_error()) && !head {
        let ready = status == StatusCode::SERVICE_UNAVAILABLE;
        let form = serde_json::from_slice::<ErrorBody>(&body);
        assert!(form.is_ok() || ready, "{status}: {}", String::from_utf8_lossy(&body));
        assert!(kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")));
    }
}
