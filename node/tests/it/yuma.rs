//! `ganglion yuma` through the real binary.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

fn ganglion() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ganglion"));
    command.arg("yuma");
    command
}

/// Runs `ganglion yuma ARGS` with `input` on standard input.
fn yuma(args: &[&str], input: &[u8]) -> Output {
    let mut command = ganglion();
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A command that refuses its input stops reading.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn public_vectors() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../consensus/vectors");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn unzip(file: &Path) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(fs::File::open(file).unwrap()).read_to_end(&mut plain).unwrap();
    plain
}

fn zip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A validator, uid 0, who gives all weight to a miner, uid 1.
fn case() -> Value {
    json!({
        "id": "two", "tags": "test",
        "input": {
            "n": 2, "current_block": 1000, "tempo": 10, "activity_cutoff": 50,
            "last_mechanism_step_block": 989, "last_update": [995, 995],
            "block_at_registration": [1, 1], "stake": [100, 0], "stake_threshold": 0,
            "owner_uid": null, "validator_permit": [true, false], "max_allowed_validators": 64,
            "weights": [[[1, 65535]], []], "bonds": [[], []], "commit_reveal": false,
            "kappa": 32767, "bonds_penalty": 65535, "bonds_moving_average": 900000,
            "yuma3": false, "liquid_alpha": false, "alpha_low": 45875, "alpha_high": 58982,
            "alpha_sigmoid_steepness": 1000, "rao_emission": 1000
        },
        "steps": [{"set": {}, "expected": {
            "consensus": [0, 65535], "incentive": [0, 65535], "dividends": [65535, 0],
            "validator_trust": [65535, 0], "stake_weight": [65535, 0],
            "new_validator_permit": [true, false], "active": [true, true],
            "server_emission": [0, 500], "validator_emission": [500, 0], "emission": [500, 500],
            "bonds": [[[1, 65535]], []], "raw_consensus": [0, 4_294_967_296_u64],
            "raw_incentive": [0, 4_294_967_296_u64], "raw_dividends": [4_294_967_296_u64, 0]
        }}]
    })
}

/// The case above, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut case = case();
    change(&mut case);
    format!("{case}\n").into_bytes()
}

/// Asserts that `yuma run` refuses the input, saying all of `words`, with a cure.
fn assert_refused(input: &[u8], words: &[&str]) {
    let output = yuma(&["run", "-"], input);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in: {said}");
    }
    assert!(said.contains("\n  help: "), "no cure in: {said}");
}

#[test]
fn every_public_vector_checks() {
    let files = public_vectors();
    let names: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let output = yuma(&[&["check"], names.as_slice()].concat(), b"");
    assert_eq!(text(&output.stderr), "");
    // 11 fields of each epoch, and 3 raw ones of those with at most 64 uids.
    assert_eq!(text(&output.stdout), "412 cases, 982 epochs, 13661 fields equal\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn run_prints_exactly_the_expected_fields_of_every_public_vector() {
    let mut lines = 0;
    for file in public_vectors() {
        let output = yuma(&["run", file.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let (input, printed) = (text(&unzip(&file)), text(&output.stdout));
        assert_eq!(input.lines().count(), printed.lines().count());
        for (input, printed) in input.lines().zip(printed.lines()) {
            let input: Value = serde_json::from_str(input).unwrap();
            let printed: Value = serde_json::from_str(printed).unwrap();
            let steps = input["steps"].as_array().unwrap();
            let expected: Vec<_> = steps.iter().map(|step| &step["expected"]).collect();
            assert!(printed == json!({"id": input["id"], "steps": expected}), "{}", input["id"]);
            lines += 1;
        }
    }
    assert_eq!(lines, 412);
}

#[test]
fn plain_and_compressed_input_are_told_apart_without_a_name() {
    let plain = changed(|_| ());
    let expected = yuma(&["run", "-"], &plain);
    assert!(text(&expected.stdout).starts_with(r#"{"id":"two","steps":[{"consensus":[0,65535],"#));
    assert_eq!(yuma(&["run", "-"], &zip(&plain)).stdout, expected.stdout);

    let folder = TempDir::new().unwrap();
    let misnamed = folder.path().join("plain.jsonl.gz");
    fs::write(&misnamed, &plain).unwrap();
    assert_eq!(yuma(&["run", misnamed.to_str().unwrap()], b"").stdout, expected.stdout);
}

#[test]
fn steps_feed_forward_and_overrides_stay() {
    let input = changed(|case| {
        let rows = json!({"weights_rows": [[0, []], [0, [[0, 9], [1, 0]]]], "kappa": 0});
        case["steps"] = json!([{}, {"set": rows}, {"set": {"owner_uid": 0}}]);
    });
    let output = yuma(&["run", "-"], &input);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let field = |step: usize, name: &str| result["steps"][step][name].clone();
    assert_eq!(field(0, "incentive"), json!([0, 65535]));
    // Weight on oneself does not count, which leaves the explicit zero and the bond of before.
    assert_eq!(field(1, "incentive"), json!([0, 0]));
    assert_eq!(field(1, "bonds"), json!([[[1, 65535]], []]));
    // For an owner it does, and the row is the last one given in the step before.
    assert_eq!(field(2, "incentive"), json!([65535, 0]));
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let sorted = changed(|_| ());
    let case = case();
    let reversed = |object: &Value| {
        let keys: Vec<_> = object.as_object().unwrap().iter().rev().collect();
        let pairs: Vec<_> = keys.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", pairs.join(","))
    };
    let input = format!(
        "{{\"steps\":{},\"input\":{},\"id\":{}}}",
        case["steps"],
        reversed(&case["input"]),
        case["id"],
    );
    let output = yuma(&["run", "-"], input.as_bytes());
    assert_eq!(output.stdout, yuma(&["run", "-"], &sorted).stdout, "{}", text(&output.stderr));
}

#[test]
fn check_names_the_first_difference_and_goes_on_counting() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("cases.jsonl");
    let good = changed(|_| ());
    let bond = changed(|case| case["steps"][0]["expected"]["bonds"] = json!([[[1, 65534]], []]));
    let trust = changed(|case| case["steps"][0]["expected"]["validator_trust"] = json!([0, 0]));
    fs::write(&file, [good.as_slice(), b"\n", &bond, &trust, &good].concat()).unwrap();
    let name = file.to_str().unwrap();
    let output = yuma(&["check", name], b"");
    assert_eq!(text(&output.stdout), "4 cases, 4 epochs, 44 fields equal, 2 cases differ\n");
    let mismatch = "bonds[0][0] is [1, 65535], expected [1, 65534]";
    let expected = format!("error[vectors-differ]: {name}:3: case two, step 0: {mismatch}\n");
    assert!(text(&output.stderr).starts_with(&expected), "{output:?}");
    assert_eq!(output.status.code(), Some(1));

    let output = yuma(&["check", "--json", name], b"");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let first = json!({"file": name, "line": 3, "case": "two", "step": 0, "mismatch": mismatch});
    assert_eq!(report["first_difference"], first);
    assert_eq!((&report["cases"], &report["cases_differing"]), (&json!(4), &json!(2)));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn check_sees_a_difference_in_each_field_and_in_lengths() {
    let fields = case()["steps"][0]["expected"].as_object().unwrap().clone();
    assert_eq!(fields.len(), 14);
    for (field, value) in fields {
        let mut longer = value.clone();
        longer.as_array_mut().unwrap().push(value[1].clone());
        let mut other = value.clone();
        other[1] = match &value[1] {
            Value::Bool(flag) => json!(!flag),
            Value::Array(_) => json!([[0, 0]]),
            _ => json!(77),
        };
        for (wrong, at) in [(longer, "has 2 elements, expected 3"), (other, "[1]")] {
            let input = changed(|case| case["steps"][0]["expected"] = json!({ &field: wrong }));
            let output = yuma(&["check", "-"], &input);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(&format!("step 0: {field}")) && said.contains(at), "{said}");
        }
    }
}

#[test]
fn there_must_be_something_to_check() {
    for (input, word) in [
        (Vec::new(), "no case"),
        (changed(|case| case["steps"] = json!([{"set": {}}])), "case two, step 0"),
        (changed(|case| case["steps"][0]["expected"] = json!({})), "`expected`"),
        (changed(|case| case["steps"][0]["expected"]["emissions"] = json!([])), "emissions"),
    ] {
        let output = yuma(&["check", "-"], &input);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
        assert!(text(&output.stderr).contains(word), "{}", text(&output.stderr));
    }
}

#[test]
fn malformed_lines_are_refused_by_place_case_and_key() {
    let good = text(&changed(|_| ()));
    let second_line = format!("{good}{{\"id\":").into_bytes();
    assert_refused(&second_line, &["standard input:2:6: ", "EOF while parsing"]);
    assert_refused(format!("{} x", good.trim_end()).as_bytes(), &["trailing characters"]);
    assert_refused(b"[]", &["standard input:1"]);
    assert_refused(&changed(|case| case["input"]["kapa"] = json!(1)), &["case two", "`kapa`"]);
    let typo = changed(|case| case["steps"][0]["set"] = json!({"stakes": [1, 2]}));
    assert_refused(&typo, &["case two", "steps[0].set", "`stakes`"]);
    let typo = changed(|case| case["steps"] = json!([{"sets": {}}]));
    assert_refused(&typo, &["case two", "`sets`"]);
    let missing = changed(|case| {
        case["input"].as_object_mut().unwrap().remove("owner_uid");
    });
    assert_refused(&missing, &["case two", "missing field `owner_uid`"]);
    assert_refused(
        &changed(|case| case["input"]["weights"] = json!([[[65536, 1]], []])),
        &["case two", "`input.weights[0][0][0]`", "65536", "u16"],
    );
    for number in [json!(-1), json!(0.5), json!(1e3), json!("1")] {
        let input = changed(|case| case["input"]["current_block"] = number);
        assert_refused(&input, &["case two", "`input.current_block`", "u64"]);
    }
}

#[test]
fn states_that_no_epoch_can_run_on_are_refused_by_case_and_step() {
    let refused = |set: Value, word: &str| {
        let input = changed(|case| case["steps"] = json!([{}, {"set": set}]));
        assert_refused(&input, &["standard input:1: case two, step 1: ", word]);
    };
    refused(json!({"n": 3}), "`last_update` has 2 elements, but n is 3");
    refused(json!({"stake": [1]}), "`stake` has 1 elements, but n is 2");
    refused(json!({"bonds": [[[1, 1], [0, 1], [1, 1]], []]}), "row 0 of `bonds`");
    refused(json!({"weights": [[], []], "weights_rows": [[0, []]]}), "`weights_rows`");
    refused(json!({"bonds_rows": [[2, []]]}), "uid 2");
    refused(json!({"commit_reveal": true}), "`commit_blocks`");
    refused(json!({"stake": [1_u64 << 62, 1_u64 << 62]}), "2^63");
    refused(json!({"bonds_moving_average": u64::MAX}), "18446744073709551615");
}

#[test]
fn cases_before_a_bad_one_are_printed() {
    let good = changed(|_| ());
    let output = yuma(&["run", "-"], &[&good, &good, b"{}\n".as_slice(), &good].concat());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout).lines().count(), 2);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing.jsonl");
    let output = yuma(&["run", missing.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("missing.jsonl"), "{}", text(&output.stderr));

    let whole = zip(&changed(|_| ()));
    assert_refused(&whole[..whole.len() / 2], &["standard input:1: cannot read on"]);
    let output = yuma(&["run"], b"");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let large = public_vectors().into_iter().find(|file| file.ends_with("large.jsonl.gz")).unwrap();
    let mut command = ganglion();
    command.arg("run").arg(large).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut start = [0; 6];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((text(&start), text(&output.stderr)), ("{\"id\":".to_owned(), String::new()));
    assert_eq!(output.status.code(), Some(0));
}
