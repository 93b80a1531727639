//! `ganglion rotate`.

use clap::Args;
use ganglion_types::{Operation, Role};
use serde_json::json;

use super::api::hotkey;
use super::consent::{self, ConsentArgs, Consenter};
use super::exit::Failure;
use super::operation::{ColdkeyArgs, Sender};
use super::{Global, standing};
use crate::api::types::Metagraph;

/// Give a uid a new hotkey; stake, weights and all else stay.
#[derive(Debug, Args)]
#[command(after_help = "\
The new hotkey says here, on this machine, that it belongs to the coldkey; its file has to be here
too. Evidence against the old one still reaches the stake behind the uid. The old one may take
part again once unbonding_epochs have passed (`ganglion subnet parameters`).

Examples:
  ganglion keys new --role hotkey --name v1b
  ganglion rotate --from v1 --to v1b --coldkey treasury --dry-run
  ganglion rotate --from v1 --to v1b --coldkey treasury")]
pub(super) struct RotateArgs {
    /// The present hotkey: an address, or the name of a key here
    #[arg(long, value_name = "ADDRESS")]
    from: String,
    /// The next hotkey: a name here, or the path of its file
    #[arg(long, value_name = "NAME")]
    to: String,
    #[command(flatten)]
    sign: ColdkeyArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

pub(super) fn run(global: &Global, args: &RotateArgs) -> Result<(), Failure> {
    let sender = Sender::new(global, &args.sign.send)?;
    let from = hotkey(global, &args.from)?;
    let consenter = Consenter::find(global, &args.to, &args.consent, &args.sign.send.password)?;
    let signer = sender.coldkey(&args.sign.coldkey)?;
    let to = consenter.hotkey;
    let draft = Operation::RotateHotkey { from, to, consent: consent::NOT_YET };
    let subnet = sender.subnet;
    let seal = |signer: &crate::keys::KeyPair, _| {
        let pair = consenter.unlock()?;
        let consent = consent::given(&subnet, &signer.coldkey(), &pair);
        Ok(Operation::RotateHotkey { from, to, consent })
    };
    sender.send_sealed(&signer, draft, seal, |sender| {
        let graph: Metagraph = sender.client.get("/v1/metagraph")?;
        let row = graph.rows.iter().find(|row| row.hotkey == to.to_string());
        let uid = row.map_or_else(|| "Its uid".into(), |row| format!("Uid {}", row.uid));
        let is_validator = row.is_some_and(|row| row.role == Role::Validator.name());
        let mut text = format!(
            "{uid} is that of {to} now. Start its node with the new hotkey: `ganglion init` with \
             --hotkey {}.",
            args.to
        );
        if is_validator {
            text.push_str(&format!(
                " Its task seeds come from another chain too: `ganglion serve --hotkey {} --role \
                 validator`.",
                args.to
            ));
        }
        let uid = json!(row.map(|row| row.uid));
        Ok(standing::said(text, "uid", uid))
    })
}
