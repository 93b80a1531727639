//! The registry of spec version 461, without a node: an answer of the runtime is encoded through the types of its own metadata, all
//! fields of it, and has to come out of our decoder. An older runtime is made by taking away what it lacked.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::Arc;

use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};
use subxt::config::substrate::H256;
use subxt::dynamic::Value;
use subxt::ext::scale_value::{Composite, scale};
use subxt::metadata::Metadata;
use subxt::rpcs::client::RpcClient;

use ganglion_types::{Canonical as _, Hotkey, Standing};

use super::golden;
use super::link::Link;
use super::metagraph::{RegistryReader, registry, typed};
use super::recorded::{Node, block};
use crate::AnchorError;

const PLACE: ([u8; 32], u64, H256) = ([1; 32], 4_200, H256([2; 32]));

/// The least value of a type: numbers are 0, lists empty, options none.
fn least(types: &PortableRegistry, id: u32) -> Value {
    let fields = |fields: &[scale_info::Field<scale_info::form::PortableForm>]| {
        let named = fields.iter().all(|field| field.name.is_some());
        let values = fields.iter().map(|field| least(types, field.ty.id));
        if named && !fields.is_empty() {
            let names = fields.iter().map(|field| field.name.clone().unwrap());
            Composite::named(names.zip(values))
        } else {
            Composite::unnamed(values)
        }
    };
    match &types.resolve(id).unwrap().type_def {
        TypeDef::Composite(composite) => match fields(&composite.fields) {
            Composite::Named(fields) => Value::named_composite(fields),
            Composite::Unnamed(fields) => Value::unnamed_composite(fields),
        },
        TypeDef::Variant(variants) => {
            let least = variants.variants.iter().min_by_key(|one| one.fields.len()).unwrap();
            Value::variant(least.name.clone(), fields(&least.fields))
        }
        TypeDef::Sequence(_) => Value::unnamed_composite([]),
        TypeDef::Array(array) => {
            Value::unnamed_composite((0..array.len).map(|_| least(types, array.type_param.id)))
        }
        TypeDef::Tuple(tuple) => {
            Value::unnamed_composite(tuple.fields.iter().map(|field| least(types, field.id)))
        }
        TypeDef::Compact(compact) => least(types, compact.type_param.id),
        TypeDef::Primitive(TypeDefPrimitive::Bool) => Value::bool(false),
        TypeDef::Primitive(TypeDefPrimitive::Str) => Value::string(""),
        TypeDef::Primitive(_) => Value::u128(0),
        TypeDef::BitSequence(_) => panic!("a metagraph has no bits"),
    }
}

/// Key, stake, permit and block of registration of a member.
type Row = (u8, u64, bool, u64);

/// Lists of a metagraph, by name.
fn lists(rows: &[Row]) -> Vec<(&'static str, Value)> {
    let list = |of: &dyn Fn(&Row) -> Value| Value::unnamed_composite(rows.iter().map(of));
    vec![
        ("netuid", Value::u128(11)),
        ("hotkeys", list(&|row| Value::from_bytes([row.0; 32]))),
        ("coldkeys", list(&|row| Value::from_bytes([row.0.wrapping_add(100); 32]))),
        ("validator_permit", list(&|row| Value::bool(row.2))),
        ("total_stake", list(&|row| Value::u128(row.1.into()))),
        ("block_at_registration", list(&|row| Value::u128(row.3.into()))),
        // Beside those that are read: lists that are full, and one that the runtime leaves empty.
        ("alpha_stake", list(&|row| Value::u128(u128::from(row.1) + 7))),
        ("active", list(&|_| Value::bool(true))),
        ("trust", Value::unnamed_composite([])),
    ]
}

/// The runtime's answer with these fields, every other one at its least.
fn answer(metadata: &Metadata, given: Vec<(&'static str, Value)>) -> Vec<u8> {
    let types = metadata.types();
    let optional = typed(metadata, 461).unwrap();
    let TypeDef::Variant(option) = &types.resolve(optional).unwrap().type_def else { panic!() };
    let some = option.variants.iter().find(|variant| variant.name == "Some").unwrap();
    let TypeDef::Composite(metagraph) = &types.resolve(some.fields[0].ty.id).unwrap().type_def
    else {
        panic!("a metagraph is a composite")
    };
    assert!(metagraph.fields.len() > 70, "the whole one");
    let mut left: BTreeSet<&str> = given.iter().map(|(name, _)| *name).collect();
    let fields = metagraph.fields.iter().map(|field| {
        let name = field.name.clone().unwrap();
        let value = given.iter().find(|(given, _)| *given == name);
        left.remove(name.as_str());
        (name, value.map_or_else(|| least(types, field.ty.id), |(_, value)| value.clone()))
    });
    let value = Value::unnamed_variant("Some", [Value::named_composite(fields)]);
    assert!(left.is_empty(), "{left:?} are no fields of it");
    let mut bytes = Vec::new();
    scale::encode_as_type(&value, optional, types, &mut bytes).unwrap();
    bytes
}

const ROWS: [Row; 3] =
    [(10, 5_000_000_000, true, 100), (11, 7, false, 200), (12, u64::MAX / 8, true, 300)];

#[test]
fn what_the_runtime_encodes_is_what_we_decode() {
    let metadata = golden::metadata();
    let bytes = answer(&metadata, lists(&ROWS));
    let registry = registry(&bytes, &metadata, PLACE, 11).unwrap();
    assert_eq!((registry.height(), registry.netuid()), (4_200, 11));
    assert_eq!(registry.block().as_bytes(), &[2; 32]);
    assert_eq!(registry.genesis().as_bytes(), &[1; 32]);
    assert_eq!(registry.members().len(), 3);
    for (uid, (row, member)) in ROWS.iter().zip(registry.members()).enumerate() {
        assert_eq!(member.uid.index(), uid);
        assert_eq!(member.hotkey.as_bytes(), &[row.0; 32]);
        assert_eq!(member.coldkey.as_bytes(), &[row.0 + 100; 32]);
        assert_eq!((member.stake.get(), member.permit), (row.1, row.2));
        assert_eq!(member.registered_at, row.3);
    }
    // Two hotkeys signed for themselves; the third is sr25519 for all that anybody can tell.
    let proven = [10, 11].map(|key| Hotkey::new([key; 32])).into();
    let standings: Vec<Standing> =
        registry.listed(&proven).iter().map(|listed| listed.standing).collect();
    assert_eq!(standings, [Standing::Permitted, Standing::NotPermitted, Standing::KeyUnproven]);
    // Whoever reads the same block has the same digest, also by way of the wire.
    let bytes = registry.to_bytes();
    let again = ganglion_types::ExternalRegistry::from_bytes(&bytes, bytes.len()).unwrap();
    assert_eq!(again.digest(), registry.digest());
}

#[test]
fn what_is_no_registry_is_refused_by_name() {
    let metadata = golden::metadata();
    let refused = |bytes: &[u8], netuid| registry(bytes, &metadata, PLACE, netuid).unwrap_err();
    let whole = answer(&metadata, lists(&ROWS));
    let says = |error: AnchorError, kind: &str, text: &str| {
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error} does not say {text}");
    };
    says(refused(&whole, 12), "mismatch", "that of netuid 11");
    says(refused(&[0], 11), "refused", "no subnet 11");
    let mut longer = whole.clone();
    longer.push(0);
    says(refused(&longer, 11), "mismatch", "1 bytes follow");
    for end in (0..whole.len()).step_by(7) {
        says(refused(&whole[..end], 11), "mismatch", "");
    }
    for short in ["coldkeys", "validator_permit", "total_stake", "block_at_registration"] {
        let mut lists = lists(&ROWS);
        let list = lists.iter_mut().find(|(name, _)| *name == short).unwrap();
        list.1 = Value::unnamed_composite([]);
        says(refused(&answer(&metadata, lists), 11), "mismatch", &format!("0 of {short}"));
    }
    let twice = [(10, 1, true, 1), (10, 1, true, 1)];
    says(refused(&answer(&metadata, lists(&twice)), 11), "mismatch", "in no two slots");
    let rich = [(10, u64::MAX / 2, true, 1), (11, u64::MAX / 2, true, 1)];
    says(refused(&answer(&metadata, lists(&rich)), 11), "mismatch", "2^62");
}

#[test]
fn a_runtime_that_does_not_tell_its_types_is_refused_with_its_version() {
    let mut metadata = golden::metadata();
    let answer = typed(&metadata, 461).unwrap();
    let place = usize::try_from(answer).unwrap();
    let typed_answer = &mut metadata.types_mut().types[place];
    assert_eq!(typed_answer.id, answer);
    typed_answer.ty.path.segments.clear();
    let error = typed(&metadata, 143).unwrap_err();
    assert!(error.is_permanent());
    assert!(error.to_string().contains("spec version 143"), "{error}");
}

#[tokio::test]
async fn nodes_that_share_a_number_read_the_same_final_block_and_have_one_digest() {
    let metagraph = answer(&golden::metadata(), lists(&ROWS));
    let every = NonZeroU64::new(100).unwrap();
    let (mut digests, mut asked) = (BTreeSet::new(), Vec::new());
    for finalized in [4_200, 4_201, 4_299] {
        let node = Node { finalized, metagraph: metagraph.clone(), ..Node::default() };
        let questions = Arc::clone(&node.asked);
        let link = Link::over(RpcClient::new(node), block(0)).await.unwrap();
        let reader = RegistryReader::over(link, block(0), 11, every);
        let read = reader.newest().await.unwrap();
        assert_eq!((read.height(), read.block().as_bytes()), (4_200, &block(4_200)));
        assert_eq!((read.genesis().as_bytes(), read.members().len()), (&block(0), 3));
        digests.insert(read.digest());
        // Above the final block nothing is settled yet.
        let error = reader.at(finalized + 1).await.unwrap_err();
        assert!(error.is_permanent() && error.to_string().contains("above the final"), "{error}");
        asked.extend(questions.lock().unwrap().clone());
    }
    assert_eq!(digests.len(), 1);
    let at = format!("0x{}", ganglion_types::hex(&block(4_200)));
    assert_eq!(asked, vec![("0x0b00".to_owned(), at); 3]);

    let error = Link::over(RpcClient::new(Node::default()), block(1)).await.unwrap_err();
    assert_eq!(error.kind(), "wrong_chain");
}
