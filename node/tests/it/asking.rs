//! The commands that ask a node, through the binary, against a server over a real ledger.

use ganglion_types::Rao;
use serde_json::Value;

use crate::process::free_port;
use crate::run::{Ended, Ganglion};
use crate::world::{World, cold, coldkey, hot, hotkey, secret};

const MAX: u16 = u16::MAX;

/// A home with the unencrypted keys of hotkey and coldkey number `n`, named `hN` and `cN`.
pub(crate) fn home(numbers: &[u8]) -> Ganglion {
    let ganglion = Ganglion::new();
    for number in numbers {
        for (role, name, key) in [("hotkey", "h", hot(*number)), ("coldkey", "c", cold(*number))] {
            let name = format!("{name}{number}");
            let args = [
                "keys",
                "import",
                "--role",
                role,
                "--name",
                &name,
                "--mnemonic-file",
                "-",
                "--no-password",
            ];
            let ended = ganglion.run_with(&args, &[], &secret(&key));
            assert_eq!(ended.code, 0, "{ended:?}");
        }
    }
    ganglion
}

pub(crate) fn ask(ganglion: &Ganglion, world: &World, args: &[&str]) -> Ended {
    ganglion.run_with(args, &[("GANGLION_API_URL", &world.api())], "")
}

pub(crate) fn ok(ganglion: &Ganglion, world: &World, args: &[&str]) -> String {
    let ended = ask(ganglion, world, args);
    assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    ended.out
}

pub(crate) fn json(ganglion: &Ganglion, world: &World, args: &[&str]) -> Value {
    serde_json::from_str(&ok(ganglion, world, &[args, &["--json"]].concat())).unwrap()
}

fn eager(stakes: &[u64], miners: u8) -> World {
    World::new(stakes, miners).eager()
}

#[test]
fn a_miner_registers_by_its_own_work() {
    let (world, ganglion) = (eager(&[50], 1), home(&[20]));
    let args =
        ["register", "--hotkey", "h20", "--coldkey", "c20", "--role", "miner", "--threads", "2"];
    let registered = json(&ganglion, &world, &args);
    assert_eq!(registered["uid"], 2);
    assert_eq!(registered["epoch"], 1);
    assert_eq!(registered["hotkey"], hotkey(20).to_string());
    let state = world.view.now().state;
    let seat = *state.participant(state.uid_of(&hotkey(20)).unwrap()).unwrap();
    assert_eq!((seat.coldkey, seat.role.name()), (coldkey(20), "miner"));
    let again = ask(&ganglion, &world, &args);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("it would be refused") && again.err.contains("holds uid 2 already"));
    assert!(
        again.err.contains("help: Register another hotkey: another uid takes another one."),
        "{again:?}"
    );
}

#[test]
fn a_validator_registers_with_the_tail_of_its_chain_and_takes_stake() {
    let (world, ganglion) = (eager(&[60], 1), home(&[0, 21]));
    let text = ok(
        &ganglion,
        &world,
        &["register", "--hotkey", "h21", "--coldkey", "c0", "--role", "validator"],
    );
    assert!(text.contains("holds uid 2: registered in epoch 1, live from 2"), "{text}");
    let state = world.view.now().state;
    let seat = *state.participant(state.uid_of(&hotkey(21)).unwrap()).unwrap();
    let tail = ganglion.json(&["keys", "seed-tail", "h21"]);
    assert_eq!(seat.seed.to_hex(), tail["seed_tail"].as_str().unwrap());

    let dry = json(
        &ganglion,
        &world,
        &["stake", "5.5", "--hotkey", "h21", "--coldkey", "c0", "--dry-run"],
    );
    assert_eq!(dry["nonce"], 0);
    assert_eq!(world.view.now().state.epoch().get(), 1, "a dry run sends nothing");
    let text = ok(&ganglion, &world, &["stake", "5.5", "--hotkey", "h21", "--coldkey", "c0"]);
    assert!(text.contains("stake 5.5 units"), "{text}");
    let stake = |world: &World| {
        let state = world.view.now().state;
        state.participant(state.uid_of(&hotkey(21)).unwrap()).unwrap().stake
    };
    assert_eq!(stake(&world), "5.5".parse::<Rao>().unwrap());
    let text = ok(
        &ganglion,
        &world,
        &["unstake", "0.5", "--hotkey", &hotkey(21).to_string(), "--coldkey", "c0"],
    );
    assert_eq!(stake(&world), "5".parse::<Rao>().unwrap());
    assert!(text.contains("0.5 units are balance again after epoch 103 (in about"), "{text}");
}

#[test]
fn a_full_or_closed_subnet_is_told_before_any_work() {
    let ganglion = home(&[20]);
    let register = ["register", "--hotkey", "h20", "--coldkey", "c20"];
    let rules = ganglion_types::Hyperparameters {
        max_allowed_uids: 2,
        max_validators: 2,
        ..Default::default()
    };
    let full = ask(&ganglion, &World::with(&[50, 50], 0, rules), &register);
    assert_eq!((full.code, full.err.contains("the subnet is full")), (1, true), "{full:?}");
    let rules =
        ganglion_types::Hyperparameters { registration_allowed: false, ..Default::default() };
    let closed = ask(&ganglion, &World::with(&[50], 1, rules), &register);
    assert_eq!(
        (closed.code, closed.err.contains("takes no registrations")),
        (1, true),
        "{closed:?}"
    );
}

#[test]
fn a_transfer_moves_units_and_says_what_it_cannot() {
    let (world, ganglion) = (eager(&[50], 2), home(&[1]));
    let to = coldkey(2).to_string();
    let text = ok(&ganglion, &world, &["transfer", "30", "--to", &to, "--coldkey", "c1"]);
    assert!(
        text.contains("transfer 30 units to") && text.contains("The balance is 70 units"),
        "{text}"
    );
    assert_eq!(world.view.now().state.account(&coldkey(2)).balance.to_string(), "130");
    let much = ask(&ganglion, &world, &["transfer", "71", "--to", &to, "--coldkey", "c1"]);
    assert_eq!(much.code, 1, "{much:?}");
    assert!(much.err.contains("it would fail: it takes 71, but the balance is 70"), "{much:?}");
    assert!(much.err.contains("help: Give a smaller amount; `ganglion wallet` shows"), "{much:?}");
    assert_eq!(world.view.now().state.account(&coldkey(1)).nonce, 1, "no nonce was used");
    let typo = to.replace('5', "6");
    let typo = ask(&ganglion, &world, &["transfer", "1", "--to", &typo, "--coldkey", "c1"]);
    assert_eq!(typo.code, 2, "{typo:?}");
    let miner = ask(
        &ganglion,
        &world,
        &["stake", "1", "--hotkey", &hotkey(1).to_string(), "--coldkey", "c1"],
    );
    assert!(miner.err.contains("only validators hold stake"), "{miner:?}");
    // To open an account takes at least min_balance.
    let dust = coldkey(40).to_string();
    let dust = ask(&ganglion, &world, &["transfer", "0.000001", "--to", &dust, "--coldkey", "c1"]);
    assert_eq!(dust.code, 1, "{dust:?}");
    assert!(dust.err.contains("a new one takes at least 0.001"), "{dust:?}");
}

#[test]
fn tables_show_the_subnet_and_json_is_the_api_s() {
    let (world, ganglion) = (World::new(&[50, 30], 2), home(&[]));
    for _ in 0..2 {
        world.weigh(0, &[(2, MAX), (3, MAX)]);
        world.weigh(1, &[(2, MAX)]);
        world.close();
    }
    let table = ok(&ganglion, &world, &["metagraph"]);
    assert!(table.starts_with("After epoch 2, cut "), "{table}");
    assert_eq!(table.lines().count(), 7, "{table}");
    assert!(!table.contains('\u{1b}'), "no colours in a pipe: {table:?}");
    assert!(ok(&ganglion, &world, &["metagraph", "--long"]).contains(&hotkey(3).to_string()));
    assert_eq!(json(&ganglion, &world, &["metagraph"])["rows"].as_array().unwrap().len(), 4);

    let status = ok(&ganglion, &world, &["status"]);
    for said in ["validator uid 0", "2 certified", "closing 3", "NOT READY  signs nothing"] {
        assert!(status.contains(said), "{said} in {status}");
    }
    let list = ok(&ganglion, &world, &["epoch", "list", "--limit", "2"]);
    assert_eq!(list.lines().count(), 3, "{list}");
    let show = ok(&ganglion, &world, &["epoch", "show"]);
    assert!(show.contains("2 signers with 80 units") && show.contains("100 units"), "{show}");
    let explain = ok(&ganglion, &world, &["epoch", "show", "1", "--explain"]);
    assert!(explain.contains("Epoch 1 paid out 100 units."), "{explain}");
    assert!(explain.lines().all(|line| line.chars().count() <= 100), "{explain}");
    let weights = ok(&ganglion, &world, &["weights"]);
    assert!(weights.contains("uid 0") && weights.contains("0.5000"), "{weights}");
    let one = json(&ganglion, &world, &["weights", "--uid", "1", "--epoch", "2"]);
    assert_eq!(one["weights"][0]["weights"], serde_json::json!([[2, 65535]]));
    let peers = ok(&ganglion, &world, &["peers"]);
    assert!(peers.contains("1 of 2 known peers are connected"), "{peers}");
    assert!(!peers.contains('\u{1b}'), "what a stranger says stays printable: {peers:?}");
    let missing = ask(&ganglion, &world, &["epoch", "show", "9"]);
    assert_eq!(
        (missing.code, missing.err.contains("ganglion epoch list")),
        (2, true),
        "{missing:?}"
    );
}

#[test]
fn a_sample_shows_the_digit_and_judges_the_answers() {
    let (world, ganglion) = (World::new(&[50], 2), home(&[]));
    let sevens = (0..297).find(|number| {
        let shown = ok(&ganglion, &world, &["task", "submit", "--sample", &number.to_string()]);
        shown.contains("right")
    });
    let shown =
        ok(&ganglion, &world, &["task", "submit", "--sample", &sevens.unwrap().to_string()]);
    assert!(shown.contains("a 7") && shown.contains('\u{2588}'), "{shown}");
    let other = json(&ganglion, &world, &["task", "submit", "--sample", "0", "--miners", "2"]);
    assert_eq!(other["answers"].as_array().unwrap().len(), 2);
    assert_eq!(other["sample"]["input"]["pixels"].as_array().unwrap().len(), 64);
    let free = ok(&ganglion, &world, &["task", "submit", "--input", "{\"pixels\":[1]}"]);
    assert!(free.contains("{\"label\":7}"), "{free}");
    let bad = ask(&ganglion, &world, &["task", "submit", "--input", "{"]);
    assert_eq!((bad.code, bad.err.contains("not JSON")), (2, true), "{bad:?}");
    world.miners.silent.store(true, std::sync::atomic::Ordering::SeqCst);
    let silent = ask(&ganglion, &world, &["task", "submit", "--sample", "0", "--timeout", "200ms"]);
    assert_eq!(silent.code, 1, "{silent:?}");
    assert!(
        silent.err.contains("miners answered") && silent.err.contains("help: Ask more miners"),
        "{silent:?}"
    );
}

#[test]
fn without_a_node_every_command_says_how_to_start_one() {
    let ganglion = Ganglion::new();
    let api = format!("127.0.0.1:{}", free_port());
    let coldkey = coldkey(1).to_string();
    for args in [
        &["status"][..],
        &["metagraph"],
        &["epoch", "list"],
        &["peers"],
        &["weights"],
        &["wallet", &coldkey],
        &["subnet", "parameters"],
        &["subnet", "revisions"],
        &["subnet", "approve", "1"],
        &["subnet", "revise", "kappa=1"],
        &["delegate", "1", "--hotkey", &coldkey],
        &["deregister", "--hotkey", "v1"],
    ] {
        let ended = ganglion.run_with(args, &[("GANGLION_API_URL", &api)], "");
        assert_eq!((ended.code, &ended.out[..]), (3, ""), "{ended:?}");
        assert!(ended.err.contains("no node answers at http://127.0.0.1:"), "{ended:?}");
        assert!(ended.err.contains("help: Start a node with `ganglion run`"), "{ended:?}");
    }
    let wrong = ganglion.run(&["status", "--api", "https://x"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[test]
fn a_node_of_this_machine_is_found_by_its_directory() {
    let (world, ganglion) = (World::new(&[50], 1), home(&[]));
    let dir = ganglion.path("home/nodes/mine");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("node.toml"), "api = \"127.0.0.1:0\"\n").unwrap();
    let unstarted = ganglion.run(&["status", "--node", "mine"]);
    assert_eq!(unstarted.code, 3, "{unstarted:?}");
    assert!(unstarted.err.contains("has not been started yet"), "{unstarted:?}");
    ganglion::http::announce(&dir, world.address).unwrap();
    let status = ganglion.json(&["status", "--node", "mine"]);
    assert_eq!(status["epoch"], 0);
}
