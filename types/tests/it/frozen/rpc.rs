//! What two nodes ask and answer, with every field in use.

use std::fmt::Debug;

use ganglion_types::proto::{self, request::Request, response::Response};
use ganglion_types::{Canonical, EpochBundle};
use prost::Message;

use super::{
    EPOCH, bodies, certificate, coldkey, cut, digest, hash, hotkey, list_body, messages, proofs,
    signed,
};
use crate::vectors::Line;

fn bytes(byte: u8) -> Vec<u8> {
    digest(byte).as_bytes().to_vec()
}

fn status() -> proto::Status {
    let cut = cut().id().as_bytes().to_vec();
    proto::Status { epoch: EPOCH.get(), cut, oldest: 12, forked: 299 }
}

fn item(name: &str) -> proto::Item {
    let body = bodies().into_iter().find(|body| body.kind().name() == name).unwrap();
    signed(body).to_proto()
}

fn agreement() -> Vec<proto::AgreementMessage> {
    messages().iter().take(2).map(|(_, message)| message.to_proto()).collect()
}

fn requests() -> Vec<(&'static str, Request)> {
    let (epoch, mine) = (EPOCH.get(), Some(status()));
    let peers = proto::PeersRequest { mine: vec![item("peer_record")] };
    let task = proto::TaskRequest {
        task: "digits".into(),
        input: b"[1,2,3]".to_vec(),
        deadline_ms: 4_000,
        nonce: 77,
    };
    let differences = proto::DifferencesRequest {
        mine: mine.clone(),
        sums: vec![bytes(1), bytes(2), bytes(3)],
        after: bytes(4),
    };
    let trade = proto::TradeRequest {
        epoch,
        items: vec![item("weights")],
        messages: agreement(),
        wanted: vec![bytes(5)],
    };
    let list_bodies = proto::ListBodiesRequest { digests: vec![bytes(6)] };
    vec![
        ("status", Request::Status(proto::StatusRequest { mine })),
        ("items", Request::Items(proto::ItemsRequest { ids: vec![bytes(1), bytes(2)] })),
        ("list_bodies", Request::ListBodies(list_bodies)),
        ("epochs", Request::Epochs(proto::EpochsRequest { from: 7, max: 32 })),
        ("blob", Request::Blob(proto::BlobRequest { digest: bytes(8), offset: 262_144 })),
        ("peers", Request::Peers(peers)),
        ("push", Request::Push(proto::PushRequest { messages: agreement() })),
        ("task", Request::Task(task)),
        ("differences", Request::Differences(differences)),
        ("trade", Request::Trade(trade)),
        ("snapshots", Request::Snapshots(proto::SnapshotsRequest {})),
        ("chunk", Request::Chunk(proto::ChunkRequest { epoch, index: 3 })),
        ("cuts", Request::Cuts(proto::CutsRequest { from: 7, max: 256 })),
        ("stages", Request::Stages(proto::StagesRequest { epoch })),
        (
            "stage_rows",
            Request::StageRows(proto::StageRowsRequest { epoch, stage: 3, from: 1_000 }),
        ),
        ("forks", Request::Forks(proto::ForksRequest {})),
        ("witness", Request::Witness(proto::WitnessRequest { from: 9 })),
    ]
}

fn certified_cut() -> proto::CertifiedCut {
    let member = proto::CommitteeMember { hotkey: hotkey(1).as_bytes().to_vec(), stake: 9 };
    proto::CertifiedCut {
        cut: Some(cut().to_proto()),
        certificate: Some(certificate().to_proto()),
        committee: Some(proto::CommitteeMembers { members: vec![member] }),
    }
}

fn stages() -> proto::Stages {
    let stage = |number, byte| proto::StageDigest { number, digest: bytes(byte), rows: 40 };
    proto::Stages { epoch: EPOCH.get(), stages: vec![stage(1, 1), stage(256, 2)] }
}

fn responses() -> Vec<(&'static str, Response)> {
    let bundle = EpochBundle {
        cut: ganglion_types::Cut { items: Vec::new(), ..cut() },
        certificate: certificate(),
        items: Vec::new(),
    };
    let (status, items) = (Some(status()), vec![item("weights")]);
    let answer =
        proto::TaskAnswer { output: b"{\"label\":3}".to_vec(), receipt: Some(item("receipt")) };
    let sections = vec![proto::Held { section: 2, ids: vec![bytes(1), bytes(2)] }];
    let trade =
        proto::Trade { status: status.clone(), items: items.clone(), messages: agreement() };
    let row = proto::StageRow { key: coldkey(1).as_bytes().to_vec(), value: b"row".to_vec() };
    let refused = proto::Refused { code: 3, reason: "busy".into() };
    let bodies = vec![list_body().to_proto()];
    let blob = proto::BlobPart { bytes: b"part".to_vec(), size: 70_000 };
    let peers = proto::Peers { records: vec![item("peer_record")] };
    let snapshots = vec![proofs::snapshot().0.to_proto()];
    let forks = vec![proofs::fork().to_proto()];
    vec![
        ("status", Response::Status(status.clone().unwrap())),
        ("items", Response::Items(proto::Items { items })),
        ("list_bodies", Response::ListBodies(proto::ListBodies { bodies })),
        ("epochs", Response::Epochs(proto::Epochs { epochs: vec![bundle.to_proto()] })),
        ("blob", Response::Blob(blob)),
        ("peers", Response::Peers(peers)),
        ("pushed", Response::Pushed(proto::Pushed { status: status.clone() })),
        ("task", Response::Task(answer)),
        ("refused", Response::Refused(refused)),
        ("differences", Response::Differences(proto::Differences { status, sections })),
        ("trade", Response::Trade(trade)),
        ("snapshots", Response::Snapshots(proto::Snapshots { snapshots })),
        ("chunk", Response::Chunk(proto::Chunk { bytes: proofs::snapshot().1 })),
        ("cuts", Response::Cuts(proto::Cuts { cuts: vec![certified_cut()] })),
        ("stages", Response::Stages(stages())),
        ("stage_rows", Response::StageRows(proto::StageRows { rows: vec![row] })),
        ("forks", Response::Forks(proto::Forks { forks })),
        ("witness", Response::Witness(proto::Witness { count: 10, entries: vec![bytes(9)] })),
    ]
}

fn line<T: Message + Default + PartialEq + Debug>(name: String, message: &T) -> Line {
    let bytes = message.encode_to_vec();
    assert_eq!(T::decode(&*bytes).as_ref(), Ok(message), "{name} does not come back");
    let digest = hash(&bytes);
    Line::new(name, bytes, digest.as_bytes())
}

pub(super) fn lines() -> Vec<Line> {
    let requests = requests().into_iter().map(|(name, request)| {
        line(format!("request/{name}"), &proto::Request { request: Some(request) })
    });
    let responses = responses().into_iter().map(|(name, response)| {
        line(format!("response/{name}"), &proto::Response { response: Some(response) })
    });
    requests.chain(responses).collect()
}

#[test]
fn no_request_and_no_response_is_left_out() {
    let proto = include_str!("../../../../docs/spec/proto/rpc.proto");
    for (of, held) in [("request", requests().len()), ("response", responses().len())] {
        let (_, fields) = proto.split_once(&format!("oneof {of} {{")).unwrap();
        assert_eq!(fields.split_once('}').unwrap().0.matches(';').count(), held, "{of}");
    }
}
