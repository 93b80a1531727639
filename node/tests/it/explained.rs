//! What the explanations of an epoch say, held against its certified result.

use ganglion::api::Explanation;
use ganglion::api::types::EpochDetail;
use ganglion_types::weights::{CommitScope, salt, score_root};
use ganglion_types::{Body, Epoch, Item, Operation, Rao, WeightCommit, WeightReveal, seed};

use crate::http::{get, lived};
use crate::world::{World, chain, hot, hotkey};

const MAX: u16 = u16::MAX;

#[test]
fn explanations_say_what_the_certified_result_says() {
    let world = lived();
    let explanation: Explanation = world.client().get("/v1/epochs/3/explain").unwrap();
    let text = |uid: usize| &explanation.rows[uid].text;
    assert_eq!(explanation.rows.len(), 5);
    let paid: u64 = explanation.rows.iter().map(|row| row.paid_rao.0).sum();
    assert_eq!(paid, 100 * Rao::PER_UNIT);
    assert!(explanation.summary[0].contains("Epoch 3 paid out 100 units."), "{explanation:?}");
    assert!(explanation.summary.iter().any(|line| line.contains("at least 50.0 %")));
    assert!(explanation.summary.last().unwrap().starts_with("Weights of 3 of 3 active validators"));
    // Validators 0 and 1 give 2/3 and 1/3, validator 2 all of its weight to uid 3.
    let detail: EpochDetail = world.client().get("/v1/epochs/3").unwrap();
    assert_eq!(detail.rows[3].consensus, 43_689);
    assert!(
        text(3).contains("validators with 100.0 % of the active stake gave it 0.667 or more"),
        "{}",
        text(3)
    );
    assert!(text(3).contains("uid 2 (1) gave more: the rest was cut off"), "{}", text(3));
    assert!(
        text(4).contains("validators with 80.0 % of the active stake gave it 0.333"),
        "{}",
        text(4)
    );
    assert!(!text(4).contains("gave more"), "{}", text(4));
    let share = |value: u16| format!("{:.1} %", f64::from(value) / 655.35);
    assert!(
        text(3).contains(&format!("incentive is {}", share(detail.rows[3].incentive))),
        "{}",
        text(3)
    );
    assert!(text(2).contains("cut on uid 3 from 1 to 0.667"), "{}", text(2));
    assert!(
        text(2).contains(&format!("kept {}", share(detail.rows[2].validator_trust))),
        "{}",
        text(2)
    );
    assert!(
        text(0).contains(&format!("dividends are {}", share(detail.rows[0].dividends))),
        "{}",
        text(0)
    );
    assert!(text(0).contains("50.0 % of the stake"), "{}", text(0));
    for (row, shown) in detail.rows.iter().zip(&explanation.rows) {
        let units = Rao::new(row.paid_rao.0).to_string();
        assert!(shown.text.contains(&format!("earned {units} units")), "{}", shown.text);
    }
    let (status, head, body) = get(&world, "/v1/epochs/3/explain?format=text");
    assert_eq!(status, 200);
    assert!(head.contains("text/plain"), "{head}");
    assert!(body.lines().any(|line| line == text(4)), "{body}");
}

#[test]
fn explanations_tell_absence_minority_and_silence() {
    let world = World::new(&[50, 30, 20], 2);
    world.weigh(0, &[(3, MAX)]);
    world.weigh(1, &[(3, MAX)]);
    world.weigh(2, &[(4, MAX)]);
    world.close();
    // In epoch 2 only validator 2 speaks; the others' rows stand.
    world.weigh(2, &[(4, MAX)]);
    world.close();
    let client = world.client();
    let explanation: Explanation = client.get("/v1/epochs/2/explain").unwrap();
    let text = |uid: usize| &explanation.rows[uid].text;
    let last = explanation.summary.last().unwrap();
    assert!(last.contains("uid 0 and uid 1 set none in this epoch"), "{last}");
    assert!(text(0).contains("Its weights are those of epoch 1"), "{}", text(0));
    assert!(text(4).contains("earned nothing"), "{}", text(4));
    assert!(
        text(4).contains("Validators with 20.0 % of the active stake gave it weight"),
        "{}",
        text(4)
    );
    assert!(text(4).contains("supported by 50.0 %"), "{}", text(4));
    assert!(text(2).contains("kept 0.0 % of its weights"), "{}", text(2));

    // Without any weights the stake is paid.
    let silent = World::new(&[60, 40], 1);
    silent.close();
    let explanation: Explanation = silent.client().get("/v1/epochs/1/explain").unwrap();
    assert!(explanation.summary[0].contains("went to validators by stake"), "{explanation:?}");
    assert_eq!(explanation.summary.len(), 1);
    assert!(
        explanation.rows[0].text.contains("60.0 % of the validators' stake"),
        "{explanation:?}"
    );
    assert!(explanation.rows[2].text.contains("No validator that counts gave it weight"));
    let genesis: Explanation = silent.client().get("/v1/epochs/0/explain").unwrap();
    assert!(genesis.rows.is_empty() && genesis.summary[0].contains("genesis"));
}

/// What validator `number` commits to in an epoch, and the reveal of it.
fn hidden(world: &World, number: u8, epoch: u64, entries: &[(u16, u16)]) -> [Item; 2] {
    let (subnet, signer, epoch) =
        (*world.view.now().state.subnet(), hotkey(number), Epoch::new(epoch));
    let seq = epoch.get();
    let reveal = WeightReveal {
        signer,
        mechid: 0,
        epoch,
        seq,
        committer: signer,
        entries: entries.to_vec(),
        score_root: score_root(Vec::new()),
        salt: salt(&hot(number), &subnet, CommitScope { epoch, mechid: 0 }, seq),
        task_preimage: seed::element(&chain(number), seq).unwrap(),
    };
    let commitment = reveal.commitment(&subnet);
    let commit = WeightCommit { signer, mechid: 0, epoch, seq, commitment };
    [Body::WeightCommit(commit), Body::WeightReveal(reveal)]
        .map(|body| Item::sign(subnet, body, &hot(number)))
}

#[test]
fn explanations_take_hidden_rows_from_the_cut_that_shows_them() {
    let world = World::changed(&[50, 30, 20], 2, |manifest| {
        manifest.hyperparameters.commit_reveal_weights_enabled = true;
    });
    let said: Vec<[Item; 2]> =
        (0..3).map(|number| hidden(&world, number, 1, &[(3, MAX), (4, 7)])).collect();
    said.iter().for_each(|[commit, _]| world.submit(commit.clone()));
    world.close();
    // The last one never shows what it hid.
    said.iter().take(2).for_each(|[_, reveal]| world.submit(reveal.clone()));
    world.close();
    world.close();
    let client = world.client();
    let explain =
        |epoch: u64| -> Explanation { client.get(&format!("/v1/epochs/{epoch}/explain")).unwrap() };
    let second = explain(2);
    assert_eq!(second.summary.last().unwrap(), "Weights of 2 of 3 active validators counted.");
    assert!(second.rows[3].text.contains("80.0 % of the active stake gave it"), "{second:?}");
    let third = explain(3);
    let last = third.summary.last().unwrap();
    assert!(last.contains("uid 0 and uid 1 set none in this epoch"), "{last}");
    assert!(third.rows[2].text.contains("No weights of its stand"), "{third:?}");
    assert!(third.rows[0].text.contains("Its weights are those of epoch 2"), "{third:?}");
}

#[test]
fn explanations_tell_what_went_to_delegators() {
    let world = World::new(&[50], 2);
    let (hotkey, amount) = (hotkey(0), Rao::new(4 * Rao::PER_UNIT));
    world.submit(world.operation(2, 0, Operation::Delegate { hotkey, amount }));
    world.weigh(0, &[(1, MAX)]);
    world.close();
    world.weigh(0, &[(1, MAX)]);
    world.close();
    let delegated = world.view.now().result.unwrap().rows[0].delegated;
    let explanation: Explanation = world.client().get("/v1/epochs/2/explain").unwrap();
    assert!(!delegated.is_zero());
    let text = &explanation.rows[0].text;
    assert!(text.contains(&format!("{delegated} units of it (")), "{text}");
    assert!(text.contains("went to those who delegated to it"), "{text}");
}
