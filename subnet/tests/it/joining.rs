//! Newcomers and money.

use ganglion_types::op::PowChallenge;
use ganglion_types::{
    Body, Canonical as _, Epoch, Hotkey, Item, Operation, Rao, RegistryOp, Role, Uid, sign,
};

use crate::cluster::{Cluster, EPOCH_MS, coldkey, key, manifest};

pub(crate) fn registration(cluster: &Cluster, newcomer: u8) -> Vec<u8> {
    let state = cluster.state(0);
    let hotkey = sign::hotkey_of(&key(newcomer));
    let prev = state.head();
    let owner = coldkey(newcomer + 100);
    let challenge = PowChallenge::new(state.subnet(), &prev, &hotkey, &owner, Role::Miner, None);
    let difficulty = state.chain().difficulty;
    let pow_nonce = (0..).find(|nonce| challenge.holds(*nonce, difficulty)).unwrap();
    let op = RegistryOp {
        signer: *hotkey.as_bytes(),
        nonce: 0,
        valid_until: Epoch::new(state.epoch().get() + 5),
        operation: Operation::Register {
            coldkey: owner,
            role: Role::Miner,
            seed_tail: None,
            prev,
            pow_nonce,
        },
    };
    Item::sign(*state.subnet(), Body::RegistryOp(op), &key(newcomer)).to_bytes()
}

fn coldkey_op(cluster: &Cluster, owner: u8, nonce: u64, operation: Operation) -> Vec<u8> {
    let state = cluster.state(0);
    let op = RegistryOp {
        signer: *coldkey(owner).as_bytes(),
        nonce,
        valid_until: Epoch::new(state.epoch().get() + 5),
        operation,
    };
    Item::sign(*state.subnet(), Body::RegistryOp(op), &key(owner)).to_bytes()
}

#[test]
fn a_registered_miner_is_live_the_epoch_after_its_cut_and_earns() {
    let mut cluster = Cluster::new(11, manifest(&[28, 26, 24, 22], 2), &[50, 90], 0);
    let all = [0, 1, 2, 3, 4, 5];
    assert!(cluster.run_to_epoch(&all, 1, 3 * EPOCH_MS));
    let newcomer = cluster.join(key(40), 95);
    let bytes = registration(&cluster, 40);
    // Through a node that is not a validator.
    cluster.submit(5, bytes.clone());
    assert!(cluster.run_to_epoch(&all, 2, 2 * EPOCH_MS));
    assert!(cluster.host(5).submitted[0].is_ok(), "{:?}", cluster.host(5).submitted);
    let hotkey: Hotkey = sign::hotkey_of(&key(40));
    assert_eq!(cluster.state(0).uid_of(&hotkey), Some(Uid::new(6)));
    // The same registration again is refused for what it is.
    cluster.submit(5, bytes);
    cluster.run_until(100, |cluster| cluster.host(5).submitted.len() > 1);
    assert!(cluster.host(5).submitted[1].as_ref().is_err_and(|reason| reason.contains("already")));
    assert!(cluster.run_to_epoch(&[0, 1, 2, 3, newcomer], 5, 5 * EPOCH_MS));
    let paid: Vec<u64> = [3, 4, 5]
        .map(|epoch| cluster.host(0).results[&epoch].row(Uid::new(6)).unwrap().paid.get())
        .to_vec();
    assert!(paid[0] > 0 && paid.is_sorted(), "{paid:?}");
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn stake_moves_with_its_coldkey_and_changes_the_committee() {
    let mut cluster = Cluster::new(12, manifest(&[28, 26, 24, 22], 1), &[50], 0);
    let all = [0, 1, 2, 3, 4];
    assert!(cluster.run_to_epoch(&all, 1, 3 * EPOCH_MS));
    let validator = cluster.nodes[0].hotkey;
    let units = |units: u64| Rao::new(units * Rao::PER_UNIT);
    let before = cluster.state(0).supply();
    for (nonce, operation) in [
        Operation::Stake { hotkey: validator, amount: units(20) },
        Operation::Transfer { to: coldkey(150), amount: units(5) },
        Operation::Unstake { hotkey: validator, amount: units(8) },
    ]
    .into_iter()
    .enumerate()
    {
        let bytes = coldkey_op(&cluster, 101, nonce as u64, operation);
        cluster.submit(4, bytes);
    }
    assert!(cluster.run_to_epoch(&all, 2, 2 * EPOCH_MS));
    let state = cluster.state(0);
    // A tenth of the committee's 100 units entered, and what left waits out the unbonding time.
    assert_eq!(state.participant(Uid::new(0)).unwrap().stake, units(30));
    assert_eq!(state.supply_parts().unbonding, u128::from(units(8).get()));
    assert_eq!(state.account(&coldkey(150)).balance, units(5));
    let budget = u128::from(units(100).get());
    assert_eq!(state.supply(), before + budget);
    // Not by another coldkey.
    let theft =
        coldkey_op(&cluster, 102, 0, Operation::Unstake { hotkey: validator, amount: units(1) });
    cluster.submit(4, theft);
    assert!(cluster.run_to_epoch(&all, 4, 3 * EPOCH_MS));
    assert_eq!(cluster.state(0).participant(Uid::new(0)).unwrap().stake, units(40));
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn a_node_cut_off_from_half_of_the_others_still_certifies() {
    let mut cluster = Cluster::new(13, manifest(&[28, 26, 24, 22], 2), &[50, 90], 1);
    let all = [0, 1, 2, 3, 4, 5, 6];
    assert!(cluster.run_to_epoch(&all, 1, 3 * EPOCH_MS));
    for other in [1, 2, 4] {
        cluster.partition(0, other, true);
    }
    assert!(cluster.run_to_epoch(&all, 4, 6 * EPOCH_MS), "{:?}", cluster.cuts(0));
    for other in [1, 2, 4] {
        cluster.partition(0, other, false);
    }
    assert!(cluster.run_to_epoch(&all, 6, 3 * EPOCH_MS));
    cluster.assert_one_cut_per_epoch();
}
