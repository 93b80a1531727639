//! The bugs of `docs/PLANTED.md`: that each is described, that some are found, and that without one nothing is.

use std::collections::BTreeSet;
use std::path::Path;

use ganglion_sim::plan::{EPOCHS, Mode};
use ganglion_sim::planted::{Bug, Seeds, choose, hunt, json, named, origin, show};
use ganglion_sim::{remember, run_twice};

#[test]
fn every_bug_has_a_name_of_its_own_a_file_and_a_source() {
    let names: BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    assert_eq!(names.len(), Bug::ALL.len());
    assert!(names.len() >= 30, "{} bugs", names.len());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for bug in Bug::ALL {
        assert_eq!(named(bug.name()), Some(*bug));
        let from = origin(*bug);
        assert!(!from.source.is_empty() && bug.what().ends_with('.'), "{}", bug.name());
        let place = from.place.split(',').next().unwrap_or_default();
        let text = std::fs::read_to_string(root.join(place)).unwrap_or_default();
        assert!(text.contains(&format!("Bug::{bug:?}")), "{} is not in {place}", bug.name());
    }
}

#[test]
fn with_no_bug_chosen_seeds_hold() {
    remember();
    choose(None);
    for seed in 0..2 {
        let (plan, outcome, same) = run_twice(seed, Mode::Bounded, EPOCHS);
        assert!(outcome.violations.is_empty() && same, "{plan}\n{:?}", outcome.violations);
    }
}

#[test]
fn a_bug_is_found_and_told() {
    let seeds = Seeds { range: 0..40, known_first: true };
    let hunts = [Bug::OwnVoteNotLogged, Bug::NumbersFromZero].map(|bug| hunt(bug, &seeds, 1));
    assert!(hunts.iter().all(|hunt| hunt.found.is_some()), "{hunts:?}");
    assert!(show(&hunts).contains("2 of 2 found"));
    assert!(json(&hunts).contains("\"by\": \"medium\""), "{}", json(&hunts));
}
