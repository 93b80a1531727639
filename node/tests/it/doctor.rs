//! `ganglion doctor` on a node that is well, and on the same node with one fault after the other.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{Node, free_port, peer_of};
use crate::run::{Ganglion, mode};

/// A node `v` of a subnet of two validators, which was never started.
struct Ward {
    home: Ganglion,
    listen: u16,
    api: u16,
}

impl Ward {
    fn new() -> Self {
        let home = Ganglion::new();
        for (role, name) in [("hotkey", "v"), ("hotkey", "w"), ("coldkey", "c"), ("coldkey", "d")] {
            home.ok(&["keys", "new", "--role", role, "--name", name, "--no-password"]);
        }
        let entries = [("v", "c", "100"), ("w", "d", "100")].map(|(hotkey, coldkey, stake)| {
            let entry = ["subnet", "entry", "--role", "validator", "--hotkey", hotkey];
            let more = ["--coldkey", coldkey, "--stake", stake];
            home.file(&format!("{hotkey}.toml"), &home.ok(&[&entry[..], &more].concat()), 0o600)
        });
        let args = ["subnet", "new", "--name", "s", "--genesis-in", "1s", "--epoch-length", "2s"];
        let [one, two] = &entries;
        home.ok(&[&args[..], &["--participants", one, "--participants", two]].concat());
        let ward = Self { home, listen: free_port(), api: free_port() };
        ward.home.ok(&["init", "--manifest", "s.toml", "--hotkey", "v", "--node", "v"]);
        ward.set("");
        ward
    }

    /// A settings file with these lines more, or in place of the usual ones.
    fn set(&self, more: &str) {
        let Self { listen, api, .. } = self;
        let usual = [
            ("hotkey", "\"v\"".to_owned()),
            ("listen", format!("[\"/ip4/127.0.0.1/tcp/{listen}\"]")),
            ("api", format!("\"127.0.0.1:{api}\"")),
        ];
        let said = |key: &str| more.lines().any(|line| line.starts_with(&format!("{key} =")));
        let lines = usual.iter().filter(|(key, _)| !said(key));
        let text: String = lines.map(|(key, value)| format!("{key} = {value}\n")).collect();
        fs::write(self.data("node.toml"), format!("{text}{more}\n")).unwrap();
    }

    fn data(&self, name: &str) -> std::path::PathBuf {
        self.home.path("home/nodes/v").join(name)
    }

    fn examine(&self, more: &[&str], env: &[(&str, &str)]) -> (i32, Value) {
        let args = [&["doctor", "--node", "v", "--json"], more].concat();
        let ended = self.home.run_with(&args, env, "");
        let report = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
        (ended.code, report)
    }
}

/// The findings with this code, as level, sentence and cure.
fn found(report: &Value, code: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = report["findings"].as_array().unwrap().iter();
    let all = all.filter(|finding| finding["code"] == code);
    all.map(|one| (text(&one["level"]), text(&one["sentence"]), text(&one["cure"]))).collect()
}

/// What a fault needs as long as it lasts.
type Kept = Box<dyn std::any::Any>;

/// A fault: the code and level of the finding, what its sentence and its cure name, how it is made, and flags.
struct Fault {
    code: &'static str,
    level: &'static str,
    names: &'static str,
    cure: &'static str,
    make: fn(&Ward) -> Kept,
    flags: &'static [&'static str],
}

fn nothing() -> Kept {
    Box::new(())
}

macro_rules! fault {
    ($code:literal, $level:literal, $names:literal, $cure:literal, $make:expr) => {
        fault!($code, $level, $names, $cure, $make, &[])
    };
    ($code:literal, $level:literal, $names:literal, $cure:literal, $make:expr, $flags:expr) => {
        Fault { code: $code, level: $level, names: $names, cure: $cure, make: $make, flags: $flags }
    };
}

fn settings(ward: &Ward, more: &str) -> Kept {
    ward.set(more);
    nothing()
}

fn stranger_at(ward: &Ward) -> Kept {
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap();
    let peer = peer_of(&ward.home, "w");
    ward.set(&format!("bootnodes = [\"/ip4/127.0.0.1/tcp/{}/p2p/{peer}\"]", address.port()));
    std::thread::spawn({
        let stranger = stranger.try_clone().unwrap();
        // Takes calls and says nothing, until the test process ends.
        move || stranger.incoming().map_while(Result::ok).collect::<Vec<_>>()
    });
    Box::new(stranger)
}

fn with_bootnode(ward: &Ward, host: &str, more: &str) -> Kept {
    let peer = peer_of(&ward.home, "w");
    settings(ward, &format!("bootnodes = [\"{host}/p2p/{peer}\"]\n{more}"))
}

/// Every kind of fault that can be made on any machine.
const FAULTS: [Fault; 34] = [
    fault!("settings", "error", "max_connections", "4 to 4096", |ward| {
        settings(ward, "max_connections = \"2\"")
    }),
    fault!("settings", "error", "lisen", "listen", |ward| settings(ward, "lisen = \"x\"")),
    fault!("manifest", "error", "does not exist", "subnet new", |ward| {
        fs::remove_file(ward.data("subnet.toml")).unwrap();
        nothing()
    }),
    fault!("manifest", "error", "epoch_length", "", |ward| {
        let text = fs::read_to_string(ward.data("subnet.toml")).unwrap();
        let broken = text.replace("epoch_length = \"2s\"", "epoch_length = \"1ms\"");
        assert_ne!(text, broken);
        fs::write(ward.data("subnet.toml"), broken).unwrap();
        nothing()
    }),
    fault!("key", "error", "does not exist", "", |ward| settings(ward, "hotkey = \"nobody\"")),
    fault!("key", "error", "open to others", "chmod 600", |ward| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = ward.home.path("home/keys/hotkeys/v.json");
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        nothing()
    }),
    fault!("key", "error", "coldkey", "", |ward| {
        let coldkey = ward.home.path("home/keys/coldkeys/c.json");
        settings(ward, &format!("hotkey = \"{}\"", coldkey.display()))
    }),
    fault!("key-password", "warning", "encrypted", "password_file", |ward| {
        let password = ward.home.file("password", "secret\n", 0o600);
        let new = ["keys", "new", "--name", "locked", "--password-file", &password];
        ward.home.ok(&new);
        settings(ward, "hotkey = \"locked\"")
    }),
    fault!("key", "error", "password", "", |ward| {
        let password = ward.home.file("password", "secret\n", 0o600);
        let wrong = ward.home.file("wrong", "terces\n", 0o600);
        ward.home.ok(&["keys", "new", "--name", "locked", "--password-file", &password]);
        settings(ward, &format!("hotkey = \"locked\"\npassword_file = \"{wrong}\""))
    }),
    fault!(
        "not-initialised",
        "error",
        "no data directory",
        "ganglion init",
        |ward| {
            // Settings and manifest come from elsewhere, as in a container.
            fs::rename(ward.data("subnet.toml"), ward.home.path("m.toml")).unwrap();
            fs::remove_dir_all(ward.data("")).unwrap();
            nothing()
        },
        &["--manifest", "m.toml", "--hotkey", "v"]
    ),
    fault!(
        "other-subnet",
        "error",
        "subnet",
        "data directory of its own",
        |ward| {
            let args =
                ["subnet", "new", "--name", "t", "--genesis-in", "1s", "--epoch-length", "2s"];
            let [one, two] = ["v.toml", "w.toml"];
            ward.home.ok(&[&args[..], &["--participants", one, "--participants", two]].concat());
            nothing()
        },
        &["--manifest", "t.toml"]
    ),
    fault!("damaged", "error", "certificate", "recover --dry-run", |ward| {
        let path = ward.data("certificates-00000000.log");
        let mut bytes = fs::read(&path).unwrap();
        for byte in &mut bytes {
            *byte ^= 0xff;
        }
        fs::write(path, bytes).unwrap();
        nothing()
    }),
    fault!("mute", "warning", "signs nothing", "ends by itself", |ward| {
        fs::remove_file(ward.data("watermark")).unwrap();
        nothing()
    }),
    fault!("retired", "error", "exported", "reinstate", |ward| {
        ward.home.ok(&["keys", "history", "export", "--node", "v"]);
        nothing()
    }),
    fault!("set-aside", "note", "put aside", "", |ward| {
        fs::write(ward.data("watermark.corrupt-1"), "x").unwrap();
        nothing()
    }),
    fault!("stray", "note", "not of this program", "", |ward| {
        fs::write(ward.data("holiday.jpg"), "x").unwrap();
        nothing()
    }),
    fault!("directory-open", "warning", "mode 0777", "chmod go-w", |ward| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(ward.data(""), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(mode(&ward.data("")), 0o777);
        nothing()
    }),
    fault!("held", "error", "does not answer", "SIGTERM", |ward| {
        let mut options = fs::File::options();
        let lock =
            options.write(true).create(true).truncate(false).open(ward.data("lock")).unwrap();
        lock.lock().unwrap();
        Box::new(lock)
    }),
    fault!("port-taken", "error", "in use", "--listen", |ward| {
        Box::new(TcpListener::bind(("127.0.0.1", ward.listen)).unwrap())
    }),
    fault!("port-taken", "error", "in use", "--api", |ward| {
        settings(ward, &format!("api = \"127.0.0.1:{}\"", ward.listen))
    }),
    fault!("address-foreign", "error", "192.0.2.1", "--external", |ward| {
        settings(ward, "listen = [\"/ip4/192.0.2.1/tcp/7800\"]")
    }),
    fault!("api-open", "warning", "0.0.0.0", "127.0.0.1", |ward| {
        settings(ward, "api = \"0.0.0.0:0\"")
    }),
    fault!(
        "listen-loopback",
        "warning",
        "own machine only",
        "0.0.0.0",
        |ward| { with_bootnode(ward, "/ip4/192.0.2.1/tcp/7800", "") },
        &["--offline"]
    ),
    fault!(
        "external-private",
        "warning",
        "10.1.2.3",
        "others reach",
        |ward| {
            let more = "listen = [\"/ip4/0.0.0.0/tcp/0\"]\nexternal = [\"/ip4/10.1.2.3/tcp/7800\"]";
            with_bootnode(ward, "/ip4/8.8.8.8/tcp/7800", more)
        },
        &["--offline"]
    ),
    fault!("no-bootnodes", "warning", "knows nobody", "--bootnode", |_| nothing()),
    fault!("bootnode-unreachable", "error", "refused", "firewalls", |ward| {
        with_bootnode(ward, &format!("/ip4/127.0.0.1/tcp/{}", free_port()), "")
    }),
    fault!("bootnode-unreachable", "error", "resolve", "its name", |ward| {
        with_bootnode(ward, "/dns4/nowhere.invalid/tcp/7800", "")
    }),
    fault!("bootnode-stranger", "error", "no node of this subnet", "peer id", stranger_at),
    fault!("bootnode-self", "note", "this node itself", "", |ward| {
        let peer = peer_of(&ward.home, "v");
        settings(ward, &format!("bootnodes = [\"/ip4/127.0.0.1/tcp/1/p2p/{peer}\"]"))
    }),
    fault!("worker-unknown", "error", "digits-none", "worker list", |ward| {
        settings(ward, "worker = \"digits-none\"")
    }),
    fault!("worker-missing", "error", "no-such-program", "whole path", |ward| {
        settings(ward, "worker_command = \"no-such-program --now\"")
    }),
    fault!("worker-not-executable", "error", "cannot be run", "chmod +x", |ward| {
        let script = ward.home.file("worker.sh", "#!/bin/sh\n", 0o600);
        settings(ward, &format!("worker_command = \"{script}\""))
    }),
    fault!("worker-silent", "error", "does not come up", "worker check", |ward| {
        settings(ward, "worker_command = \"false\"")
    }),
    fault!("anchor", "note", "nowhere", "", |ward| settings(ward, "anchor = \"none\"")),
];

#[test]
fn each_planted_fault_is_found_with_its_cure() {
    let missed: Vec<String> = FAULTS.iter().filter_map(missed).collect();
    assert!(missed.is_empty(), "{} of {}: {}", missed.len(), FAULTS.len(), missed.join("\n"));
}

/// What is wrong with the report on a node with this fault.
fn missed(fault: &Fault) -> Option<String> {
    let ward = Ward::new();
    let Fault { code, level, names, cure, make, flags } = fault;
    let kept = make(&ward);
    let (exit, report) = ward.examine(flags, &[]);
    drop(kept);
    let fits = found(&report, code).iter().any(|(seen, sentence, help)| {
        let helps = *level == "note" || !help.is_empty();
        seen == level && sentence.contains(names) && help.contains(cure) && helps
    });
    let errors = report["errors"].as_u64()? > 0;
    let ends_well = exit == i32::from(errors) && errors == (*level == "error");
    (!fits || !ends_well).then(|| format!("{code} ({names}), exit {exit}: {report:#}"))
}

#[test]
fn a_node_that_is_well_has_nothing_to_mend() {
    let ward = Ward::new();
    let other = Node::init(&ward.home, "w", "w", &[]);
    let (listen, api) = other;
    let running = Node::run(&ward.home, "w", &api, &[]);
    running.until("an API", |node| node.get("/v1/status").is_some());
    let peer = peer_of(&ward.home, "w");
    ward.set(&format!("bootnodes = [\"{listen}/p2p/{peer}\"]"));
    let (exit, report) = ward.examine(&[], &[]);
    assert_eq!((exit, &report["errors"]), (0, &0.into()), "{report:#}");
    assert_eq!(found(&report, "bootnodes").len(), 1, "{report:#}");
    assert_eq!(found(&report, "key").len(), 1);
    // With another node's peer id, the node that answers is not the one that is meant.
    let wrong = ganglion::keys::peer_id(&ganglion_types::Hotkey::new([
        0x88, 0xdc, 0x34, 0x17, 0xd5, 0x05, 0x8e, 0xc4, 0xb4, 0x50, 0x3e, 0x0c, 0x12, 0xea, 0x1a,
        0x0a, 0x89, 0xbe, 0x20, 0x0f, 0xe9, 0x89, 0x22, 0x42, 0x3d, 0x43, 0x34, 0x01, 0x4f, 0xa6,
        0xb0, 0xee,
    ]));
    ward.set(&format!("bootnodes = [\"{listen}/p2p/{wrong}\"]"));
    let (exit, report) = ward.examine(&[], &[]);
    assert_eq!((exit, found(&report, "bootnode-stranger").len()), (1, 1), "{report:#}");
    // Its address is another node's.
    ward.set(&format!("api = \"{api}\""));
    let (exit, report) = ward.examine(&["--offline"], &[]);
    assert_eq!((exit, found(&report, "other-node").len()), (1, 1), "{report:#}");
}

#[test]
fn a_running_node_says_itself_what_hinders_it() {
    let ward = Ward::new();
    let api = format!("127.0.0.1:{}", ward.api);
    let node = Node::run(&ward.home, "v", &api, &[]);
    node.until("an API", |node| node.get("/v1/status").is_some());
    let (exit, report) = ward.examine(&[], &[]);
    assert_eq!(exit, 1, "{report:#}");
    assert_eq!(found(&report, "running").len(), 1, "{report:#}");
    let reasons = found(&report, "not-ready");
    assert!(reasons.iter().any(|(_, reason, _)| reason.contains("no peer")), "{report:#}");
    // Half of the stake each: either can halt the subnet.
    assert!(!found(&report, "not-well").is_empty(), "{report:#}");
}

/// `ulimit` and a program of the system in a place of our own.
#[test]
fn faults_of_the_machine_are_found() {
    let ward = Ward::new();
    let program = env!("CARGO_BIN_EXE_ganglion");
    let line = format!("ulimit -n 64; exec '{program}' doctor --node v --json --offline");
    let output = Command::new("sh")
        .args(["-c", &line])
        .current_dir(ward.home.path(""))
        .env("GANGLION_HOME", ward.home.path("home"))
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [(level, _, cure)] = &found(&report, "open-files")[..] else { panic!("{report:#}") };
    assert!(level == "error" && cure.contains("ulimit -n 512"), "{cure}");

    fs::create_dir(ward.home.path("bin")).unwrap();
    ward.home.file("bin/timedatectl", "#!/bin/sh\necho no\n", 0o700);
    let path = format!("{}:/usr/bin:/bin", ward.home.path("bin").display());
    let (_, report) = ward.examine(&["--offline"], &[("PATH", &path)]);
    assert_eq!(found(&report, "clock-free").len(), 1, "{report:#}");
}

/// Every code is explained to operators.
#[test]
fn the_page_lists_every_code() {
    let page = fs::read_to_string("../docs/OPERATING.md").unwrap();
    let mut codes = std::collections::BTreeSet::new();
    for file in fs::read_dir("src/doctor").unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for way in ["good(", "note("] {
            for (at, _) in text.match_indices(&format!("report.{way}")) {
                let rest = text[at + way.len() + 7..].trim_start();
                let code = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
                codes.extend(code.map(str::to_owned));
            }
        }
        for rest in text.split("Code::").skip(1) {
            let end = rest.find(|next: char| !next.is_ascii_uppercase() && next != '_');
            let constant = &rest[..end.unwrap_or(rest.len())];
            codes.insert(constant.to_lowercase().replace('_', "-"));
        }
    }
    assert!(codes.len() > 40, "{codes:?}");
    let missing: Vec<_> =
        codes.iter().filter(|code| !page.contains(&format!("| `{code}` |"))).collect();
    assert!(missing.is_empty(), "docs/OPERATING.md lacks {missing:?}");
    assert!(Path::new("src/doctor/mod.rs").is_file());
}
