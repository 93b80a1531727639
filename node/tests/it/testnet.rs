//! `ganglion testnet` as people and scripts meet it.

use crate::run::Ganglion;

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_made() {
    let ganglion = Ganglion::new();
    let dir = ganglion.path("net").display().to_string();
    let file = ganglion.file("t.toml", "[testnet]\nvalidators = 0\n", 0o644);
    for (args, code, part) in [
        (vec!["up", "--json"], 2, "Add --epochs N"),
        (vec!["up", "--validators", "0"], 2, "0 is not in 1..=32"),
        (vec!["up", &file], 2, "t.toml:2: testnet.validators = 0: must be"),
        (vec!["status"], 1, "no testnet runs in"),
        (vec!["stop", "validator-1"], 1, "ganglion testnet up"),
        (vec!["down"], 1, "no testnet runs in"),
        (vec!["logs"], 2, "there is no testnet in"),
        (vec!["add-miner", "--command", "'x"], 2, "is no command"),
    ] {
        let mut all = vec!["testnet"];
        all.extend(args);
        all.extend(["--dir", &dir]);
        let ended = ganglion.run(&all);
        assert_eq!(ended.code, code, "{all:?}: {ended:?}");
        assert!(ended.err.contains(part), "{all:?}: {ended:?} lacks {part:?}");
        assert!(!ganglion.path("net").exists(), "{all:?} left a directory");
    }
}

#[test]
fn a_node_misbehaves_only_where_a_testnet_made_it() {
    let ganglion = Ganglion::new();
    let dir = ganglion.path("node").display().to_string();
    let run = ["run", "--data-dir", &dir, "--behaviour", "copier"];
    let ended = ganglion.run(&run);
    assert_eq!(ended.code, 2, "{ended:?}");
    let sentence = "--behaviour copier is for nodes of a testnet, and none made";
    assert!(ended.err.contains(sentence), "{ended:?}");
    assert!(ended.err.contains("help: Leave it out"), "{ended:?}");
    std::fs::create_dir(ganglion.path("node")).unwrap();
    ganglion.file("node/testnet-node", "", 0o644);
    let ended = ganglion.run(&run);
    assert!(ended.code == 2 && !ended.err.contains("--behaviour"), "{ended:?}");
    let wrong = ganglion.run(&["run", "--data-dir", &dir, "--behaviour", "thief"]);
    assert!(wrong.err.contains("must be honest, copier, lazy"), "{wrong:?}");
}

#[test]
fn a_run_that_cannot_show_what_is_asserted_does_not_begin() {
    let ganglion = Ganglion::new();
    let dir = ganglion.path("net").display().to_string();
    let text = "[[assert]]\nname = \"a\"\nmetric = \"rounds\"\ncomparison = \"<\"\nagainst = 9\n\
                epochs = \"2..5\"\n";
    let file = ganglion.file("t.toml", text, 0o644);
    let ended = ganglion.run(&["testnet", "up", &file, "--epochs", "4", "--dir", &dir]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("t.toml:1: \"a\" is about epoch 5"), "{ended:?}");
    assert!(!ganglion.path("net").exists());
}

#[test]
fn a_directory_with_other_files_is_left_alone() {
    let ganglion = Ganglion::new();
    let file = ganglion.file("precious", "x", 0o644);
    let dir = ganglion.path("").display().to_string();
    for args in [vec!["testnet", "up"], vec!["testnet", "down", "--purge"]] {
        let mut all = args;
        all.extend(["--dir", &dir]);
        let ended = ganglion.run(&all);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.contains("has files in it and no testnet"), "{ended:?}");
        assert!(std::path::Path::new(&file).exists());
    }
}
