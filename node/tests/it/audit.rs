//! Epochs taken apart, executed again and compared.

use ganglion::api::types::{ReplayReport, StageRow, StageRows, Stages, Status};
use ganglion_consensus::ledger::stages::{COMMITTEE, RESULT, stage_name};
use ganglion_storage::Store;
use ganglion_types::{Canonical as _, Cut, Digest, Hyperparameters, limits, merkle};
use serde_json::Value;

use crate::run::{Ended, Ganglion};
use crate::world::{World, hot, lived_on_disk, secret};

fn lived(weight: u16) -> World {
    let world = World::new(&[50, 30, 20], 2);
    for epoch in 1..=4 {
        let other = if epoch == 3 { weight } else { 32_768 };
        for number in 0..3 {
            world.weigh(number, &[(3, u16::MAX), (4, other)]);
        }
        world.close();
    }
    world
}

fn cut(world: &World, epoch: u64) -> Cut {
    let bytes = world.reader().cut(epoch).unwrap().unwrap();
    Cut::from_bytes(&bytes, limits::AGREEMENT_BYTES).unwrap()
}

fn rows(world: &World, epoch: u64, stage: &str, page: usize) -> Vec<StageRow> {
    let mut all: Vec<StageRow> = Vec::new();
    loop {
        let after = all.last().map_or_else(String::new, |row| format!("&after={}", row.key));
        let path = format!("/v1/epochs/{epoch}/stages/{stage}?limit={page}{after}");
        let told: StageRows = world.client().get(&path).unwrap();
        assert!(told.rows.len() <= page);
        all.extend(told.rows);
        if !told.more {
            return all;
        }
    }
}

#[test]
fn stages_lead_to_the_cut_whether_they_are_remembered_or_executed_again() {
    let world = lived(32_768);
    // The last epochs are in memory, the first ones are not.
    for epoch in 1..=4 {
        let told: Stages = world.client().get(&format!("/v1/epochs/{epoch}/stages")).unwrap();
        let cut = cut(&world, epoch);
        assert_eq!(told.cut, cut.id().to_hex());
        let (result, committee) = (stage_name(RESULT), stage_name(COMMITTEE));
        let of = |name: &str| told.stages.iter().find(|stage| stage.name == name).unwrap();
        assert_eq!(of(result).digest, cut.result_root.to_hex(), "epoch {epoch}");
        assert_eq!(of(committee).digest, cut.next_committee_root.to_hex());
        let tables = told.stages.iter().filter(|one| one.name != result && one.name != committee);
        let tables: Vec<Digest> =
            tables.map(|stage| Digest::from_hex(&stage.digest).unwrap()).collect();
        let root = merkle::root(tables.iter().map(|digest| digest.as_bytes()));
        assert_eq!(root, cut.state_root, "epoch {epoch}");
        let accounts = rows(&world, epoch, "accounts", 2);
        assert_eq!(accounts.len() as u64, of("accounts").rows);
        assert!(accounts.is_sorted_by(|a, b| a.key < b.key));
        assert_eq!(rows(&world, epoch, "accounts", 1_000), accounts);
    }
    for (path, status) in [
        ("/v1/epochs/9/stages", 404),
        ("/v1/epochs/0/stages", 404),
        ("/v1/epochs/2/stages/nothing", 404),
        ("/v1/epochs/2/stages/bonds?limit=0", 400),
        ("/v1/epochs/2/stages/bonds?limit=1001", 400),
        ("/v1/epochs/2/stages/bonds?after=x", 400),
        ("/v1/epochs/9/replay", 404),
        ("/v1/epochs/9/dump", 404),
    ] {
        assert_eq!(world.client().get_value(path).unwrap_err().status(), Some(status), "{path}");
    }
}

#[test]
fn a_replay_agrees_with_what_was_stored() {
    let world = lived(32_768);
    for epoch in 1..=4 {
        let report: ReplayReport =
            world.client().get(&format!("/v1/epochs/{epoch}/replay")).unwrap();
        assert!(report.holds && report.difference.is_none(), "{report:?}");
        let compared = report.stages.iter().filter(|stage| stage.stored.is_some()).count();
        assert_eq!(compared, report.stages.len(), "epoch {epoch}: {report:?}");
    }
    let ganglion = Ganglion::new();
    let text = ganglion.ok(&["epoch", "replay", "4", "--api", &world.api()]);
    assert!(text.contains("equal") && !text.contains("DIFFERS"), "{text}");
    assert!(ganglion.json(&["epoch", "replay", "2", "--api", &world.api()])["holds"] == true);
}

#[test]
fn a_replay_names_the_row_that_was_changed_in_the_store() {
    let world = lived(32_768);
    world.close_spoiled();
    let report: ReplayReport = world.client().get("/v1/epochs/5/replay").unwrap();
    let row = report.difference.expect("it differs");
    assert!(!report.holds);
    assert_eq!((&row.stage[..], &row.item[..]), ("bonds", "uid 0"), "{row:?}");
    let differs: Vec<&str> = report
        .stages
        .iter()
        .filter(|stage| stage.stored.as_ref().is_some_and(|one| *one != stage.executed))
        .map(|stage| &stage.name[..])
        .collect();
    assert_eq!(differs, ["bonds"]);
    assert!(report.roots.iter().all(|root| root.certified == root.executed));
    let ended = Ganglion::new().run(&["epoch", "replay", "5", "--api", &world.api()]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("first difference: bonds, uid 0"), "{ended:?}");
}

#[test]
fn a_diff_names_the_first_stage_and_row_of_two_nodes_or_of_a_file() {
    let (ours, theirs) = (lived(32_768), lived(30_000));
    let ganglion = Ganglion::new();
    let diff = |epoch: &str, with: &str| {
        ganglion.run(&["epoch", "diff", epoch, "--with", with, "--api", &ours.api(), "--json"])
    };
    let same = diff("2", &theirs.api());
    assert_eq!(same.code, 0, "{same:?}");
    let other = diff("3", &theirs.api());
    assert_eq!(other.code, 1, "{other:?}");
    let report: Value = serde_json::from_str(&other.out).unwrap();
    assert_eq!(report["difference"]["stage"], "accounts", "{report}");
    assert!(report["misses"]["ours"].is_null() && report["misses"]["theirs"].is_null());

    // A file with one row changed by hand: it does not even lead to its own roots.
    let dump = ganglion.ok(&["epoch", "export", "3", "--api", &ours.api()]);
    let file = ganglion.file("epoch.json", &dump, 0o644);
    assert_eq!(diff("3", &file).code, 0);
    let mut changed: Value = serde_json::from_str(&dump).unwrap();
    let stages = changed["stages"].as_array_mut().unwrap();
    let weights = stages.iter_mut().find(|stage| stage["name"] == "weights").unwrap();
    let value = &mut weights["rows"][1][1];
    *value = value.as_str().unwrap().replace("ffff03", "feff03").into();
    let file = ganglion.file("changed.json", &changed.to_string(), 0o644);
    let ended = diff("3", &file);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(ended.code, 1, "{report}");
    assert_eq!(report["difference"]["item"], "uid 1", "{report}");
    assert_eq!(report["misses"]["theirs"], "state root", "{report}");
    let text = ganglion.run(&["epoch", "diff", "3", "--with", &file, "--api", &ours.api()]).out;
    assert!(
        text.contains("theirs  cut") && text.contains("do NOT lead to its state root"),
        "{text}"
    );
    assert_eq!(diff("2", &file).code, 2, "the file is of another epoch");
}

#[test]
fn a_frozen_node_shows_both_cuts() {
    let world = lived(32_768);
    let (cut, state) = (cut(&world, 4), world.view.now().state);
    let mut other = cut.clone();
    other.time += 1;
    let round = ganglion_types::Round::new(0);
    let sign = |cut: &Cut| {
        let kind = ganglion_types::VoteType::Precommit;
        (cut.clone(), crate::world::certificate(cut, &state, round, kind))
    };
    let fork = ganglion_types::Fork::new(sign(&cut), sign(&other));
    world.view.update(|view| {
        view.forks.insert(cut.epoch, Some(fork.clone().into()));
        view.forks.insert(cut.epoch.next(), None);
    });
    let status: Status = world.client().get("/v1/status").unwrap();
    assert_eq!(status.forks.len(), 2);
    assert_eq!(status.forks[0].cuts, [fork.first.0.id().to_hex(), fork.second.0.id().to_hex()]);
    assert_eq!(status.forks[0].proof, ganglion_types::hex(&fork.to_bytes()));
    let text = Ganglion::new().ok(&["status", "--api", &world.api()]);
    assert!(text.contains("FORKED     epoch 4 has two certified cuts: "), "{text}");
    assert!(text.contains("the kept proof is damaged"), "{text}");
}

/// A node that lived for three epochs and was stopped: its home, and its data directory.
fn stopped(spoil: bool) -> (Ganglion, String) {
    let ganglion = Ganglion::new();
    let import = ["keys", "import", "--role", "hotkey", "--name", "h0", "--mnemonic-file", "-"];
    let args = [&import[..], &["--no-password"]].concat();
    let ended = ganglion.run_with(&args, &[], &secret(&hot(0)));
    assert_eq!(ended.code, 0, "{ended:?}");
    let manifest = crate::world::manifest(&[50], 4, Hyperparameters::default());
    let file = ganglion.file("demo.toml", &ganglion::manifest::render(&manifest), 0o644);
    let dir = ganglion.path("data").display().to_string();
    let (api, listen) = ("127.0.0.1:0", "/ip4/127.0.0.1/tcp/0");
    ganglion.ok(&[
        "init",
        "--manifest",
        &file,
        "--hotkey",
        "h0",
        "--data-dir",
        &dir,
        "--api",
        api,
        "--listen",
        listen,
    ]);
    lived_on_disk(&ganglion.path("data"), &manifest, 3, spoil);
    (ganglion, dir)
}

/// Runs the node; it is asked to stop at once, if it starts at all.
fn run(ganglion: &Ganglion, dir: &str) -> Ended {
    ganglion.run_with(&["run", "--data-dir", dir, "--exit-with-stdin"], &[], "")
}

#[test]
fn a_stopped_node_is_audited_in_its_directory() {
    let (ganglion, dir) = stopped(false);
    let at = ["--dir", &dir];
    let report = ganglion.json(&[&["epoch", "replay", "3"], &at[..]].concat());
    assert_eq!(report["holds"], true, "{report}");
    let dump = ganglion.ok(&[&["epoch", "export", "2"], &at[..]].concat());
    let file = ganglion.file("two.json", &dump, 0o644);
    ganglion.ok(&[&["epoch", "diff", "2", "--with", &file], &at[..]].concat());
    // Nobody kept the committees of this directory: they are computed again.
    let proof = ganglion.ok(&[&["epoch", "prove", "3", "h0"], &at[..]].concat());
    let file = ganglion.file("proof.json", &proof, 0o644);
    let manifest = ganglion.path("demo.toml").display().to_string();
    let text = ganglion.ok(&["verify", &file, "--genesis", &manifest]);
    assert!(text.contains("proven      epoch 3, uid 0"), "{text}");
    let ended = ganglion.run(&[&["epoch", "replay", "9"], &at[..]].concat());
    assert_eq!(ended.code, 2, "{ended:?}");
    let ended = run(&ganglion, &dir);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_node_whose_state_was_changed_does_not_start_and_the_cure_that_it_prints_cures() {
    let (ganglion, dir) = stopped(true);
    let ended = run(&ganglion, &dir);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(
        ended
            .err
            .contains("error[cannot-reproduce]: epoch 3 in the store executes to another result"),
        "{ended:?}"
    );
    assert!(ended.err.contains("help: Keep a copy of the data directory."), "{ended:?}");
    let ended = ganglion.run(&["epoch", "replay", "3", "--dir", &dir]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("first difference: bonds, uid 0"), "{ended:?}");
    std::fs::rename(ganglion.path("data/state"), ganglion.path("state-away")).unwrap();
    let ended = run(&ganglion, &dir);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ganglion.json(&["epoch", "replay", "3", "--dir", &dir])["holds"], true);
}

#[test]
fn a_node_that_knows_of_a_fork_starts_frozen_and_forgets_nothing() {
    let (ganglion, dir) = stopped(false);
    let manifest = ganglion::manifest::load(&ganglion.path("demo.toml")).unwrap();
    let subnet = *manifest.subnet_id().as_bytes();
    let (mut store, _) = Store::open(&ganglion.path("data"), subnet).unwrap();
    // What is kept is damaged: frozen all the same.
    store.put_fork(3, b"no fork at all").unwrap();
    drop(store);
    for _ in 0..2 {
        let ended = run(&ganglion, &dir);
        let log = format!("{}{}", ended.out, ended.err);
        assert!(ended.code == 0 && log.contains("two certified cuts"), "{ended:?}");
    }
}
