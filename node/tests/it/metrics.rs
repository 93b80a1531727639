//! `/metrics` of running nodes, against the table that the page is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use ganglion::metrics::table::{self, Kind, Metric, Since, Values};

use crate::process::{Node, peer_of, subnet_of_two};
use crate::run::Ganglion;

/// Runs `promtool check metrics`, which Debian has in its package prometheus.
/// `GANGLION_TEST_PROMTOOL=required`, which `.ci/run` sets where it is there, makes the test fail without it.
fn promtool(scrape: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        let text = "NOT TESTED: promtool check metrics. It needs promtool (Debian: prometheus)";
        assert_ne!(std::env::var("GANGLION_TEST_PROMTOOL").as_deref(), Ok("required"), "{text}");
        eprintln!("{text}");
        return;
    };
    child.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "promtool: {said}");
}

/// One sample, its braces taken apart. No value here has a comma or a quote in it.
fn sample(line: &str) -> (&str, BTreeMap<&str, &str>) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    assert!(value.parse::<f64>().is_ok(), "{line}");
    let Some((name, labels)) = series.split_once('{') else { return (series, BTreeMap::new()) };
    let labels = labels.strip_suffix('}').expect(line).split(',');
    (name, labels.map(|label| label.split_once('=').expect(line)).collect())
}

/// The metric of the table that a sample belongs to.
fn metric_of(name: &str) -> Option<&'static Metric> {
    table::all().find(|metric| match metric.kind {
        Kind::Histogram => name
            .strip_prefix(metric.name)
            .is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end)),
        _ => name == metric.name,
    })
}

/// Every sample is in the table, its labels say nothing else than the table allows, and its head is there.
fn fits(scrape: &str) -> BTreeSet<&'static str> {
    let mut values: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for line in scrape.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, mut labels) = sample(line);
        let metric = metric_of(name).unwrap_or_else(|| panic!("not in the table: {line}"));
        names.insert(metric.name);
        labels.remove("le");
        let known: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
        assert_eq!(labels.keys().copied().collect::<BTreeSet<_>>(), known, "{line}");
        for (label, value) in labels {
            values.entry((metric.name, label)).or_default().insert(value.trim_matches('"'));
        }
    }
    for name in &names {
        let metric = table::all().find(|metric| metric.name == *name).unwrap();
        let help = format!("# HELP {name} {}", metric.meaning);
        assert_eq!(scrape.lines().filter(|line| *line == help).count(), 1, "{help}");
        let kind = format!("# TYPE {name} {}", metric.kind.name());
        assert_eq!(scrape.lines().filter(|line| *line == kind).count(), 1, "{kind}");
        for label in metric.labels {
            let found = &values[&(*name, label.name)];
            let fits = match label.values {
                Values::Of(words) => found.iter().all(|word| words.contains(word)),
                Values::AtMost(most, _) => found.len() <= most,
            };
            assert!(fits, "{name}: {} is {found:?}", label.name);
        }
    }
    names
}

#[test]
fn running_nodes_show_the_table_and_nothing_else() {
    let home = Ganglion::new();
    subnet_of_two(&home, "2s");
    let (listen, api) = Node::init(&home, "v", "v", &[]);
    let validator = Node::run(&home, "v", &api, &[]);
    let bootnode = format!("{listen}/p2p/{}", peer_of(&home, "v"));
    let (_, api) = Node::init(&home, "m", "m", &["--bootnode", &bootnode]);
    let miner = Node::run(&home, "m", &api, &[]);
    validator.until_epoch(2);
    miner.until_epoch(2);
    for node in [&validator, &miner] {
        let scrape = node.text("/metrics").unwrap();
        let shown = fits(&scrape);
        for metric in table::all() {
            let expected = match metric.since {
                Since::Start | Since::Epoch => true,
                Since::Where("Linux") => cfg!(target_os = "linux"),
                // The log of a node's own is what a node anchors in unless it is told otherwise.
                Since::Where(what) => what == "with anchors",
                Since::Event => false,
            };
            assert!(!expected || shown.contains(metric.name), "{} is missing", metric.name);
        }
        promtool(&scrape);
    }
}
