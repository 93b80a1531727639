//! Against bytes that others made: what a node of subtensor's spec version 461 was told and said, recorded by the authors of its
//! Python tools, and calls encoded by an independent implementation. No node is needed.

use std::io::Read as _;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use serde_json::Value as Json;
use subxt::client::OfflineClientAtBlock;
use subxt::config::substrate::{
    AccountId32, H256, MultiSignature, SpecVersionForRange, SubstrateConfig, SubstrateConfigBuilder,
};
use subxt::dynamic::{self, Value};
use subxt::ext::scale_decode::DecodeAsType as _;
use subxt::ext::scale_value::Composite;
use subxt::metadata::Metadata;
use subxt::{OfflineClient, error::DispatchError};

use ganglion_types::{CutId, Digest, Epoch, SubnetId};

use super::account::{self, Account, Terms};
use super::call::{self, Place};
use super::history::{self, Outcome};
use super::link::Head;
use super::refusal;
use super::signature::{self, Signed};
use super::state::AccountInfo;
use crate::{AnchorPayload, CutHead};

type Offline = OfflineClientAtBlock<SubstrateConfig>;

pub(super) fn json(name: &str) -> Json {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(hex: &Json) -> Vec<u8> {
    let digits = hex.as_str().unwrap().strip_prefix("0x").unwrap();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn hash(hex: &Json) -> H256 {
    H256(bytes(hex).try_into().unwrap())
}

/// The metadata of spec version 461 as a node gives it.
pub(super) fn metadata_bytes() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/subtensor-461-metadata.scale.gz");
    let mut plain = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file).read_to_end(&mut plain).unwrap();
    plain
}

pub(super) fn metadata() -> Metadata {
    Metadata::decode_from(&metadata_bytes()).unwrap()
}

/// The first block of the recording's chain.
pub(super) fn genesis() -> [u8; 32] {
    hash(&json("subtensor-461.json")["network"]["genesis_hash"]).0
}

/// The chain of the recording, without a node.
fn offline() -> Offline {
    let genesis = H256(genesis());
    let versions =
        SpecVersionForRange { block_range: 0..u64::MAX, spec_version: 461, transaction_version: 1 };
    let config = SubstrateConfigBuilder::new()
        .set_genesis_hash(genesis)
        .set_metadata_for_spec_versions([(461, Arc::new(metadata()))])
        .set_spec_version_for_block_ranges([versions])
        .build();
    OfflineClient::new_with_config(config).at_block(67_u64).unwrap()
}

/// The payload of `anchor-calls-461.json`.
pub(super) fn payload() -> AnchorPayload {
    let cut = CutId::new([7; 32]);
    let head = CutHead {
        subnet: SubnetId::new([0xaa; 32]),
        epoch: Epoch::new(7),
        cut,
        result_root: Digest::new([0xbb; 32]),
        next_committee_root: Digest::new([0xcc; 32]),
    };
    AnchorPayload::new(&[cut], &head).unwrap()
}

/// An extrinsic with that payload, valid for ever.
pub(super) fn anchored(place: Place) -> Vec<u8> {
    let account = Account::new(SigningKey::from_bytes(&[7; 32]));
    let (call, terms) = (call::anchor(place, &payload()), Terms { nonce: 0, tip: 0, mortal: None });
    account::signable(&offline(), &call, terms).unwrap().sign(&account).unwrap().into_encoded()
}

/// A transfer as in the recording: 12345 rao to the account of the signed extrinsics' call.
fn transfer(call: &[u8]) -> account::Call {
    let to = Value::unnamed_variant("Id", [Value::from_bytes(&call[3..35])]);
    let fields = [("dest", to), ("value", Value::u128(12_345))];
    dynamic::tx("Balances", "transfer_keep_alive", Composite::named(fields))
}

fn terms(golden: &Json, birth: Option<H256>) -> Terms {
    let mortal = golden["era"].as_object().map(|era| {
        let height = era["current"].as_u64().unwrap();
        let hash = birth.unwrap_or_default();
        (era["period"].as_u64().unwrap(), Head { height, hash })
    });
    let (nonce, tip) = (golden["nonce"].as_u64().unwrap(), golden["tip"].as_u64().unwrap());
    Terms { nonce, tip: u128::from(tip), mortal }
}

#[test]
fn our_calls_are_those_of_another_encoder() {
    let (at, golden) = (offline(), json("anchor-calls-461.json"));
    assert_eq!(payload().to_bytes().as_slice(), bytes(&golden["payload_hex"]));
    let netuid = u16::try_from(golden["netuid"].as_u64().unwrap()).unwrap();
    for (name, place) in [
        ("remark", Place::Remark),
        ("commitment", Place::Commitment { netuid }),
        ("both", Place::Both { netuid }),
    ] {
        assert_eq!(place.missing(at.metadata_ref()), None);
        let call = call::anchor(place, &payload());
        let ours = at.tx().call_data(&call).unwrap();
        assert_eq!(ours, bytes(&golden["calls"][name]), "{name}");
        // And we read back what we wrote, also twice in a batch.
        let found = call::payloads(&ours, at.metadata_ref());
        assert!(!found.is_empty() && found.iter().all(|found| *found == payload()), "{name}");
    }
}

#[test]
fn calls_that_are_not_anchors_say_nothing() {
    let (at, golden) = (offline(), json("subtensor-461.json"));
    for call in golden["calls"].as_array().unwrap() {
        assert!(call::payloads(&bytes(&call["data_hex"]), at.metadata_ref()).is_empty());
    }
    let ours = at.tx().call_data(&call::anchor(Place::Both { netuid: 1 }, &payload())).unwrap();
    for end in 0..ours.len() {
        assert!(call::payloads(&ours[..end], at.metadata_ref()).is_empty(), "cut to {end}");
    }
    // `batch` goes on after a failed call, so that its success says nothing about one call in it.
    let mut batch = ours;
    assert_eq!(batch[1], 2, "Utility.batch_all");
    batch[1] = 0;
    assert!(call::payloads(&batch, at.metadata_ref()).is_empty());
}

#[test]
fn signer_payloads_are_the_recorded_ones() {
    let (at, golden) = (offline(), json("subtensor-461.json"));
    let cases = golden["signature_payloads"].as_array().unwrap();
    assert_eq!(cases.len(), 2, "one for ever, one of 64 blocks");
    for case in cases {
        let birth = case.get("era_birth_block_hash").map(hash);
        let call = transfer(&bytes(&case["call_data_hex"]));
        assert_eq!(at.tx().call_data(&call).unwrap(), bytes(&case["call_data_hex"]));
        let signable = account::signable(&at, &call, terms(case, birth)).unwrap();
        assert_eq!(signable.signer_payload().unwrap(), bytes(&case["payload_hex"]));
    }
}

#[test]
fn extrinsics_are_the_recorded_ones() {
    let (at, golden) = (offline(), json("subtensor-461.json"));
    let cases = golden["extrinsics"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let call = transfer(&bytes(&case["call_data_hex"]));
        let mut signable = account::signable(&at, &call, terms(case, None)).unwrap();
        // The recording is signed with another scheme; a signature in an extrinsic is its scheme and 64 bytes.
        let signature = MultiSignature::Sr25519(bytes(&case["signature_hex"]).try_into().unwrap());
        let account = AccountId32(bytes(&case["public_key_hex"]).try_into().unwrap());
        let signed = signable.sign_with_account_and_signature(&account, &signature).unwrap();
        assert_eq!(signed.encoded(), bytes(&case["extrinsic_hex"]));
        assert_eq!(signed.hash(), hash(&case["extrinsic_hash"]));
    }
}

#[test]
fn an_anchor_is_signed_by_the_hotkey_itself() {
    let (at, key) = (offline(), SigningKey::from_bytes(&[7; 32]));
    let call = call::anchor(Place::Both { netuid: 11 }, &payload());
    let birth = Head { height: 66, hash: H256([9; 32]) };
    let terms = Terms { nonce: 3, tip: 0, mortal: Some((64, birth)) };
    let mut signable = account::signable(&at, &call, terms).unwrap();
    let message = signable.signer_payload().unwrap();
    let account = Account::new(key.clone());
    let signed = signable.sign(&account).unwrap().into_encoded();
    assert!(signed.len() <= crate::limits::TRANSACTION_BYTES);

    // Length 2, version 4 with the signed bit, address form 0, account, scheme 0 for ed25519, signature, era.
    assert_eq!(signed[2..4], [0x84, 0]);
    assert_eq!(&signed[4..36], account.hotkey().as_bytes());
    assert_eq!(signed[36], 0);
    let signature = ed25519_dalek::Signature::from_bytes(signed[37..101].try_into().unwrap());
    // What is longer than 256 bytes is hashed first; the payload here is the hash already.
    assert_eq!(message.len(), 32);
    key.verifying_key().verify_strict(&message, &signature).unwrap();
    assert_eq!(signed[101..103], [0x25, 0], "an era of 64 blocks from 66");
    let called = at.tx().call_data(&call).unwrap();
    assert!(signed.ends_with(&called));
}

/// What a reader without a key can check of an extrinsic without believing the node that gave it.
#[tokio::test]
async fn a_signature_holds_for_its_call_chain_and_block_only() {
    let (at, account) = (offline(), Account::new(SigningKey::from_bytes(&[7; 32])));
    let call = call::anchor(Place::Remark, &payload());
    let birth = Head { height: 66, hash: H256([9; 32]) };
    for mortal in [Some((64, birth)), None] {
        let terms = Terms { nonce: 3, tip: 5, mortal };
        let mut signable = account::signable(&at, &call, terms).unwrap();
        let bytes = signable.sign(&account).unwrap().into_encoded();
        let begins = mortal.map_or(at.genesis_hash().unwrap(), |_| birth.hash);
        let hotkey = account.hotkey();
        let checked = |bytes: Vec<u8>, hotkey, begins| {
            let at = &at;
            async move {
                let body = at.extrinsics().from_bytes(vec![bytes]).await;
                let extrinsic = body.iter().next()?.ok()?;
                Some(signature::check(at, &extrinsic, &hotkey, begins))
            }
        };
        assert_eq!(checked(bytes.clone(), hotkey, begins).await, Some(Signed::Holds));
        assert_eq!(checked(bytes.clone(), hotkey, H256([8; 32])).await, Some(Signed::Fails));
        let other = ganglion_types::Hotkey::new([1; 32]);
        assert_eq!(checked(bytes.clone(), other, begins).await, Some(Signed::Fails));
        for place in [40, 103, bytes.len() - 1] {
            let mut forged = bytes.clone();
            forged[place] ^= 1;
            // What still decodes does not hold.
            assert_ne!(checked(forged, hotkey, begins).await, Some(Signed::Holds), "byte {place}");
        }
        let mut sr25519 = bytes;
        sr25519[36] = 1;
        assert_eq!(checked(sr25519, hotkey, begins).await, Some(Signed::Unknown));
    }
}

#[tokio::test]
async fn an_era_names_the_block_it_begins_with() {
    let (at, account) = (offline(), Account::new(SigningKey::from_bytes(&[7; 32])));
    let call = call::anchor(Place::Remark, &payload());
    for (birth, included) in [(66, 67), (66, 129), (130, 131), (4_200, 4_263)] {
        let head = Head { height: birth, hash: H256([9; 32]) };
        let terms = Terms { nonce: 0, tip: 0, mortal: Some((64, head)) };
        let bytes =
            account::signable(&at, &call, terms).unwrap().sign(&account).unwrap().into_encoded();
        let body = at.extrinsics().from_bytes(vec![bytes]).await;
        let extrinsic = body.iter().next().unwrap().unwrap();
        assert_eq!(signature::birth(&extrinsic, included), Some(birth));
        // One block later the same bytes speak of another block, and no runtime takes them.
        assert_eq!(signature::birth(&extrinsic, birth + 64), Some(birth + 64));
    }
}

#[tokio::test]
async fn the_recorded_block_tells_which_of_its_calls_succeeded() {
    let (at, golden) = (offline(), json("subtensor-461.json"));
    let events = at.events().from_bytes(bytes(&golden["events"]["raw_hex"]));
    assert_eq!(golden["receipt"]["is_success"], true);
    for index in 0..3 {
        assert_eq!(history::outcome(&at.metadata(), &events, index), Outcome::Done);
    }
    assert_eq!(history::outcome(&at.metadata(), &events, 3), Outcome::Unknown);
    // And what the signed one cost; nobody pays for the others.
    let place = golden["receipt"]["extrinsic_idx"].as_u64().unwrap();
    for index in 0..4 {
        let paid = if u64::from(index) == place {
            &golden["receipt"]["total_fee_amount"]
        } else {
            &Json::from(0)
        };
        assert_eq!(history::fee(&events, index), u128::from(paid.as_u64().unwrap()));
    }
}

/// Errors of pallets are known by name: their numbers are looked up in the metadata of the block.
#[test]
fn dispatch_errors_of_spec_461_are_told_apart() {
    let metadata = Arc::new(metadata());
    let kind = |pallet: &str, name: &str| {
        let pallet = metadata.pallet_by_name(pallet).unwrap();
        let variants = pallet.error_variants().unwrap();
        let error = variants.iter().find(|error| error.name == name).unwrap().index;
        // DispatchError::Module { index, error: [u8; 4] }
        let raw = vec![3, pallet.error_index(), error, 0, 0, 0];
        let error = DispatchError::decode_from(raw, metadata.clone()).unwrap();
        refusal::dispatch(&error, 0).kind()
    };
    assert_eq!(kind("Commitments", "SpaceLimitExceeded"), "rate_limited");
    assert_eq!(kind("Commitments", "AccountNotAllowedCommit"), "refused");
    assert_eq!(kind("Balances", "InsufficientBalance"), "funds");
}

/// Whatever the recording called, this metadata and this encoder give the same bytes.
#[test]
fn recorded_calls_are_encoded_as_they_were() {
    let (at, golden) = (offline(), json("subtensor-461.json"));
    let calls = golden["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 10);
    for recorded in calls {
        let recorded = bytes(&recorded["data_hex"]);
        let call = at.tx().from_call_data_bytes(&recorded).unwrap();
        assert_eq!(at.tx().call_data(&call).unwrap(), recorded);
    }
}

#[test]
fn state_is_looked_up_and_read_as_recorded() {
    let (at, golden) = (offline(), json("subtensor-461.json"));
    let values = golden["storage_values"].as_array().unwrap();
    let recorded = |pallet: &str, entry: &str| {
        values
            .iter()
            .find(|one| one["pallet"] == pallet && one["storage_function"] == entry)
            .unwrap()
    };
    let account = recorded("System", "Account");
    let owner: AccountId32 = account["params"][0].as_str().unwrap().parse().unwrap();
    let entry = dynamic::storage::<([u8; 32],), AccountInfo>("System", "Account");
    let entry = at.storage().entry(entry).unwrap();
    assert_eq!(entry.fetch_key((owner.0,)).unwrap(), bytes(&account["key_hex"]));
    let storage = at.metadata_ref().pallet_by_name("System").unwrap().storage().unwrap();
    let value = storage.entry_by_name("Account").unwrap().value_ty();
    let raw = bytes(&account["raw_hex"]);
    let info =
        AccountInfo::decode_as_type(&mut raw.as_slice(), value, at.metadata_ref().types()).unwrap();
    assert_eq!(info.data.free, u128::from(account["decoded"]["data"]["free"].as_u64().unwrap()));

    let tempo = dynamic::storage::<(u16,), u64>("SubtensorModule", "Tempo");
    let tempo = at.storage().entry(tempo).unwrap();
    let recorded = recorded("SubtensorModule", "Tempo");
    assert_eq!(tempo.fetch_key((1,)).unwrap(), bytes(&recorded["key_hex"]));
}
