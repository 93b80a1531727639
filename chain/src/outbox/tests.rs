//! The outbox against a chain in memory that mines, forgets, reorganises and fails, and a file that loses power at
//! every operation. Beside it one claim at a time.

mod claims;
pub(crate) mod world;

use world::{Faults, World};

/// How many worlds: `.ci/run slow` asks for more.
fn seeds() -> u64 {
    std::env::var("GANGLION_TEST_SEEDS").map_or(96, |many| many.parse().expect("a number"))
}

/// No fault, a fault of every kind, and all of them, over many seeds: each epoch ends on the chain, once, in order.
#[test]
fn every_epoch_is_anchored_exactly_once_through_crashes_reorgs_and_failures() {
    let mut crashes = 0;
    let seeds = seeds();
    for seed in 0..seeds {
        let faults = Faults {
            crashes: seed % 2 == 1,
            reorgs: seed / 2 % 2 == 1,
            failures: seed / 4 % 2 == 1,
            fees: seed / 8 % 2 == 1,
        };
        let mut world = World::new(seed, faults);
        world.run(400);
        world.heal();
        world.check();
        crashes += world.crashes;
    }
    assert!(crashes > seeds, "only {crashes} crashes: is the power still cut?");
}

/// A crash after each single operation of a life without other faults.
#[test]
fn a_crash_between_any_two_steps_loses_and_doubles_nothing() {
    let mut places = 0;
    for place in 0.. {
        let mut world = World::new(7, Faults::default());
        world.crash_once_at(place);
        world.run(120);
        world.heal();
        world.check();
        if world.crashes == 0 && place % 4 == 0 {
            break;
        }
        places = place;
    }
    assert!(places > 100, "only {places} places");
}
