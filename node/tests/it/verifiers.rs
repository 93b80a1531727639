//! The second verifier beside the first: how it is run, and proofs from the genesis of a manifest.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ganglion::proof::ProofFile;
use ganglion_consensus::ledger::State;
use ganglion_types::{CutId, Hyperparameters, Manifest, Rao};
use serde_json::Value;

use crate::proof::{LAST, lived, proof};
use crate::run::Ganglion;
use crate::world::coldkey;

/// A file of the examples for Python; `None` if it cannot run here.
fn example(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = |args: &[&str]| Command::new("python3").args(args).output();
    let ready = python(&["-c", "import cryptography"]);
    if !ready.is_ok_and(|output| output.status.success()) {
        let required = std::env::var_os("GANGLION_TEST_PYTHON").is_some();
        assert!(!required, "GANGLION_TEST_PYTHON is set, and python3 has no cryptography");
        // Past the capture of the test harness: it should be seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: examples/python/verify.py, for python3 has no package cryptography"
        );
        return None;
    }
    Some(root.join("examples/python").join(name))
}

/// What the second verifier says of each file, from what it is told to believe; `None` if it cannot run here.
pub(crate) fn second_opinions(
    dir: &Path,
    believed: [&str; 2],
) -> Option<BTreeMap<String, Option<String>>> {
    let output = Command::new("python3")
        .arg(example("verify.py")?)
        .arg("--json")
        .args(believed)
        .args(std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let opinions = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let name = Path::new(line["file"].as_str().unwrap()).file_name().unwrap();
        assert_eq!(line["holds"].as_bool(), Some(line["code"].is_null()));
        (name.to_str().unwrap().to_owned(), line["code"].as_str().map(str::to_owned))
    });
    let opinions: BTreeMap<_, _> = opinions.collect();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error, "", "it says nothing beside its opinions");
    Some(opinions)
}

/// The second verifier derives the cut of epoch 0 from a manifest's text, as the first does.
#[test]
fn both_verifiers_derive_one_genesis_from_a_manifest() {
    let Some(derive) = example("genesis.py") else { return };
    let ganglion = Ganglion::new();
    let changes: [fn(&mut Manifest); 5] = [
        |_| (),
        |one| one.owner = Some(coldkey(1)),
        |one| one.parent = Some(CutId::new([7; 32])),
        |one| {
            one.accounts.truncate(1);
            one.accounts[0].1 = Rao::new(1_234_567_891);
            one.epoch_ms = 61_500;
            one.genesis_time += 1;
        },
        |one| {
            let rules = &mut one.hyperparameters;
            rules.alpha_sigmoid_steepness = 777;
            rules.min_burn = Rao::new(2_000_000_001);
            rules.stake_threshold = Rao::new(1);
            rules.yuma3_enabled = false;
            one.participants.swap(0, 3);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut manifest = crate::world::manifest(&[50, 30, 20], 2, Hyperparameters::default());
        change(&mut manifest);
        let text = ganglion::manifest::render(&manifest);
        let file = ganglion.file(&format!("{number}.toml"), &text, 0o644);
        let output = Command::new("python3").arg(&derive).arg(&file).output().unwrap();
        let head = State::genesis(Arc::new(manifest)).unwrap().head();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("0:{}\n", head.to_hex()),
            "manifest {number}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let file = ganglion.file("none.toml", "name = \"x\"\n", 0o644);
    let output = Command::new("python3").arg(&derive).arg(&file).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("it is no manifest"), "{error}");
}

#[test]
fn both_verifiers_take_a_proof_from_the_genesis_of_its_manifest_and_of_no_other() {
    let world = lived();
    let ganglion = Ganglion::new();
    let proof = ProofFile::to_json(&proof(&world, 0, LAST, 3));
    std::fs::create_dir(ganglion.path("proofs")).unwrap();
    let file = ganglion.file("proofs/proof.json", &proof, 0o644);
    let own = ganglion.file("own.toml", &ganglion::manifest::render(&world.manifest), 0o644);
    let other = Manifest { salt: [9; 16], ..Manifest::clone(&world.manifest) };
    let other = ganglion.file("other.toml", &ganglion::manifest::render(&other), 0o644);
    let first = |manifest: &str| {
        let ended = ganglion.run(&["verify", &file, "--genesis", manifest, "--json"]);
        let value: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(ended.code == 0, value["holds"] == true, "{ended:?}");
        value["code"].as_str().map(str::to_owned)
    };
    assert_eq!((first(&own), first(&other)), (None, Some("checkpoint".into())));
    for manifest in [&own, &other] {
        let Some(second) = second_opinions(&ganglion.path("proofs"), ["--genesis", manifest])
        else {
            return;
        };
        assert_eq!(second["proof.json"], first(manifest));
    }
}
