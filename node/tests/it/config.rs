use std::fs;

use crate::run::{Ganglion, mode};

fn with_manifest() -> Ganglion {
    let ganglion = Ganglion::new();
    ganglion.ok(&["keys", "new", "--name", "v1", "--no-password"]);
    ganglion.ok(&["keys", "new", "--name", "owner", "--role", "coldkey", "--no-password"]);
    let entry = ganglion.ok(&[
        "subnet",
        "entry",
        "--role",
        "validator",
        "--hotkey",
        "v1",
        "--coldkey",
        "owner",
        "--stake",
        "28",
    ]);
    let entry = ganglion.file("v1.toml", &entry, 0o644);
    ganglion.ok(&["subnet", "new", "--name", "demo", "--participants", &entry]);
    ganglion
}

const INIT: [&str; 6] = ["init", "--manifest", "demo.toml", "--hotkey", "v1", "--node"];

#[test]
fn init_makes_a_directory_whose_settings_hold_from_anywhere() {
    let ganglion = with_manifest();
    let password = ganglion.file("password", "x", 0o600);
    let args = [&INIT[..], &["n1", "--api", "127.0.0.1:0", "--password-file", "password"]].concat();
    let made = ganglion.json(&args);
    assert_eq!((&made["uid"], &made["role"]), (&0.into(), &"validator".into()));
    assert_eq!(mode(&ganglion.path("home/nodes/n1")), 0o700);
    let copy = fs::read_to_string(ganglion.path("home/nodes/n1/subnet.toml")).unwrap();
    assert_eq!(copy, fs::read_to_string(ganglion.path("demo.toml")).unwrap());

    let settings = &ganglion.json(&["config", "show", "--node", "n1"])["settings"];
    assert_eq!(settings["api"]["value"], "127.0.0.1:0");
    assert_eq!(settings["api"]["source"], "file");
    assert_eq!(settings["password_file"]["value"], password);
    let hotkey = ganglion.path("home/keys/hotkeys/v1.json");
    assert_eq!(settings["hotkey"]["value"], hotkey.display().to_string());
    assert_eq!(settings["listen"]["source"], "default");
}

#[test]
fn init_writes_nothing_when_anything_is_wrong() {
    let ganglion = with_manifest();
    ganglion.refused(
        &["init", "--manifest", "no.toml", "--hotkey", "v1", "--node", "n1"],
        2,
        "no.toml does not exist",
        "Check the path, or write a manifest with `ganglion subnet new`.",
    );
    ganglion.refused(
        &["init", "--manifest", "demo.toml", "--hotkey", "v2", "--node", "n1"],
        2,
        "there is no key named 'v2' in home/keys/hotkeys",
        "See the keys there are with `ganglion keys list`.",
    );
    let coldkey = ganglion.path("home/keys/coldkeys/owner.json").display().to_string();
    ganglion.refused(
        &["init", "--manifest", "demo.toml", "--hotkey", &coldkey, "--node", "n1"],
        2,
        "home/keys/coldkeys/owner.json holds a coldkey, and a hotkey is needed",
        "Name the file of a hotkey.",
    );
    assert!(!ganglion.path("home/nodes").exists());
}

#[test]
fn a_second_init_needs_force_and_keeps_earlier_settings() {
    let ganglion = with_manifest();
    ganglion.ok(&[&INIT[..], &["n1", "--max-connections", "7"]].concat());
    ganglion.refused(
        &[&INIT[..], &["n1"]].concat(),
        2,
        "home/nodes/n1/node.toml exists and is not overwritten",
        "Choose another name, or replace it with --force.",
    );
    ganglion.ok(&[&INIT[..], &["n1", "--force", "--log-format", "json"]].concat());
    let settings = &ganglion.json(&["config", "show", "--node", "n1"])["settings"];
    assert_eq!(settings["max_connections"]["value"], "7");
    assert_eq!(settings["log_format"]["value"], "json");
}

#[test]
fn every_setting_is_shown_with_its_source() {
    let ganglion = with_manifest();
    ganglion.ok(&[&INIT[..], &["n1", "--max-connections", "7"]].concat());
    let shown = ganglion.run_with(
        &["config", "show", "--node", "n1", "--api", "127.0.0.1:1", "-v"],
        &[("GANGLION_WORKER", "knn"), ("GANGLION_MAX_CONNECTIONS", "")],
        "",
    );
    assert_eq!(shown.code, 0, "{shown:?}");
    let home = format!("{}/", ganglion.path("home").display());
    let lines: Vec<String> = shown
        .out
        .replace(&home, "")
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in [
        "data_dir = \"nodes/n1\"",
        "api = \"127.0.0.1:1\" # flag --api",
        "log_level = \"debug\" # flag --log-level",
        "worker = \"knn\" # environment GANGLION_WORKER",
        "metrics_uids = \"256\" # default",
        "password_file = (none) # default",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line} in {lines:#?}");
    }
    // An empty variable is none: compose files set those.
    let connections = lines.iter().find(|line| line.starts_with("max_connections")).unwrap();
    assert!(connections.starts_with("max_connections = \"7\" # nodes/n1/node.toml:"));
}

#[test]
fn wrong_settings_end_with_exit_code_2_and_a_cure_each() {
    let ganglion = Ganglion::new();
    let show = ["config", "show", "--api", "x", "--listen", "here"];
    let ended = ganglion.run_with(&show, &[("GANGLION_LOG_FORMAT", "xml")], "");
    assert_eq!((ended.code, &ended.out[..]), (2, ""));
    let errors = ended.err.lines().filter(|line| line.starts_with("error[settings]: ")).count();
    let cures = ended.err.lines().filter(|line| line.starts_with("  help: ")).count();
    assert_eq!((errors, cures), (3, 3), "{}", ended.err);
}

#[test]
fn completions_name_the_commands() {
    let ganglion = Ganglion::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = ganglion.ok(&["completions", shell]);
        for name in [
            "seed-tail",
            "wallet",
            "delegate",
            "undelegate",
            "take",
            "rotate",
            "deregister",
            "serve",
            "revise",
            "revisions",
            "approve",
            "parameters",
            "max-price",
            "effective",
            "dry-run",
        ] {
            assert!(script.contains(name), "{shell}: {name}");
        }
    }
}

#[test]
fn without_a_command_help_is_shown_and_wrong_usage_is_exit_code_2() {
    let ganglion = Ganglion::new();
    assert!(ganglion.ok(&[]).contains("First steps:"));
    assert_eq!(ganglion.run(&["kyes"]).code, 2);
}
