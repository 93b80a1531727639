//! Operations in words.

use ganglion_types::{Change, Epoch, Operation, Parameter};

use crate::parameters;

/// What an operation does, as an imperative without full stop.
pub(super) fn sentence(operation: &Operation) -> String {
    match operation {
        Operation::Stake { hotkey, amount } => format!("stake {amount} units on {hotkey}"),
        Operation::Unstake { hotkey, amount } => format!("unstake {amount} units from {hotkey}"),
        Operation::Transfer { to, amount } => format!("transfer {amount} units to {to}"),
        Operation::Register { role, .. } => format!("register a {} by work", role.name()),
        Operation::BurnRegister { hotkey, role, max_price, .. } => {
            format!("register {hotkey} as a {} for at most {max_price} units", role.name())
        }
        Operation::Deregister => "give the uid back".into(),
        Operation::Serve { role, .. } => format!("serve as a {}", role.name()),
        Operation::Delegate { hotkey, amount } => format!("delegate {amount} units to {hotkey}"),
        Operation::Undelegate { hotkey, amount } => {
            format!("take {amount} delegated units back from {hotkey}")
        }
        Operation::SetTake { hotkey, take } => {
            format!("set the take of {hotkey} to {}", percent(*take))
        }
        Operation::RotateHotkey { from, to, .. } => format!("replace hotkey {from} by {to}"),
        Operation::Revise { effective, changes } => revision(*effective, changes),
        Operation::Approve { revision } => format!("approve revision {revision}"),
        Operation::ObserveRegistry { point } => {
            format!("observe the registry of block {} of another chain", point.height)
        }
        Operation::ProvideRegistry { registry } => {
            format!("show the registry of block {} of another chain", registry.height())
        }
    }
}

fn revision(effective: Epoch, changes: &[Change]) -> String {
    let change = |one: &Change| match Parameter::of(one.parameter) {
        Some(parameter) => {
            format!("{} = {}", parameter.name, parameters::show(parameter, one.value))
        }
        None => format!("parameter {} = {}", one.parameter, one.value),
    };
    let changes: Vec<String> = changes.iter().map(change).collect();
    format!("propose {} from epoch {effective} on", changes.join(", "))
}

/// A 65535th as people read shares: `18 %`, `12.34 %`.
pub(super) fn percent(share: u16) -> String {
    let hundredths = (u32::from(share) * 10_000 + 32_767) / 65_535;
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match rest {
        0 => format!("{whole} %"),
        _ => format!("{whole}.{} %", format!("{rest:02}").trim_end_matches('0')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_in_percent() {
        for (share, text) in
            [(0, "0 %"), (11_796, "18 %"), (u16::MAX, "100 %"), (3_277, "5 %"), (8_191, "12.5 %")]
        {
            assert_eq!(percent(share), text);
        }
    }
}
