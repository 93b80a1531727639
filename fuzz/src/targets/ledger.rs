//! The ledger under any items: it refuses them or keeps its books.

use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary as _, Result, Unstructured};
use ganglion_consensus::ledger::{State, admissible, execute as run};
use ganglion_types::{
    Body, Change, CutId, Digest, Epoch, Item, Operation, Rao, RegistryOp, Role, WeightReveal,
    Weights,
};

#[path = "../../../consensus/tests/fixture/mod.rs"]
pub(crate) mod fixture;

use fixture::{Subnet, cold, coldkey, element, hot, hotkey};

/// A subnet of three validators and two miners, and its state after three epochs that had something
/// of everything.
pub(crate) struct World {
    pub(crate) subnet: Subnet,
    pub(crate) state: State,
}

pub(crate) static WORLD: LazyLock<World> =
    LazyLock::new(|| {
        let unit = Rao::PER_UNIT;
        let subnet = Subnet::with(&[50 * unit, 40 * unit, 10 * unit], 2, |manifest| {
            manifest.hyperparameters.commit_reveal_weights_enabled = true;
            manifest.hyperparameters.max_allowed_uids = 8;
            manifest.hyperparameters.max_validators = 4;
            manifest.hyperparameters.unbonding_epochs = 3;
            manifest.hyperparameters.activity_cutoff = 2;
        });
        let mut state = State::genesis(Arc::clone(&subnet.manifest)).expect("a sound manifest");
        for epoch in 1..=3 {
            let mut items: Vec<Item> = (0..3)
                .map(|number| subnet.commit(number, epoch, epoch, &[(3, 60_000), (4, 9)]))
                .collect();
            if epoch > 1 {
                items.extend((0..3).map(|number| {
                    subnet.reveal(number, epoch - 1, epoch - 1, &[(3, 60_000), (4, 9)])
                }));
            }
            items.extend([
                subnet.stake(0, epoch, unit),
                subnet.delegate(3, epoch, 1, unit / 2),
                subnet.unstake(2, epoch, unit),
                subnet.burn(4, epoch, 10 + u16::try_from(epoch).unwrap_or(0), 100 * unit),
            ]);
            items.retain(|item| admissible(&state, item).is_ok());
            let executed = run(&state, epoch * 10_000, &items).expect("admissible items");
            let cut = CutId::new([u8::try_from(epoch).unwrap_or(0); 32]);
            state = executed.into_state(cut);
        }
        World { subnet, state }
    });

fn amount(u: &mut Unstructured<'_>) -> Result<Rao> {
    Ok(Rao::new(match u8::arbitrary(u)? {
        0 => u64::MAX,
        1 => 0,
        2 => Rao::SUPPLY_MAX.get(),
        3..=60 => u64::from(u16::arbitrary(u)?),
        _ => u64::from(u32::arbitrary(u)?) * 32,
    }))
}

/// One of those with a uid, or a stranger.
fn who(u: &mut Unstructured<'_>) -> Result<u16> {
    u.int_in_range(0..=7)
}

fn role(u: &mut Unstructured<'_>) -> Result<(Role, Option<Digest>)> {
    let role = if u.arbitrary()? { Role::Validator } else { Role::Miner };
    let tail =
        if u.ratio(7_u8, 8)? == (role == Role::Validator) { Some(element(9, 0)) } else { None };
    Ok((role, tail))
}

fn operation(u: &mut Unstructured<'_>, subnet: &Subnet, signer: u16) -> Result<Operation> {
    let other = who(u)?;
    let hot_key = hotkey(other);
    Ok(match u.int_in_range(0..=12)? {
        0 => {
            let (role, seed_tail) = role(u)?;
            let prev = CutId::new([u.int_in_range(0..=4)?; 32]);
            let coldkey = coldkey(signer);
            Operation::Register { coldkey, role, seed_tail, prev, pow_nonce: u.arbitrary()? }
        }
        1 => Operation::Stake { hotkey: hot_key, amount: amount(u)? },
        2 => Operation::Unstake { hotkey: hot_key, amount: amount(u)? },
        3 => Operation::Transfer { to: coldkey(other), amount: amount(u)? },
        4 => {
            let (hotkey, consent) = subnet.consent(signer, other);
            let (role, seed_tail) = role(u)?;
            Operation::BurnRegister { hotkey, role, seed_tail, max_price: amount(u)?, consent }
        }
        5 => Operation::Deregister,
        6 => {
            let (role, seed_tail) = role(u)?;
            Operation::Serve { role, seed_tail }
        }
        7 => Operation::Delegate { hotkey: hot_key, amount: amount(u)? },
        8 => Operation::Undelegate { hotkey: hot_key, amount: amount(u)? },
        9 => Operation::SetTake { hotkey: hot_key, take: u.arbitrary()? },
        10 => {
            let (to, consent) = subnet.consent(signer, other);
            Operation::RotateHotkey { from: hotkey(signer), to, consent }
        }
        11 => Operation::Revise {
            effective: Epoch::new(u.int_in_range(0..=40)?),
            changes: (0..u.int_in_range(0..=3)?)
                .map(|_| Ok(Change { parameter: u.int_in_range(0..=36)?, value: amount(u)?.get() }))
                .collect::<Result<_>>()?,
        },
        _ => Operation::Approve { revision: u.int_in_range(0..=4)? },
    })
}

fn entries(u: &mut Unstructured<'_>) -> Result<Vec<(u16, u16)>> {
    let mut uid = 0;
    let mut row = Vec::new();
    for _ in 0..u.int_in_range(0..=5)? {
        row.push((uid, if u.arbitrary()? { u16::MAX } else { u.arbitrary()? }));
        uid += u.int_in_range(1..=3)?;
    }
    Ok(row)
}

pub(crate) fn item(u: &mut Unstructured<'_>, subnet: &Subnet, closing: u64) -> Result<Item> {
    let number = who(u)?;
    let epoch = if u.ratio(7_u8, 8)? { closing } else { u.int_in_range(0..=closing + 3)? };
    let seq = u.int_in_range(0..=6)?;
    Ok(match u.int_in_range(0..=9)? {
        0 => {
            let body = Weights {
                signer: hotkey(number),
                mechid: u.int_in_range(0..=1)?,
                epoch: Epoch::new(epoch),
                seq,
                entries: entries(u)?,
                task_preimage: element(number, epoch),
            };
            subnet.item(Body::Weights(body), &hot(number))
        }
        1 => subnet.commit(number, epoch, seq, &entries(u)?),
        2 => {
            let mut shown = subnet.shown(number, epoch.saturating_sub(1), seq, &entries(u)?);
            if u.ratio(1_u8, 4)? {
                shown = WeightReveal { signer: hotkey(who(u)?), ..shown };
            }
            let signer = (0..8).find(|number| hotkey(*number) == shown.signer).unwrap_or(number);
            subnet.item(Body::WeightReveal(shown), &hot(signer))
        }
        3 => subnet.double_vote(number, epoch),
        4 => subnet.double_proposal(number, epoch, u.int_in_range(0..=2)?),
        _ => {
            let operation = operation(u, subnet, number)?;
            let nonce = u.int_in_range(0..=8)?;
            let valid_until = Epoch::new(u.int_in_range(closing.saturating_sub(1)..=closing + 50)?);
            let of_hotkey = operation.is_of_hotkey() != u.ratio(1_u8, 16)?;
            let key = if of_hotkey { hot(number) } else { cold(number) };
            let signer = key.verifying_key().to_bytes();
            subnet
                .item(Body::RegistryOp(RegistryOp { signer, nonce, valid_until, operation }), &key)
        }
    })
}

fn epochs(u: &mut Unstructured<'_>) -> Result<()> {
    let World { subnet, state } = &*WORLD;
    let mut state = state.clone();
    for _ in 0..u.int_in_range(1..=3)? {
        let closing = state.next_epoch().get();
        let mut items = (0..u.int_in_range(0..=12)?)
            .map(|_| item(u, subnet, closing))
            .collect::<Result<Vec<Item>>>()?;
        let all = run(&state, closing * 10_000, &items);
        let refused = items.iter().find(|item| admissible(&state, item).is_err());
        assert_eq!(all.is_err(), refused.is_some(), "{:?} with {refused:?}", all.err());
        items.retain(|item| admissible(&state, item).is_ok());
        let Ok(executed) = run(&state, closing * 10_000, &items) else {
            panic!("admissible items were refused")
        };
        // Neither the order nor a second copy of an item counts.
        items.reverse();
        items.extend(items.first().cloned());
        let again = run(&state, closing * 10_000, &items).map(|again| again.roots);
        assert!(again.is_ok_and(|roots| roots == executed.roots), "the order of items counted");
        let cut = CutId::new([u8::try_from(closing).unwrap_or(0); 32]);
        let next = executed.into_state(cut);
        let read = State::from_rows(Arc::clone(&subnet.manifest), cut, &next.rows());
        match read {
            Ok(read) => assert_eq!(read.root(), next.root(), "a state that reads back otherwise"),
            Err(error) => panic!("a state that does not read back: {error}"),
        }
        assert!(!next.committee().is_empty(), "nobody is left to go on");
        state = next;
    }
    Ok(())
}

pub(super) fn execute(bytes: &[u8]) {
    // An input that ends early has been used up: nothing is wrong with it.
    let _ = epochs(&mut Unstructured::new(bytes));
}
