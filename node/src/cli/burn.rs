//! `ganglion register --burn`: a uid paid out of a balance.

use ganglion_types::{Operation, Rao, Role};

use super::api::units;
use super::consent::{self, Consenter};
use super::exit::Failure;
use super::operation::{Ending, Sender};
use super::register::{RegisterArgs, uid_of};
use super::{Global, output, seat, standing};
use crate::api::types::Registration;
use crate::keys::KeyPair;

pub(super) fn run(
    global: &Global,
    args: &RegisterArgs,
    registration: &Registration,
) -> Result<(), Failure> {
    let sender = Sender::new(global, &args.send)?;
    let consenter = Consenter::find(global, &args.hotkey, &args.consent, &args.send.password)?;
    let signer = sender.coldkey(&args.coldkey)?;
    let max_price = args.max_price.unwrap_or_else(|| room_above(registration.burn_price_rao.0));
    output::note(&format!(
        "A registration costs {} units now; at most {max_price} will be paid.",
        units(registration.burn_price_rao)
    ));
    let (hotkey, role) = (consenter.hotkey, Role::from(args.role));
    let operation = |seed_tail, consent| Operation::BurnRegister {
        hotkey,
        role,
        seed_tail,
        max_price,
        consent,
    };
    let draft = operation(seat::draft_tail(role), consent::NOT_YET);
    let subnet = sender.subnet;
    let seal = |signer: &KeyPair, _| {
        let pair = consenter.unlock()?;
        let consent = consent::given(&subnet, &signer.coldkey(), &pair);
        Ok(operation(args.seed.tail(role, &pair), consent))
    };
    sender.send_sealed(&signer, draft, seal, |sender| {
        let uid = uid_of(&sender.client, &hotkey.to_string())?;
        let Ending { text, mut json } = standing::of(&sender.client, &signer.coldkey, None)?;
        json.insert("hotkey".into(), hotkey.to_string().into());
        json.insert("uid".into(), uid.into());
        let uid = uid.map_or_else(|| "a uid".into(), |uid| format!("uid {uid}"));
        Ok(Ending { text: format!("It holds {uid}. {text}"), json })
    })
}

/// Half as much again: room for one registration by somebody else before.
fn room_above(price: u64) -> Rao {
    Rao::new(price.saturating_add(price.div_ceil(2)))
}
