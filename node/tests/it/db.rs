//! A node's files through the binary: looked at, checked, backed up, mended, and moved with their key.

use std::fs;
use std::path::{Path, PathBuf};

use ganglion::snapshots::keep;
use ganglion_storage::{SnapshotFiles, Store};
use ganglion_types::{Canonical as _, Hyperparameters, Manifest};
use serde_json::Value;

use crate::run::Ganglion;
use crate::world::{self, hot, lived_on_disk, secret};

/// A node of three validators that lived for some epochs and was stopped.
fn lived(epochs: u64) -> (Ganglion, PathBuf) {
    let home = Ganglion::new();
    let dir = initialised(&home, "n", &manifest());
    lived_on_disk(&dir, &manifest(), epochs, false);
    (home, dir)
}

fn manifest() -> Manifest {
    world::manifest(&[50, 30, 20], 2, Hyperparameters::default())
}

fn initialised(home: &Ganglion, name: &str, manifest: &Manifest) -> PathBuf {
    let text = ganglion::manifest::render(manifest);
    let file = home.file("s.toml", &text, 0o600);
    let seed = home.file("seed", &secret(&hot(0)), 0o600);
    let import = ["keys", "import", "--name", "h0", "--mnemonic-file", &seed, "--no-password"];
    home.ok(&[&import[..], &["--force"]].concat());
    home.ok(&["init", "--manifest", &file, "--hotkey", "h0", "--node", name]);
    home.path(&format!("home/nodes/{name}"))
}

fn flip(path: &Path, at: f64) {
    let mut bytes = fs::read(path).unwrap();
    let place = (bytes.len() as f64 * at) as usize;
    bytes[place] ^= 4;
    fs::write(path, bytes).unwrap();
}

/// Zeroes in place of a file.
fn zero(path: &Path) {
    let bytes = fs::read(path).unwrap().len();
    fs::write(path, vec![0; bytes]).unwrap();
}

fn log(dir: &Path) -> PathBuf {
    dir.join("certificates-00000000.log")
}

#[test]
fn a_directory_is_described_and_found_whole() {
    let (home, dir) = lived(6);
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    let info = home.json(&["db", "info", "--node", "n"]);
    assert_eq!(info["schema"], "ganglion/db-info/1");
    let epochs = &info["epochs"];
    assert_eq!((&epochs["first"], &epochs["certified"]), (&1.into(), &6.into()), "{info}");
    assert_eq!((&epochs["applied"], &epochs["items_from"]), (&6.into(), &1.into()));
    assert_eq!((&info["running"], &info["standing"]), (&Value::Null, &"whole".into()));
    assert!(info["strays"][0].as_str().unwrap().ends_with("notes.txt"), "{info}");
    let sizes: Vec<&str> =
        info["sizes"].as_array().unwrap().iter().map(|one| one["part"].as_str().unwrap()).collect();
    for part in ["certificate log", "tables", "watermark", "settings"] {
        assert!(sizes.contains(&part), "{sizes:?}");
    }
    let text = home.ok(&["db", "info", "--node", "n"]);
    assert!(text.contains("epochs 1 to 6, all with items") && text.contains("stopped"), "{text}");

    let found = home.json(&["db", "verify", "--node", "n"]);
    assert_eq!((&found["holds"], &found["epochs"]), (&true.into(), &6.into()), "{found}");
    assert_eq!((&found["certificates"], &found["items"]), (&6.into(), &6.into()), "{found}");
    assert!(
        found["result_rows"].as_u64().unwrap() >= 30 && found["state_rows"].as_u64() > Some(10)
    );
    assert_eq!(found["certificates_of_unknown_committee"], 0);
}

/// Damages one file, sees that verify names it, mends it, and sees that everything holds again.
fn mended(damage: impl Fn(&Path), part: &str, applied: u64) {
    let (home, dir) = lived(6);
    damage(&dir);
    let found = home.run(&["db", "verify", "--node", "n"]);
    assert_eq!(found.code, 1, "{part}: {found:?}");
    assert!(found.err.contains(part) && found.err.contains("ganglion recover"), "{found:?}");

    let before = names(&dir);
    let dry = home.run(&["recover", "--node", "n", "--dry-run"]);
    assert_eq!(dry.code, 0, "{part}: {dry:?}");
    assert!(dry.out.contains("wrong: ") && dry.out.contains("Nothing was changed"), "{dry:?}");
    assert_eq!(names(&dir), before, "a dry run moves nothing");
    let done = home.json(&["recover", "--node", "n"]);
    let aside = done["put_aside"].as_array().unwrap();
    assert!(!aside.is_empty(), "{done}");
    for path in aside {
        assert!(Path::new(path.as_str().unwrap()).exists(), "a copy stays: {done}");
    }
    let found = home.json(&["db", "verify", "--node", "n"]);
    assert_eq!(found["holds"], true, "{part}: {found}");
    let info = home.json(&["db", "info", "--node", "n"]);
    assert_eq!(info["epochs"]["applied"], applied, "{part}: {info}");
    let again = home.ok(&["recover", "--node", "n"]);
    assert!(!again.contains("put aside"), "{part}: {again}");
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

#[test]
fn tables_are_made_again_from_the_log() {
    mended(|dir| zero(&dir.join("state/db")), "state", 6);
    mended(|dir| fs::remove_file(dir.join("state/db")).unwrap(), "state", 6);
}

#[test]
fn a_log_that_is_torn_inside_keeps_what_is_before() {
    mended(|dir| flip(&log(dir), 0.5), "certificate log", 2);
    mended(|dir| fs::remove_file(log(dir)).unwrap(), "certificate log", 0);
}

#[test]
fn a_damaged_snapshot_is_put_aside() {
    let spoil = |dir: &Path| {
        let manifest = std::sync::Arc::new(manifest());
        let subnet = *manifest.subnet_id().as_bytes();
        let (store, _) = Store::open(dir, subnet).unwrap();
        let reader = store.reader().clone();
        let state = ganglion_persist::restart::stored_state(&reader, &manifest, 6).unwrap();
        let read = |bytes: Option<Vec<u8>>| bytes.unwrap();
        let cut = ganglion_types::Cut::from_bytes(&read(reader.cut(6).unwrap()), 1 << 20).unwrap();
        let certificate = reader.certificate(6).unwrap().unwrap();
        let certificate = ganglion_types::Certificate::from_bytes(&certificate, 1 << 20).unwrap();
        keep(&SnapshotFiles::in_directory(dir), &state, &cut, &certificate);
        flip(&dir.join(format!("snapshots/{:020}.snapshot", 6)), 0.9);
    };
    mended(spoil, "snapshots", 6);
}

#[test]
fn what_only_time_mends_is_explained_and_left_alone() {
    let (home, dir) = lived(3);
    fs::remove_file(dir.join("watermark")).unwrap();
    let found = home.run(&["db", "verify", "--node", "n"]);
    assert_eq!(found.code, 1);
    assert!(found.err.contains("watermark: it is gone"), "{found:?}");
    let told = home.ok(&["recover", "--node", "n"]);
    assert!(told.contains("nothing has to be done: it follows silently"), "{told}");
    assert!(!dir.join("watermark").exists(), "the watermark is not made up");

    let (home, dir) = lived(3);
    fs::write(dir.join("fork-00000000000000000002"), "damaged").unwrap();
    let told = home.run(&["recover", "--node", "n"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("frozen") && told.err.contains("--clear-fork 2"), "{told:?}");
    assert!(dir.join("fork-00000000000000000002").exists());
    home.ok(&["recover", "--node", "n", "--clear-fork", "2"]);
    assert!(dir.join("fork-00000000000000000002.corrupt-1").exists());
    let wrong = home.run(&["recover", "--node", "n", "--clear-fork", "2"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[test]
fn a_held_directory_and_a_newer_one_are_refused_with_the_cure() {
    let (home, dir) = lived(2);
    let manifest = manifest();
    let (store, _) = Store::open(&dir, *manifest.subnet_id().as_bytes()).unwrap();
    for args in [&["db", "verify"][..], &["recover"], &["keys", "history", "export"]] {
        let held = home.run(&[args, &["--node", "n"]].concat());
        assert_eq!(held.code, 3, "{held:?}");
        assert!(held.err.contains(&format!("process {}", std::process::id())), "{held:?}");
    }
    // Looking needs no lock.
    let info = home.json(&["db", "info", "--node", "n"]);
    assert_eq!(info["running"]["pid"], std::process::id());
    drop(store);

    let path = log(&dir);
    let mut bytes = fs::read(&path).unwrap();
    bytes[11] = 9;
    let mut hasher = blake3::Hasher::new_derive_key("ganglion storage certificate log header");
    hasher.update(&bytes[..120]);
    bytes[120..152].copy_from_slice(hasher.finalize().as_bytes());
    fs::write(&path, bytes).unwrap();
    for args in [&["db", "verify"][..], &["recover"], &["run"]] {
        let newer = home.run(&[args, &["--node", "n"]].concat());
        assert_eq!(newer.code, 3, "{args:?}: {newer:?}");
        assert!(newer.err.contains("run the newer release"), "{args:?}: {newer:?}");
    }
}

#[test]
fn an_archive_makes_a_node_of_equal_state_and_is_refused_when_changed() {
    let (home, dir) = lived(6);
    let out = home.path("n.archive").display().to_string();
    let written = home.json(&["db", "export", "--node", "n", "--out", &out]);
    assert_eq!((&written["first"], &written["last"]), (&1.into(), &6.into()));
    let taken = home.run(&["db", "export", "--node", "n", "--out", &out]);
    assert_eq!(taken.code, 2, "{taken:?}");

    let whole = fs::read(&out).unwrap();
    let other = initialised(&home, "m", &manifest());
    // Broken off after some epochs: what came is kept, and the next import goes on.
    let part = home.path("part").display().to_string();
    fs::write(&part, &whole[..whole.len() * 2 / 3]).unwrap();
    let broken = home.run(&["db", "import", "--node", "m", &part]);
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(broken.err.contains("cut off after epoch"), "{broken:?}");
    let begun = home.json(&["db", "info", "--node", "m"])["epochs"]["applied"].as_u64().unwrap();
    assert!((1..6).contains(&begun), "{begun}");
    let imported = home.json(&["db", "import", "--node", "m", &out]);
    assert_eq!(imported["epochs"], 6 - begun, "{imported}");
    let found = home.json(&["db", "verify", "--node", "m"]);
    assert_eq!((&found["holds"], &found["epochs"]), (&true.into(), &6.into()));
    assert_eq!(fs::read(log(&dir)).unwrap(), fs::read(log(&other)).unwrap());

    for at in [0.3, 0.6, 0.95] {
        fs::write(&part, &whole).unwrap();
        flip(Path::new(&part), at);
        let fresh = format!("x{}", (at * 100.0) as u32);
        initialised(&home, &fresh, &manifest());
        let refused = home.run(&["db", "import", "--node", &fresh, &part]);
        assert_eq!(refused.code, 1, "{at}: {refused:?}");
    }
    let stranger = world::manifest(&[50, 30], 2, Hyperparameters::default());
    initialised(&home, "z", &stranger);
    let refused = home.run(&["db", "import", "--node", "z", &out]);
    assert_eq!((refused.code, refused.err.contains("another subnet")), (2, true), "{refused:?}");
}

#[test]
fn an_archive_is_refused_by_a_node_that_signed_later() {
    let (home, _) = lived(4);
    let out = home.path("n.archive").display().to_string();
    home.ok(&["db", "export", "--node", "n", "--out", &out]);
    let dir = initialised(&home, "m", &manifest());
    lived_on_disk(&dir, &manifest(), 6, false);
    let subnet = *manifest().subnet_id().as_bytes();
    let (mut store, _) = Store::open(&dir, subnet).unwrap();
    store.begin_epoch(7).unwrap();
    drop(store);
    let refused = home.run(&["db", "import", "--node", "m", &out]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("has signed at epoch 7, and the archive ends with 4"));
}

#[test]
fn a_retired_node_does_not_run_and_a_changed_history_is_refused() {
    let (home, dir) = lived(3);
    let subnet = *manifest().subnet_id().as_bytes();
    let (mut store, _) = Store::open(&dir, subnet).unwrap();
    store.begin_epoch(4).unwrap();
    drop(store);
    let history = home.ok(&["keys", "history", "export", "--node", "n"]);
    let file = home.file("h", &history, 0o600);
    let refused = home.run(&["run", "--node", "n"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("history of this node was exported"), "{refused:?}");
    let told = home.run(&["recover", "--node", "n"]);
    assert!(told.code == 1 && told.err.contains("reinstate"), "{told:?}");
    assert_eq!(home.json(&["db", "info", "--node", "n"])["standing"], "retired");

    initialised(&home, "m", &manifest());
    let changed = home.file("c", &history.replace("\"epoch\": 4", "\"epoch\": 3"), 0o600);
    let wrong = home.run(&["keys", "history", "import", "--node", "m", &changed]);
    assert!(wrong.code == 2 && wrong.err.contains("checksum"), "{wrong:?}");
    home.ok(&["keys", "history", "import", "--node", "m", &file]);
    let info = home.json(&["db", "info", "--node", "m"]);
    assert_eq!((&info["watermark"]["epoch"], &info["standing"]), (&4.into(), &"mute".into()));
    let again = home.run(&["keys", "history", "import", "--node", "m", &file]);
    assert!(again.code == 2 && again.err.contains("not before the history"), "{again:?}");

    let unsure = home.run(&["keys", "history", "reinstate", "--node", "n"]);
    assert!(unsure.code == 2 && unsure.err.contains("--yes"), "{unsure:?}");
    home.ok(&["keys", "history", "reinstate", "--node", "n", "--yes"]);
    let info = home.json(&["db", "info", "--node", "n"]);
    assert_eq!((&info["watermark"]["epoch"], &info["standing"]), (&4.into(), &"mute".into()));
}
