//! No locked dependency is below the version in which a flaw was mended that a stranger can use.
//!
//! Those of libp2p-gossipsub and yamux have no RUSTSEC number: scanners that read that database alone do not know of them.
//! Flaws of parts that no node has (revocation lists, DNSSEC) are left out.

use std::path::Path;

/// Crate, first sound version, and what is wrong below it, as its advisory says.
const MENDED: &[(&str, [u64; 3], &str)] = &[
    ("libp2p", [0, 57, 0], "0.56 brings yamux 0.12 with GHSA-vxx9-2994-q338 in any build"),
    ("libp2p-gossipsub", [0, 49, 3], "GHSA-gc42-3jg7-rxr2: the back-off of a PRUNE overflows"),
    ("libp2p-gossipsub", [0, 49, 4], "GHSA-xqmp-fxgv-xvq5: so it does later, in the heartbeat"),
    ("libp2p-gossipsub", [0, 50, 0], "GHSA-g3g5-x568-qvqx: topics of a peer grow with each GRAFT"),
    ("libp2p-gossipsub", [0, 50, 1], "GHSA-vrx6-jcp8-vm7m: a PRUNE of a topic not joined counts"),
    ("yamux", [0, 13, 9], "GHSA-4w32-2493-32g7: a credit over the window ends the process"),
    ("yamux", [0, 13, 10], "GHSA-vxx9-2994-q338: a first frame over the window ends the process"),
    ("snow", [0, 9, 5], "RUSTSEC-2024-0011: a message that is not authentic moves the nonce on"),
    ("curve25519-dalek", [4, 1, 3], "RUSTSEC-2024-0344: scalar subtraction takes a varying time"),
    ("ed25519-dalek", [2, 0, 0], "RUSTSEC-2022-0093: a signature under a foreign public key"),
    ("hickory-proto", [0, 26, 1], "RUSTSEC-2026-0119: names of a message take quadratic time"),
    ("quinn-proto", [0, 11, 7], "RUSTSEC-2024-0373: a retry of a connection ends the process"),
    ("quinn-proto", [0, 11, 14], "RUSTSEC-2026-0037: a transport parameter ends the process"),
    ("quinn-proto", [0, 11, 15], "RUSTSEC-2026-0185: gaps in a stream take memory without end"),
    ("ring", [0, 17, 12], "RUSTSEC-2025-0009: a QUIC packet ends a process that checks overflow"),
    (
        "rustls",
        [0, 23, 18],
        "RUSTSEC-2024-0399: a fragmented ClientHello, where `Acceptor` is used",
    ),
    ("idna", [1, 0, 0], "RUSTSEC-2024-0421: two names may be taken for one"),
    ("h2", [0, 4, 4], "RUSTSEC-2024-0332: CONTINUATION frames without end"),
    ("bytes", [1, 11, 1], "RUSTSEC-2026-0007: a length overflows in `BytesMut::reserve`"),
    ("tracing-subscriber", [0, 3, 20], "RUSTSEC-2025-0055: a stranger's text moves the terminal"),
];

/// Names and versions of a lock file.
fn locked(text: &str) -> Vec<(String, [u64; 3])> {
    let lock: toml::Table = text.parse().expect("a lock file is TOML");
    let packages = lock["package"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let version = package["version"].as_str().expect("a version");
            let version = version.split(['-', '+']).next().unwrap_or_default();
            let mut parts = version.split('.').map(|part| part.parse().expect("a number"));
            let name = package["name"].as_str().expect("a name").to_owned();
            (name, std::array::from_fn(|_| parts.next().expect("three numbers")))
        })
        .collect()
}

/// What is locked below its first sound version.
fn unsound(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, version) in locked(text) {
        for (flawed, mended, flaw) in MENDED.iter().filter(|(flawed, ..)| *flawed == name) {
            if version < *mended {
                found.push(format!("{flawed} {version:?} is below {mended:?}: {flaw}"));
            }
        }
    }
    found
}

fn lock() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    std::fs::read_to_string(path).expect("a lock file")
}

#[test]
fn nothing_locked_is_below_a_mended_version() {
    assert_eq!(unsound(&lock()), Vec::<String>::new());
}

/// What a check watches that is not there watches nothing.
#[test]
fn every_crate_watched_is_locked_or_known_to_be_gone() {
    let names: Vec<String> = locked(&lock()).into_iter().map(|(name, _)| name).collect();
    for (name, ..) in MENDED {
        assert!(names.iter().any(|locked| locked == name), "{name} is not locked any more");
    }
}

#[test]
fn an_older_version_is_found() {
    let old = "[[package]]\nname = \"yamux\"\nversion = \"0.13.8\"\n";
    assert_eq!(unsound(old).len(), 2);
    let sound = "[[package]]\nname = \"yamux\"\nversion = \"0.13.10\"\n";
    assert!(unsound(sound).is_empty());
}
