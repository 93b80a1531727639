//! A subnet whose participants another chain registers.

use ganglion_types::{
    Body, Canonical as _, Digest, Epoch, ExternalMember, ExternalRegistry, Item, Operation, Rao,
    RegistryOp, RegistrySource, Role, Uid, seed, sign,
};

use crate::cluster::{Cluster, EPOCH_MS, chain_start, coldkey, key, manifest};

const VALIDATORS: [usize; 4] = [0, 1, 2, 3];
const GENESIS: Digest = Digest::new([7; 32]);

fn cluster(seed: u64) -> Cluster {
    let mut manifest = manifest(&[28, 26, 24, 22], 2);
    manifest.registry = Some(RegistrySource { genesis: GENESIS, netuid: 11, every: 100 });
    Cluster::new(seed, manifest, &[50, 90], 1)
}

/// The hotkey and coldkey that belong together, at a uid.
fn member(uid: u16, byte: u8, stake: u64) -> ExternalMember {
    ExternalMember {
        uid: Uid::new(uid),
        hotkey: sign::hotkey_of(&key(byte)),
        coldkey: coldkey(byte + 100),
        stake: Rao::new(stake * Rao::PER_UNIT),
        permit: stake > 0,
        registered_at: 4_000_000,
    }
}

/// Validators 0 to 3 and miners 4 and 5 of the cluster, and whoever joined, with the hotkey that it was given.
fn snapshot(height: u64, stakes: [u64; 4], newcomer: Option<u8>) -> ExternalRegistry {
    let validators = (0..4_u8).zip(stakes).map(|(at, stake)| member(u16::from(at), at + 1, stake));
    let miners = [4, 5].map(|at| member(at, at as u8 + 1, 0));
    let newcomer = newcomer.map(|byte| member(9, byte, 30));
    let members = validators.chain(miners).chain(newcomer).collect();
    let block = Digest::new([(height / 100) as u8; 32]);
    ExternalRegistry::new(GENESIS, (height, block), 11, members).unwrap()
}

fn say(cluster: &mut Cluster, at: usize, operation: Operation) {
    let state = cluster.state(at);
    let op = RegistryOp {
        signer: *cluster.nodes[at].hotkey.as_bytes(),
        nonce: 0,
        valid_until: state.next_epoch(),
        operation,
    };
    let item = Item::sign(*state.subnet(), Body::RegistryOp(op), &key(at as u8 + 1));
    cluster.submit(at, item.to_bytes());
}

/// What a member says that read this.
fn observe(cluster: &mut Cluster, at: usize, registry: &ExternalRegistry, show: bool) {
    say(cluster, at, Operation::ObserveRegistry { point: registry.point() });
    if show {
        say(cluster, at, Operation::ProvideRegistry { registry: registry.clone() });
    }
}

#[test]
fn every_node_takes_what_a_third_read_alike_in_the_same_cut() {
    for seed in [81, 82] {
        let mut cluster = cluster(seed);
        assert!(cluster.run_to_epoch(&VALIDATORS, 1, 3 * EPOCH_MS));
        // Node 3 is away; node 2 lies, and shows its lie.
        cluster.kill(3);
        let (truth, lie) =
            (snapshot(300, [40, 30, 20, 10], None), snapshot(400, [1, 1, 500, 1], None));
        observe(&mut cluster, 0, &truth, true);
        observe(&mut cluster, 1, &truth, false);
        observe(&mut cluster, 2, &lie, true);
        assert!(cluster.run_to_epoch(&[0, 1, 2], 2, 2 * EPOCH_MS));
        let bundle = &cluster.host(0).bundles[&2];
        assert_eq!(bundle.cut.registry, truth.digest(), "{:?}", cluster.host(0).submitted);
        let stake = |cluster: &Cluster, at: usize| {
            let state = cluster.state(at);
            (0..4).map(|uid| state.participant(Uid::new(uid)).unwrap().stake.get()).collect()
        };
        let expected: Vec<u64> = [40, 30, 20, 10].map(|units| units * Rao::PER_UNIT).into();
        let found: Vec<u64> = stake(&cluster, 2);
        assert_eq!(found, expected, "the liar follows what was agreed");
        // Who was away, and who only watches, come to the same.
        cluster.start(3);
        let everybody: Vec<usize> = (0..7).collect();
        assert!(cluster.run_to_epoch(&everybody, 5, 6 * EPOCH_MS));
        for at in everybody {
            let found: Vec<u64> = stake(&cluster, at);
            assert_eq!(found, expected, "node {at}");
            assert_eq!(cluster.host(at).bundles[&5].cut.registry, truth.digest());
        }
        cluster.assert_one_cut_per_epoch();
    }
}

#[test]
fn who_the_chain_registers_closes_epochs_once_it_has_signed_for_itself() {
    let mut cluster = cluster(83);
    assert!(cluster.run_to_epoch(&VALIDATORS, 1, 3 * EPOCH_MS));
    let newcomer = cluster.join(key(8), 95);
    assert_eq!(newcomer, 7);
    let registry = snapshot(300, [28, 26, 24, 22], Some(8));
    for at in VALIDATORS {
        observe(&mut cluster, at, &registry, at == 1);
    }
    let all = [0, 1, 2, 3, newcomer];
    assert!(cluster.run_to_epoch(&all, 2, 4 * EPOCH_MS));
    let seat = |cluster: &Cluster| *cluster.state(0).participant(Uid::new(9)).unwrap();
    assert_eq!((seat(&cluster).role, seat(&cluster).permit), (Role::Miner, false));
    assert_eq!(cluster.state(0).committee().len(), 4);

    let seed_tail = seed::element(&chain_start(newcomer), 0);
    let op = RegistryOp {
        signer: *cluster.nodes[newcomer].hotkey.as_bytes(),
        nonce: seat(&cluster).nonce,
        valid_until: Epoch::new(9),
        operation: Operation::Serve { role: Role::Validator, seed_tail },
    };
    let item = Item::sign(*cluster.state(0).subnet(), Body::RegistryOp(op), &key(8));
    cluster.submit(newcomer, item.to_bytes());
    assert!(cluster.run_to_epoch(&all, 8, 8 * EPOCH_MS));
    assert!(seat(&cluster).is_member());
    assert_eq!(cluster.state(0).committee().len(), 5);
    assert!(cluster.host(newcomer).signing);
    let lists = &cluster.host(newcomer).lists_said;
    assert!(!lists.is_empty(), "it takes part in agreement");
    assert!(!cluster.host(0).results[&8].row(Uid::new(9)).unwrap().paid.is_zero());
    cluster.assert_one_cut_per_epoch();
}

#[test]
fn a_chain_that_nobody_can_read_leaves_the_last_snapshot() {
    let mut cluster = cluster(84);
    assert!(cluster.run_to_epoch(&VALIDATORS, 1, 3 * EPOCH_MS));
    let registry = snapshot(300, [10, 10, 10, 10], None);
    for at in VALIDATORS {
        observe(&mut cluster, at, &registry, at == 0);
    }
    assert!(cluster.run_to_epoch(&VALIDATORS, 6, 7 * EPOCH_MS));
    for epoch in 2..=6 {
        assert_eq!(cluster.host(1).bundles[&epoch].cut.registry, registry.digest());
    }
    // One member alone, of a quarter, moves nothing.
    let next = snapshot(400, [9, 9, 9, 9], None);
    observe(&mut cluster, 2, &next, true);
    assert!(cluster.run_to_epoch(&VALIDATORS, 7, 2 * EPOCH_MS));
    assert_eq!(cluster.state(0).registry_digest(), registry.digest());
    assert!(cluster.host(0).rounds.values().all(|round| *round == 0));
    cluster.assert_one_cut_per_epoch();
}
