use std::fs;

use crate::run::{Ganglion, mode};

const ALICE: &str = "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu";
const DEVELOPMENT: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

#[test]
fn a_new_key_comes_back_from_the_phrase_it_showed() {
    let ganglion = Ganglion::new();
    let password = ganglion.file("password", "secret\n", 0o600);
    for (words, role) in [("12", "hotkey"), ("24", "coldkey")] {
        let name = format!("n{words}");
        let new = ["keys", "new", "--role", role, "--name", &name, "--words", words];
        let ended = ganglion.run(&[&new[..], &["--password-file", &password, "--json"]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        let phrase = ended.err.lines().find(|line| line.starts_with("  ")).unwrap().trim();
        assert_eq!(phrase.split(' ').count().to_string(), words);
        assert!(!ended.out.contains(phrase), "the phrase is no data");

        let import = ["keys", "import", "--role", role, "--name", "again", "--mnemonic-file", "-"];
        let import = [&import[..], &["--password-file", &password, "--json"]].concat();
        let again = ganglion.run_with(&import, &[], &format!("{phrase}\n"));
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let (first, second) = (read(&ended.out), read(&again.out));
        assert_eq!(first["keys"][0]["address"], second["keys"][0]["address"]);
        assert_eq!(first["keys"][0]["peer_id"].is_string(), role == "hotkey");
    }
}

#[test]
fn the_development_accounts_are_substrates() {
    let ganglion = Ganglion::new();
    let import = ["keys", "import", "--name", "alice", "--uri", "//Alice", "--no-password"];
    let sentence = "a path without a phrase derives from the public development phrase";
    let cure = "Add --dev if that is what you want: everybody can sign with such a key.";
    ganglion.refused(&import, 2, sentence, cure);
    let shown = ganglion.json(&[&import[..], &["--dev"]].concat());
    assert_eq!(shown["keys"][0]["address"], ALICE);
    assert_eq!(
        shown["keys"][0]["public"],
        "0x88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee"
    );
    // base58 of 00 24 08 01 12 20 and the public key, as libp2p writes it.
    assert_eq!(shown["keys"][0]["peer_id"], "12D3KooWK2cN7Q5kmpLfpypBiNg51TiHmAfWgwUzLqHmZ3G4BELm");

    let phrase = ganglion.file("phrase", &format!("{DEVELOPMENT}//Alice\n"), 0o600);
    let spelled = ["keys", "import", "--name", "a", "--mnemonic-file", &phrase, "--no-password"];
    assert_eq!(ganglion.run(&spelled).code, 2, "spelled out it is no less public");
    let shown = ganglion.json(&[&spelled[..], &["--dev"]].concat());
    assert_eq!(shown["keys"][0]["address"], ALICE);
}

#[test]
fn an_exported_seed_is_the_same_key() {
    let ganglion = Ganglion::new();
    ganglion.ok(&["keys", "new", "--name", "one", "--no-password"]);
    let seed = ganglion.ok(&["keys", "export", "one"]);
    assert_eq!(seed.len(), 67, "0x, 64 digits, a newline");
    let file = ganglion.file("seed", &seed, 0o600);
    ganglion.ok(&["keys", "import", "--name", "two", "--mnemonic-file", &file, "--no-password"]);
    let address = |name| ganglion.json(&["keys", "show", name])["keys"][0]["address"].clone();
    assert_eq!(address("one"), address("two"));
}

#[test]
fn key_files_are_private_and_open_ones_refused() {
    let ganglion = Ganglion::new();
    let password = ganglion.file("password", "secret", 0o600);
    let new = ["keys", "new", "--name", "v", "--password-file", &password];
    ganglion.ok(&new);
    let file = ganglion.path("home/keys/hotkeys/v.json");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("argon2id") && text.contains("xchacha20poly1305"), "{text}");

    ganglion.file("home/keys/hotkeys/v.json", &text, 0o644);
    let tail = ["keys", "seed-tail", "v", "--password-file", &password];
    let sentence = "home/keys/hotkeys/v.json is open to others (mode 0644)";
    let cure = "Run: chmod 600 home/keys/hotkeys/v.json";
    ganglion.refused(&tail, 3, sentence, cure);

    ganglion.file("home/keys/hotkeys/v.json", &text, 0o600);
    ganglion.file("password", "secret", 0o640);
    let sentence = "password is open to others (mode 0640)";
    ganglion.refused(&tail, 3, sentence, "Run: chmod 600 password");
}

#[test]
fn a_key_opens_with_its_password_from_flag_or_environment_only() {
    let ganglion = Ganglion::new();
    let password = ganglion.file("password", "secret\nsecond line\n", 0o600);
    ganglion.ok(&["keys", "new", "--name", "v", "--password-file", &password]);
    let tail = ganglion.ok(&["keys", "seed-tail", "v", "--password-file", &password]);
    assert_eq!(tail.trim_end().len(), 64);
    let environment = [("GANGLION_PASSWORD_FILE", &password[..])];
    let again = ganglion.run_with(&["keys", "seed-tail", "v"], &environment, "");
    assert_eq!(again.out, tail);
    let next = ["keys", "seed-tail", "v", "--index", "1", "--password-file", &password];
    assert_ne!(ganglion.ok(&next), tail);

    let wrong = ganglion.file("wrong", "Secret\n", 0o600);
    ganglion.refused(
        &["keys", "seed-tail", "v", "--password-file", &wrong],
        2,
        "the password does not open home/keys/hotkeys/v.json",
        "Check the password; a file that was edited does not open either.",
    );
    ganglion.refused(
        &["keys", "seed-tail", "v"],
        2,
        "a password is needed for home/keys/hotkeys/v.json, and there is no terminal to ask on",
        "Name a file with the password: --password-file FILE or GANGLION_PASSWORD_FILE.",
    );
}

#[test]
fn no_key_is_lost_by_accident() {
    let ganglion = Ganglion::new();
    let new = ["keys", "new", "--name", "v", "--no-password"];
    ganglion.ok(&new);
    let address = || ganglion.json(&["keys", "show", "v"])["keys"][0]["address"].clone();
    let before = address();
    let sentence = "home/keys/hotkeys/v.json exists and is not overwritten";
    let cure = "Choose another name, or replace it with --force.";
    ganglion.refused(&new, 2, sentence, cure);
    assert_eq!(address(), before);
    ganglion.ok(&[&new[..], &["--force"]].concat());
    assert_ne!(address(), before);
}

#[test]
fn keys_without_a_password_are_made_on_purpose_only() {
    let ganglion = Ganglion::new();
    let sentence = "a password is needed, and there is no terminal to ask on";
    let cure = "Name a file with the password in its first line (--password-file FILE), or store \
                the key unencrypted on purpose (--no-password).";
    ganglion.refused(&["keys", "new", "--name", "v"], 2, sentence, cure);
    let empty = ganglion.file("empty", "\n", 0o600);
    let new = ["keys", "new", "--name", "v", "--password-file", &empty];
    ganglion.refused(&new, 2, "the password is empty", cure);
    assert!(!ganglion.path("home/keys/hotkeys/v.json").exists());
}

#[test]
fn secrets_stay_off_the_command_line_and_out_of_errors() {
    let ganglion = Ganglion::new();
    let uri = format!("{DEVELOPMENT}//Alice");
    let import = ["keys", "import", "--name", "x", "--uri", &uri, "--dev", "--no-password"];
    let ended = ganglion.run(&import);
    assert_eq!(ended.code, 2);
    assert!(
        ended.err.starts_with("error[secret-on-command-line]: --uri holds a secret"),
        "{}",
        ended.err
    );

    let phrase = ganglion.file("phrase", &DEVELOPMENT.replace("lonely", "lonly"), 0o600);
    let import = ["keys", "import", "--name", "x", "--mnemonic-file", &phrase, "--no-password"];
    let sentence = "word 10 of the phrase is not in the English BIP-39 list";
    let cure = "Compare the phrase with your copy, word by word.";
    ganglion.refused(&import, 2, sentence, cure);
}

#[test]
fn soft_steps_are_refused() {
    let ganglion = Ganglion::new();
    ganglion.refused(
        &["keys", "import", "--name", "x", "--uri", "//Alice/0", "--dev", "--no-password"],
        2,
        "'/0' is a soft derivation step, which ed25519 keys do not have",
        "Write the hard step '//0'.",
    );
}

#[test]
fn unknown_names_and_bad_names_are_told_apart() {
    let ganglion = Ganglion::new();
    ganglion.refused(
        &["keys", "show", "nobody"],
        2,
        "there is no key named 'nobody' in home/keys",
        "See the keys there are with `ganglion keys list`.",
    );
    ganglion.refused(
        &["keys", "new", "--name", "../up", "--no-password"],
        2,
        "'../up' is no key name",
        "Use 1 to 64 of the characters a-z A-Z 0-9 . _ - and begin with a letter or digit.",
    );
}

#[test]
fn the_list_has_both_kinds_and_survives_a_damaged_file() {
    let ganglion = Ganglion::new();
    ganglion.ok(&["keys", "new", "--name", "b", "--no-password"]);
    ganglion.ok(&["keys", "new", "--name", "a", "--role", "coldkey", "--no-password"]);
    ganglion.file("home/keys/hotkeys/broken.json", "{", 0o600);
    let ended = ganglion.run(&["keys", "list", "--json"]);
    assert_eq!(ended.code, 0);
    assert!(ended.err.contains("broken.json is not a key file"), "{}", ended.err);
    let list: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let names = list["keys"].as_array().unwrap().iter();
    let names: Vec<String> =
        names.map(|key| format!("{} {}", key["role"], key["name"]).replace('"', "")).collect();
    assert_eq!(names, ["hotkey b", "coldkey a"]);
}
