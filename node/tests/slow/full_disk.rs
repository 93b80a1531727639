//! A node on a disk that is filled, and mounted read-only, while it runs.
//!
//! The test needs a file system of its own, so it runs itself again in a mount namespace: as root, or where users may make
//! namespaces. `GANGLION_TEST_MOUNT=required`, which `.ci/run` sets, makes it fail where neither is so.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::key_moves::two_validators;
use crate::process::{Node, peer_of};
use crate::run::Ganglion;

const INSIDE: &str = "GANGLION_TEST_INSIDE_NAMESPACE";
const NAME: &str = "full_disk::a_node_waits_for_its_disk_and_goes_on_by_itself";

fn unshare(args: &[&str]) -> Option<Output> {
    Command::new("unshare").args(args).output().ok()
}

/// The flags of `unshare` that work here.
fn namespace() -> Option<Vec<&'static str>> {
    let ways = [vec!["--mount"], vec!["--user", "--map-root-user", "--mount"]];
    ways.into_iter().find(|way| {
        let tries = [&way[..], &["mount", "-t", "tmpfs", "tmpfs", "/mnt"]].concat();
        unshare(&tries).is_some_and(|output| output.status.success())
    })
}

#[test]
fn a_node_waits_for_its_disk_and_goes_on_by_itself() {
    if std::env::var_os(INSIDE).is_some() {
        return lives_on_a_small_disk();
    }
    let Some(way) = namespace() else {
        let text = "NOT TESTED: a full disk. It needs `unshare --mount`: root, or user namespaces \
                    (sysctl kernel.unprivileged_userns_clone=1)";
        assert_ne!(std::env::var("GANGLION_TEST_MOUNT").as_deref(), Ok("required"), "{text}");
        return writeln!(std::io::stderr(), "{text}").unwrap();
    };
    let this = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(way)
        .arg(this)
        .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"), "{}", text(&output.stdout));
}

fn mount(args: &[&str]) {
    let output = Command::new("mount").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Takes all room that is left.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    let block = vec![1_u8; 1 << 16];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&[1; 512]).is_ok() {}
}

fn gauge(node: &Node, name: &str) -> Option<f64> {
    let page = node.answer("/metrics")?.1;
    let line = page.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().last()?.parse().ok()
}

/// The other node certifies on, this one tells why it does not, and still answers.
fn waits(node: &Node, other: &Node, why: &str) {
    node.until("it says that it waits", |node| node.reasons().contains("disk takes no writes"));
    let (status, page) = node.page("/readyz").unwrap();
    assert_eq!(status, 503, "{page}");
    assert!(node.reasons().contains(why), "{page}");
    assert_eq!(gauge(node, "ganglion_store_suspended"), Some(1.0));
    node.until_logged("the disk takes no writes");
    let last = other.epoch().unwrap();
    other.until_epoch(last + 2);
    let here = node.epoch().unwrap();
    assert!(here < last + 2, "it went on without its disk");
    assert_eq!(node.get("/v1/status").unwrap()["signing"], false);
    for epoch in 1..=here {
        let read = node.page(&format!("/v1/epochs/{epoch}"));
        let cut = read.as_ref().and_then(|(_, page)| page["cut"].as_str());
        let log = node.log();
        assert_eq!(cut, other.cut(epoch).as_deref(), "epoch {epoch} of {here}: {read:?}; {log}");
    }
}

fn goes_on(node: &Node, other: &Node) {
    node.until("it signs again", |node| {
        node.get("/v1/status").is_some_and(|now| now["signing"] == true)
    });
    let last = other.epoch().unwrap() + 2;
    node.until_epoch(last);
    other.until_epoch(last);
    assert_eq!(node.cut(last), other.cut(last));
    assert_eq!(gauge(node, "ganglion_store_suspended"), Some(0.0));
    let signed = |epoch: u64| other.get(&format!("/v1/epochs/{epoch}")).unwrap()["lists"] == 2;
    node.until("its list counts", |node| (last..=node.epoch().unwrap_or(0)).any(signed));
}

fn doctor_sees(home: &Ganglion, code: &str) {
    let ended = home.run(&["doctor", "--node", "b", "--offline", "--json"]);
    for code in [code, "disk-memory", "not-ready"] {
        assert!(ended.out.contains(&format!("\"code\": \"{code}\"")), "{code}: {ended:?}");
    }
}

fn lives_on_a_small_disk() {
    let home = Ganglion::new();
    two_validators(&home);
    let (listen, api) = Node::init(&home, "a", "a", &[]);
    let bootnode = format!("{listen}/p2p/{}", peer_of(&home, "a"));
    let first = Node::run(&home, "a", &api, &[]);

    let dir = home.path("home/nodes/b");
    fs::create_dir_all(&dir).unwrap();
    let path = dir.display().to_string();
    mount(&["-t", "tmpfs", "-o", "size=48m", "tmpfs", &path]);
    let (_, api) = Node::init(&home, "b", "b", &["--bootnode", &bootnode]);
    let node = Node::run(&home, "b", &api, &[]);
    node.until("it signs", |node| node.get("/v1/status").is_some_and(|now| now["signing"] == true));
    node.until_epoch(2);

    for _ in 0..2 {
        fill(&dir.join("filler"));
        waits(&node, &first, "No space left on device");
        doctor_sees(&home, "disk-full");
        fs::remove_file(dir.join("filler")).unwrap();
        goes_on(&node, &first);
    }

    // What is open stays so; every path leads to a file system that takes no writes.
    mount(&["--bind", &path, &path]);
    mount(&["-o", "remount,bind,ro", &path]);
    waits(&node, &first, "Read-only file system");
    doctor_sees(&home, "read-only");
    assert!(Command::new("umount").arg(&path).status().unwrap().success());
    goes_on(&node, &first);

    for epoch in 1..=first.epoch().unwrap() {
        let kinds = first.get(&format!("/v1/epochs/{epoch}")).unwrap()["item_kinds"].clone();
        assert!(kinds.get("evidence").is_none(), "it contradicted itself in {epoch}: {kinds}");
    }
    drop(node);
    let found = home.json(&["db", "verify", "--node", "b"]);
    assert_eq!(found["holds"], true, "{found}");
}
