//! The HTTP interface over a real ledger and store.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ganglion::api::types::{
    Account, Amount, EpochDetail, EpochSummary, ErrorBody, InForce, Metagraph, OpCheck, OpStatus,
    Peer, Ready, Registration, Replaced, Revisions, Score, Status, SubmitOp, SubmittedOp,
    TaskAnswers,
};
use ganglion::api::{ApiError, Client};
use ganglion::fault::{Code, Curable as _};
use ganglion::http::{ApiToken, WorkerHealth};
use ganglion::view::ScoreView;
use ganglion_types::{Canonical as _, Epoch, Item, Operation, Rao, ids::hex};
use serde_json::{Value, json};

use crate::world::{World, coldkey, hotkey};

const MAX: u16 = u16::MAX;

/// Sends bytes as they are; status, head and body of the answer.
fn raw(world: &World, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(world.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may refuse, and close, before it has read a large body.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

pub(crate) fn get(world: &World, path: &str) -> (u16, String, String) {
    raw(world, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
}

pub(crate) fn post(world: &World, path: &str, kind: &str, body: &str) -> (u16, String, String) {
    let length = body.len();
    raw(
        world,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             content-length: {length}\r\n\r\n{body}"
        ),
    )
}

fn refusal((status, head, body): (u16, String, String), expected: u16, code: &str) -> String {
    assert_eq!(status, expected, "{head}\n{body}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let error: ErrorBody = serde_json::from_str(&body).expect("errors have one form");
    assert_eq!(error.code, code, "{body}");
    assert!(error.message.len() > 10, "{body}");
    assert!(
        Code::named(code).is_some() && error.cure.is_some_and(|cure| cure.ends_with('.')),
        "{body}"
    );
    error.message
}

/// 50, 30 and 20 units of stake, miners 3 and 4; three epochs, validator 2 alone sees no merit in 4.
pub(crate) fn lived() -> World {
    let world = World::new(&[50, 30, 20], 2);
    for _ in 0..3 {
        world.weigh(0, &[(3, MAX), (4, 32_768)]);
        world.weigh(1, &[(3, MAX), (4, 32_768)]);
        world.weigh(2, &[(3, MAX)]);
        world.close();
    }
    world
}

#[test]
fn every_route_answers_in_its_published_form() {
    let world = lived();
    world.view.update(|view| {
        view.phase = "window";
        view.signing = true;
        view.stake_seen = (100, 100);
        view.missed = vec![Epoch::new(2)];
        let score = ScoreView { tasks: 64, last: 500_000, average: 250_000_000 };
        view.scores.insert(hotkey(3), score);
    });
    let client = world.client();
    let status: Status = client.get("/v1/status").unwrap();
    assert_eq!((status.epoch, status.closing, status.uid), (3, 4, Some(0)));
    assert_eq!((&status.role[..], &status.phase[..], status.peers), ("validator", "window", 1));
    assert_eq!(status.listen, ["/ip4/127.0.0.1/tcp/7800/p2p/12D3KooWself"]);
    let unit = Rao::PER_UNIT;
    assert_eq!(status.stake_total_rao, Amount(100 * unit));
    assert_eq!(status.stake_to_halt_rao, Amount(33_333_333_334));
    assert_eq!(status.stake_to_certify_rao, Amount(66_666_666_667));

    let graph: Metagraph = client.get("/v1/metagraph").unwrap();
    assert_eq!((graph.epoch, graph.rows.len()), (3, 5));
    assert_eq!(graph.cut, status.cut);
    let ranks: Vec<Option<u16>> = graph.rows.iter().map(|row| row.rank).collect();
    assert_eq!(ranks, [None, None, None, Some(1), Some(2)]);
    let paid: u64 = graph.rows.iter().map(|row| row.paid_rao.0).sum();
    assert_eq!(paid, 100 * unit);
    assert!(graph.rows.iter().take(3).all(|row| row.active && row.last_update == 3));

    let peers: Vec<Peer> = client.get("/v1/peers").unwrap();
    assert_eq!(
        (peers[0].uid, &peers[0].role[..], peers[0].rtt_ms),
        (Some(1), "validator", Some(1.5))
    );
    assert_eq!((peers[1].uid, &peers[1].role[..]), (None, "observer"));

    let detail: EpochDetail = client.get("/v1/epochs/3").unwrap();
    assert_eq!(detail.summary.cut, status.cut);
    assert_eq!((detail.summary.round, detail.summary.signers, detail.summary.lists), (1, 3, 2));
    assert_eq!(detail.summary.signed_rao, Amount(100 * unit));
    assert_eq!(detail.summary.emitted_rao, Amount(100 * unit));
    assert_eq!(detail.summary.latency_ms, Some(321));
    assert_eq!(detail.item_kinds.get("weights"), Some(&3));
    assert_eq!(detail.weights[2].weights, [(3, MAX)]);
    assert_eq!(detail.rows.iter().map(|row| row.paid_rao.0).sum::<u64>(), 100 * unit);

    let account: Account = client.get(&format!("/v1/accounts/{}", coldkey(3))).unwrap();
    assert!(account.balance_rao > Amount(100 * unit));
    assert_eq!((account.nonce, account.participants.len(), account.participants[0].uid), (0, 1, 3));

    let registration: Registration = client.get("/v1/registration").unwrap();
    assert_eq!((registration.epoch, registration.holds_until), (3, 8));
    assert_eq!((registration.difficulty, registration.free), (200, 251));
    assert!(registration.allowed && registration.replaces.is_none());
    assert_eq!((registration.burn_price_rao, registration.per_epoch), (Amount(unit / 8), 8));

    let parameters: InForce = client.get("/v1/parameters").unwrap();
    let emission = &parameters.parameters[0];
    assert_eq!((parameters.epoch, &emission.name[..], &emission.text[..]), (4, "emission", "100"));
    assert_eq!((&emission.class[..], emission.value), ("committee", Amount(100 * unit)));
    let revisions: Revisions = client.get("/v1/revisions").unwrap();
    assert_eq!((revisions.epoch, revisions.revisions.len(), revisions.approvers.len()), (4, 0, 3));
    assert_eq!(revisions.approvers[0].coldkey, coldkey(0).to_string());
    assert_eq!(revisions.needed_rao, status.stake_to_certify_rao);

    let scores: Vec<Score> = client.get("/v1/scores").unwrap();
    assert_eq!((scores[0].tasks, scores[0].last, scores[0].average), (64, 0.5, 0.25));

    let (status, head, _) = get(&world, "/metrics");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert_eq!(get(&world, "/healthz").0, 200);
}

#[test]
fn epochs_come_in_bounded_pages_newest_first() {
    let world = lived();
    let client = world.client();
    let numbers = |path: &str| -> Vec<u64> {
        let page: Vec<EpochSummary> = client.get(path).unwrap();
        page.iter().map(|one| one.epoch).collect()
    };
    assert_eq!(numbers("/v1/epochs"), [3, 2, 1, 0]);
    assert_eq!(numbers("/v1/epochs?limit=2"), [3, 2]);
    assert_eq!(numbers("/v1/epochs?from=1&limit=2"), [1, 2]);
    assert_eq!(numbers("/v1/epochs?from=4"), [0_u64; 0]);
    assert_eq!(numbers("/v1/epochs?from=18446744073709551615&limit=100"), [0_u64; 0]);
    for bad in ["limit=0", "limit=101", "limit=x", "from=-1", "page=1"] {
        refusal(get(&world, &format!("/v1/epochs?{bad}")), 400, "bad_request");
    }
    // Consecutive epochs form a chain down to genesis.
    let page: Vec<EpochSummary> = client.get("/v1/epochs").unwrap();
    assert!(page.windows(2).all(|pair| pair[0].prev == pair[1].cut));
    assert_eq!(page[3].signers, 0);
    let genesis: EpochDetail = client.get("/v1/epochs/0").unwrap();
    assert!(genesis.rows.is_empty() && genesis.weights.is_empty());
}

#[test]
fn whoever_changes_the_nodes_state_shows_its_token() {
    let token = ApiToken::new("0123456789abcdef0123").unwrap();
    let world = World::guarded(token.clone());
    let json = "application/json";
    for path in ["/v1/ops", "/v1/forks", "/v1/anchors/retry"] {
        let (status, head, body) = post(&world, path, json, "{}");
        assert!(head.contains("www-authenticate: bearer"), "{head}");
        let message = refusal((status, head, body), 401, "unauthorized");
        assert!(message.contains("api.token"), "{message}");
        let shown = world.client().with_token(Some(token.clone()));
        let wrong = world.client().with_token(ApiToken::new("x123456789abcdef0123"));
        let status =
            |client: Client| client.post_value(path, &json!({}), None).unwrap_err().status();
        assert_eq!(status(wrong), Some(401));
        assert_ne!(status(shown), Some(401));
    }
    // What only reads, or asks, needs none.
    assert_eq!(get(&world, "/v1/status").0, 200);
    refusal(post(&world, "/v1/ops/check", json, "{}"), 400, "bad_request");
    refusal(post(&world, "/v1/tasks", json, "{}"), 400, "bad_request");
}

#[test]
fn every_refusal_has_one_form() {
    let world = World::new(&[50], 1);
    refusal(get(&world, "/"), 404, "not_found");
    refusal(get(&world, "/v1/nothing"), 404, "not_found");
    let message = refusal(get(&world, "/v1/epochs/7"), 404, "not_found");
    assert!(message.contains("the last one is 0"), "{message}");
    refusal(get(&world, "/v1/epochs/x"), 400, "bad_request");
    refusal(get(&world, "/v1/epochs/%ff"), 400, "bad_request");
    refusal(get(&world, "/v1/epochs/0/explain?format=xml"), 400, "bad_request");
    refusal(get(&world, "/v1/ops/12"), 400, "bad_request");
    refusal(get(&world, "/v1/accounts/5x"), 400, "bad_request");
    refusal(get(&world, &format!("/v1/accounts/{}", coldkey(50))), 404, "not_found");
    let (status, head, body) = post(&world, "/v1/status", "application/json", "{}");
    assert!(head.contains("allow: get"), "{head}");
    refusal((status, head, body), 405, "method_not_allowed");
    refusal(get(&world, "/v1/tasks"), 405, "method_not_allowed");
    refusal(post(&world, "/v1/tasks", "text/plain", "{}"), 415, "unsupported_media_type");
    refusal(
        post(&world, "/v1/ops", "application/x-www-form-urlencoded", "a"),
        415,
        "unsupported_media_type",
    );
    refusal(post(&world, "/v1/ops", "application/json; charset=utf-8", "{"), 400, "bad_request");
    let large = format!("{{\"item\":\"{}\"}}", "0".repeat(300 << 10));
    refusal(post(&world, "/v1/ops", "application/json", &large), 413, "too_large");
    // Nor without saying how long it will be.
    let chunk = "a".repeat(64 << 10);
    let chunks = format!("10000\r\n{chunk}\r\n").repeat(5);
    let chunked = format!(
        "POST /v1/ops HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    refusal(raw(&world, &chunked), 413, "too_large");
}

#[test]
fn a_foreign_host_name_is_refused_before_anything_else() {
    let world = World::new(&[50], 1);
    let ask = |host: &str| {
        raw(
            &world,
            &format!("GET /v1/status HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
        )
    };
    let port = world.address.port();
    for good in ["localhost", &format!("127.0.0.1:{port}"), "node.test:80", "[::1]"] {
        assert_eq!(ask(good).0, 200, "{good}");
    }
    for bad in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.example:7880"] {
        let message = refusal(ask(bad), 421, "wrong_host");
        assert!(message.contains("localhost"), "{message}");
    }
    let nameless = "GET /v1/status HTTP/1.0\r\n\r\n";
    refusal(raw(&world, nameless), 400, "bad_request");
}

#[test]
fn readiness_tells_each_reason_with_its_cure() {
    let world = World::new(&[50, 30, 20], 2);
    let ready = |expected: u16| -> Ready {
        let (status, _, body) = get(&world, "/readyz");
        assert_eq!(status, expected, "{body}");
        let ready: Ready = serde_json::from_str(&body).unwrap();
        assert_eq!(ready.ready, expected == 200);
        assert_eq!(world.client().readiness().unwrap().reasons, ready.reasons);
        ready
    };
    let starting = ready(503);
    assert_eq!(starting.reasons.len(), 1, "{starting:?}");
    assert!(starting.reasons[0].starts_with("signs nothing: starting"), "{starting:?}");

    world.view.update(|view| {
        view.signing = true;
        view.signing_reason = "signing";
        view.stake_seen = (70, 100);
    });
    let healthy = ready(200);
    assert_eq!(healthy.warnings.len(), 2, "{healthy:?}");
    assert!(healthy.warnings[0].contains("uid 0 alone holds 50 %"), "{healthy:?}");
    assert!(healthy.warnings[1].contains("lists of"), "{healthy:?}");

    world.view.update(|view| {
        view.behind = Some(Epoch::new(9));
        view.halted = Some("the result root differs at table bonds, uid 3".into());
        view.missed = vec![Epoch::new(1), Epoch::new(2)];
    });
    *world.worker.lock().unwrap() = WorkerHealth::Failing { reason: "exit code 1".into() };
    let bad = ready(503);
    let all = bad.reasons.join("\n");
    for said in ["bonds, uid 3", "epoch 0 of 9", "exit code 1", "run its command by hand"] {
        assert!(all.contains(said), "{said} in {all}");
    }
    assert!(bad.warnings.iter().any(|warning| warning.contains("2 epochs were missed")));
}

fn submit(world: &World, item: &Item) -> Result<SubmittedOp, ApiError> {
    world.client().post("/v1/ops", &SubmitOp { item: hex(&item.to_bytes()) }, None)
}

fn transfer(world: &World, nonce: u64, units: u64) -> Item {
    let amount = Rao::new(units * Rao::PER_UNIT);
    world.operation(1, nonce, Operation::Transfer { to: coldkey(3), amount })
}

#[test]
fn an_operation_is_followed_from_submission_to_its_outcome() {
    let world = World::new(&[50, 30], 2);
    let state = |id: &str| -> OpStatus { world.client().get(&format!("/v1/ops/{id}")).unwrap() };
    let (good, late) = (transfer(&world, 0, 5), transfer(&world, 2, 5));
    let taken = submit(&world, &good).unwrap();
    assert_eq!((taken.id.clone(), taken.epoch), (good.id().to_hex(), 1));
    assert_eq!(state(&taken.id).state, "pending");
    let behind_a_gap = submit(&world, &late).unwrap().id;
    let poor = submit(&world, &transfer(&world, 1, 5_000)).unwrap().id;
    world.close();
    let done = state(&taken.id);
    assert_eq!(
        (&done.state[..], done.epoch, done.outcome.as_deref()),
        ("decided", Some(1), Some("done"))
    );
    let failed = state(&poor);
    assert_eq!((&failed.state[..], failed.epoch), ("decided", Some(1)));
    assert_eq!(failed.outcome.unwrap(), "not done: it takes 5000, but the balance is 132.5");
    // Nonce 1 was used up by the one that failed, so the last one was behind no gap.
    assert_eq!(state(&behind_a_gap).outcome.as_deref(), Some("done"));
    let gap = submit(&world, &transfer(&world, 5, 1)).unwrap().id;
    world.close();
    let gap = state(&gap);
    assert_eq!((&gap.state[..], gap.epoch), ("pending", None));
    assert!(gap.outcome.unwrap().contains("nonce 3"));
    // A restart forgets what became of it, but not that it was decided.
    world.view.update(|view| view.receipts.clear());
    let old = state(&taken.id);
    assert_eq!(
        (&old.state[..], old.epoch, old.outcome.as_deref()),
        ("decided", Some(1), Some("unknown"))
    );
    assert_eq!(state(&"00".repeat(32)).state, "unknown");
    let account: Account = world.client().get(&format!("/v1/accounts/{}", coldkey(1))).unwrap();
    assert_eq!(account.nonce, 3);
    let detail: EpochDetail = world.client().get("/v1/epochs/1").unwrap();
    assert_eq!(detail.operations.len(), 3);
    assert_eq!(detail.operations[0].signer, coldkey(1).to_string());
}

fn check(world: &World, item: &Item) -> Result<OpCheck, ApiError> {
    world.client().post("/v1/ops/check", &SubmitOp { item: hex(&item.to_bytes()) }, None)
}

#[test]
fn an_operation_is_checked_before_it_is_signed_and_nothing_is_sent() {
    let world = World::new(&[50, 30], 2);
    let draft = |item: Item| Item::unsigned(*item.subnet(), item.into_body());
    let good = check(&world, &draft(transfer(&world, 0, 5))).unwrap();
    assert_eq!((good.epoch, good.admissible, good.succeeds, &good.rule), (1, true, true, &None));
    assert_eq!(good, check(&world, &transfer(&world, 0, 5)).unwrap());
    let told = |item: &Item| {
        let told = check(&world, item).unwrap();
        assert!(!told.succeeds && told.message.is_some(), "{told:?}");
        let rule = told.rule.unwrap();
        assert_eq!(told.cure.as_deref(), Some(Code::of_rule(&rule).cure()), "{rule}");
        (told.admissible, rule, told.passes_from_epoch)
    };
    assert_eq!(told(&transfer(&world, 0, 5_000)), (true, "balance".into(), None));
    assert_eq!(told(&transfer(&world, 99, 1)), (false, "nonce".into(), None));
    assert_eq!(told(&transfer(&world, 2, 1)), (true, "gap".into(), None));
    // What is signed has to be signed well, and for this subnet.
    let body = good_body(&world);
    let forged = Item::sign(world.manifest.subnet_id(), body.clone(), &crate::world::cold(2));
    assert_eq!(check(&world, &forged).unwrap_err().status(), Some(422));
    let elsewhere = Item::unsigned(ganglion_types::SubnetId::new([9; 32]), body);
    assert_eq!(check(&world, &elsewhere).unwrap_err().status(), Some(422));
    // An unsigned one is only checked.
    let unsigned = submit(&world, &draft(transfer(&world, 0, 5))).unwrap_err();
    assert_eq!(unsigned.status(), Some(422), "{unsigned}");
    assert_eq!(world.close().get(), 1);
    let page: Vec<EpochSummary> = world.client().get("/v1/epochs?limit=1").unwrap();
    assert_eq!(page[0].items, 0);
}

fn good_body(world: &World) -> ganglion_types::Body {
    transfer(world, 0, 5).into_body()
}

#[test]
fn an_account_shows_where_each_amount_is_in_bounded_pages() {
    let rules = ganglion_types::Hyperparameters { unbonding_epochs: 5, ..Default::default() };
    let world = World::with(&[100, 100], 1, rules);
    let unit = Rao::PER_UNIT;
    let mut nonce = 0;
    let mut send = |operation| {
        submit(&world, &world.operation(1, nonce, operation)).unwrap();
        nonce += 1;
        world.close();
    };
    let (own, other) = (hotkey(1), hotkey(0));
    send(Operation::Unstake { hotkey: own, amount: Rao::new(2 * unit) });
    send(Operation::Unstake { hotkey: own, amount: Rao::new(3 * unit) });
    send(Operation::Delegate { hotkey: other, amount: Rao::new(7 * unit) });
    send(Operation::Stake { hotkey: own, amount: Rao::new(60 * unit) });
    let path = format!("/v1/accounts/{}", coldkey(1));
    let account: Account = world.client().get(&path).unwrap();
    assert_eq!((account.epoch, account.nonce), (4, 4));
    assert_eq!(account.delegations[0].amount_rao, Amount(7 * unit));
    assert_eq!((account.delegations[0].uid, account.delegations[0].take), (0, 11_796));
    // A tenth of the committee's 202 units moves in an epoch.
    let capacity = 20_200_000_000;
    assert_eq!(account.participants[0].own_stake(), Amount(95 * unit + capacity));
    assert_eq!(account.entering[0].amount_rao, Amount(60 * unit - capacity));
    assert_eq!((account.entering[0].uid, account.entering[0].moved_by), (1, 6));
    assert_eq!(account.unbonding_rao, Amount(5 * unit));
    let releases = |account: &Account| -> Vec<u64> {
        account.unbonding.iter().map(|one| one.release_epoch).collect()
    };
    assert_eq!((releases(&account), account.unbonding_next), (vec![6, 7], None));
    let page: Account = world.client().get(&format!("{path}?limit=1")).unwrap();
    assert_eq!((releases(&page), page.unbonding_next), (vec![6], Some(7)));
    let next: Account = world.client().get(&format!("{path}?limit=1&from=7")).unwrap();
    assert_eq!((releases(&next), next.unbonding_next), (vec![7], None));
    let parts = [
        account.balance_rao.0,
        account.participants[0].own_stake().0,
        account.delegations[0].amount_rao.0,
        account.entering[0].amount_rao.0,
        account.unbonding_rao.0,
    ];
    assert_eq!(account.total_rao, Amount(parts.iter().sum()));
    for bad in ["limit=0", "limit=1001", "from=-1", "page=2"] {
        refusal(get(&world, &format!("{path}?{bad}")), 400, "bad_request");
    }
    let graph: Metagraph = world.client().get("/v1/metagraph").unwrap();
    assert_eq!(graph.rows[0].delegated_rao, Amount(7 * unit));
    assert!(graph.rows[0].paid_delegators_rao > Amount(0));
}

#[test]
fn who_would_be_replaced_is_told_once_no_uid_is_free() {
    let rules = ganglion_types::Hyperparameters {
        max_allowed_uids: 3,
        max_validators: 1,
        ..Default::default()
    };
    let world = World::with(&[50], 2, rules);
    let registration: Registration = world.client().get("/v1/registration").unwrap();
    let worst = Replaced { uid: 1, hotkey: hotkey(1).to_string(), immune: true };
    assert_eq!((registration.free, registration.replaces), (0, Some(worst)));
    let held: Metagraph = world.client().get("/v1/metagraph").unwrap();
    assert_eq!((held.rows[1].immune_until, held.rows[1].nonce), (14, 0));
}

#[test]
fn a_bad_operation_is_refused_with_the_rule_it_breaks() {
    let world = World::new(&[50, 30], 2);
    let refused = |item: &Item, status: u16, said: &str| {
        let error = submit(&world, item).unwrap_err();
        assert_eq!(error.status(), Some(status), "{error}");
        assert!(error.to_string().contains(said), "{error}");
        (error.code(), error.cure())
    };
    let nonce = refused(&transfer(&world, 99, 1), 422, "nonce is 99");
    assert_eq!(nonce, (Code::RULE_NONCE, Code::RULE_NONCE.cure().to_owned()));
    let elsewhere = World::with(
        &[50, 30],
        2,
        ganglion_types::Hyperparameters { min_difficulty: 9, ..Default::default() },
    );
    refused(&transfer(&elsewhere, 0, 1), 422, "signed for subnet");
    let good = transfer(&world, 0, 1);
    let body = ganglion_types::Body::RegistryOp(match good.body() {
        ganglion_types::Body::RegistryOp(op) => op.clone(),
        _ => unreachable!(),
    });
    let forged = Item::sign(world.manifest.subnet_id(), body, &crate::world::cold(2));
    assert_eq!(refused(&forged, 422, "signature").0, Code::REFUSED);
    let raw = |item: &str| world.client().post_value("/v1/ops", &json!({"item": item}), None);
    assert_eq!(raw("zz").unwrap_err().status(), Some(400));
    assert_eq!(raw("00ff").unwrap_err().status(), Some(400));
    let trailing = format!("{}7801", hex(&good.to_bytes()));
    let error = raw(&trailing).unwrap_err();
    assert!(error.to_string().contains("canonical"), "{error}");
    // None of them reached the pool.
    world.close();
    let epoch: EpochSummary = {
        let page: Vec<EpochSummary> = world.client().get("/v1/epochs?limit=1").unwrap();
        page.into_iter().next().unwrap()
    };
    assert_eq!(epoch.items, 0);
}

#[test]
fn tasks_go_to_miners_within_their_bounds() {
    let world = World::new(&[50], 2);
    let ask = |body: Value| world.client().post_value("/v1/tasks", &body, None);
    let answers = ask(json!({"input": {"pixels": []}, "miners": 2})).unwrap();
    let answers: TaskAnswers = serde_json::from_value(answers).unwrap();
    assert_eq!((answers.answers.len(), answers.failures.len()), (2, 1));
    for bad in [
        json!({"input": 1, "miners": 0}),
        json!({"input": 1, "miners": 17}),
        json!({"input": 1, "timeout_ms": 99}),
        json!({"input": 1, "timeout_ms": 60_001}),
        json!({"miners": 1}),
    ] {
        assert_eq!(ask(bad.clone()).unwrap_err().status(), Some(400), "{bad}");
    }
    world.miners.silent.store(true, std::sync::atomic::Ordering::SeqCst);
    let silence = post(&world, "/v1/tasks", "application/json", "{\"input\":1}");
    let message = refusal(silence, 504, "timeout");
    assert!(message.contains("none of 1 miners answered"), "{message}");
    let childless = World::new(&[50], 0);
    let nobody = post(&childless, "/v1/tasks", "application/json", "{\"input\":1}");
    refusal(nobody, 503, "unavailable");
}

#[test]
fn more_than_sixteen_task_calls_at_a_time_are_told_to_try_again() {
    let world = World::new(&[50], 2);
    world.miners.hold.store(true, std::sync::atomic::Ordering::SeqCst);
    let body = json!({"input": 1, "timeout_ms": 60_000});
    std::thread::scope(|scope| {
        let mut calls = Vec::new();
        for _ in 0..16 {
            let (client, body) = (world.client(), &body);
            calls.push(scope.spawn(move || {
                client.post_value("/v1/tasks", body, Some(Duration::from_secs(60)))
            }));
            // Each is under way before the next begins.
            world.block_on(async {
                let arrived = world.miners.waiting.notified();
                tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("it arrives");
            });
        }
        let (status, head, answer) =
            post(&world, "/v1/tasks", "application/json", &body.to_string());
        assert!(head.contains("retry-after: 1"), "{head}");
        refusal((status, head, answer), 503, "unavailable");
        // Other requests have places of their own.
        assert_eq!(get(&world, "/v1/status").0, 200);
        for _ in 0..16 {
            world.miners.go.notify_one();
            world.miners.go.notify_waiters();
        }
        for call in calls {
            assert!(call.join().unwrap().is_ok());
        }
    });
}

/// More of each kind than there are places for requests, and together more than connections.
#[test]
fn slow_clients_keep_nobody_out() {
    let world = World::new(&[50], 1);
    let head = "host: localhost\r\ncontent-type: application/json\r\n";
    let slow = [
        "GET /v1/status HTTP/1.1\r\nhost: local".to_owned(),
        format!("POST /v1/ops/check HTTP/1.1\r\n{head}content-length: 1000\r\n\r\n{{"),
        format!("POST /v1/tasks HTTP/1.1\r\n{head}content-length: 1000\r\n\r\n{{"),
    ];
    let mut held = Vec::new();
    for start in slow.iter().cycle().take(300) {
        let mut stream = TcpStream::connect(world.address).unwrap();
        // It may have been ended again by then.
        let _ = stream.write_all(start.as_bytes());
        held.push(stream);
        if held.len() % 50 == 0 {
            assert_eq!(get(&world, "/v1/status").0, 200, "{} hold on", held.len());
        }
    }
    assert_eq!(post(&world, "/v1/tasks", "application/json", "{\"input\":1}").0, 200);
}

#[test]
fn an_open_connection_does_not_keep_the_server_from_ending() {
    let mut world = World::new(&[50], 1);
    let mut idle = TcpStream::connect(world.address).unwrap();
    idle.write_all(b"GET /v1/status HTTP/1.1\r\nhost: local").unwrap();
    assert_eq!(get(&world, "/healthz").0, 200);
    world.stop(Duration::from_secs(10));
}
