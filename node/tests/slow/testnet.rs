//! Whole testnets of real processes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::run::Ganglion;

/// Epochs have their time by the wall clock, and two testnets of debug builds at once leave a slow machine too little
/// of it: one after the other.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static RUNS: Mutex<()> = Mutex::new(());
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Real processes: some 45 s.
#[test]
fn an_assertion_that_does_not_hold_decides_the_exit_code() {
    const FILE: &str = "[testnet]\nepoch_length = \"8s\"\nvalidators = 3\n\
        [[node]]\nname = \"m\"\nrole = \"miner\"\nworker = \"digits-centroid\"\n\
        [[node]]\nname = \"l\"\nrole = \"miner\"\nbehaviour = \"lazy\"\n\
        [[node]]\nname = \"gone\"\nrole = \"observer\"\nbehaviour = \"offline\"\n\
        [[assert]]\nname = \"one history\"\nmetric = \"agreement\"\ncomparison = \"==\"\nagainst = 1\n\
        [[assert]]\nname = \"gone\"\nmetric = \"certified\"\nnode = \"gone\"\ncomparison = \"==\"\n\
        against = 0\n\
        [[assert]]\nname = \"the lazy lead\"\nmetric = \"incentive\"\nbehaviour = \"lazy\"\n\
        comparison = \">\"\nagainst = { node = \"m\" }\nepochs = \"last\"\n";
    let _alone = one_at_a_time();
    let ganglion = Ganglion::new();
    let dir = ganglion.path("net").display().to_string();
    let file = ganglion.file("t.toml", FILE, 0o644);
    let ended = ganglion.run(&["testnet", "up", &file, "--epochs", "3", "--json", "--dir", &dir]);
    let report: serde_json::Value =
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(ended.code, 1, "{}", report["failures"]);
    let held: Vec<bool> = report["assertions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["held"].as_bool().unwrap())
        .collect();
    assert_eq!(held, [true, true, false], "{}", report["assertions"]);
    let failures = report["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let sentence = failures[0].as_str().unwrap();
    assert!(
        sentence.starts_with("the lazy lead: incentive of lazy in epochs 3 to 3"),
        "{sentence}"
    );
}

/// Looks at a running testnet until it is as wanted.
#[expect(clippy::disallowed_methods, reason = "a process tells how it is only if asked again")]
fn until<T>(
    ganglion: &Ganglion,
    dir: &str,
    what: &str,
    wanted: impl Fn(&ganglion::testnet::observe::Observation) -> Option<T>,
) -> T {
    use std::time::{Duration, Instant};

    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let ended = ganglion.run(&["testnet", "status", "--json", "--dir", dir]);
        let seen = serde_json::from_str::<serde_json::Value>(&ended.out).ok();
        let seen = seen.and_then(|one| serde_json::from_value(one["testnet"].clone()).ok());
        if let Some(found) = seen.and_then(|seen| wanted(&seen)) {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: {ended:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Real processes: some 70 s.
#[test]
fn a_damaged_validator_stops_the_others_go_on_and_its_cure_brings_it_back() {
    use ganglion::testnet::observe::{Life, Observation};

    const FILE: &str = "[testnet]\nepoch_length = \"3s\"\n\
        [manifest.task]\nbatch_size = 8\n\
        [[node]]\nname = \"v\"\nrole = \"validator\"\ncount = 3\n\
        [[node]]\nname = \"damaged\"\nrole = \"validator\"\nbehaviour = \"damaged\"\n\
        from_epoch = 3\n\
        [[node]]\nname = \"m\"\nrole = \"miner\"\nworker = \"digits-centroid\"\n\
        [[assert]]\nname = \"one history\"\nmetric = \"agreement\"\ncomparison = \"==\"\nagainst = 1\n\
        [[assert]]\nname = \"nothing is missed\"\nmetric = \"missed\"\nbehaviour = \"honest\"\n\
        comparison = \"==\"\nagainst = 0\nof = \"max\"\n";
    const EPOCHS: u64 = 20;
    let _alone = one_at_a_time();
    let ganglion = Ganglion::new();
    let dir = ganglion.path("net").display().to_string();
    let file = ganglion.file("t.toml", FILE, 0o644);
    let epochs = EPOCHS.to_string();
    let up = ["testnet", "up", &file, "--epochs", &epochs, "--json", "--dir", &dir];
    let ended = std::thread::scope(|scope| {
        let up = scope.spawn(|| ganglion.run(&up));
        let stopped = |seen: &Observation| match &seen.node("damaged")?.life {
            Life::Ended { how } => Some((how.clone(), seen.newest())),
            _ => None,
        };
        let (how, newest) = until(&ganglion, &dir, "it stops", stopped);
        assert_eq!(how, "exit code 4");
        let log = ganglion.ok(&["testnet", "logs", "damaged", "--lines", "5", "--dir", &dir]);
        for said in ["the first row that differs: accounts, 5", "help: Keep a copy of the data"] {
            assert!(log.contains(said), "{said} in {log}");
        }
        let on = |seen: &Observation| {
            let others = ["v-1", "v-2", "v-3"].map(|name| seen.node(name).unwrap().certified());
            others.iter().all(|epoch| *epoch >= newest + 5).then_some(())
        };
        until(&ganglion, &dir, "the others go on", on);
        // What its last words say: the tables away, and a start.
        let state = ganglion.path("net/nodes/damaged/state");
        std::fs::rename(state, ganglion.path("state-away")).unwrap();
        ganglion.ok(&["testnet", "start", "damaged", "--dir", &dir]);
        let back = |seen: &Observation| {
            let signs = seen.node("damaged")?.status.as_ref()?.signing;
            let status = seen.node("v-1")?.status.as_ref()?;
            (signs && status.stake_seen_rao == status.stake_total_rao).then_some(())
        };
        until(&ganglion, &dir, "it signs again, and its lists are seen", back);
        up.join().unwrap()
    });
    let report: serde_json::Value =
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(ended.code, 0, "{}\n{}", report["failures"], ended.err);
    let mut nodes = report["nodes"].as_array().unwrap().iter();
    let damaged = nodes.find(|node| node["name"] == "damaged").unwrap();
    let held = damaged["epochs"].as_array().unwrap().iter().map(|one| one["epoch"].as_u64());
    assert!(held.eq((1..=EPOCHS).map(Some)), "{}", damaged["epochs"]);
}

/// Real processes: some 40 s.
#[test]
fn a_small_testnet_certifies_and_every_node_agrees() {
    use std::collections::BTreeSet;

    let _alone = one_at_a_time();
    let ganglion = Ganglion::new();
    let dir = ganglion.path("net").display().to_string();
    let ended = ganglion.run(&[
        "testnet",
        "up",
        "--epochs",
        "2",
        "--epoch-length",
        "8s",
        "--validators",
        "4",
        "--miners",
        "2",
        "--json",
        "--dir",
        &dir,
    ]);
    let report: serde_json::Value =
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(ended.code, 0, "{:?}\n{}", report["failures"], ended.err);
    assert_eq!(report["schema"], "ganglion/testnet/1");
    assert_eq!((&report["held"], &report["failures"]), (&true.into(), &serde_json::json!([])));
    let nodes = report["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 1 + 4 + 2 + 1);
    for (index, epoch) in report["epochs"].as_array().unwrap().iter().enumerate() {
        assert_eq!(epoch["epoch"], index + 1);
        assert_eq!(epoch["emitted_rao"], report["budget_rao"]);
        assert_eq!(epoch["missed"], false);
        let roots: BTreeSet<String> = nodes
            .iter()
            .map(|node| node["epochs"][index].clone())
            .map(|held| format!("{} {}", held["cut"], held["result_root"]))
            .collect();
        assert_eq!(roots.len(), 1, "{roots:?}");
    }
    assert_eq!(report["epochs"].as_array().unwrap().len(), 2);
    let paid = |row: &serde_json::Value| row["paid_rao"].as_u64().unwrap();
    assert!(report["metagraph"].as_array().unwrap().iter().any(|row| paid(row) > 0));
    // Every node was looked at after every epoch, or nearly; what it used and holds is told by role.
    let (balanced, looks) = (&report["state"]["balanced"][0], &report["state"]["balanced"][1]);
    assert!(balanced == looks && looks.as_u64().unwrap() >= 8, "{}", report["state"]);
    let roles = report["usage"].as_array().unwrap();
    assert_eq!(roles.len(), 4);
    for role in roles {
        for what in ["resident_bytes", "bytes_in", "bytes_out", "log_bytes"] {
            assert!(role[what].as_u64().unwrap() > 0, "{what} in {role}");
        }
    }
    // Nothing is left running, and the directory can be cleared.
    let down = ganglion.run(&["testnet", "down", "--purge", "--dir", &dir]);
    assert_eq!(down.code, 0, "{down:?}");
    assert!(!ganglion.path("net").exists());
}
