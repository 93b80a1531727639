use std::fs;

use crate::run::Ganglion;

/// Four validators with 28, 26, 24 and 22 units, two miners, an account.
fn subnet() -> (Ganglion, String) {
    let ganglion = Ganglion::new();
    let mut entries = String::new();
    ganglion.ok(&["keys", "new", "--name", "c", "--role", "coldkey", "--no-password"]);
    let coldkey = ganglion.json(&["keys", "show", "c"])["keys"][0]["address"].clone();
    let coldkey = coldkey.as_str().unwrap();
    for (name, stake) in [("v1", "28"), ("v2", "26"), ("v3", "24"), ("v4", "22")] {
        ganglion.ok(&["keys", "new", "--name", name, "--no-password"]);
        entries += &ganglion.ok(&[
            "subnet",
            "entry",
            "--role",
            "validator",
            "--hotkey",
            name,
            "--coldkey",
            "c",
            "--stake",
            stake,
        ]);
    }
    for name in ["m1", "m2"] {
        ganglion.ok(&["keys", "new", "--name", name, "--no-password"]);
        entries += &ganglion.ok(&[
            "subnet",
            "entry",
            "--role",
            "miner",
            "--hotkey",
            name,
            "--coldkey",
            coldkey,
        ]);
    }
    entries += &format!("\n[[account]]\ncoldkey = \"{coldkey}\"\nbalance = 9007199.254740993\n");
    let entries = ganglion.file("entries.toml", &entries, 0o644);
    ganglion.ok(&[
        "subnet",
        "new",
        "--name",
        "demo",
        "--participants",
        &entries,
        "--genesis-time",
        "2026-12-01T00:00:00Z",
    ]);
    let text = fs::read_to_string(ganglion.path("demo.toml")).unwrap();
    (ganglion, text)
}

#[test]
fn a_new_manifest_shows_its_times_stakes_and_powers() {
    let (ganglion, _) = subnet();
    let shown = ganglion.json(&["subnet", "show", "demo.toml"]);
    assert_eq!(shown["schema"], "ganglion/manifest/1");
    assert_eq!(shown["genesis_time_ms"], 1_796_083_200_000_u64);
    assert_eq!(shown["epoch_ms"], 10_000);
    let at = |name: &str| {
        let times = shown["timetable"].as_array().unwrap();
        times.iter().find(|one| one["name"] == name).unwrap()["at_ms"].clone()
    };
    assert_eq!((at("commit_deadline"), at("weights")), (3_500.into(), 6_000.into()));
    let committee = &shown["committee"];
    assert_eq!(committee["stake_rao"], 100_000_000_000_u64);
    assert_eq!(committee["to_certify_rao"], 66_666_666_667_u64);
    assert_eq!(committee["to_halt_rao"], 33_333_333_334_u64);
    assert_eq!(
        (&committee["fewest_to_certify"], &committee["fewest_to_halt"]),
        (&3.into(), &2.into())
    );
    assert_eq!(shown["accounts"][0]["balance_rao"], "9007199254740993");
    assert_eq!(shown["warnings"].as_array().unwrap().len(), 0);

    let text = ganglion.ok(&["subnet", "show", "demo.toml"]);
    for part in [
        "3.5 s  miners' output commitments close",
        "to certify  66.666666667 units (at least 3 validators together)",
        "to halt     33.333333334 units (at least 2 validators together)",
        "28.0 %",
        "bonds_penalty",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    let id = ganglion.ok(&["subnet", "id", "demo.toml"]);
    assert_eq!(shown["subnet"], id.trim_end());
    assert_eq!(ganglion.json(&["subnet", "id", "demo.toml"])["subnet"], id.trim_end());
}

#[test]
fn the_id_is_of_the_values_and_of_nothing_else() {
    let (ganglion, text) = subnet();
    let id = |text: &str| {
        let file = ganglion.file("other.toml", text, 0o644);
        ganglion.ok(&["subnet", "id", &file])
    };
    let bare: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .fold(String::new(), |all, line| all + line.split(" #").next().unwrap_or_default() + "\n");
    assert_eq!(id(&bare), id(&text));
    let same = bare
        .replace("stake = 28\n", "stake = \"28.000\"\n")
        .replace("genesis_time = 2026-12-01T00:00:00Z", "genesis_time = 1796083200000");
    assert_eq!(id(&same), id(&text));
    assert_ne!(id(&bare.replace("stake = 28\n", "stake = 28.000000001\n")), id(&text));
    assert_ne!(id(&bare.replace("kappa = 32767", "kappa = 32768")), id(&text));
}

#[test]
fn two_manifests_of_one_name_are_two_subnets() {
    let ganglion = Ganglion::new();
    let new = |out: &str| ganglion.ok(&["subnet", "new", "--name", "x", "--out", out]);
    new("a.toml");
    new("b.toml");
    let salt = |file: &str| {
        let text = fs::read_to_string(ganglion.path(file)).unwrap();
        text.lines().find(|line| line.starts_with("salt")).unwrap().to_owned()
    };
    assert_ne!(salt("a.toml"), salt("b.toml"));
    let again = ganglion.run(&["subnet", "new", "--name", "x", "--out", "a.toml"]);
    assert_eq!(again.code, 2, "{again:?}");
}

#[test]
fn a_stake_that_can_halt_alone_is_warned_of() {
    let (ganglion, text) = subnet();
    for (stake, warning) in [
        ("35", Some("uid 0 holds 32.7 % of the stake and can halt the subnet alone.")),
        ("36", Some("uid 0 holds 33.3 % of the stake and can halt the subnet alone.")),
        ("145", Some("uid 0 holds 66.8 % of the stake and decides alone.")),
    ] {
        let file = text.replace("stake = 28\n", &format!("stake = {stake}\n"));
        let file = ganglion.file("w.toml", &file, 0o644);
        let shown = ganglion.json(&["subnet", "show", &file]);
        let expected = if stake == "35" { None } else { warning };
        assert_eq!(shown["warnings"][0].as_str(), expected, "{stake}");
    }
}

/// One edit of a good manifest, and the problem it must give: the sentence after the line number, and
/// the cure.
type Bad = (&'static str, &'static str, &'static str, &'static str);

const BAD: [Bad; 26] = [
    (
        "kappa = 32767",
        "kappa = 70000",
        "hyperparameters.kappa = 70000: must be a whole number from 0 to 65535 (u16 fraction, 32767 \
         = 0.5)",
        "Set it to 32767, the default.",
    ),
    (
        "kappa = 32767",
        "kappa = 0.5",
        "hyperparameters.kappa = 0.5: must be a whole number from 0 to 65535 (u16 fraction, 32767 = \
         0.5)",
        "Set it to 32767, the default.",
    ),
    (
        "kappa = 32767",
        "kapa = 32767",
        "hyperparameters.kapa: is no field of this file",
        "Did you mean kappa?",
    ),
    (
        "kappa = 32767",
        "kappa = -1",
        "hyperparameters.kappa = -1: must be a whole number from 0 to 65535 (u16 fraction, 32767 = \
         0.5)",
        "Set it to 32767, the default.",
    ),
    (
        "epoch_length = \"10s\"",
        "epoch_length = 10",
        "epoch_length = 10: must be a duration with a unit, such as 500ms, 10s, 1m30s, 20m or 1h",
        "Set it to \"10s\", the default.",
    ),
    (
        "epoch_length = \"10s\"",
        "epoch_length = \"1s\"",
        "epoch_length = \"1s\": must be 2 s to 24 h",
        "Use 10s for a testnet, 20m for a real one.",
    ),
    (
        "genesis_time = 2026-12-01T00:00:00Z",
        "genesis_time = 2026-12-01T00:00:00",
        "genesis_time = 2026-12-01T00:00:00: must be a time with its offset from UTC, such as \
         2026-01-31T12:00:00Z",
        "Write RFC 3339, or unix milliseconds: before the year 2200.",
    ),
    (
        "name = \"demo\"",
        "name = \"d\u{e9}mo\"",
        "name = \"d\u{e9}mo\": must be 1 to 64 printable ASCII characters",
        "Shorten it.",
    ),
    (
        "weights = 600",
        "weights = 400",
        "phases.weights = 400: must lie after commit_deadline + margin, to leave time for scoring",
        "Raise it, e.g. to 600.",
    ),
    (
        "weights = 600",
        "weights = 2000",
        "phases.weights = 2000: must be a whole number from 0 to 1000 (thousandths of the epoch)",
        "Set it to 600, the default.",
    ),
    (
        "alpha = 100000",
        "alpha = 0",
        "task.alpha = 0: must be 1 to 1000000 millionths",
        "Use 100000, that is 0.1.",
    ),
    (
        "type = \"digits\"",
        "type = digits",
        "string values must be quoted, expected literal string",
        "Mend the TOML syntax there.",
    ),
    (
        "yuma3_enabled = true",
        "yuma3_enabled = \"true\"",
        "hyperparameters.yuma3_enabled = \"true\": must be true or false, without quotes",
        "Set it to true, the default.",
    ),
    (
        "reveal_grace = 1",
        "reveal_grace = 4",
        "hyperparameters.reveal_grace = 4: must be 1 to 3 epochs",
        "Use 1.",
    ),
    (
        "max_validators = 64",
        "max_validators = 3",
        "validator: must hold 1 to hyperparameters.max_validators validators",
        "Add a [[validator]] table or raise the limit.",
    ),
    (
        "bonds_moving_avg = 900000",
        "bonds_moving_avg = 1000000",
        "hyperparameters.bonds_moving_avg = 1000000: must be at most 975000 millionths",
        "Use 900000.",
    ),
    (
        "alpha_low = 45875",
        "alpha_low = 60000",
        "hyperparameters.alpha_low = 60000: must not be above alpha_high",
        "Use 45875 and 58982.",
    ),
    (
        "emission = 100",
        "emission = 1e2",
        "hyperparameters.emission = 1e2: must be an amount of units: not a decimal amount of units, \
         such as 12 or 12.5",
        "Set it to 100, the default.",
    ),
    (
        "emission = 100",
        "emission = 0.0000000001",
        "hyperparameters.emission = 0.0000000001: must be an amount of units: more than nine digits \
         after the point: 1 unit is 10^9 rao",
        "Set it to 100, the default.",
    ),
    (
        "stake = 26",
        "stake = 0",
        "validator[1].stake = 0: must be above 0 for a validator",
        "Give it stake.",
    ),
    (
        "stake = 26",
        "stake = 4611686018.5",
        "supply: of stakes and balances must stay below 4611686018 units in all",
        "Lower the genesis stakes and balances.",
    ),
    (
        "stake = 26\n",
        "",
        "validator[1].stake: is missing",
        "Add a line `stake = ...`: units, 1 unit = 10^9 rao.",
    ),
    ("[phases]", "[phase]", "phase: is no field of this file", "Did you mean phases?"),
    (
        "score_power = 2",
        "score_power = 2\nbatch = 5",
        "task.batch: is no field of this file",
        "Remove it. Known here: type, scorer, batch_size, alpha, score_power, \
         equal_answers_expected.",
    ),
    ("kappa = 32767", "kappa = 32767\nkappa = 1", "duplicate key", "Mend the TOML syntax there."),
    (
        "balance = 9007199.254740993",
        "balance = \"a lot\"",
        "account[0].balance = \"a lot\": must be an amount of units: not a decimal amount of units, \
         such as 12 or 12.5",
        "Write units, 1 unit = 10^9 rao: 0 and more.",
    ),
];

#[test]
fn a_bad_manifest_gets_the_line_the_rule_and_the_cure() {
    let (ganglion, text) = subnet();
    for (good, bad, sentence, cure) in BAD {
        let at = text.find(&format!("\n{good}")).unwrap_or_else(|| panic!("{good}")) + 1;
        let edited = format!("{}{bad}{}", &text[..at], &text[at + good.len()..]);
        ganglion.file("bad.toml", &edited, 0o644);
        let ended = ganglion.run(&["subnet", "show", "bad.toml"]);
        assert_eq!((ended.code, &ended.out[..]), (2, ""), "{bad}: {ended:?}");
        let problem = format!(": {sentence}\n  help: {cure}\n");
        let position = ended.err.find(&problem);
        let position = position.unwrap_or_else(|| panic!("{problem}in\n{}", ended.err));
        let head = ended.err[..position].rsplit("error[file-rules]: ").next().unwrap();
        let line: usize = head.strip_prefix("bad.toml:").unwrap().parse().unwrap();
        let there = edited.lines().nth(line - 1).unwrap();
        let expected = match sentence {
            _ if sentence.starts_with("duplicate key") => "kappa = 1",
            _ if sentence.starts_with("task.batch:") => "batch = 5",
            _ if sentence.starts_with("supply") => "# The manifest of a Ganglion subnet",
            _ if sentence.starts_with("validator:") => "[[validator]] # uid 0",
            _ if bad.is_empty() => "[[validator]] # uid 1",
            _ => bad,
        };
        assert!(there.starts_with(expected), "{bad}: line {line} is {there:?}");
    }
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    let (ganglion, text) = subnet();
    let bad = text
        .replace("epoch_length = \"10s\"", "epoch_length = \"1s\"")
        .replace("kappa = 32767", "kappa = true")
        .replace("stake = 26", "stake = 0")
        .replace("weights = 600", "weights = 400");
    let file = ganglion.file("bad.toml", &bad, 0o644);
    let ended = ganglion.run(&["subnet", "id", &file]);
    let fields: Vec<&str> = ended
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("error[file-rules]: "))
        .map(|line| line.split(": ").next().unwrap())
        .map(|head| head.split(':').next_back().unwrap().trim())
        .collect();
    assert_eq!((ended.code, fields.len()), (2, 4), "{}", ended.err);
    let lines: Vec<usize> = fields.iter().map(|line| line.parse().unwrap()).collect();
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn keys_that_are_wrong_or_used_twice_are_refused() {
    let (ganglion, text) = subnet();
    let hotkeys: Vec<&str> = text.lines().filter(|line| line.starts_with("hotkey = ")).collect();
    let twice = text.replace(hotkeys[4], hotkeys[0]);
    let file = ganglion.file("bad.toml", &twice, 0o644);
    let ended = ganglion.run(&["subnet", "show", &file]);
    assert!(ended.err.contains("miner[0].hotkey = "), "{}", ended.err);
    assert!(ended.err.contains(": must not occur twice\n"), "{}", ended.err);

    let mistyped = text.replace(hotkeys[4], &hotkeys[4].replace("\"5", "\"6"));
    let file = ganglion.file("bad.toml", &mistyped, 0o644);
    let ended = ganglion.run(&["subnet", "show", &file]);
    assert_eq!(ended.err.lines().count(), 2, "one problem: {}", ended.err);
    assert!(ended.err.contains("miner[0].hotkey = \"6"), "{}", ended.err);

    let miner_stake = text.replace(hotkeys[4], &format!("{}\nstake = 1", hotkeys[4]));
    let file = ganglion.file("bad.toml", &miner_stake, 0o644);
    let ended = ganglion.run(&["subnet", "show", &file]);
    assert!(ended.err.contains("miner[0].stake: is no field of this file"), "{}", ended.err);
}

#[test]
fn a_manifest_without_participants_is_written_to_be_edited() {
    let ganglion = Ganglion::new();
    let ended = ganglion.run(&["subnet", "new", "--name", "empty"]);
    assert_eq!((ended.code, &ended.out[..]), (0, ""));
    assert!(ended.err.starts_with("empty.toml is written and has no participants yet."));
    ganglion.refused(
        &["subnet", "show", "empty.toml"],
        2,
        "empty.toml:1: validator: must hold 1 to hyperparameters.max_validators validators",
        "Add a [[validator]] table or raise the limit.",
    );
}

#[test]
fn the_manifest_page_tells_every_field_as_the_program_does() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/spec/manifest.md");
    let page = fs::read_to_string(page).unwrap();
    use ganglion::manifest::fields;
    let fields = fields::TOP
        .iter()
        .chain(&fields::PHASES)
        .chain(&fields::TASK)
        .chain(&fields::HYPERPARAMETERS)
        .chain(&fields::REGISTRY)
        .chain(&fields::PARTICIPANT)
        .chain(&fields::ACCOUNT);
    let mut missing = String::new();
    for field in fields {
        let default = if field.default.is_empty() { "required" } else { field.default };
        let row = format!(
            "| `{}` | {} | {} | `{default}` | {} | {} |\n",
            field.key, field.unit, field.bounds, field.about, field.origin
        );
        if !page.contains(&row.replace("`required`", "required")) {
            missing += &row.replace("`required`", "required");
        }
    }
    assert_eq!(missing, "", "rows that docs/spec/manifest.md lacks");
}
