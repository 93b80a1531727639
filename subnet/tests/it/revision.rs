//! Parameters that change while a subnet runs.

use ganglion_types::{Body, Canonical as _, Change, Epoch, Item, Operation, RegistryOp, Role, Uid};

use crate::cluster::{Cluster, EPOCH_MS, coldkey, key, manifest};

const VALIDATORS: [usize; 4] = [0, 1, 2, 3];
/// Number of the parameter `epoch_length`.
const EPOCH_LENGTH: u32 = 100;
/// The first epoch of the new length.
const CHANGE: u64 = 6;

/// Coldkey `101 + at` says something about parameters.
fn say(cluster: &mut Cluster, at: u8, operation: Operation) {
    let state = cluster.state(0);
    let owner = 101 + at;
    let op = RegistryOp {
        signer: *coldkey(owner).as_bytes(),
        nonce: state.account(&coldkey(owner)).nonce,
        valid_until: Epoch::new(state.epoch().get() + 5),
        operation,
    };
    let item = Item::sign(*state.subnet(), Body::RegistryOp(op), &key(owner));
    cluster.submit(usize::from(at), item.to_bytes());
}

/// Runs a cluster to the end of the last epoch of the old length, with another length agreed upon.
fn agreed(seed: u64, length: u64) -> Cluster {
    let mut manifest = manifest(&[28, 26, 24, 22], 2);
    manifest.hyperparameters.revision_delay = 2;
    let mut cluster = Cluster::new(seed, manifest, &[50, 90], 1);
    assert!(cluster.run_to_epoch(&VALIDATORS, 1, 3 * EPOCH_MS));
    let changes = vec![Change { parameter: EPOCH_LENGTH, value: length }];
    say(&mut cluster, 0, Operation::Revise { effective: Epoch::new(CHANGE), changes });
    assert!(cluster.run_to_epoch(&VALIDATORS, 2, 2 * EPOCH_MS));
    assert_eq!(cluster.state(0).revisions().len(), 1, "{:?}", cluster.host(0).submitted);
    for at in [0, 1, 2] {
        say(&mut cluster, at, Operation::Approve { revision: 1 });
    }
    assert!(cluster.run_to_epoch(&VALIDATORS, CHANGE - 2, 3 * EPOCH_MS));
    assert_eq!(cluster.state(0).timing().epoch_ms, EPOCH_MS);
    cluster
}

/// From one certificate of a node to its next.
fn gap(cluster: &Cluster, at: usize, epoch: u64) -> u64 {
    let certified = &cluster.host(at).certified_at;
    certified[&epoch] - certified[&(epoch - 1)]
}

#[test]
fn every_node_follows_another_epoch_length_from_its_first_epoch_on() {
    for (seed, length) in [(71, EPOCH_MS / 2), (72, EPOCH_MS * 2)] {
        let mut cluster = agreed(seed, length);
        let last = CHANGE + 6;
        let everybody: Vec<usize> = (0..7).collect();
        let limit = 3 * EPOCH_MS + 8 * length;
        assert!(cluster.run_to_epoch(&everybody, last, limit), "{:?}", cluster.cuts(0));
        for at in everybody {
            for epoch in 3..=last {
                let expected = if epoch < CHANGE { EPOCH_MS } else { length };
                let late = gap(&cluster, at, epoch).abs_diff(expected);
                assert!(late < 750, "node {at}, epoch {epoch}: {late} ms beside {expected}");
            }
            assert_eq!(cluster.host(at).odd, Vec::<String>::new(), "node {at}");
            assert!(cluster.host(at).rounds.values().all(|round| *round == 0), "node {at}");
        }
        cluster.assert_one_cut_per_epoch();
    }
}

#[test]
fn who_was_away_or_joins_later_keeps_the_new_length_too() {
    let length = EPOCH_MS / 2;
    let mut cluster = agreed(73, length);
    // Away across the change.
    cluster.kill(3);
    assert!(cluster.run_to_epoch(&[0, 1, 2], CHANGE + 1, 4 * EPOCH_MS));
    cluster.start(3);
    let newcomer = cluster.join(key(40), 95);
    let bytes = crate::joining::registration(&cluster, 40);
    cluster.submit(1, bytes);
    let last = CHANGE + 12;
    let all = [0, 1, 2, 3, 4, 5, 6, newcomer];
    assert!(cluster.run_to_epoch(&all, last, 20 * length), "{:?}", cluster.cuts(3));
    assert!(cluster.host(3).signing);
    let state = cluster.state(newcomer);
    assert_eq!(state.timing().epoch_ms, length);
    let seat = state.participant(Uid::new(6)).unwrap();
    assert_eq!((seat.role, seat.hotkey), (Role::Miner, cluster.nodes[newcomer].hotkey));
    for at in all {
        for epoch in last - 3..=last {
            let late = gap(&cluster, at, epoch).abs_diff(length);
            assert!(late < 750, "node {at}, epoch {epoch}: {late} ms beside {length}");
        }
    }
    let paid = cluster.host(0).results[&last].row(Uid::new(6)).unwrap().paid;
    assert!(!paid.is_zero(), "who joined after the change earns");
    cluster.assert_one_cut_per_epoch();
}
