//! What a file says, and what it must not say.

use ganglion_subnet::Twice;
use ganglion_types::Rao;

use super::*;
use crate::fault::Curable as _;
use crate::testnet::behaviour::Behaviour;

fn named(spec: &Spec) -> Vec<(&str, u64, String)> {
    let model = |node: &NodeSpec| node.model.as_ref().map_or(String::new(), Model::name);
    let units = |node: &NodeSpec| node.stake.get() / Rao::PER_UNIT;
    spec.nodes.iter().map(|node| (node.name.as_str(), units(node), model(node))).collect()
}

#[test]
fn without_a_file_it_is_the_default_testnet() {
    let spec = Spec::parse("", "", &Flags::default()).unwrap();
    assert_eq!(spec.epoch_ms, 10_000);
    assert!(spec.is_digits());
    let rows = named(&spec);
    let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
    assert_eq!(
        names,
        [
            "bootnode",
            "validator-1",
            "validator-2",
            "validator-3",
            "validator-4",
            "miner-1",
            "miner-2",
            "miner-3",
            "miner-4",
            "miner-5",
            "observer"
        ]
    );
    assert_eq!(rows[1..5].iter().map(|row| row.1).collect::<Vec<_>>(), [280, 260, 240, 220]);
    assert_eq!(rows[5..10].iter().map(|row| row.2.as_str()).collect::<Vec<_>>(), MODELS);
}

#[test]
fn flags_count_and_models_take_turns() {
    let flags =
        Flags { validators: Some(3), miners: Some(7), epoch_ms: Some(5_000), learner: true };
    let spec = Spec::parse("", "", &flags).unwrap();
    assert_eq!(spec.epoch_ms, 5_000);
    let rows = named(&spec);
    assert_eq!(rows[1..4].iter().map(|row| row.1).collect::<Vec<_>>(), [334, 333, 333]);
    assert_eq!(rows[9].2, MODELS[0]);
    assert_eq!(rows[11], ("learner", 0, LEARNER.to_owned()));
}

#[test]
fn a_file_lists_some_roles_and_the_others_are_filled() {
    let text = "[[node]]\nname = \"mine\"\nrole = \"miner\"\ncommand = [\"python3\", \"m.py\"]\n\
                [manifest.hyperparameters]\nkappa = 40000\n";
    let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
    assert_eq!(spec.nodes.len(), 1 + 4 + 1 + 1);
    assert_eq!(spec.overrides.len(), 1);
    assert_eq!((spec.overrides[0].key, spec.overrides[0].line), ("kappa", 6));
    let flags = Flags { miners: Some(2), ..Flags::default() };
    let error = Spec::parse("t.toml", text, &flags).unwrap_err();
    assert!(error.to_string().contains("--miners cannot stand beside t.toml"), "{error}");
}

#[test]
fn every_problem_of_a_file_is_named_with_its_line() {
    let node = |rest: &str| format!("[[node]]\nname = \"a\"\nrole = {rest}\n");
    for (text, sentence) in [
        ("[testnet]\nminers = 65\n".to_owned(), "t.toml:2: testnet.miners = 65: must be"),
        ("[testnet]\nepoch = \"5s\"\n".into(), "t.toml:2: testnet.epoch: is no field"),
        (node("\"king\""), "t.toml:3: node[0].role = \"king\": must be bootnode"),
        (node("\"miner\""), "t.toml:1: node[0]: a miner needs a model"),
        (
            node("\"miner\"\nworker = \"digits-scorer\""),
            "t.toml:4: node[0].worker = \"digits-scorer\": is a validator's",
        ),
        (node("\"miner\"\nworker = \"x\""), "there is no built-in worker"),
        (node("\"observer\"\nworker = \"digits-knn\""), "is for miners, and this is a observer"),
        (
            node("\"miner\"\nstake = \"5\"\nworker = \"digits-knn\""),
            "t.toml:4: node[0].stake = \"5\": is for validators",
        ),
        (
            node("\"validator\"\nbehaviour = \"lazy\""),
            "t.toml:4: node[0].behaviour = \"lazy\": is for a miner, and this is a validator",
        ),
        (
            node("\"validator\"\nbehaviour = \"thief\""),
            "t.toml:4: node[0].behaviour = \"thief\": must be one of honest, copier, lazy, clone",
        ),
        (
            node("\"bootnode\"\nbehaviour = \"offline\""),
            "t.toml:4: node[0].behaviour = \"offline\": the others find each other through",
        ),
        (
            node("\"miner\"\nworker = \"digits-knn\"\nbehaviour = \"clone\""),
            "t.toml:5: node[0].behaviour = \"clone\": one alone is no clone",
        ),
        (
            node("\"miner\"\nworker = \"digits-knn\"\nbehaviour = \"lazy\""),
            "t.toml:5: node[0].behaviour = \"lazy\": a lazy miner has no model",
        ),
        (
            node("\"validator\"\nbehaviour = \"copier\"\nfrom_epoch = 3"),
            "t.toml:5: node[0].from_epoch = 3: has no meaning for one that is copier",
        ),
        (node("\"observer\"\ncount = 65"), "t.toml:4: node[0].count = 65: must be a whole"),
        (
            format!("{0}{0}", node("\"observer\"")),
            "t.toml:5: node[1].name = \"a\": is the name of another",
        ),
        (
            format!("[testnet]\nvalidators = 3\n{}", node("\"validator\"")),
            "t.toml:2: testnet.validators = 3: cannot stand beside",
        ),
        ("[manifest.task]\nalhpa = 5\n".into(), "manifest.task.alhpa: is no field"),
    ] {
        let error = Spec::parse("t.toml", &text, &Flags::default()).unwrap_err();
        let sentences: Vec<String> = error.each().into_iter().map(|one| one.sentence).collect();
        assert!(
            sentences.iter().any(|one| one.contains(sentence)),
            "{sentences:?} lack {sentence:?}"
        );
    }
}

#[test]
fn behaviours_begin_when_the_file_says_and_clones_are_many() {
    let text = "[[node]]\nname = \"pack\"\nrole = \"miner\"\nworker = \"digits-knn\"\n\
                behaviour = \"clone\"\ncount = 3\n\
                [[node]]\nname = \"v\"\nrole = \"validator\"\n\
                behaviour = \"equivocator\"\nfrom_epoch = 7\n\
                equivocates = [\"weights\", \"votes\"]\n\
                [[node]]\nname = \"l\"\nrole = \"miner\"\nbehaviour = \"lazy\"\n";
    let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
    let of = |name: &str| spec.nodes.iter().find(|node| node.name == name).unwrap();
    for name in ["pack-1", "pack-2", "pack-3"] {
        assert_eq!(of(name).behaviour, Behaviour::Clone);
        assert_eq!(of(name).model, Some(Model::Builtin("digits-knn".into())));
    }
    assert_eq!(
        of("v").behaviour,
        Behaviour::Equivocator {
            from_epoch: 7,
            twice: Twice::of(["votes", "weights"].into_iter()).unwrap()
        }
    );
    assert_eq!((of("l").behaviour, &of("l").model), (Behaviour::Lazy, &None));
    assert_eq!(spec.nodes.len(), 1 + 1 + 4 + 1);
}

#[test]
fn a_run_that_is_too_short_for_an_assertion_does_not_begin() {
    let text = "[[assert]]\nname = \"a\"\nmetric = \"rounds\"\ncomparison = \"<\"\n\
                against = 2\nepochs = \"5..30\"\n";
    let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
    assert!(spec.fits(30).is_ok());
    let error = spec.fits(29).unwrap_err();
    assert!(error.to_string().starts_with("t.toml:1: \"a\" is about epoch 30"), "{error}");
    assert!(error.cure().starts_with("Give --epochs 30"), "{error:?}");
}

#[test]
fn every_example_is_a_testnet_and_asserts_something() {
    let read = |file: &str, text: &str| Spec::parse(file, text, &Flags::default()).unwrap();
    let adversaries = include_str!("../../../../examples/adversaries.toml");
    let changing = include_str!("../../../../examples/changing.toml");
    let load = include_str!("../../../../examples/load.toml");
    assert_eq!(read("load.toml", load).length(None), Some(103));
    let plain = include_str!("../../../../examples/plain.toml");
    for (file, text) in
        [("adversaries.toml", adversaries), ("changing.toml", changing), ("plain.toml", plain)]
    {
        let spec = read(file, text);
        assert!(spec.assertions.len() > 4, "{file}");
        assert!(spec.fits(30).is_ok(), "{file}");
        super::super::setup::base_manifest(&spec).unwrap();
    }
    let spec = read("adversaries.toml", adversaries);
    for behaviour in Behaviour::ALL.map(Behaviour::name) {
        assert!(spec.nodes.iter().any(|node| node.behaviour.name() == behaviour), "{behaviour}");
    }
}

#[test]
fn the_page_about_testnets_names_every_metric_and_behaviour() {
    let page = include_str!("../../../../docs/TESTNET.md");
    let metrics = crate::testnet::measure::Metric::ALL.map(|metric| metric.name());
    for name in metrics.into_iter().chain(Behaviour::ALL.map(Behaviour::name)) {
        assert!(page.contains(&format!("| `{name}` |")), "docs/TESTNET.md lacks {name}");
    }
}

#[test]
fn the_example_is_a_testnet() {
    let text = include_str!("../../../../examples/testnet.toml");
    let spec = Spec::parse("examples/testnet.toml", text, &Flags::default()).unwrap();
    assert!(spec.nodes.iter().any(|node| matches!(node.model, Some(Model::Command(_)))));
}

#[test]
fn a_load_gives_the_run_its_length_and_a_shorter_run_a_shorter_load() {
    let text = "[load]\noperations = 50\nepochs = 100\nseed = 7\n";
    let spec = Spec::parse("t.toml", text, &Flags::default()).unwrap();
    let plan = Plan { operations: 50, epochs: 100, seed: 7 };
    assert_eq!((spec.length(None), spec.load), (Some(103), Some(plan)));
    assert_eq!(spec.load_of(Some(103)), Some(plan));
    let short = spec.length(Some(12));
    assert_eq!(spec.load_of(short), Some(Plan { epochs: 9, ..plan }));
    let none = Spec::parse("t.toml", "", &Flags::default()).unwrap();
    assert_eq!((none.length(None), none.load_of(None)), (None, None));
    let bare = Spec::parse("t.toml", "[load]\n", &Flags::default()).unwrap();
    assert_eq!(bare.load, Some(Plan::default()));
}
