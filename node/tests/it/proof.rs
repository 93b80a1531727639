//! Proof files: good ones hold, tampered ones are refused, by two verifiers that share no code and
//! give the same reason.

use std::collections::BTreeMap;
use std::path::Path;

use ganglion::api::types::Status;
use ganglion::proof::{ProofFile, SCHEMA, check};
use ganglion_consensus::proof::Checkpoint;
use ganglion_types::{
    Canonical, Certificate, CommitteeMembers, Cut, CutId, Digest, Epoch, EpochProof, Hotkey,
    MerkleProof, Operation, Rao, Round, Signature, SubnetId, Vote, VoteType, hex, limits,
};
use serde_json::{Value, json};

use crate::run::Ganglion;
use crate::verifiers::second_opinions;
use crate::world::{World, hot, hotkey};

pub(crate) const LAST: u64 = 8;

/// Three equal validators and two miners. A stake operation changes the committee on the way.
pub(crate) fn lived() -> World {
    let world = World::new(&[30, 30, 30], 2);
    for epoch in 1..=LAST {
        for number in 0..3 {
            world.weigh(number, &[(3, u16::MAX), (4, 32_768)]);
        }
        if epoch == 3 {
            let amount = Rao::new(Rao::PER_UNIT);
            let item = world.operation(1, 0, Operation::Stake { hotkey: hotkey(1), amount });
            world.submit(item);
        }
        world.close();
    }
    world
}

pub(crate) fn proof(world: &World, from: u64, epoch: u64, number: u8) -> EpochProof {
    let path = format!("/v1/epochs/{epoch}/proof/{}?from={from}", hotkey(number));
    let text = world.client().get_value(&path).unwrap().to_string();
    ProofFile::parse(text.as_bytes()).unwrap().proof
}

fn cut_at(world: &World, epoch: u64) -> Cut {
    let bytes = world.reader().cut(epoch).unwrap().unwrap();
    Cut::from_bytes(&bytes, limits::AGREEMENT_BYTES).unwrap()
}

fn checkpoint(world: &World, epoch: u64) -> Checkpoint {
    Checkpoint { epoch: Epoch::new(epoch), cut: cut_at(world, epoch).id() }
}

/// The same proof with every certificate in it.
fn whole(world: &World, mut proof: EpochProof) -> EpochProof {
    for link in &mut proof.links {
        let bytes = world.reader().certificate(link.cut.epoch.get()).unwrap().unwrap();
        link.certificate = Some(Certificate::from_bytes(&bytes, limits::AGREEMENT_BYTES).unwrap());
    }
    proof
}

/// Files by name, with the code of the refusal, or nothing for a good one.
type Files = BTreeMap<String, (Vec<u8>, Option<&'static str>)>;

/// A good file in its parts, for changes of every depth.
struct Forge {
    good: EpochProof,
    files: Files,
}

impl Forge {
    fn add(&mut self, name: &str, bytes: impl Into<Vec<u8>>, code: &'static str) {
        let taken = self.files.insert(name.into(), (bytes.into(), Some(code)));
        assert!(taken.is_none(), "{name} is given twice");
    }

    /// Changes the text.
    fn text(&mut self, name: &str, code: &'static str, change: impl FnOnce(String) -> String) {
        let text = change(ProofFile::to_json(&self.good));
        self.add(name, text, code);
    }

    /// Changes the JSON.
    fn json(&mut self, name: &str, code: &'static str, change: impl FnOnce(&mut Value)) {
        let mut value = ProofFile::to_value(&self.good);
        change(&mut value);
        self.add(name, value.to_string(), code);
    }

    /// Changes the bytes behind one hexadecimal text.
    fn bytes(
        &mut self,
        name: &str,
        code: &'static str,
        at: &str,
        change: impl FnOnce(&mut Vec<u8>),
    ) {
        self.json(name, code, |value| {
            let place = value.pointer_mut(at).unwrap();
            let mut bytes = unhex(place.as_str().unwrap());
            change(&mut bytes);
            *place = hex(&bytes).into();
        });
    }

    /// Changes what the file means, and encodes it again.
    fn proof(&mut self, name: &str, code: &'static str, change: impl FnOnce(&mut EpochProof)) {
        let mut proof = self.good.clone();
        change(&mut proof);
        assert_ne!(proof, self.good, "{name}");
        self.add(name, ProofFile::to_json(&proof), code);
    }

    /// Changes the last certificate.
    fn certificate(
        &mut self,
        name: &str,
        code: &'static str,
        change: impl FnOnce(&mut Certificate),
    ) {
        self.proof(name, code, |proof| {
            change(proof.links.last_mut().unwrap().certificate.as_mut().unwrap());
        });
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn tampered(world: &World) -> Files {
    let mut forge = Forge { good: proof(world, 1, LAST, 3), files: Files::new() };
    tampered_form(&mut forge);
    tampered_encodings(&mut forge);
    tampered_chain(&mut forge);
    tampered_certificates(&mut forge);
    tampered_claims(world, &mut forge);
    forge.files
}

fn tampered_form(forge: &mut Forge) {
    forge.add("too large", vec![b' '; (64 << 20) + 1], "size");
    forge.add("empty", "", "json");
    forge.add("not utf-8", [b"\"\xff\"".as_slice()].concat(), "json");
    forge.text("truncated", "json", |text| text[..text.len() - 3].into());
    forge.text("something behind it", "json", |text| text + "{}");
    forge.text("a name twice", "json", |text| {
        text.replacen("{", &format!("{{\"schema\": \"{SCHEMA}\","), 1)
    });
    forge.text("minus nothing", "json", |text| text.replacen("\"epoch\": 1", "\"epoch\": -0", 1));
    forge.json("an unknown name", "json", |file| file["claim"]["note"] = "x".into());
    forge.json("an unknown name in a link", "json", |file| file["links"][0]["note"] = 1.into());
    forge.json("no claim", "json", |file| drop(file.as_object_mut().unwrap().remove("claim")));
    forge.json("an epoch as text", "json", |file| file["claim"]["epoch"] = "8".into());
    forge.json("an epoch as a fraction", "json", |file| file["claim"]["epoch"] = json!(8.0));
    forge.text("an epoch over 64 bits", "json", |text| {
        text.replacen("\"epoch\": 1", "\"epoch\": 18446744073709551616", 1)
    });
    forge.json("a certificate that is null", "json", |file| {
        file["links"][6]["certificate"] = Value::Null;
    });
    forge.json("a checkpoint as a list", "json", |file| {
        let start = &file["checkpoint"];
        file["checkpoint"] = json!([start["epoch"], start["cut_id"], start["cut"]]);
    });
    forge.json("a link as a list", "json", |file| {
        file["links"][1] = json!([file["links"][1]["cut"]]);
    });
    forge.json("another schema", "schema", |file| file["schema"] = "ganglion/proof/2".into());
    forge.json("too many epochs", "bounds", |file| {
        file["links"] = vec![json!({"cut": ""}); 65_537].into();
    });
}

fn tampered_encodings(forge: &mut Forge) {
    forge.json("capital letters", "hex", |file| {
        let cut = file["checkpoint"]["cut"].as_str().unwrap().to_uppercase();
        file["checkpoint"]["cut"] = cut.into();
    });
    forge.json("half a byte", "hex", |file| file["claim"]["row"] = "012".into());
    forge.json("a prefix", "hex", |file| file["claim"]["row"] = "0x12".into());
    forge.json("a short subnet", "hex", |file| file["subnet"] = "ab".repeat(31).into());
    forge.json("a long hotkey", "hex", |file| file["claim"]["hotkey"] = "ab".repeat(33).into());
    forge.bytes("an unknown field", "encoding", "/links/0/cut", |cut| cut.extend([0x78, 1]));
    forge.bytes("a repeated field", "encoding", "/links/0/cut", |cut| {
        cut.splice(0..0, [&[0x0a, 32][..], &[0; 32]].concat());
    });
    forge.bytes("a long number", "encoding", "/links/0/cut", |cut| {
        // The subnet takes 34 bytes, then comes the epoch, 2.
        assert_eq!(cut[34..36], [0x10, 2]);
        cut.splice(35..36, [0x82, 0]);
    });
    forge.bytes("a cut cut short", "encoding", "/links/2/cut", |cut| cut.truncate(cut.len() - 1));
    forge.bytes("no cut", "encoding", "/links/2/cut", Vec::clear);
    forge.proof("lists out of order", "encoding", |proof| proof.links[3].cut.lists.reverse());
    forge.certificate("signers out of order", "encoding", |one| one.signatures.reverse());
    forge.certificate("a signer twice", "encoding", |one| {
        let first = one.signatures[0];
        one.signatures.insert(0, first);
    });
    forge.proof("a committee out of order", "encoding", |proof| {
        proof.links[0].committee.as_mut().unwrap().0.reverse();
    });
    forge.proof("a member without stake", "encoding", |proof| {
        proof.links[0].committee.as_mut().unwrap().0[0].1 = 0;
    });
    forge.proof("too much stake", "encoding", |proof| {
        for member in &mut proof.links[0].committee.as_mut().unwrap().0 {
            member.1 = u64::MAX / 2;
        }
    });
    forge.proof("nobody in the committee", "encoding", |proof| {
        proof.links[0].committee = Some(CommitteeMembers(Vec::new()));
    });
    forge.proof("a leaf behind the last", "encoding", |proof| {
        proof.merkle.index = proof.merkle.count;
    });
}

fn tampered_chain(forge: &mut Forge) {
    forge.json("another checkpoint id", "checkpoint", |file| {
        file["checkpoint"]["cut_id"] = "00".repeat(32).into();
    });
    forge.json("another checkpoint epoch", "checkpoint", |file| {
        file["checkpoint"]["epoch"] = 2.into();
    });
    forge.json("the cut of another epoch", "checkpoint_cut", |file| {
        file["checkpoint"]["cut"] = file["links"][0]["cut"].clone();
    });
    forge.proof("another subnet", "subnet", |proof| proof.subnet = SubnetId::new([9; 32]));
    forge.proof("a cut of another subnet", "subnet", |proof| {
        proof.links[0].cut.subnet = SubnetId::new([9; 32]);
    });
    forge.proof("a cut left out", "epoch", |proof| drop(proof.links.remove(1)));
    forge.proof("the first cut left out", "epoch", |proof| drop(proof.links.remove(0)));
    forge.proof("a cut twice", "epoch", |proof| {
        let twice = proof.links[1].clone();
        proof.links.insert(1, twice);
    });
    forge.proof("two cuts changed about", "epoch", |proof| proof.links.swap(0, 1));
    forge.proof("another cut before", "prev", |proof| {
        proof.links[1].cut.prev = CutId::new([9; 32]);
    });
    forge.proof("another result in between", "prev", |proof| {
        proof.links[0].cut.result_root = Digest::ZERO;
    });
    forge.proof(
        "another committee after a cut without certificate",
        "certificate_missing",
        |proof| {
            assert!(proof.links[0].certificate.is_none());
            proof.links[0].cut.next_committee_root = Digest::ZERO;
        },
    );
    forge.proof("more stake of a member", "committee", |proof| {
        proof.links[0].committee.as_mut().unwrap().0[0].1 += 1;
    });
    forge.proof("a member too few", "committee", |proof| {
        proof.links[0].committee.as_mut().unwrap().0.truncate(2);
    });
    forge.proof("a member too many", "committee", |proof| {
        let members = &mut proof.links[0].committee.as_mut().unwrap().0;
        members.push((Hotkey::new([0xff; 32]), 1));
    });
    forge.proof("no first committee", "committee_missing", |proof| {
        proof.links[0].committee = None;
    });
    forge.proof("no changed committee", "committee_missing", |proof| {
        let at = changed(proof);
        proof.links[at].committee = None;
    });
    forge.proof("the former committee", "committee", |proof| {
        let at = changed(proof);
        proof.links[at].committee = proof.links[0].committee.clone();
    });
}

/// The first link whose committee is another than the one before.
fn changed(proof: &EpochProof) -> usize {
    let told = proof.links.iter().skip(1).position(|link| link.committee.is_some());
    1 + told.expect("the committee changes on the way")
}

fn signed(kind: VoteType, subnet: SubnetId, one: &Certificate, number: u8) -> (Hotkey, Signature) {
    let vote = Vote::sign(&subnet, kind, one.epoch, one.round, Some(one.cut), &hot(number));
    (vote.signer, vote.signature)
}

fn resign(one: &mut Certificate, kind: VoteType, subnet: SubnetId, who: &[u8]) {
    one.signatures = who.iter().map(|number| signed(kind, subnet, one, *number)).collect();
    one.signatures.sort_unstable_by_key(|(signer, _)| *signer);
}

fn tampered_certificates(forge: &mut Forge) {
    let subnet = forge.good.subnet;
    forge.proof("no last certificate", "certificate_missing", |proof| {
        proof.links.last_mut().unwrap().certificate = None;
    });
    forge.proof("no certificate before a new committee", "certificate_missing", |proof| {
        let at = changed(proof) - 1;
        assert!(proof.links[at].certificate.take().is_some());
    });
    forge.certificate("a certificate of another epoch", "certificate_epoch", |one| {
        one.epoch = one.epoch.next();
    });
    forge.certificate("a certificate of another cut", "certificate_cut", |one| {
        one.cut = CutId::new([9; 32]);
    });
    forge.proof("another time in the last cut", "certificate_cut", |proof| {
        proof.links.last_mut().unwrap().cut.time += 1;
    });
    forge.proof("another result in the last cut", "certificate_cut", |proof| {
        proof.links.last_mut().unwrap().cut.result_root = Digest::ZERO;
    });
    forge.certificate("a stranger signs too", "signer", |one| {
        resign(one, VoteType::Precommit, subnet, &[0, 1, 2, 9]);
    });
    forge.certificate("a miner signs too", "signer", |one| {
        resign(one, VoteType::Precommit, subnet, &[0, 1, 2, 3]);
    });
    forge.certificate("two thirds without a rao", "quorum", |one| {
        resign(one, VoteType::Precommit, subnet, &[0, 2]);
    });
    forge.certificate("nobody signs", "quorum", |one| one.signatures.clear());
    forge.certificate("another round", "signature", |one| one.round = Round::new(7));
    forge.certificate("prevotes", "signature", |one| {
        resign(one, VoteType::Prevote, subnet, &[0, 1, 2]);
    });
    forge.certificate("signed for another subnet", "signature", |one| {
        resign(one, VoteType::Precommit, SubnetId::new([9; 32]), &[0, 1, 2]);
    });
    forge.certificate("signatures changed about", "signature", |one| {
        let (first, second) = (one.signatures[0].1, one.signatures[1].1);
        (one.signatures[0].1, one.signatures[1].1) = (second, first);
    });
    for (name, at) in [("in R", 5), ("in S", 40)] {
        forge.certificate(&format!("a bit {name}"), "signature", |one| {
            alter(one, |bytes| bytes[at] ^= 4);
        });
    }
    forge.certificate("S plus the order", "signature", |one| alter(one, add_order));
    forge.certificate("R of small order", "signature", |one| {
        alter(one, |bytes| {
            bytes[..32].fill(0);
            bytes[0] = 1;
        });
    });
    forge.certificate("nothing but zeros", "signature", |one| alter(one, |bytes| bytes.fill(0)));
}

fn alter(one: &mut Certificate, change: impl FnOnce(&mut [u8; 64])) {
    let mut bytes = *one.signatures[1].1.as_bytes();
    change(&mut bytes);
    one.signatures[1].1 = Signature::new(bytes);
}

/// The other encoding of the same number, which a lax verifier takes for the same signature.
fn add_order(bytes: &mut [u8; 64]) {
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0;
    for (byte, part) in bytes[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(part) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
}

fn tampered_claims(world: &World, forge: &mut Forge) {
    let other = proof(world, 1, LAST, 4);
    forge.proof("a row of another epoch", "claim", |proof| proof.epoch = Epoch::new(LAST - 1));
    forge.proof("the last cut left out", "certificate_missing", |proof| {
        drop(proof.links.pop());
        proof.epoch = Epoch::new(LAST - 1);
    });
    forge.proof("no row", "row", |proof| proof.row.clear());
    forge.proof("half a row", "row", |proof| proof.row.truncate(20));
    forge.proof("a row with a zero in it", "row", |proof| proof.row.extend([0xf8, 1, 0]));
    forge.proof("a row that is too long", "row", |proof| {
        let length = 5_000_u32;
        proof.row.extend([0xfa, 1, 0x88, 0x27]);
        proof.row.extend(vec![7; usize::try_from(length).unwrap()]);
    });
    let mut rows = world.reader().results(LAST).unwrap().unwrap();
    let (_, header) = rows.pop().unwrap();
    forge.proof("the header for a row", "row", |proof| {
        proof.row = header;
        proof.merkle.index = 0;
    });
    forge.proof("another hotkey", "hotkey", |proof| proof.hotkey = other.hotkey);
    forge.proof("another one's row", "hotkey", |proof| {
        (proof.row, proof.merkle) = (other.row.clone(), other.merkle.clone());
    });
    forge.proof("another one's place", "merkle", |proof| proof.merkle = other.merkle.clone());
    forge.proof("a row of another epoch's result", "merkle", |proof| {
        proof.row = self::proof(world, 1, 2, 3).row;
    });
    forge.proof("a little more pay", "merkle", |proof| {
        // Behind the uid and two keys.
        assert_eq!(proof.row[70], 0x20);
        proof.row[71] ^= 1;
    });
    let mut merkle = |name: &str, change: &dyn Fn(&mut MerkleProof)| {
        forge.proof(name, "merkle", |proof| change(&mut proof.merkle));
    };
    merkle("another index", &|merkle| merkle.index ^= 1);
    merkle("index nothing", &|merkle| merkle.index = 0);
    merkle("another count", &|merkle| merkle.count += 1);
    merkle("another node", &|merkle| merkle.siblings[0] = Digest::ZERO);
    merkle("a node too few", &|merkle| merkle.siblings.truncate(1));
    merkle("a node too many", &|merkle| merkle.siblings.push(Digest::ZERO));
}

fn good_files(world: &World) -> Files {
    let mut files = Files::new();
    let mut add = |name: &str, proof: &EpochProof| {
        files.insert(name.into(), (ProofFile::to_json(proof).into_bytes(), None));
    };
    add("short", &proof(world, 1, LAST, 3));
    add("with every certificate", &whole(world, proof(world, 1, LAST, 3)));
    add("a validator", &proof(world, 1, LAST, 0));
    add("the next epoch", &proof(world, 1, 2, 4));
    add("the checkpoint itself", &proof(world, 1, 1, 4));
    files
}

#[test]
fn both_verifiers_take_good_files_and_refuse_tampered_ones_for_the_same_reason() {
    let world = lived();
    let checkpoint = checkpoint(&world, 1);
    let (good, tampered) = (good_files(&world), tampered(&world));
    let codes: std::collections::BTreeSet<_> = tampered.values().map(|(_, code)| *code).collect();
    assert!(tampered.len() >= 75 && codes.len() == 23, "{} {codes:?}", tampered.len());
    let files: Files = good.into_iter().chain(tampered).collect();

    let dir = tempfile::tempdir().unwrap();
    let (mut numbers, mut wrong) = (BTreeMap::new(), Vec::new());
    for (number, (name, (bytes, code))) in files.iter().enumerate() {
        let found = check(bytes, checkpoint);
        let found = found.as_ref().err().map(ganglion::proof::Refusal::code);
        if found != *code {
            wrong.push((name, found, *code));
        }
        std::fs::write(dir.path().join(number.to_string()), bytes).unwrap();
        numbers.insert(number.to_string(), (name, *code));
    }
    assert_eq!(wrong, [], "name, code given, code expected");
    let believed = format!("{}:{}", checkpoint.epoch, checkpoint.cut.to_hex());
    let opinions = second_opinions(dir.path(), ["--checkpoint", &believed]);
    let Some(opinions) = opinions else { return };
    assert_eq!(opinions.len(), files.len());
    let wrong: Vec<_> = opinions
        .iter()
        .map(|(number, opinion)| (numbers[number].0, opinion.as_deref(), numbers[number].1))
        .filter(|(_, given, expected)| given != expected)
        .collect();
    assert_eq!(wrong, [], "of the second verifier: name, code given, code expected");
}

#[test]
fn a_proof_leaves_out_what_the_cuts_around_it_show() {
    let world = lived();
    let proof = proof(&world, 0, LAST, 3);
    assert_eq!(proof.links.len(), 8);
    let with = |one: fn(&ganglion_types::EpochLink) -> bool| {
        proof.links.iter().filter(|link| one(link)).count()
    };
    // One certificate before each change of the committee, and the last.
    let committees = with(|link| link.committee.is_some());
    assert_eq!((committees, with(|link| link.certificate.is_some())), (2, 2));
    let start = checkpoint(&world, 0);
    let short = ganglion_consensus::proof::verify(&proof, start).unwrap();
    assert_eq!((short.cuts, short.certificates, short.signatures), (8, 2, 6));
    let long = ganglion_consensus::proof::verify(&whole(&world, proof), start).unwrap();
    assert_eq!((long.cuts, long.certificates, long.signatures), (8, 8, 24));
}

#[test]
fn a_committee_cannot_be_replaced_by_a_run_of_cuts_without_certificates() {
    // Who holds no key of the committee makes a chain of cuts of its own, and signs the last one
    // with a committee of its own: every way to tell it is refused.
    let world = lived();
    let start = checkpoint(&world, 1);
    let mut forged = proof(&world, 1, LAST, 3);
    let (own, stake) = (hotkey(9), 1_000);
    let members = CommitteeMembers(vec![(own, stake)]);
    let root = ganglion_consensus::proof::committee_of(&members).unwrap().digest();
    forged.links.truncate(3);
    let mut prev = start.cut;
    for link in &mut forged.links {
        link.cut.prev = prev;
        link.cut.next_committee_root = root;
        link.certificate = None;
        prev = link.cut.id();
    }
    let last = forged.links.last_mut().unwrap();
    let mut certificate = Certificate {
        epoch: last.cut.epoch,
        round: Round::new(0),
        cut: last.cut.id(),
        signatures: Vec::new(),
    };
    resign(&mut certificate, VoteType::Precommit, forged.subnet, &[9]);
    last.certificate = Some(certificate);
    forged.epoch = last.cut.epoch;
    let code =
        |proof: &EpochProof| ganglion_consensus::proof::verify(proof, start).unwrap_err().code();
    assert_eq!(code(&forged), "certificate_missing");
    forged.links[1].committee = Some(members.clone());
    assert_eq!(code(&forged), "certificate_missing");
    forged.links[0].committee = Some(members);
    assert_eq!(code(&forged), "committee");
}

#[test]
fn the_second_verifier_has_the_bounds_of_the_first() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python/verify.py");
    let text = std::fs::read_to_string(path).unwrap();
    for (name, value) in [
        ("CUT_ITEMS_MAX", limits::CUT_ITEMS),
        ("COMMITTEE_MAX", limits::COMMITTEE),
        ("LINKS_MAX", ganglion_types::proof::LINKS_MAX),
        ("ROW_BYTES_MAX", ganglion_types::proof::ROW_BYTES_MAX),
        ("PROOF_NODES_MAX", ganglion_types::merkle::PROOF_NODES_MAX),
    ] {
        assert!(text.contains(&format!("\n{name} = {value}\n")), "{name} = {value}");
    }
}

#[test]
fn the_commands_prove_and_verify_and_say_what_they_did_not_check() {
    let world = lived();
    let ganglion = Ganglion::new();
    let api = world.api();
    let key = hotkey(3).to_string();
    let epoch = LAST.to_string();
    let proof = ganglion.ok(&["epoch", "prove", &epoch, &key, "--api", &api]);
    let file = ganglion.file("proof.json", &proof, 0o644);
    let genesis = checkpoint(&world, 0).cut.to_hex();
    let good = ["verify", &file, "--checkpoint", &format!("0:{genesis}")];
    let text = ganglion.ok(&good);
    for said in [&key[..], "NOT checked", "2 certificates", "the checkpoint is right"] {
        assert!(text.contains(said), "{said} in {text}");
    }
    let value = ganglion.json(&good);
    let status: Status = world.client().get("/v1/status").unwrap();
    assert_eq!((value["holds"].as_bool(), value["uid"].as_u64()), (Some(true), Some(3)));
    assert_eq!(value["cut"].as_str(), Some(&status.cut[..]));

    let refused =
        ganglion.run(&["verify", &file, "--checkpoint", &format!("1:{genesis}"), "--json"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let value: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!(value["code"].as_str(), Some("checkpoint"));
    let told: Value = serde_json::from_str(&refused.err).unwrap();
    assert_eq!(told["errors"][0]["code"].as_str(), Some("proof-refused"), "{told}");
    let message = told["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("the proof is refused (checkpoint): "), "{told}");
    ganglion.refused(
        &["verify", &file, "--checkpoint", "12"],
        2,
        "\"12\" is no checkpoint",
        "Give the epoch, a colon and the 64 hex characters of its cut id.",
    );
    let later =
        ganglion.ok(&["epoch", "prove", &epoch, &key, "--from-checkpoint", "7", "--api", &api]);
    let later = ganglion.file("later.json", &later, 0o644);
    let start = format!("7:{}", checkpoint(&world, 7).cut.to_hex());
    assert!(ganglion.ok(&["verify", &later, "--checkpoint", &start]).contains("1 cuts follow"));
    for (path, status) in [
        (format!("/v1/epochs/{LAST}/proof/{}", hotkey(50)), 404),
        (format!("/v1/epochs/99/proof/{key}"), 404),
        (format!("/v1/epochs/2/proof/{key}?from=3"), 404),
        ("/v1/epochs/2/proof/nobody".into(), 400),
    ] {
        let error = world.client().get_value(&path).unwrap_err();
        assert_eq!(error.status(), Some(status), "{path}");
    }
}
