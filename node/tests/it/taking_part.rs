//! The commands of those who take part, through the binary, against a server over a real ledger: what
//! each does, what it says, and what it refuses with which cure.

use ganglion_types::{Hyperparameters, Parameter, Rao, Role};
use serde_json::Value;

use crate::asking::{ask, home, json, ok};
use crate::run::Ganglion;
use crate::world::{World, cold, coldkey, hotkey, secret};

fn units(text: &str) -> Rao {
    text.parse().unwrap()
}

/// Runs what must be refused by a rule of the ledger: one sentence, its cure, and no nonce used.
fn refused(ganglion: &Ganglion, world: &World, args: &[&str], sentence: &str, cure: &str) {
    let before = world.view.now().state;
    let ended = ask(ganglion, world, args);
    assert_eq!(ended.code, 1, "{args:?}: {ended:?}");
    let error = ended.err.lines().find(|line| line.starts_with("error[rule-")).expect("a sentence");
    assert!(error.contains(sentence), "{args:?}: {ended:?}");
    let help = ended.err.lines().find(|line| line.starts_with("  help: ")).expect("a cure");
    assert!(help.contains(cure), "{args:?}: {ended:?}");
    assert_eq!(world.view.now().state.head(), before.head(), "{args:?}: nothing was sent");
    // Asked beforehand, it says the same.
    let dry = ask(ganglion, world, &[args, &["--dry-run"]].concat());
    assert_eq!(dry.code, 1, "{dry:?}");
    assert!(dry.err.contains(sentence) && dry.err.contains(cure), "{dry:?}");
}

fn quick(stakes: &[u64], miners: u8) -> World {
    let rules =
        Hyperparameters { min_difficulty: 200, unbonding_epochs: 2, ..Hyperparameters::default() };
    World::with(stakes, miners, rules).eager()
}

#[test]
fn stake_moves_in_turn_and_each_step_is_told_with_its_time() {
    let (world, ganglion) = (quick(&[100], 1), home(&[0]));
    let stake = ok(&ganglion, &world, &["stake", "15", "--hotkey", "h0", "--coldkey", "c0"]);
    // A tenth of the committee's stake enters in an epoch.
    assert!(stake.contains("done in epoch 1."), "{stake}");
    assert!(stake.contains("At stake there: 110 units."), "{stake}");
    assert!(stake.contains("5 more enters stake until epoch 2 (in about "), "{stake}");
    let wallet = ok(&ganglion, &world, &["wallet", "c0"]);
    assert!(wallet.contains("enters stake") && wallet.contains("until the end of epoch 2"));
    world.close();
    assert_eq!(world.seat(0).unwrap().stake, units("115"));

    let unstake = ok(&ganglion, &world, &["unstake", "3", "--hotkey", "h0", "--coldkey", "c0"]);
    assert!(unstake.contains("3 units are balance again after epoch 5"), "{unstake}");
    let wallet = json(&ganglion, &world, &["wallet", "c0"]);
    assert_eq!(wallet["schema"], "ganglion/wallet/1");
    assert_eq!(wallet["unbonding"][0]["release_epoch"], 5);
    assert_eq!(wallet["unbonding"][0]["amount_rao"], 3_000_000_000_u64);
    let wallet = ok(&ganglion, &world, &["wallet", "c0", "--long"]);
    assert!(wallet.contains("unbonds") && wallet.contains(&hotkey(0).to_string()), "{wallet}");
    let before = world.view.now().state.account(&coldkey(0)).balance;
    world.close();
    world.close();
    let after = world.view.now().state.account(&coldkey(0)).balance;
    assert!(after.get() >= before.get() + units("3").get(), "it is balance again");

    let hot = hotkey(0).to_string();
    refused(
        &ganglion,
        &world,
        &["unstake", "113", "--hotkey", &hot, "--coldkey", "c0"],
        "it would fail: it takes 113, but the stake that may leave is 112",
        "`ganglion wallet` shows what may leave",
    );
    refused(
        &ganglion,
        &world,
        &["unstake", "112", "--hotkey", &hot, "--coldkey", "c0"],
        "the last validator with permit and stake",
        "wait until another validator has a permit",
    );
    refused(
        &ganglion,
        &world,
        &["stake", "1", "--hotkey", &hotkey(9).to_string(), "--coldkey", "c0"],
        "holds no uid",
        "one joins with `ganglion register`",
    );
}

#[test]
fn what_takes_more_than_the_balance_says_when_enough_is_released() {
    let rules =
        Hyperparameters { emission: Rao::ZERO, unbonding_epochs: 2, ..Hyperparameters::default() };
    let (world, ganglion) = (World::with(&[100, 50], 1, rules).eager(), home(&[1]));
    ok(&ganglion, &world, &["unstake", "10", "--hotkey", "h1", "--coldkey", "c1"]);
    let held = world.view.now().state.account(&coldkey(1)).balance;
    let much = Rao::new(held.get() + units("9").get()).to_string();
    let to = coldkey(0).to_string();
    let args = ["transfer", &much, "--to", &to, "--coldkey", "c1"];
    refused(
        &ganglion,
        &world,
        &args,
        "but the balance is",
        "It passes from epoch 4 on (in about 10s)",
    );
    world.close();
    world.close();
    ok(&ganglion, &world, &args);
}

#[test]
fn a_coldkey_delegates_earns_and_takes_back() {
    let (world, ganglion) = (quick(&[100], 1), home(&[0, 1]));
    let hot = hotkey(0).to_string();
    let text = ok(&ganglion, &world, &["delegate", "6", "--hotkey", &hot, "--coldkey", "c1"]);
    assert!(text.contains("delegate 6 units to") && text.contains("The balance is 94 units."));
    assert!(text.contains("At stake there: 6 units."), "{text}");
    assert_eq!(world.seat(0).unwrap().stake, units("106"));
    // A silent epoch pays by stake: the delegator gets its part but for the take.
    world.close();
    let balance = world.view.now().state.account(&coldkey(1)).balance;
    assert!(balance > units("98") && balance < units("100"), "{balance}");
    let wallet = ok(&ganglion, &world, &["wallet", "c1"]);
    assert!(wallet.contains("Delegated to others") && wallet.contains("18 %"), "{wallet}");
    let wallet = json(&ganglion, &world, &["wallet", "c1"]);
    assert_eq!(wallet["delegations"][0]["amount_rao"], 6_000_000_000_u64);
    assert_eq!(wallet["delegations"][0]["uid"], 0);
    let long = ok(&ganglion, &world, &["metagraph", "--long"]);
    assert!(long.contains("DELEGATED") && long.contains("18 %"), "{long}");

    let back = ok(&ganglion, &world, &["undelegate", "2", "--hotkey", &hot, "--coldkey", "c1"]);
    assert!(back.contains("take 2 delegated units back"), "{back}");
    assert!(back.contains("At stake there: 4 units. 2 units are balance again"), "{back}");

    let delegate =
        |amount, hotkey, coldkey| ["delegate", amount, "--hotkey", hotkey, "--coldkey", coldkey];
    let miner = hotkey(1).to_string();
    for (args, sentence, cure) in [
        (delegate("1", &hot, "c0"), "belongs to the signer", "Use `ganglion stake`"),
        (delegate("1", &miner, "c0"), "is a miner", "`ganglion serve --role validator`"),
        (delegate("500", &hot, "c1"), "but the balance is", "Give a smaller amount"),
    ] {
        refused(&ganglion, &world, &args, sentence, cure);
    }
    let much = ["undelegate", "5", "--hotkey", &hot, "--coldkey", "c1"];
    refused(&ganglion, &world, &much, "the stake that may leave is 4", "`ganglion wallet`");
}

#[test]
fn a_delegation_of_almost_nothing_is_refused() {
    let (world, ganglion) = (quick(&[100], 1), home(&[1]));
    let hot = hotkey(0).to_string();
    let dust = ["delegate", "0.0001", "--hotkey", &hot, "--coldkey", "c1"];
    refused(&ganglion, &world, &dust, "a delegation is at least 0.001", "Delegate more.");
}

#[test]
fn a_take_falls_freely_and_rises_seldom() {
    let (world, ganglion) = (quick(&[100], 1), home(&[0]));
    let take = |share| ["take", share, "--hotkey", "h0", "--coldkey", "c0"];
    let text = ok(&ganglion, &world, &take("9%"));
    assert!(text.contains("Its owner keeps 9 % from the next epoch on."), "{text}");
    assert_eq!(world.seat(0).unwrap().take, 5_898);
    let raised = json(&ganglion, &world, &take("10%"));
    assert_eq!((&raised["operation"], &raised["outcome"]), (&"set_take".into(), &"done".into()));
    refused(
        &ganglion,
        &world,
        &take("11%"),
        "it may be raised again from epoch 602 on",
        "It passes from epoch 602 on (in about 1h40m)",
    );
    refused(&ganglion, &world, &take("18.1%"), "it would be refused", "Ask for 18 % or less");
    ok(&ganglion, &world, &take("0%"));
    let bad = ask(&ganglion, &world, &take("0.1"));
    assert_eq!((bad.code, bad.err.contains("must be a share in percent")), (2, true), "{bad:?}");
}

#[test]
fn a_uid_gets_a_new_hotkey_that_consents_here() {
    let (world, ganglion) = (quick(&[100], 1), home(&[0, 1, 20, 21]));
    let rotate = |from, to| ["rotate", "--from", from, "--to", to, "--coldkey", "c0"];
    let text = ok(&ganglion, &world, &rotate("h0", "h20"));
    assert!(text.contains("Uid 0 is that of"), "{text}");
    assert!(text.contains("`ganglion serve --hotkey h20 --role validator`"), "{text}");
    assert!(world.seat(0).is_none());
    assert_eq!(world.seat(20).unwrap().stake, units("100"));
    refused(
        &ganglion,
        &world,
        &rotate("h20", "h0"),
        "may register again from epoch",
        "It passes from epoch 4 on (in about 10s)",
    );
    refused(&ganglion, &world, &rotate("h20", "h1"), "holds uid 1", "Take another hotkey");
    refused(&ganglion, &world, &rotate("h1", "h21"), "another coldkey", "--coldkey");
    refused(&ganglion, &world, &rotate("h0", "h21"), "holds no uid", "`ganglion register`");
}

#[test]
fn a_uid_is_bought_out_of_a_balance_up_to_a_price() {
    let (world, ganglion) = (quick(&[100], 1), home(&[1, 20, 21, 22]));
    let dry = json(
        &ganglion,
        &world,
        &["register", "--burn", "--hotkey", "h20", "--coldkey", "c1", "--dry-run"],
    );
    assert_eq!(
        (&dry["schema"], &dry["check"]["succeeds"]),
        (&"ganglion/dry-run/1".into(), &true.into())
    );
    let bought = json(
        &ganglion,
        &world,
        &["register", "--burn", "--hotkey", "h20", "--coldkey", "c1", "--role", "validator"],
    );
    assert_eq!((&bought["uid"], &bought["operation"]), (&2.into(), &"burn_register".into()));
    assert_eq!(bought["hotkey"], hotkey(20).to_string());
    let tail = ganglion.json(&["keys", "seed-tail", "h20"]);
    assert_eq!(world.seat(20).unwrap().seed.to_hex(), tail["seed_tail"].as_str().unwrap());
    assert_eq!(world.view.now().state.chain().burned, units("1"));
    let text = ok(&ganglion, &world, &["register", "--burn", "--hotkey", "h21", "--coldkey", "c1"]);
    assert!(text.contains("It holds uid 3. The balance is"), "{text}");
    let register = |hotkey, price| {
        ["register", "--burn", "--max-price", price, "--hotkey", hotkey, "--coldkey", "c1"]
    };
    refused(
        &ganglion,
        &world,
        &register("h22", "0.1"),
        "a registration costs",
        "It passes from epoch",
    );
    refused(&ganglion, &world, &register("h22", "0.0001"), "a registration costs", "--max-price");
    refused(&ganglion, &world, &register("h21", "9"), "holds uid 3", "Take another hotkey");
    let to = coldkey(0).to_string();
    ok(&ganglion, &world, &["transfer", "98.3", "--to", &to, "--coldkey", "c1"]);
    let poor = register("h22", "9");
    refused(&ganglion, &world, &poor, "but the balance is 0.07", "Give a smaller amount");
}

#[test]
fn the_worst_is_replaced_in_a_full_subnet_and_told_before() {
    let rules = Hyperparameters {
        min_difficulty: 200,
        max_allowed_uids: 3,
        max_validators: 1,
        immunity_period: 0,
        min_non_immune_uids: 0,
        ..Hyperparameters::default()
    };
    let (world, ganglion) = (World::with(&[100], 2, rules).eager(), home(&[20]));
    let dry =
        ok(&ganglion, &world, &["register", "--hotkey", "h20", "--coldkey", "c20", "--dry-run"]);
    assert!(dry.contains(&format!("replaces     uid 1, {}", hotkey(1))), "{dry}");
    let text = ok(&ganglion, &world, &["register", "--hotkey", "h20", "--coldkey", "c20"]);
    assert!(text.contains("holds uid 1"), "{text}");
    assert!(world.seat(1).is_none() && world.seat(20).is_some());
}

#[test]
fn a_hotkey_leaves_and_its_stake_follows_later() {
    let (world, ganglion) = (quick(&[100, 40], 1), home(&[0, 1]));
    let text = ok(&ganglion, &world, &["deregister", "--hotkey", "h1"]);
    assert!(text.contains("give the uid back: done in epoch 1."), "{text}");
    assert!(text.contains("40 units are balance again after epoch 3"), "{text}");
    assert!(world.seat(1).is_none());
    let last = ["deregister", "--hotkey", "h0"];
    refused(&ganglion, &world, &last, "the last validator with permit", "Leave some stake");
    let again = ask(&ganglion, &world, &["deregister", "--hotkey", "h1"]);
    assert_eq!((again.code, again.err.contains("holds no uid")), (1, true), "{again:?}");
}

#[test]
fn a_hotkey_changes_its_chain_and_its_role() {
    let (world, ganglion) = (quick(&[100], 1), home(&[0, 1]));
    ok(&ganglion, &world, &["serve", "--hotkey", "h0", "--seed-index", "1"]);
    let tail = ganglion.json(&["keys", "seed-tail", "h0", "--index", "1"]);
    let seat = world.seat(0).unwrap();
    assert_eq!(seat.seed.to_hex(), tail["seed_tail"].as_str().unwrap());
    assert_eq!((seat.role, seat.permit), (Role::Validator, true));
    let text = ok(&ganglion, &world, &["serve", "--hotkey", "h1", "--role", "validator"]);
    assert!(text.contains("serve as a validator: done in epoch 2."), "{text}");
    assert_eq!(world.seat(1).unwrap().role, Role::Validator);
    let miner = ["serve", "--hotkey", "h0", "--role", "miner"];
    refused(&ganglion, &world, &miner, "the last validator with permit", "Leave some stake");
}

/// Owner is coldkey 9; validators hold 50, 30 and 20 units.
fn governed() -> World {
    World::changed(&[50, 30, 20], 1, |manifest| {
        manifest.owner = Some(coldkey(9));
        manifest.accounts.push((coldkey(9), units("10")));
        manifest.accounts.sort_unstable();
        manifest.hyperparameters.revision_delay = 3;
    })
    .eager()
}

fn parameter(world: &World, name: &str) -> u64 {
    let state = world.view.now().state;
    state.parameters().get(Parameter::named(name).unwrap().number).unwrap()
}

#[test]
fn the_owner_alone_changes_what_is_the_market_s() {
    let (world, ganglion) = (governed(), home(&[9, 1]));
    let args = ["subnet", "revise", "kappa=40000", "min_burn=0.25", "--coldkey", "c9"];
    let dry = ask(&ganglion, &world, &[&args[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.err.contains("The owner alone decides this."), "{dry:?}");
    assert!(dry.out.contains("propose kappa = 40000, min_burn = 0.25 from epoch 3 on"), "{dry:?}");
    let text = ok(&ganglion, &world, &args);
    assert!(text.contains("Revision 1 is decided and holds from epoch 3 on."), "{text}");
    let shown = ok(&ganglion, &world, &["subnet", "revisions"]);
    assert!(shown.contains("kappa 32767 -> 40000, min_burn 0.0005 -> 0.25"), "{shown}");
    assert!(shown.contains("decided    in epoch 1"), "{shown}");
    assert!(shown.contains("holds      from epoch 3 on (in about "), "{shown}");
    assert_eq!(parameter(&world, "kappa"), 32_767);
    world.close();
    assert_eq!(parameter(&world, "kappa"), 40_000, "it holds for the whole of epoch 3");
    let changed = ok(&ganglion, &world, &["subnet", "parameters", "--changed"]);
    assert!(changed.contains("In force in epoch 3") && changed.contains("40000"), "{changed}");
    assert_eq!(changed.lines().count(), 5, "{changed}");
    let all = json(&ganglion, &world, &["subnet", "parameters"]);
    assert_eq!(all["schema"], "ganglion/parameters/1");
    assert_eq!(all["parameters"].as_array().unwrap().len(), Parameter::ALL.len());
    assert!(ok(&ganglion, &world, &["subnet", "revisions"]).contains("No revision waits."));
}

#[test]
fn the_committee_decides_its_own_rules_by_stake() {
    let (world, ganglion) = (governed(), home(&[0, 1, 2, 3]));
    let args = ["subnet", "revise", "max_validators=32", "--coldkey", "c1"];
    let proposed = ask(&ganglion, &world, &args);
    assert_eq!(proposed.code, 0, "{proposed:?}");
    assert!(
        proposed.err.contains(
            "max_validators is the committee's: this needs approvals with 66.666666667 of the \
             committee's 100 units; yours has 30."
        ),
        "{proposed:?}"
    );
    assert!(proposed.err.contains(&format!("{} with 50 units", coldkey(0))), "{proposed:?}");
    assert!(proposed.out.contains("Revision 1 waits: 30 of the 66.666666667 units"));
    assert!(proposed.out.contains("`ganglion subnet approve 1 --coldkey NAME`"), "{proposed:?}");
    let listed = json(&ganglion, &world, &["subnet", "revisions"]);
    assert_eq!(listed["schema"], "ganglion/revisions/1");
    assert_eq!(listed["revisions"][0]["approvals"][0]["coldkey"], coldkey(1).to_string());
    assert_eq!(listed["revisions"][0]["support_rao"], 30_000_000_000_u64);
    assert_eq!(listed["revisions"][0]["decided_at"], Value::Null);

    let approve = |coldkey| ["subnet", "approve", "1", "--coldkey", coldkey];
    refused(&ganglion, &world, &approve("c1"), "revision 1 is approved", "subnet revisions");
    refused(&ganglion, &world, &approve("c3"), "no say in revisions", "committee member");
    let text = ok(&ganglion, &world, &approve("c0"));
    assert!(text.contains("Revision 1 is decided and holds from epoch 5 on."), "{text}");
    world.close();
    assert_eq!(parameter(&world, "max_validators"), 64);
    world.close();
    assert_eq!(parameter(&world, "max_validators"), 32);
    let missing = ["subnet", "approve", "7", "--coldkey", "c0"];
    refused(&ganglion, &world, &missing, "no revision 7 waits", "`ganglion subnet revisions`");
}

#[test]
fn a_revision_that_breaks_a_rule_is_told_which() {
    let (world, ganglion) = (governed(), home(&[9, 3]));
    let revise = |change, coldkey| ["subnet", "revise", change, "--coldkey", coldkey];
    refused(
        &ganglion,
        &world,
        &revise("bonds_moving_avg=999999", "c9"),
        "hyperparameters.bonds_moving_avg",
        "`ganglion subnet parameters`",
    );
    refused(&ganglion, &world, &revise("kappa=70000", "c9"), "cannot be 70000", "parameters");
    refused(&ganglion, &world, &revise("max_allowed_uids=3", "c9"), "below the 4 uids", "subnet");
    refused(&ganglion, &world, &revise("kappa=1", "c3"), "no say in revisions", "committee member");
    for (change, said, cure) in [
        ("kapa=1", "there is no parameter \"kapa\"", "`ganglion subnet parameters`"),
        ("kappa", "\"kappa\" is no change of a parameter", "Write NAME=VALUE"),
        ("epoch_length=30", "\"30\" is no value of epoch_length", "2s to 24h"),
    ] {
        let wrong = ask(&ganglion, &world, &revise(change, "c9"));
        assert_eq!(wrong.code, 2, "{wrong:?}");
        assert!(wrong.err.contains(said) && wrong.err.contains(cure), "{wrong:?}");
    }
}

#[test]
fn force_sends_what_fails_and_tells_what_became_of_it() {
    let (world, ganglion) = (quick(&[100], 2), home(&[1]));
    let to = coldkey(2).to_string();
    let args = ["transfer", "500", "--to", &to, "--coldkey", "c1", "--force"];
    let forced = ask(&ganglion, &world, &args);
    assert_eq!(forced.code, 1, "{forced:?}");
    assert!(forced.err.contains("Sent all the same, as --force says."), "{forced:?}");
    assert!(
        forced.err.contains("error[not-done]: not done: it takes 500, but the balance is"),
        "{forced:?}"
    );
    assert!(forced.err.contains("help: Repeat the same command with --dry-run"), "{forced:?}");
    assert_eq!(world.view.now().state.account(&coldkey(1)).nonce, 1, "its number is used up");
    let both = ask(&ganglion, &world, &[&args[..], &["--dry-run"]].concat());
    assert_eq!(both.code, 2, "{both:?}");
}

#[test]
fn several_wait_for_one_cut_by_their_numbers() {
    let (world, ganglion) = (World::new(&[100], 2), home(&[1]));
    let to = coldkey(2).to_string();
    let send =
        |nonce| ["transfer", "1", "--to", &to, "--coldkey", "c1", "--no-wait", "--nonce", nonce];
    let second = ask(&ganglion, &world, &send("1"));
    assert_eq!((second.code, second.out.trim().len()), (0, 64), "{second:?}");
    assert!(second.err.contains("Note: it waits for the operation with nonce 0"), "{second:?}");
    let first = json(&ganglion, &world, &send("0"));
    assert_eq!((&first["epoch"], &first["outcome"]), (&Value::Null, &Value::Null));
    world.close();
    assert_eq!(world.view.now().state.account(&coldkey(2)).balance, units("102"));
    refused(&ganglion, &world, &send("0"), "its nonce is 0", "Leave --nonce out");
}

#[test]
fn operations_sent_in_a_row_without_waiting_take_the_next_nonces() {
    let (world, ganglion) = (World::new(&[100], 2), home(&[1]));
    let to = coldkey(2).to_string();
    let send = ["transfer", "1", "--to", &to, "--coldkey", "c1", "--no-wait"];
    for _ in 0..3 {
        let sent = ask(&ganglion, &world, &send);
        assert_eq!((sent.code, sent.out.trim().len()), (0, 64), "{sent:?}");
    }
    world.close();
    let state = world.view.now().state;
    assert_eq!(state.account(&coldkey(1)).nonce, 3);
    assert_eq!(state.account(&coldkey(2)).balance, units("103"));
    let sixteen = (0..17).map(|_| ask(&ganglion, &world, &send));
    let last = sixteen.last().unwrap();
    assert_ne!(last.code, 0, "{last:?}");
    assert!(last.err.contains("as many operations as may wait at a time"), "{last:?}");
}

#[test]
fn no_password_is_asked_for_what_would_fail_or_is_only_asked_about() {
    let (world, ganglion) = (quick(&[100], 1), Ganglion::new());
    let password = ganglion.file("pw.txt", "open sesame\n", 0o600);
    let args = ["keys", "import", "--role", "coldkey", "--name", "c1", "--mnemonic-file", "-"];
    let args = [&args[..], &["--password-file", &password]].concat();
    let made = ganglion.run_with(&args, &[], &secret(&cold(1)));
    assert_eq!(made.code, 0, "{made:?}");
    let to = coldkey(0).to_string();
    let transfer = |amount| ["transfer", amount, "--to", &to, "--coldkey", "c1"];
    // There is no terminal here to ask on.
    ok(&ganglion, &world, &[&transfer("1")[..], &["--dry-run"]].concat());
    refused(&ganglion, &world, &transfer("500"), "but the balance is 100", "smaller amount");
    let locked = ask(&ganglion, &world, &transfer("1"));
    assert_ne!(locked.code, 0, "{locked:?}");
    assert_eq!(world.view.now().state.epoch().get(), 0, "{locked:?}");
    ok(&ganglion, &world, &[&transfer("1")[..], &["--password-file", &password]].concat());
}

#[test]
fn a_coldkey_without_account_is_told_how_to_get_one() {
    let (world, ganglion) = (World::new(&[100], 1), home(&[40]));
    let wallet = ask(&ganglion, &world, &["wallet", "c40"]);
    assert_eq!(wallet.code, 2, "{wallet:?}");
    assert!(wallet.err.contains("has no account") && wallet.err.contains("send it a transfer"));
    let stake = ask(&ganglion, &world, &["stake", "1", "--hotkey", "h40", "--coldkey", "c40"]);
    assert_eq!((stake.code, stake.err.contains("--coldkey")), (2, true), "{stake:?}");
}
