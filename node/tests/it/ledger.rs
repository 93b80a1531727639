//! The state as a whole, as `GET /v1/ledger` shows it.

use ganglion::api::Ledger;
use ganglion::api::types::{Amount, EpochDetail};

use crate::world::World;

#[test]
fn what_is_owned_is_what_genesis_and_emission_brought() {
    let world = World::new(&[50, 30, 20], 2);
    for number in 0..3 {
        world.weigh(number, &[(3, u16::MAX), (4, 9_000)]);
    }
    world.close();
    let client = world.client();
    let ledger: Ledger = client.get("/v1/ledger").unwrap();
    let state = world.view.now().state;
    assert_eq!((ledger.epoch, &ledger.state_root), (1, &state.root().to_hex()));
    assert_eq!(ledger.rows, ledger.tables.values().sum::<u64>());
    assert_eq!((ledger.rows, ledger.tables["participants"]), (state.rows().len() as u64, 5));
    assert!(ledger.bytes > 40 * ledger.rows, "{ledger:?}");
    assert_eq!(ledger.emitted_rao, Amount(100_000_000_000));
    assert_eq!(u128::from(ledger.supply_rao.0), state.supply());
    assert!(ledger.is_conserved(), "{ledger:?}");
    // Each form counts, and so does what is gone.
    let spoilt: [fn(&mut Ledger); 5] = [
        |ledger| ledger.balances_rao.0 += 1,
        |ledger| ledger.supply_rao.0 += 1,
        |ledger| ledger.emitted_rao.0 -= 1,
        |ledger| ledger.burned_rao.0 += 1,
        |ledger| ledger.slashed_rao.0 += 1,
    ];
    for spoil in spoilt {
        let mut other = ledger.clone();
        spoil(&mut other);
        assert!(!other.is_conserved(), "{other:?}");
    }
    let detail: EpochDetail = client.get("/v1/epochs/1").unwrap();
    assert_eq!(detail.evidence, []);
    assert_eq!(client.get_text("/healthz").unwrap().trim(), "ok");
}
