//! How errors are told: a code, a sentence and a cure, to people and to scripts.

use ganglion::fault::Code;
use serde_json::{Value, json};

use crate::run::Ganglion;

#[test]
fn a_failure_with_json_is_one_line_that_a_script_can_read() {
    let home = Ganglion::new();
    let ended = home.run(&["keys", "show", "nobody", "--json"]);
    assert_eq!((ended.code, &ended.out[..]), (2, ""), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.err).expect("one value");
    assert_eq!(ended.err.lines().count(), 1);
    assert_eq!(told["exit"], 2);
    let error = &told["errors"][0];
    assert_eq!(error["code"], "no-such-key");
    assert!(error["message"].as_str().unwrap().contains("nobody"), "{told}");
    assert_eq!(error["cure"], Code::NO_SUCH_KEY.cure());
}

#[test]
fn a_wrong_command_line_has_a_code_and_help_has_none() {
    let home = Ganglion::new();
    let ended = home.run(&["status", "--nope"]);
    assert_eq!((ended.code, &ended.out[..]), (2, ""), "{ended:?}");
    assert!(ended.err.starts_with("error[usage]: unexpected argument '--nope'"), "{ended:?}");
    let ended = home.run(&["status", "--nope", "--json"]);
    let told: Value = serde_json::from_str(&ended.err).expect("one value");
    assert_eq!((ended.code, &told["errors"][0]["code"]), (2, &json!("usage")), "{ended:?}");
    assert!(home.ok(&["status", "--help"]).contains("Usage: ganglion status"));
    let bare = home.run(&["keys"]);
    assert_eq!(bare.code, 2, "{bare:?}");
    assert!(bare.err.contains("Usage: ganglion keys"), "{bare:?}");
}

#[test]
fn explain_tells_one_code_or_all() {
    let home = Ganglion::new();
    let one = home.ok(&["explain", "port-taken"]);
    let code = Code::PORT_TAKEN;
    assert_eq!(one, format!("error[port-taken]\n{}\n  help: {}\n", code.meaning(), code.cure()));
    let (all, listed) = (home.ok(&["explain"]), home.json(&["explain"]));
    let listed = listed["codes"].as_array().unwrap();
    assert_eq!(listed.len(), Code::all().count());
    for (code, shown) in Code::all().zip(listed) {
        assert_eq!(shown["code"], code.name());
        assert!(all.contains(&format!("  {} ", code.name())), "{}", code.name());
    }
    let unknown = home.run(&["explain", "port-takn"]);
    assert!(
        unknown.err.contains("error[usage]") && unknown.err.contains("port-taken"),
        "{unknown:?}"
    );
}
