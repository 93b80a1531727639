//! Requests and responses.

use std::time::Duration;

use ganglion_p2p::{Event, RequestError, limits, refused};
use ganglion_types::proto::request::Request;
use ganglion_types::proto::response::Response;
use ganglion_types::{Hotkey, proto};

use crate::support::{LIMIT, Node, config, hotkey};

async fn pair() -> (Node, Node) {
    let b = Node::start(config(2, &[])).await;
    let a = Node::start(config(1, &[b.address()])).await;
    a.connected_until(1).await;
    b.connected_until(1).await;
    (a, b)
}

fn request(request: Request) -> proto::Request {
    proto::Request { request: Some(request) }
}

fn response(response: Response) -> proto::Response {
    proto::Response { response: Some(response) }
}

fn blob(offset: u64) -> proto::Request {
    request(Request::Blob(proto::BlobRequest { digest: vec![1; 32], offset }))
}

async fn answer(node: &mut Node, with: proto::Response) -> (Hotkey, proto::Request) {
    let (from, request, token) = node
        .event("a request", |event| match event {
            Event::Request { from, request, token } => Some((from, request, token)),
            _ => None,
        })
        .await;
    node.handle.respond(token, with);
    (from, request)
}

/// Anti-entropy at its bounds.
fn compared(item: &proto::Item, message: &proto::AgreementMessage) -> [(Request, Response); 2] {
    let id = || vec![7; 32];
    let (items, messages) = (vec![item.clone(); 256], vec![message.clone(); 64]);
    let status = Some(proto::Status::default());
    let differences =
        proto::DifferencesRequest { mine: status.clone(), sums: vec![id(); 3], after: id() };
    let held = proto::Held { section: 3, ids: vec![id(); 1_024] };
    let told = proto::Differences { status, sections: vec![held; 3] };
    let trade = proto::TradeRequest {
        epoch: 1,
        items: items.clone(),
        messages: messages.clone(),
        wanted: vec![id(); 256],
    };
    let given = proto::Trade { status: None, items, messages };
    [
        (Request::Differences(differences), Response::Differences(told)),
        (Request::Trade(trade), Response::Trade(given)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_goes_there_and_back() {
    let (a, mut b) = pair().await;
    let id = || vec![7; 32];
    let item =
        proto::Item { version: 1, subnet: id(), kind: 1, body: vec![1], signature: vec![2; 64] };
    let status = proto::Status { epoch: 3, cut: id(), oldest: 1, forked: 0 };
    let receipt = Some(item.clone());
    let bundle = proto::EpochBundle { items: vec![item.clone()], ..Default::default() };
    let message = proto::AgreementMessage {
        message: Some(proto::agreement_message::Message::List(item.clone())),
    };
    let compared = compared(&item, &message);
    let task =
        proto::TaskRequest { task: "digits".into(), input: vec![1], deadline_ms: 5, nonce: 6 };
    let kinds = [
        (
            Request::Status(proto::StatusRequest { mine: Some(status.clone()) }),
            Response::Status(status),
        ),
        (
            Request::Items(proto::ItemsRequest { ids: vec![id(); 256] }),
            Response::Items(proto::Items { items: vec![item; 256] }),
        ),
        (
            Request::ListBodies(proto::ListBodiesRequest { digests: vec![id(); 64] }),
            Response::ListBodies(proto::ListBodies {
                bodies: vec![proto::ListBody { ids: vec![id()] }],
            }),
        ),
        (
            Request::Epochs(proto::EpochsRequest { from: 1, max: 64 }),
            Response::Epochs(proto::Epochs { epochs: vec![bundle; 64] }),
        ),
        (
            Request::Blob(proto::BlobRequest { digest: id(), offset: 9 }),
            Response::Blob(proto::BlobPart { bytes: vec![5; 256 * 1024], size: 1 << 20 }),
        ),
        (
            Request::Push(proto::PushRequest { messages: vec![message; 64] }),
            Response::Pushed(proto::Pushed::default()),
        ),
        (Request::Task(task), Response::Task(proto::TaskAnswer { output: vec![3], receipt })),
    ];
    for (ask, tell) in kinds.into_iter().chain(compared) {
        let (ask, tell) = (request(ask), response(tell));
        let asked = a.handle.ask(b.hotkey(), ask.clone(), LIMIT);
        let (got, (from, heard)) = tokio::join!(asked, answer(&mut b, tell.clone()));
        assert_eq!((from, heard), (a.hotkey(), ask));
        assert_eq!(got, Ok(tell));
    }
    // Records the network answers by itself.
    let peers = request(Request::Peers(proto::PeersRequest { mine: Vec::new() }));
    let Some(Response::Peers(peers)) =
        a.handle.ask(b.hotkey(), peers, LIMIT).await.unwrap().response
    else {
        panic!("not an answer to the question")
    };
    assert_eq!(peers.records.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_as_an_event_with_its_id() {
    let (mut a, mut b) = pair().await;
    let first = a.handle.request(b.hotkey(), blob(1)).unwrap();
    let second = a.handle.request(b.hotkey(), blob(2)).unwrap();
    assert_ne!(first, second);
    for _ in 0..2 {
        answer(&mut b, response(Response::Blob(proto::BlobPart::default()))).await;
    }
    let mut ended = Vec::new();
    for _ in 0..2 {
        let (id, peer, result) = a
            .event("a response", |event| match event {
                Event::Response { id, peer, result } => Some((id, peer, result)),
                _ => None,
            })
            .await;
        assert_eq!(peer, b.hotkey());
        assert!(result.is_ok());
        ended.push(id);
    }
    ended.sort_unstable();
    assert_eq!(ended, [first, second]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nodes_own_refusal_and_a_wrong_kind_are_errors() {
    let (a, mut b) = pair().await;
    let no = response(Response::Refused(proto::Refused { code: 16, reason: "not held".into() }));
    let asked = a.handle.ask(b.hotkey(), blob(0), LIMIT);
    let (got, _) = tokio::join!(asked, answer(&mut b, no));
    assert_eq!(got, Err(RequestError::Refused { code: 16, reason: "not held".into() }));

    let other = response(Response::Pushed(proto::Pushed::default()));
    let asked = a.handle.ask(b.hotkey(), blob(0), LIMIT);
    let (got, _) = tokio::join!(asked, answer(&mut b, other));
    assert_eq!(got, Err(RequestError::Malformed));
    a.peers_until("a lower score", |peers| peers.iter().any(|p| p.score < -5.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_fails_at_once() {
    let (a, b) = pair().await;
    let unknown = a.handle.ask(hotkey(99), blob(0), LIMIT).await;
    assert_eq!(unknown, Err(RequestError::Unreachable));
    let own = a.handle.ask(a.hotkey(), blob(0), LIMIT).await;
    assert_eq!(own, Err(RequestError::Unreachable));
    let empty = a.handle.request(b.hotkey(), proto::Request::default());
    assert_eq!(empty, Err(RequestError::Empty));
    let input = vec![0; limits::REQUEST_BYTES];
    let large = request(Request::Task(proto::TaskRequest { input, ..Default::default() }));
    assert!(matches!(a.handle.request(b.hotkey(), large), Err(RequestError::TooLarge { .. })));
    let waiting = a.handle.ask(b.hotkey(), blob(0), Duration::from_millis(50)).await;
    assert_eq!(waiting, Err(RequestError::TimedOut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_are_bounded_and_late_ones_refused() {
    let (mut a, mut b) = pair().await;
    let count = limits::OUTBOUND_PEER_MAX + 8;
    for number in 0..count {
        a.handle.request(b.hotkey(), blob(u64::try_from(number).unwrap())).unwrap();
    }
    let (mut busy, mut late) = (0, 0);
    for _ in 0..count {
        let result = a
            .event("a response", |event| match event {
                Event::Response { result, .. } => Some(result),
                _ => None,
            })
            .await;
        match result {
            Err(RequestError::Busy) => busy += 1,
            Err(RequestError::Refused { code: refused::UNANSWERED, .. }) => late += 1,
            other => panic!("{other:?}"),
        }
    }
    // The exchange of peer records may have had a place of its own.
    assert!([8, 9].contains(&busy) && late == count - busy, "{busy} busy, {late} late");
    // Those that were late still reached the node, and answering them now does nothing.
    answer(&mut b, response(Response::Blob(proto::BlobPart::default()))).await;
    let asked = a.handle.ask(b.hotkey(), blob(1000), LIMIT);
    let serve = async {
        loop {
            let part = response(Response::Blob(proto::BlobPart::default()));
            let (_, request) = answer(&mut b, part).await;
            if request == blob(1000) {
                return;
            }
        }
    };
    let (got, ()) = tokio::join!(asked, serve);
    assert!(got.is_ok(), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_not_connected_is_dialed_for_a_request() {
    let b = Node::start(config(2, &[])).await;
    let fixed = ganglion_p2p::Config { discover: false, ..config(1, &[b.address()]) };
    let a = Node::start(fixed).await;
    a.connected_until(1).await;
    let mut c = Node::start(config(3, &[b.address()])).await;
    a.peers_until("a record of the third", |peers| peers.iter().any(|p| p.hotkey == hotkey(3)))
        .await;
    let asked = a.handle.ask(c.hotkey(), blob(0), LIMIT);
    let part = response(Response::Blob(proto::BlobPart::default()));
    let (got, _) = tokio::join!(asked, answer(&mut c, part));
    assert!(got.is_ok(), "{got:?}");
}
