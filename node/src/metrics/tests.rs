use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Files of Rust under a directory of the workspace.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whole strings of the sources that could name a metric. The table itself is left out.
fn named() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut names = BTreeSet::new();
    for path in ["node/src", "p2p/src"].iter().flat_map(|dir| sources(&root.join(dir))) {
        if path.components().any(|part| part.as_os_str() == "table") || path.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for part in text.split('"').filter(|part| part.starts_with("ganglion_")) {
            if part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
                names.insert(part.to_owned());
            }
        }
    }
    names
}

/// Crates, in logs.
fn is_crate(name: &str) -> bool {
    matches!(name, "ganglion_p2p" | "ganglion_chain")
}

#[test]
fn what_is_counted_is_in_the_table_and_the_reverse() {
    let of_libp2p: BTreeSet<&str> = table::of_libp2p().iter().map(|one| one.name).collect();
    let told: BTreeSet<String> = table::all().map(|one| one.name.to_owned()).collect();
    let counted: BTreeSet<String> = named().into_iter().filter(|name| !is_crate(name)).collect();
    let untold: Vec<&String> = counted.difference(&told).collect();
    assert!(untold.is_empty(), "not in node/src/metrics/table: {untold:?}");
    let uncounted: Vec<&String> =
        told.difference(&counted).filter(|name| !of_libp2p.contains(name.as_str())).collect();
    assert!(uncounted.is_empty(), "in the table, and nowhere counted: {uncounted:?}");
}

#[test]
fn every_metric_has_a_help_text_and_what_has_not_happened_is_zero() {
    let recorder = builder().unwrap().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        describe();
        begin();
    });
    let text = recorder.handle().render();
    for line in [
        "# HELP ganglion_epochs_missed_total Epochs whose certificate",
        "ganglion_epochs_missed_total 0",
        "ganglion_p2p_bans_total 0",
        "ganglion_p2p_faults_total{fault=\"invalid\"} 0",
        "ganglion_p2p_gossip_published_total{topic=\"weights\",result=\"no_peers\"} 0",
        "ganglion_worker_restarts_total 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help text");
    }
}
