//! Frozen encodings of what this crate defines.
//!
//! The digest of a line is the id where the format has one (item, cut, list body, manifest), else the
//! blake3 of the bytes.

use std::collections::BTreeSet;
use std::fmt::Debug;

use ed25519_dalek::SigningKey;
use ganglion_types::agreement::proposal_hash;
use ganglion_types::evidence::ProposalHead;
use ganglion_types::op::{PowChallenge, consent_hash};
use ganglion_types::parameters::Change;
use ganglion_types::weights::{CommitScope, commitment, salt, score_leaf, score_root};
use ganglion_types::{
    AgreementMessage, BatchOutputs, Body, Canonical, Certificate, Coldkey, Cut, CutId, Digest,
    Epoch, EpochBundle, Evidence, ExternalMember, ExternalRegistry, GenesisParticipant, Hotkey,
    Hyperparameters, InclusionList, Item, ItemId, Kind, ListBody, Manifest, Operation, OutputBatch,
    OutputCommit, Payload, PeerRecord, Phases, PolkaCertificate, Proposal, Rao, Receipt,
    RegistryOp, RegistrySource, Role, Round, RoundCertificate, Signature, SubnetId, TaskBatch,
    TaskSpec, Uid, Vote, VoteType, WeightCommit, WeightReveal, Weights, limits, merkle, seed, sign,
    task,
};

use crate::vectors::{self, Line};

mod proofs;
mod rpc;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn hotkey(byte: u8) -> Hotkey {
    sign::hotkey_of(&key(byte))
}

fn coldkey(byte: u8) -> Coldkey {
    Coldkey::new(*hotkey(byte).as_bytes())
}

fn digest(byte: u8) -> Digest {
    Digest::new([byte; 32])
}

const SUBNET: SubnetId = SubnetId::new([0xaa; 32]);
const EPOCH: Epoch = Epoch::new(300);
const ROW: [(u16, u16); 3] = [(0, 65_535), (7, 300), (4_095, 1)];

fn signed(body: Body) -> Item {
    Item::sign(SUBNET, body, &key(1))
}

fn operations() -> Vec<(Operation, u8)> {
    let (hotkey_of_11, amount) = (hotkey(11), Rao::new(1_500_000_000));
    let consent = |byte| {
        let hash = consent_hash(&SUBNET, &coldkey(1), &hotkey(byte));
        sign::sign(&key(byte), hash.as_bytes())
    };
    let changes = [(2, 30_000), (26, 700_000), (100, 12_000)];
    let changes = changes.map(|(parameter, value)| Change { parameter, value }).to_vec();
    vec![
        (
            Operation::Register {
                coldkey: coldkey(9),
                role: Role::Validator,
                seed_tail: Some(digest(3)),
                prev: CutId::new([4; 32]),
                pow_nonce: 77,
            },
            0,
        ),
        (Operation::Stake { hotkey: hotkey_of_11, amount }, 1),
        (Operation::Unstake { hotkey: hotkey_of_11, amount }, 2),
        (Operation::Transfer { to: coldkey(12), amount }, 3),
        (
            Operation::BurnRegister {
                hotkey: hotkey_of_11,
                role: Role::Miner,
                seed_tail: None,
                max_price: amount,
                consent: consent(11),
            },
            4,
        ),
        (Operation::Deregister, 5),
        (Operation::Serve { role: Role::Validator, seed_tail: Some(digest(5)) }, 6),
        (Operation::Delegate { hotkey: hotkey_of_11, amount }, 7),
        (Operation::Undelegate { hotkey: hotkey_of_11, amount }, 8),
        (Operation::SetTake { hotkey: hotkey_of_11, take: 9_000 }, 9),
        (Operation::RotateHotkey { from: hotkey_of_11, to: hotkey(13), consent: consent(13) }, 10),
        (Operation::Revise { effective: Epoch::new(310), changes }, 11),
        (Operation::Approve { revision: 2 }, 12),
        (Operation::ObserveRegistry { point: external_registry().point() }, 0),
        (Operation::ProvideRegistry { registry: external_registry() }, 0),
    ]
}

fn bodies() -> Vec<Body> {
    let signer = hotkey(1);
    let (mechid, epoch, seq, round) = (0, EPOCH, 130, 0);
    let blob = Payload::Blob { digest: digest(8), size: 70_000 };
    let outputs = vec![Payload::Inline(b"{\"label\":3}".to_vec()), Payload::EMPTY, blob.clone()];
    let batches = vec![BatchOutputs { batch: ItemId::new([6; 32]), outputs }];
    let scope = CommitScope { epoch, mechid };
    let reveal = WeightReveal {
        signer,
        mechid,
        epoch,
        seq: 131,
        committer: signer,
        entries: ROW.to_vec(),
        score_root: digest(2),
        salt: salt(&key(1), &SUBNET, scope, seq),
        task_preimage: digest(3),
    };
    let commitment = reveal.commitment(&SUBNET);
    let entries = ROW.to_vec();
    vec![
        Body::Weights(Weights { signer, mechid, epoch, seq, entries, task_preimage: digest(3) }),
        Body::WeightCommit(WeightCommit { signer, mechid, epoch, seq, commitment }),
        Body::WeightReveal(reveal),
        Body::TaskBatch(TaskBatch {
            signer,
            mechid,
            epoch,
            seq,
            round,
            task: "digits".into(),
            inputs: vec![Payload::Inline(b"[1,2,3]".to_vec()), blob],
        }),
        Body::OutputCommit(OutputCommit {
            signer,
            mechid,
            epoch,
            seq,
            round,
            root: task::output_root(&batches),
        }),
        Body::OutputBatch(OutputBatch { signer, mechid, epoch, seq, round, batches }),
        Body::PeerRecord(PeerRecord {
            signer,
            seq,
            expires: 1_790_003_600,
            addresses: vec!["/ip4/192.0.2.1/tcp/7800".into()],
            archive: true,
        }),
        Body::InclusionList(InclusionList {
            signer,
            epoch,
            time: 1_790_000_000_123,
            body: list_body().digest(),
            count: 2,
        }),
        Body::Receipt(Receipt {
            signer,
            request: digest(9),
            output: digest(10),
            time: 1_790_000_000_456,
        }),
    ]
}

fn list_body() -> ListBody {
    ListBody::new(vec![ItemId::new([2; 32]), ItemId::new([1; 32])]).unwrap()
}

fn cut() -> Cut {
    Cut {
        subnet: SUBNET,
        epoch: EPOCH,
        prev: CutId::new([1; 32]),
        lists: vec![ItemId::new([2; 32]), ItemId::new([3; 32])],
        items: vec![ItemId::new([4; 32])],
        time: 1_790_000_000_789,
        registry: Digest::ZERO,
        result_root: digest(5),
        state_root: digest(6),
        next_committee_root: digest(7),
    }
}

fn external_registry() -> ExternalRegistry {
    let member = |uid: u8, permit| ExternalMember {
        uid: Uid::new(u16::from(uid)),
        hotkey: hotkey(uid + 1),
        coldkey: coldkey(uid + 11),
        stake: Rao::new(u64::from(uid) * 1_500_000_000),
        permit,
        registered_at: 4_100 + u64::from(uid),
    };
    let members = vec![member(0, false), member(2, true)];
    ExternalRegistry::new(digest(20), (4_200, digest(21)), 11, members).unwrap()
}

fn vote(byte: u8, cut: Option<CutId>) -> Vote {
    Vote::sign(&SUBNET, VoteType::Precommit, EPOCH, Round::new(1), cut, &key(byte))
}

fn proposal(pol_round: Option<Round>) -> Proposal {
    let round = Round::new(1);
    let hash = proposal_hash(&SUBNET, EPOCH, round, pol_round, &cut().id());
    let signature = sign::sign(&key(1), &hash);
    Proposal { epoch: EPOCH, round, pol_round, cut: cut(), signer: hotkey(1), signature }
}

fn signatures() -> Vec<(Hotkey, Signature)> {
    let id = Some(cut().id());
    let mut all: Vec<_> = [1, 2].map(|byte| (hotkey(byte), vote(byte, id).signature)).to_vec();
    all.sort_unstable_by_key(|one| one.0);
    all
}

fn certificate() -> Certificate {
    Certificate { epoch: EPOCH, round: Round::new(1), cut: cut().id(), signatures: signatures() }
}

fn evidence() -> Vec<(&'static str, Evidence)> {
    let heads = [None, Some(Round::new(0))].map(|pol| ProposalHead::from(&proposal(pol)));
    let commit = |byte| {
        let commitment = digest(byte);
        let signer = hotkey(1);
        signed(Body::WeightCommit(WeightCommit {
            signer,
            mechid: 0,
            epoch: EPOCH,
            seq: 1,
            commitment,
        }))
    };
    let id = Some(cut().id());
    vec![
        ("votes", Evidence::of_votes(&vote(1, None), &vote(1, id)).unwrap()),
        ("proposals", Evidence::of_proposals(&heads[0], &heads[1]).unwrap()),
        ("items", Evidence::of_items(&commit(1), &commit(2)).unwrap()),
    ]
}

fn manifest() -> Manifest {
    let participant = |byte, role| GenesisParticipant {
        hotkey: hotkey(byte),
        coldkey: coldkey(byte + 100),
        role,
        stake: if role == Role::Validator { Rao::new(5_000_000_000) } else { Rao::ZERO },
        seed_tail: (role == Role::Validator).then(|| digest(byte)),
    };
    Manifest {
        name: "frozen".into(),
        salt: [3; 16],
        genesis_time: 1_790_000_000_000,
        epoch_ms: 10_000,
        phases: Phases::default(),
        task: TaskSpec::default(),
        hyperparameters: Hyperparameters::default(),
        participants: vec![participant(1, Role::Validator), participant(2, Role::Miner)],
        accounts: vec![(coldkey(101), Rao::new(7))],
        owner: Some(coldkey(101)),
        parent: Some(CutId::new([9; 32])),
        registry: None,
    }
}

fn hash(bytes: &[u8]) -> Digest {
    Digest::new(*blake3::hash(bytes).as_bytes())
}

/// A format's line; it decodes to what it was made from.
fn line<T: Canonical + PartialEq + Debug>(name: &str, value: &T, digest: Option<Digest>) -> Line {
    let bytes = value.to_bytes();
    let read = T::from_bytes(&bytes, limits::RPC_BYTES);
    assert_eq!(read.as_ref(), Ok(value), "{name} does not decode to what it was made from");
    let digest = digest.unwrap_or_else(|| hash(&bytes));
    Line::new(name, bytes, digest.as_bytes())
}

fn item_line(name: &str, item: &Item) -> Line {
    assert!(item.verify(), "{name} does not verify");
    line(name, item, Some(Digest::new(*item.id().as_bytes())))
}

fn lines() -> Vec<Line> {
    let mut lines: Vec<Line> = bodies()
        .into_iter()
        .map(|body| item_line(&format!("item/{}", body.kind().name()), &signed(body)))
        .collect();
    for (operation, nonce) in operations() {
        let name = format!("item/registry_op/{}", operation.name());
        let (signer, nonce) = (*hotkey(1).as_bytes(), nonce.into());
        let op = RegistryOp { signer, nonce, valid_until: Epoch::new(316), operation };
        lines.push(item_line(&name, &signed(Body::RegistryOp(op))));
    }
    for (name, evidence) in evidence() {
        lines.push(item_line(&format!("item/evidence/{name}"), &Item::evidence(SUBNET, evidence)));
    }
    lines.push(line("list_body", &list_body(), Some(list_body().digest())));
    lines.push(line("cut", &cut(), Some(Digest::new(*cut().id().as_bytes()))));
    lines.push(line("certificate", &certificate(), None));
    let bundle = EpochBundle {
        cut: Cut { items: Vec::new(), ..cut() },
        certificate: certificate(),
        items: Vec::new(),
    };
    lines.push(line("epoch_bundle", &bundle, None));
    for (name, message) in messages() {
        lines.push(line(&format!("agreement/{name}"), &message, None));
    }
    let manifest = manifest();
    lines.push(line("manifest", &manifest, Some(Digest::new(*manifest.subnet_id().as_bytes()))));
    let source = RegistrySource { genesis: digest(10), netuid: 11, every: 100 };
    let following = Manifest { registry: Some(source), ..manifest };
    let id = Digest::new(*following.subnet_id().as_bytes());
    lines.push(line("manifest/registry", &following, Some(id)));
    let registry = external_registry();
    lines.push(line("external_registry", &registry, Some(registry.digest())));
    lines.extend(hashes());
    lines.extend(proofs::lines());
    lines.extend(rpc::lines());
    lines
}

fn messages() -> Vec<(&'static str, AgreementMessage)> {
    let id = cut().id();
    let mut votes = vec![vote(1, Some(id)), vote(2, None)];
    votes.sort_unstable_by_key(|vote| vote.signer);
    let list = bodies().into_iter().find(|body| body.kind() == Kind::InclusionList).unwrap();
    let (epoch, round) = (EPOCH, Round::new(1));
    vec![
        ("vote", AgreementMessage::Vote(vote(1, Some(id)))),
        ("proposal", AgreementMessage::Proposal(Box::new(proposal(Some(Round::new(0)))))),
        (
            "polka",
            AgreementMessage::Polka(PolkaCertificate {
                epoch,
                round,
                cut: id,
                signatures: signatures(),
            }),
        ),
        (
            "round_certificate",
            AgreementMessage::RoundCertificate(RoundCertificate {
                epoch,
                round,
                skip: false,
                votes,
            }),
        ),
        ("list", AgreementMessage::List(signed(list))),
    ]
}

/// Hashes that two nodes must compute alike and that stand in no message as such. No bytes.
fn hashes() -> Vec<Line> {
    let scope = CommitScope { epoch: EPOCH, mechid: 0 };
    let leaves =
        [5, 4].map(|score| score_leaf(&ItemId::new([6; 32]), 1, Uid::new(2), &digest(3), score));
    let pow = PowChallenge::new(
        &SUBNET,
        &CutId::new([4; 32]),
        &hotkey(1),
        &coldkey(9),
        Role::Validator,
        Some(&digest(3)),
    );
    let hashes = [
        ("hash/consent", consent_hash(&SUBNET, &coldkey(1), &hotkey(11))),
        ("hash/pow", pow.digest(77)),
        ("hash/salt", salt(&key(1), &SUBNET, scope, 130)),
        ("hash/commitment", commitment(&SUBNET, scope, &hotkey(1), &ROW, &digest(2), &digest(4))),
        ("hash/score_root", score_root(leaves.to_vec())),
        ("hash/seed_step", seed::step(&digest(1))),
        ("hash/task_seed", seed::task_seed(&CutId::new([1; 32]), &digest(2))),
        ("hash/merkle_empty", merkle::root(Vec::<Vec<u8>>::new())),
        ("hash/merkle_three", merkle::root(["a", "b", "c"])),
    ];
    hashes.map(|(name, digest)| Line::new(name, Vec::new(), digest.as_bytes())).to_vec()
}

#[test]
fn every_format_has_the_bytes_that_it_was_frozen_with() {
    vectors::compare(env!("CARGO_MANIFEST_DIR"), &lines());
}

#[test]
fn a_changed_byte_is_told_with_the_name_of_its_format() {
    vectors::every_change_is_named(&lines());
}

#[test]
fn no_kind_and_no_operation_is_left_out() {
    let names: BTreeSet<String> = lines().into_iter().map(|line| line.name).collect();
    for kind in Kind::ALL {
        let name = match kind {
            Kind::Vote | Kind::Proposal => format!("agreement/{}", kind.name()),
            kind => format!("item/{}", kind.name()),
        };
        let held = names.iter().any(|held| *held == name || held.starts_with(&format!("{name}/")));
        assert!(held, "{name} has no frozen bytes");
    }
    // One field of the published message per operation, the first being 4.
    let proto = include_str!("../../../../docs/spec/proto/items.proto");
    let (_, ops) = proto.split_once("oneof op {").unwrap();
    let published = ops.split_once('}').unwrap().0.matches(';').count();
    let held = names.iter().filter(|name| name.starts_with("item/registry_op/")).count();
    assert_eq!(held, published);
}
