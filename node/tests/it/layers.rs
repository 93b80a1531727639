//! Who may import whom: the table of `docs/ARCHITECTURE.md`, checked over `cargo metadata`.
//!
//! A new dependency is a decision. Whoever makes it adds a line here, and a reviewer sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Every crate of the workspace, the crates of ours that it imports, and all else that it depends on
/// directly.
const LAYERS: [Layer; 11] = [
    Layer {
        name: "ganglion-types",
        ours: &[],
        others: &["blake2", "blake3", "bs58", "ed25519-dalek", "prost", "thiserror"],
        build: &["prost-build", "protox"],
    },
    Layer {
        name: "ganglion-consensus",
        ours: &["ganglion-types"],
        // The BFT core brings tokio and an older libp2p-identity into the tree, unused by us: the
        // one exception to the rule that nothing below `p2p` knows either.
        others: &[
            "arc-malachitebft-core-consensus",
            "arc-malachitebft-core-types",
            "ed25519-dalek",
            "prost",
            "thiserror",
        ],
        build: &[],
    },
    Layer {
        name: "ganglion-subnet",
        ours: &["ganglion-consensus", "ganglion-types"],
        others: &["ed25519-dalek", "thiserror"],
        build: &[],
    },
    Layer {
        name: "ganglion-storage",
        // It keeps bytes, and asks `ganglion-types` for nothing but whether a bug is planted.
        ours: &["ganglion-types"],
        others: &["blake3", "sled", "thiserror", "tracing"],
        build: &[],
    },
    Layer {
        name: "ganglion-persist",
        ours: &["ganglion-consensus", "ganglion-storage", "ganglion-subnet", "ganglion-types"],
        // Of ed25519-dalek only the name of the key that a participant is made with.
        others: &["blake3", "ed25519-dalek", "futures", "prost", "thiserror", "tracing"],
        build: &[],
    },
    Layer {
        name: "ganglion-p2p",
        ours: &["ganglion-types"],
        others: &[
            "blake3",
            "ed25519-dalek",
            "futures",
            "libp2p",
            "metrics",
            "prometheus-client",
            "prost",
            "thiserror",
            "tokio",
            "tracing",
        ],
        build: &[],
    },
    Layer {
        name: "ganglion-chain",
        // Neither the network nor the store: what it keeps goes through a trait of its own.
        ours: &["ganglion-types"],
        // All but the key and the errors only with the features of chains. `evm`: alloy, and beneath it ureq on tokio's
        // blocking threads, as a service of tower's form (docs/adr/0013-alloy.md). `substrate`: subxt.
        others: &[
            "alloy",
            "ed25519-dalek",
            "serde_json",
            "subxt",
            "thiserror",
            "tokio",
            "tower-service",
            "ureq",
        ],
        build: &[],
    },
    Layer {
        name: "ganglion",
        ours: &[
            "ganglion-chain",
            "ganglion-consensus",
            "ganglion-p2p",
            "ganglion-persist",
            "ganglion-storage",
            "ganglion-subnet",
            "ganglion-types",
        ],
        others: &[
            "anyhow",
            "argon2",
            "axum",
            "bip39",
            "blake2",
            "blake3",
            "chacha20poly1305",
            "clap",
            "clap_complete",
            "clap_mangen",
            "comfy-table",
            "ed25519-dalek",
            "flate2",
            "fs4",
            "futures",
            "getrandom",
            "hex",
            "hmac",
            "metrics",
            "metrics-exporter-prometheus",
            "multiaddr",
            "pbkdf2",
            "prost",
            "rpassword",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "sha2",
            "smartcore",
            "strsim",
            "terminal_size",
            "thiserror",
            "tokio",
            "toml",
            "toml_edit",
            "tracing",
            "tracing-subscriber",
            "ureq",
            "utoipa",
            "utoipa-axum",
            "zeroize",
        ],
        build: &[],
    },
    Layer {
        name: "ganglion-sim",
        // All but the network, anchors and the binary: it runs the code that ships between them.
        ours: &[
            "ganglion-consensus",
            "ganglion-persist",
            "ganglion-storage",
            "ganglion-subnet",
            "ganglion-types",
        ],
        // Hashes and keys: what the checkers restate, and what the dishonest sign. An allocator for small things.
        others: &["blake3", "ed25519-dalek", "futures", "mimalloc", "prost"],
        build: &[],
    },
    Layer {
        name: "ganglion-soak",
        // Of the others what a start reports of a data directory.
        ours: &[
            "ganglion",
            "ganglion-p2p",
            "ganglion-persist",
            "ganglion-storage",
            "ganglion-types",
        ],
        // Keys and a runtime of its own are the attacker's of `floods`.
        others: &["anyhow", "clap", "ed25519-dalek", "serde", "serde_json", "tempfile", "tokio"],
        build: &[],
    },
    Layer {
        name: "ganglion-fuzz",
        // Whatever decodes.
        ours: &[
            "ganglion",
            "ganglion-chain",
            "ganglion-consensus",
            "ganglion-p2p",
            "ganglion-persist",
            "ganglion-storage",
            "ganglion-subnet",
            "ganglion-types",
        ],
        others: &[
            "arbitrary",
            "axum",
            "ed25519-dalek",
            "flate2",
            "hex",
            "libfuzzer-sys",
            "prost",
            "serde_json",
            "tempfile",
            "tokio",
            "tower",
        ],
        build: &[],
    },
];

/// What reaches outside, and the only crates that may name it.
const OUTSIDE: [(&str, &[&str]); 7] = [
    ("tokio", &["ganglion-p2p", "ganglion-chain", "ganglion", "ganglion-soak", "ganglion-fuzz"]),
    ("subxt", &["ganglion-chain"]),
    ("libp2p", &["ganglion-p2p"]),
    ("sled", &["ganglion-storage"]),
    ("smartcore", &["ganglion"]),
    ("serde_json", &["ganglion-chain", "ganglion", "ganglion-soak", "ganglion-fuzz"]),
    ("getrandom", &["ganglion"]),
];

struct Layer {
    name: &'static str,
    ours: &'static [&'static str],
    others: &'static [&'static str],
    build: &'static [&'static str],
}

/// The direct dependencies of one crate, by package name.
#[derive(Default)]
struct Found {
    normal: BTreeSet<String>,
    build: BTreeSet<String>,
    dev: BTreeSet<String>,
}

/// Every crate of the workspace. Needs no network: with `--no-deps` nothing is resolved.
fn workspace() -> BTreeMap<String, Found> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut crates = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let mut found = Found::default();
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name").to_owned();
            match dependency["kind"].as_str() {
                None => found.normal.insert(name),
                Some("build") => found.build.insert(name),
                Some("dev") => found.dev.insert(name),
                Some(kind) => panic!("{name} is a dependency of the unknown kind {kind}"),
            };
        }
        crates.insert(package["name"].as_str().expect("a name").to_owned(), found);
    }
    crates
}

fn is_ours(name: &str) -> bool {
    name == "ganglion" || name.starts_with("ganglion-")
}

/// Features of a crate that are on and what turned them on, as `cargo tree` tells it.
fn features(of: &str, arguments: &[&str]) -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "features,normal,build,dev"])
        .args(["--invert", of, "--manifest-path"])
        .arg(manifest)
        .args(arguments)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Cargo joins the features of all that it builds together, so the whole workspace is looked at.
#[test]
fn nothing_that_is_built_by_default_has_planted_bugs() {
    let planted = "planted-bugs";
    let features = |arguments: &[&str]| features("ganglion-types", arguments);
    assert!(!features(&["--workspace"]).contains(planted));
    assert!(!features(&["--package", "ganglion", "--all-features"]).contains(planted));
    let on = features(&["--package", "ganglion-sim", "--features", planted]);
    assert!(on.contains(planted), "else the two lines above say nothing");
}

/// Tests that stand behind a feature: `cargo test --workspace` has them.
#[test]
fn the_workspace_is_tested_with_chains_and_quic() {
    for (of, feature) in
        [("ganglion-p2p", "quic"), ("ganglion-chain", "evm"), ("ganglion-chain", "substrate")]
    {
        let feature = format!("feature \"{feature}\"");
        assert!(features(of, &["--workspace"]).contains(&feature), "{of} without {feature}");
        assert!(!features(of, &[]).contains(&feature), "{of} has {feature} by default");
    }
}

/// Cargo joins the features of the default members where no package is named, as in README's first command.
#[test]
fn no_node_is_built_with_what_fuzzing_opens() {
    let opened = "feature \"fuzzing\"";
    assert!(!features("ganglion-p2p", &[]).contains(opened));
    let on = features("ganglion-p2p", &["--package", "ganglion-fuzz"]);
    assert!(on.contains(opened), "else the line above says nothing");
}

#[test]
fn the_workspace_has_exactly_the_crates_of_the_table() {
    let found: Vec<String> = workspace().into_keys().collect();
    let mut listed: Vec<&str> = LAYERS.iter().map(|layer| layer.name).collect();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn crates_import_each_other_as_the_table_says() {
    let found = workspace();
    for layer in &LAYERS {
        let ours: Vec<&String> =
            found[layer.name].normal.iter().filter(|name| is_ours(name)).collect();
        assert_eq!(ours, layer.ours, "{} imports other crates of ours", layer.name);
        let built: Vec<&String> =
            found[layer.name].build.iter().filter(|name| is_ours(name)).collect();
        assert!(built.is_empty(), "{} builds with {built:?}", layer.name);
    }
}

#[test]
fn direct_dependencies_are_those_listed() {
    let found = workspace();
    for layer in &LAYERS {
        let others: Vec<&String> =
            found[layer.name].normal.iter().filter(|name| !is_ours(name)).collect();
        assert_eq!(others, layer.others, "dependencies of {}", layer.name);
        let build: Vec<&String> = found[layer.name].build.iter().collect();
        assert_eq!(build, layer.build, "build dependencies of {}", layer.name);
    }
}

#[test]
fn network_disk_and_models_are_named_by_their_own_crates_only() {
    let found = workspace();
    for (dependency, owners) in OUTSIDE {
        for (name, crates) in &found {
            let named = crates.normal.contains(dependency) || crates.build.contains(dependency);
            let may = owners.contains(&name.as_str());
            assert!(may || !named, "{name} must not depend on {dependency}: {owners:?} may");
        }
        for owner in owners {
            assert!(found[*owner].normal.contains(dependency), "{owner} lost {dependency}");
        }
    }
}

/// Tests of the pure crates run what ships, so they need no more of the world than it does.
#[test]
fn tests_of_the_pure_crates_reach_nothing_outside() {
    let found = workspace();
    for name in ["ganglion-types", "ganglion-consensus", "ganglion-subnet"] {
        for dependency in ["tokio", "libp2p", "sled", "getrandom", "rand"] {
            assert!(!found[name].dev.contains(dependency), "tests of {name} use {dependency}");
        }
    }
}
