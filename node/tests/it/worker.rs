//! Workers as real child processes, well and badly behaved.
//!
//! The bad ones are `/bin/sh` scripts. They count on call ids rising from 1, the `hello`, in each
//! life of the process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures::future::join_all;
use ganglion::config::Worker::{Auto, Builtin};
use ganglion::models;
use ganglion::models::digits::{self, accuracy_probe};
use ganglion::worker::{
    Answer, Caller, Feedback, FieldRow, Limits, Role, SCORE_ONE, WorkerError, WorkerHandle,
    WorkerSpec, WorkerState,
};
use ganglion::workers::Workers;
use ganglion_types::Hyperparameters;
use tokio::time::timeout;

use crate::world;

/// Longer than anything here takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);
const SEED: [u8; 32] = [11; 32];

fn ganglion() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ganglion"))
}

fn spec(command: Vec<String>, role: Role, task: &str) -> WorkerSpec {
    let mut spec = WorkerSpec::new(command, role, &"ab".repeat(32), task);
    spec.limits.back_off_min = Duration::from_millis(20);
    spec.limits.back_off_max = Duration::from_millis(80);
    spec
}

fn builtin(name: &str) -> WorkerSpec {
    let role = models::builtin(name).expect("known").role;
    let command = models::builtin_command(ganglion(), name).expect("known");
    spec(command, role, digits::TASK)
}

/// A shell script that has already answered `hello` for the task `t`.
fn script(concurrency: u32, body: &str) -> WorkerSpec {
    let hello = format!(
        r#"read -r line; echo '{{"jsonrpc":"2.0","id":1,"result":{{"name":"sh","tasks":["t"],"max_concurrency":{concurrency}}}}}'"#
    );
    raw_script(&format!("{hello}\n{body}"))
}

fn raw_script(body: &str) -> WorkerSpec {
    spec(vec!["/bin/sh".into(), "-c".into(), body.into()], Role::Miner, "t")
}

async fn forward(handle: &WorkerHandle, input: &str) -> Result<String, WorkerError> {
    let output = handle.forward(input.as_bytes().to_vec(), None, PATIENCE).await?;
    Ok(String::from_utf8(output).expect("JSON is UTF-8"))
}

/// The reason of the next failure.
async fn next_failure(handle: &WorkerHandle) -> String {
    let mut state = handle.state();
    let down = state.wait_for(|state| matches!(state, WorkerState::BackOff { .. }));
    match &*timeout(PATIENCE, down).await.expect("goes down in time").expect("owner lives") {
        WorkerState::BackOff { reason, .. } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

fn went_down(result: Result<String, WorkerError>) -> String {
    match result {
        Err(WorkerError::WentDown { reason }) => reason,
        other => panic!("the call should have failed with the worker: {other:?}"),
    }
}

async fn exists(path: &Path) {
    let appeared = async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, appeared).await.unwrap_or_else(|_| panic!("{} appears", path.display()));
}

#[tokio::test]
async fn a_builtin_miner_answers_and_is_measured() {
    let handle = WorkerHandle::spawn(builtin("digits-knn"));
    let info = handle.ready(PATIENCE).await.expect("trains");
    assert_eq!(info.name, "digits-knn");
    assert_eq!(info.tasks, ["digits"]);
    let accuracy = accuracy_probe(&handle, 1, SEED).await.expect("measures");
    assert_eq!((accuracy.total, accuracy.unanswered), (297, 0));
    assert!(accuracy.ratio() > 0.88, "{accuracy}");
    assert!(handle.health().await.expect("answers").ok);

    let bad = forward(&handle, r#"{"pixels":[1,2,3]}"#).await.expect_err("3 are not 64");
    assert!(matches!(bad, WorkerError::Refused { .. }), "{bad:?}");
    assert!(matches!(*handle.state().borrow(), WorkerState::Ready(_)), "a bad input is no crash");
}

#[tokio::test]
async fn builtin_miners_rank_as_promised_through_the_protocol() {
    let mut table = Vec::new();
    for builtin_name in ["digits-majority", "digits-centroid", "digits-logreg", "digits-mlp"] {
        let handle = WorkerHandle::spawn(builtin(builtin_name));
        let accuracy = accuracy_probe(&handle, 2, SEED).await.expect("measures");
        table.push((builtin_name, accuracy.ratio()));
        handle.stop().await;
    }
    assert!(table.windows(2).all(|pair| pair[1].1 > pair[0].1 + 0.04), "{table:?}");
}

#[tokio::test]
async fn two_scorers_draw_the_same_tasks_and_agree_on_scores() {
    let (one, two) = (builtin("digits-scorer"), builtin("digits-scorer"));
    let (one, two) = (WorkerHandle::spawn(one), WorkerHandle::spawn(two));
    let tasks = one.make_tasks(SEED, 4, 20).await.expect("draws");
    assert_eq!(tasks.len(), 20);
    assert_eq!(tasks, two.make_tasks(SEED, 4, 20).await.expect("draws"));
    assert_ne!(tasks, two.make_tasks(SEED, 5, 20).await.expect("draws"));

    let task = &tasks[0];
    let secret = String::from_utf8(task.secret.clone()).expect("UTF-8");
    let wrong = if secret == r#"{"label":3}"# { r#"{"label":4}"# } else { r#"{"label":3}"# };
    let outputs = [Some(secret.as_str()), Some(wrong), Some("not json"), Some("[]"), None];
    let answers: Vec<Answer> = (0u16..)
        .zip(outputs)
        .map(|(uid, output)| Answer {
            uid,
            output: output.map(|text| text.as_bytes().to_vec()),
            latency_ms: 3,
            error: None,
        })
        .collect();
    for handle in [&one, &two] {
        let (input, secret) = (task.input.clone(), task.secret.clone());
        let scores = handle.score(input, secret, answers.clone()).await.expect("scores");
        assert_eq!(scores, [Some(SCORE_ONE), Some(0), Some(0), Some(0), Some(0)]);
    }
}

#[tokio::test]
async fn answers_too_many_for_one_line_are_scored_in_several_calls() {
    let handle = WorkerHandle::spawn(builtin("digits-scorer"));
    let task = handle.make_tasks(SEED, 0, 1).await.expect("draws").remove(0);
    let right = String::from_utf8(task.secret.clone()).expect("UTF-8");
    let answers = (0..40u16).map(|uid| {
        let label = if uid == 33 { r#"{"label":99"# } else { right.trim_end_matches('}') };
        let output = format!("{label},\"why\":\"{}\"}}", "x".repeat(60_000));
        Answer { uid, output: Some(output.into_bytes()), latency_ms: 0, error: None }
    });
    let scores = handle.score(task.input, task.secret, answers.collect()).await.expect("scores");
    let expected: Vec<_> = (0..40).map(|uid| Some(if uid == 33 { 0 } else { SCORE_ONE })).collect();
    assert_eq!(scores, expected, "2.4 MB of answers keep their order");
}

fn behind() -> Feedback {
    let row = |uid, score| FieldRow {
        uid,
        hotkey: format!("hotkey {uid}"),
        score: Some(score),
        incentive: score,
        rank: 1,
    };
    Feedback {
        epoch: 9,
        uid: 2,
        incentive: 0.1,
        rank: 2,
        consensus_weight: 0.1,
        score: Some(0.2),
        field: vec![row(1, 0.9), row(2, 0.2)],
    }
}

#[tokio::test]
async fn the_learner_climbs_with_feedback_and_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut spec = builtin("digits-learner");
    spec.dir = Some(dir.path().join("learner"));
    let handle = WorkerHandle::spawn(spec.clone());
    let first = accuracy_probe(&handle, 1, SEED).await.expect("measures").ratio();
    for _ in 0..6 {
        handle.feedback(behind()).await.expect("learns");
    }
    let learned = accuracy_probe(&handle, 1, SEED).await.expect("measures").ratio();
    assert!(first < 0.65 && learned > first + 0.2, "{first} to {learned}");
    handle.stop().await;

    spec.env.push((digits::learner::FROZEN_ENV.into(), "1".into()));
    let frozen = WorkerHandle::spawn(spec);
    frozen.feedback(behind()).await.expect("ignores it");
    let measured = accuracy_probe(&frozen, 1, SEED).await.expect("measures").ratio();
    assert!((measured - learned).abs() < 1e-9, "the state was saved, and frozen: {measured}");
}

#[tokio::test]
async fn the_worker_sees_the_call_as_specified() {
    // Gives the line it got back as its output.
    let body = r#"read -r line; printf '{"jsonrpc":"2.0","id":2,"result":{"output":%s}}\n' "$line"; read -r line"#;
    let handle = WorkerHandle::spawn(script(1, body));
    let caller = Caller { hotkey: "5F".into(), uid: Some(3), stake: u64::MAX, permit: true };
    let input = br#"{"a": 1.50, "b":[1e3]}"#.to_vec();
    let limit = Duration::from_secs(50);
    let seen = handle.forward(input, Some(caller), limit).await.expect("answers");
    let seen = String::from_utf8(seen).expect("UTF-8");
    assert!(seen.contains(r#""input":{"a": 1.50, "b":[1e3]},"#), "bytes are kept: {seen}");
    let seen: serde_json::Value = serde_json::from_str(&seen).expect("JSON");
    assert_eq!(seen["jsonrpc"], "2.0");
    assert_eq!(seen["method"], "forward");
    assert_eq!(seen["params"]["task"], "t");
    assert_eq!(seen["params"]["caller"]["uid"], 3);
    assert_eq!(seen["params"]["caller"]["stake"], u64::MAX);
    let deadline = seen["params"]["deadline_ms"].as_u64().expect("a number");
    assert!((1..=50_000).contains(&deadline), "what is left of the limit: {deadline}");
}

#[tokio::test]
async fn answers_out_of_order_reach_their_callers() {
    // Would wait for ever if calls were not pipelined.
    let body = r#"read -r a; read -r b
        echo '{"jsonrpc":"2.0","id":3,"result":{"output":"second"}}'
        echo '{"jsonrpc":"2.0","id":2,"result":{"output":"first"}}'
        read -r line"#;
    let handle = WorkerHandle::spawn(script(2, body));
    let both = join_all([forward(&handle, "1"), forward(&handle, "2")]).await;
    assert_eq!(both, [Ok("\"first\"".to_owned()), Ok("\"second\"".to_owned())]);
}

#[tokio::test]
async fn a_crash_fails_the_call_with_its_last_words_and_the_worker_comes_back() {
    let body = r#"read -r line; echo 'out of memory' >&2; exit 3"#;
    let handle = WorkerHandle::spawn(script(1, body));
    for _ in 0..2 {
        let reason = went_down(forward(&handle, "1").await);
        assert!(reason.contains("code 3"), "{reason}");
        assert!(reason.contains("out of memory"), "{reason}");
    }
}

#[tokio::test]
async fn a_crash_loop_backs_off_and_is_reported_to_callers() {
    let handle = WorkerHandle::spawn(raw_script("echo no licence >&2; exit 7"));
    let mut state = handle.state();
    let third = state.wait_for(|s| matches!(s, WorkerState::BackOff { attempt: 3, .. }));
    timeout(PATIENCE, third).await.expect("in time").expect("owner lives");
    let error = handle.ready(Duration::from_millis(1)).await.expect_err("never ready");
    assert!(matches!(error, WorkerError::NotReady { .. }), "{error:?}");
    let limit = Duration::from_millis(50);
    let error = handle.forward(b"1".to_vec(), None, limit).await.expect_err("never ready");
    assert!(matches!(error, WorkerError::NotReady { .. }), "{error:?}");
    assert!(next_failure(&handle).await.contains("no licence"));
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_named() {
    let handle =
        WorkerHandle::spawn(spec(vec!["ganglion-no-such-program".into()], Role::Miner, "t"));
    let reason = next_failure(&handle).await;
    assert!(reason.contains("ganglion-no-such-program"), "{reason}");
}

#[tokio::test]
async fn one_that_never_greets_is_given_up() {
    let mut spec = raw_script("exec sleep 600");
    spec.limits.hello = Duration::from_millis(100);
    let reason = next_failure(&WorkerHandle::spawn(spec)).await;
    assert!(reason.contains("did not answer hello"), "{reason}");
}

#[tokio::test]
async fn one_for_another_task_is_refused() {
    let mut spec = script(1, "read -r line");
    spec.task = "speech".into();
    let reason = next_failure(&WorkerHandle::spawn(spec)).await;
    assert!(reason.contains("[t]") && reason.contains("speech"), "{reason}");
}

#[tokio::test]
async fn a_hung_worker_times_out_and_is_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let lived = dir.path().join("lived");
    // Only its second life answers.
    let body = format!(
        r#"read -r line
        if [ ! -e '{0}' ]; then : > '{0}'; exec sleep 600; fi
        echo '{{"jsonrpc":"2.0","id":2,"result":{{"output":true}}}}'; read -r line"#,
        lived.display()
    );
    let mut spec = script(1, &body);
    spec.limits.hung = Duration::from_millis(100);
    let handle = WorkerHandle::spawn(spec);
    handle.ready(PATIENCE).await.expect("greets");
    let limit = Duration::from_millis(100);
    let error = handle.forward(b"1".to_vec(), None, limit).await.expect_err("hangs");
    assert_eq!(error, WorkerError::Timeout { method: "forward", limit });
    let reason = next_failure(&handle).await;
    assert!(reason.contains("hung"), "{reason}");
    assert_eq!(forward(&handle, "1").await, Ok("true".to_owned()));
}

#[tokio::test]
async fn a_late_answer_is_dropped_and_never_given_to_the_next_caller() {
    let dir = tempfile::tempdir().expect("a folder");
    let go = dir.path().join("go");
    let body = format!(
        r#"read -r line; until [ -e '{}' ]; do sleep 0.02; done
        echo '{{"jsonrpc":"2.0","id":2,"result":{{"output":"late"}}}}'
        read -r line; echo '{{"jsonrpc":"2.0","id":3,"result":{{"output":"own"}}}}'; read -r line"#,
        go.display()
    );
    let handle = WorkerHandle::spawn(script(1, &body));
    handle.ready(PATIENCE).await.expect("greets");
    let limit = Duration::from_millis(100);
    let error = handle.forward(b"1".to_vec(), None, limit).await.expect_err("too slow");
    assert!(matches!(error, WorkerError::Timeout { .. }), "{error:?}");
    std::fs::write(&go, "").expect("writes");
    assert_eq!(forward(&handle, "2").await, Ok("\"own\"".to_owned()));
    assert!(matches!(*handle.state().borrow(), WorkerState::Ready(_)), "being late is no crash");
}

#[tokio::test]
async fn broken_protocol_ends_the_worker_with_the_reason() {
    let cases = [
        ("echo 'loading model...'", "print to stderr instead): loading model..."),
        ("echo '[1,2]'", "not JSON-RPC"),
        (r#"echo '{"jsonrpc":"2.0","id":77,"result":{}}'"#, "never made, id 77"),
        (
            r#"echo '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}'"#,
            "what?",
        ),
        (r#"echo '{"jsonrpc":"2.0","id":2}'"#, "holds nothing"),
        ("head -c 1100000 /dev/zero | tr '\\0' x; echo", "more than 1048576 bytes"),
        ("exec 1>&-; read -r never", "closed its stdout"),
        ("kill -9 $$", "killed"),
    ];
    for (body, expected) in cases {
        let mut spec = script(1, &format!("read -r line; {body}; read -r line"));
        if body.contains("1>&-") {
            // This one lives on, so waiting for its end only takes time.
            spec.limits.stop = Duration::from_millis(200);
        }
        let handle = WorkerHandle::spawn(spec);
        let reason = went_down(forward(&handle, "1").await);
        assert!(reason.contains(expected), "{body}: {reason}");
    }
}

#[tokio::test]
async fn results_of_the_wrong_shape_fail_the_call_and_not_the_worker() {
    let long = format!(r#"{{"output":"{}"}}"#, "x".repeat(64 * 1024));
    let cases = [
        (r#""result":{"answer":1}"#, "malformed"),
        (r#""result":null"#, "malformed"),
        (long.as_str(), "65538 bytes"),
        (r#""error":{"code":-32000,"message":"no idea"}"#, "refused"),
    ];
    for (result, expected) in cases {
        let result = if result == long { format!("\"result\":{long}") } else { result.to_owned() };
        let reply = format!(r#"{{"jsonrpc":"2.0","id":2,{result}}}"#);
        let handle =
            WorkerHandle::spawn(script(1, &format!("read -r line; echo '{reply}'; read -r line")));
        let error = forward(&handle, "1").await.expect_err("fails");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(*handle.state().borrow(), WorkerState::Ready(_)), "{error}");
    }
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let mut spec = script(1, "exec sleep 600");
    spec.queue_max = 2;
    let handle = WorkerHandle::spawn(spec);
    handle.ready(PATIENCE).await.expect("greets");
    let limit = Duration::from_millis(300);
    let calls = (0..10).map(|_| handle.forward(b"1".to_vec(), None, limit));
    let results = join_all(calls).await;
    let busy = results.iter().filter(|r| **r == Err(WorkerError::Busy { queue_max: 2 })).count();
    let late = results.iter().filter(|r| matches!(r, Err(WorkerError::Timeout { .. }))).count();
    // The one the worker holds may have left the queue before the last was added.
    assert!((7..=8).contains(&busy) && busy + late == 10, "{results:?}");
}

#[tokio::test]
async fn scores_that_are_no_share_of_one_become_no_score() {
    let body = r#"read -r line
        echo '{"jsonrpc":"2.0","id":2,"result":{"scores":[NaN,0.25,1.5,-Infinity,null,"1",1e999,1]}}'
        read -r line
        echo '{"jsonrpc":"2.0","id":3,"result":{"scores":[1]}}'
        read -r line"#;
    let handle = WorkerHandle::spawn(script(1, body));
    let none = |uid| Answer { uid, output: None, latency_ms: 0, error: Some("away".into()) };
    let answers: Vec<Answer> = (0..8).map(none).collect();
    let score = || handle.score(b"1".to_vec(), b"2".to_vec(), answers.clone());
    let scores = score().await.expect("scores");
    assert_eq!(scores, [None, Some(250_000), None, None, None, None, None, Some(SCORE_ONE)],);
    let error = score().await.expect_err("one score for eight answers");
    assert!(matches!(error, WorkerError::Malformed { method: "score", .. }), "{error:?}");
}

#[tokio::test]
async fn feedback_and_health_are_optional() {
    let refuse = |id| {
        format!(
            r#"read -r line; echo '{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no"}}}}'"#
        )
    };
    let handle =
        WorkerHandle::spawn(script(1, &format!("{}\n{}\nread -r line", refuse(2), refuse(3))));
    handle.feedback(behind()).await.expect("the worker need not listen");
    assert!(handle.health().await.expect("it answers, so it lives").ok);
}

#[tokio::test]
async fn a_flood_on_stderr_does_not_block_the_worker() {
    let body = r#"read -r line
        head -c 3000000 /dev/zero | tr '\0' y | fold -w 100 >&2
        head -c 300000 /dev/zero | tr '\0' z >&2
        echo '{"jsonrpc":"2.0","method":"log","params":{"level":"warn","message":"noisy"}}'
        echo '{"jsonrpc":"2.0","id":2,"result":{"output":1}}'; read -r line"#;
    let handle = WorkerHandle::spawn(script(1, body));
    assert_eq!(forward(&handle, "1").await, Ok("1".to_owned()));
}

#[tokio::test]
async fn stopping_lets_the_worker_finish() {
    let dir = tempfile::tempdir().expect("a folder");
    let bye = dir.path().join("bye");
    let body = format!("while read -r line; do :; done; echo saved > '{}'", bye.display());
    let mut spec = script(1, &body);
    spec.limits.stop = PATIENCE;
    let handle = WorkerHandle::spawn(spec);
    handle.ready(PATIENCE).await.expect("greets");
    timeout(PATIENCE, handle.stop()).await.expect("stops in time");
    assert!(bye.exists(), "stdin ended and the worker had time to save");
    assert_eq!(*handle.state().borrow(), WorkerState::Stopped);
    assert_eq!(forward(&handle, "1").await, Err(WorkerError::Stopped));
    assert_eq!(handle.ready(PATIENCE).await.expect_err("gone"), WorkerError::Stopped);
}

#[tokio::test]
async fn dropping_the_last_handle_kills_a_worker_that_will_not_go() {
    let dir = tempfile::tempdir().expect("a folder");
    let pid_file = dir.path().join("pid");
    let body =
        format!("echo $$ > '{0}.new'; mv '{0}.new' '{0}'; exec sleep 600", pid_file.display());
    let handle = WorkerHandle::spawn(script(1, &body));
    handle.ready(PATIENCE).await.expect("greets");
    exists(&pid_file).await;
    let pid = std::fs::read_to_string(&pid_file).expect("reads").trim().to_owned();
    let alive = || {
        let probe =
            Command::new("/bin/sh").args(["-c", "kill -0 \"$1\" 2>&-", "sh", &pid]).status();
        probe.expect("sh runs").success()
    };
    let second = handle.clone();
    drop(handle);
    assert!(alive(), "a clone still holds it");
    drop(second);
    let gone = async {
        while alive() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("killed in time");
}

fn python_miner() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python/miner.py")
}

#[tokio::test]
async fn the_python_example_is_a_good_miner() {
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|version| version.status.success()) {
        eprintln!("SKIPPED: there is no python3 on this machine");
        return;
    }
    let command = vec!["python3".into(), python_miner().to_string_lossy().into_owned()];
    let handle = WorkerHandle::spawn(spec(command, Role::Miner, digits::TASK));
    let accuracy = accuracy_probe(&handle, 1, SEED).await.expect("measures");
    assert_eq!(accuracy.unanswered, 0, "{:?}", accuracy.first_error);
    assert!(accuracy.ratio() > 0.88, "{accuracy}");
    handle.feedback(behind()).await.expect("it need not listen");
    assert!(handle.health().await.expect("lives").ok);
}

#[test]
fn the_check_command_measures_a_worker_and_explains_a_failure() {
    let check = |arguments: &[&str]| {
        let mut command = Command::new(ganglion());
        command.args(["worker", "check"]).args(arguments).output().expect("runs")
    };
    let good = check(&["--draws", "1", "digits-centroid"]);
    let text = String::from_utf8_lossy(&good.stdout);
    assert!(good.status.success(), "{good:?}");
    assert!(text.contains("digits-centroid") && text.contains("of 297"), "{text}");
    assert!(check(&["--scorer", "digits-scorer"]).status.success());

    let bad = check(&["--", "/bin/sh", "-c", "echo no model here >&2; exit 4"]);
    let text = String::from_utf8_lossy(&bad.stderr);
    assert_eq!(bad.status.code(), Some(1));
    assert!(text.contains("code 4") && text.contains("no model here"), "{text}");
}

#[test]
fn default_limits_are_the_published_ones() {
    let limits = Limits::default();
    assert_eq!(limits.hello, Duration::from_secs(30));
    assert_eq!(limits.back_off_min, Duration::from_millis(500));
    assert_eq!(limits.back_off_max, Duration::from_secs(30));
}

#[tokio::test]
async fn a_node_that_becomes_a_validator_gets_its_scorer_when_it_first_has_tasks_to_make() {
    let manifest = world::manifest(&[10], 1, Hyperparameters::default());
    let dir = tempfile::tempdir().expect("a directory");
    let start = |worker, role| Workers::new(&worker, &manifest, role, ganglion(), dir.path());
    let workers = start(Auto, None).expect("a known scorer");
    assert!(workers.running().is_none());
    let scorer = workers.scorer().expect("made now");
    assert_eq!(scorer.make_tasks(SEED, 0, 3).await.expect("draws").len(), 3);
    assert!(workers.running().is_some());
    scorer.stop().await;
    // What is configured is all there is.
    let miner = start(Builtin("digits-majority".into()), None).expect("a known model");
    assert!(miner.running().is_some() && miner.scorer().is_some());
    miner.running().expect("runs").stop().await;
    assert!(start(Builtin("digits-none".into()), None).is_err());
}
