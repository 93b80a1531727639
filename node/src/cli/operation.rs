//! The way of an operation: asked about, signed, handed in, waited for, told.
//!
//! ```text
//! draft ──/v1/ops/check──► would it succeed? ──no──► refusal with its cure (--force goes on)
//!                            │ yes          └─ --dry-run: told, and nothing is signed
//!                            ▼
//!          key unlocked ──► seal, sign ──/v1/ops──► wait for the cut ──► outcome, new figures
//! ```
//! No nonce is used up for what would surely fail, and no password is asked for in vain.

use std::path::PathBuf;

use clap::Args;
use ganglion_types::ids::hex;
use ganglion_types::{
    Body, Canonical as _, Coldkey, Epoch, Hotkey, Item, Operation, RegistryOp, SubnetId,
};
use serde_json::{Map, Value, json};

use super::api::{ApiArgs, cured};
use super::cures::refusal;
use super::decision::{Decision, submit, wait};
use super::exit::Failure;
use super::keys::{PasswordArgs, find};
use super::pace::Pace;
use super::sentence::sentence;
use super::{Global, output};
use crate::api::Client;
use crate::api::types::{Account, Metagraph, MetagraphRow, OpCheck, Status, SubmitOp, SubmittedOp};
use crate::fault::Code;
use crate::keys::{KeyFile, KeyKind, KeyPair};

/// Epochs that an operation may wait: room for a few that are slow.
const VALID_EPOCHS: u64 = 16;

/// How an operation is sent.
#[derive(Debug, Args)]
pub(super) struct SendArgs {
    #[command(flatten)]
    pub(super) api: ApiArgs,
    /// Say whether it would succeed, else which rule fails and when it will pass; sign nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Send it even if it would surely fail, which uses up its number
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) force: bool,
    /// Do not wait for the cut
    #[arg(long)]
    pub(super) no_wait: bool,
    /// Number of this operation of its signer [default: the next one]
    #[arg(long, value_name = "NUMBER")]
    nonce: Option<u64>,
    #[command(flatten)]
    pub(super) password: PasswordArgs,
}

/// How an operation of a coldkey is sent.
#[derive(Debug, Args)]
pub(super) struct ColdkeyArgs {
    /// Coldkey that signs: a name here, or the path of its file
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(super) coldkey: String,
    #[command(flatten)]
    pub(super) send: SendArgs,
}

/// The key that signs, found but not unlocked.
pub(super) struct Signer {
    kind: KeyKind,
    path: PathBuf,
    public: [u8; 32],
    nonce: u64,
    /// The coldkey whose account changes, SS58.
    pub(super) coldkey: String,
}

impl Signer {
    /// SS58.
    pub(super) fn address(&self) -> String {
        Hotkey::new(self.public).to_string()
    }
}

/// What is told at the end besides the outcome.
pub(super) struct Ending {
    /// For people, a sentence or more.
    pub(super) text: String,
    /// For scripts.
    pub(super) json: Map<String, Value>,
}

/// Sends operations by one node.
pub(super) struct Sender<'a> {
    global: &'a Global,
    args: &'a SendArgs,
    pub(super) client: Client,
    pub(super) status: Status,
    pub(super) subnet: SubnetId,
}

impl<'a> Sender<'a> {
    pub(super) fn new(global: &'a Global, args: &'a SendArgs) -> Result<Self, Failure> {
        let client = args.api.client(global)?;
        let status: Status = client.get("/v1/status")?;
        let subnet = SubnetId::from_hex(&status.subnet)
            .ok_or_else(|| Failure::environment(Code::NODE_ANSWER, "the node gave no subnet id"))?;
        Ok(Self { global, args, client, status, subnet })
    }

    pub(super) const fn pace(&self) -> Pace {
        Pace::of(&self.status)
    }

    /// A coldkey of this machine with its account.
    pub(super) fn coldkey(&self, name: &str) -> Result<Signer, Failure> {
        let (path, public) = find(self.global, KeyKind::Coldkey, name)?;
        let coldkey = Coldkey::new(public).to_string();
        let account = self.client.get::<Account>(&format!("/v1/accounts/{coldkey}"));
        let account = account.map_err(|error| {
            cured(error, 404, "Name another key with --coldkey; `ganglion keys list` shows them.")
        })?;
        let nonce = self.args.nonce.or(account.next_nonce).ok_or_else(|| {
            Failure::check(
                Code::NONCES_TAKEN,
                "the account has sent as many operations as may wait at a time",
            )
        })?;
        Ok(Signer { kind: KeyKind::Coldkey, path, public, nonce, coldkey })
    }

    /// A hotkey of this machine with its uid.
    pub(super) fn hotkey(&self, name: &str) -> Result<(Signer, MetagraphRow), Failure> {
        let (path, public) = find(self.global, KeyKind::Hotkey, name)?;
        let hotkey = Hotkey::new(public).to_string();
        let graph: Metagraph = self.client.get("/v1/metagraph")?;
        let row = graph.rows.into_iter().find(|row| row.hotkey == hotkey).ok_or_else(|| {
            Failure::check(Code::RULE_NOT_REGISTERED, format!("{hotkey} holds no uid"))
        })?;
        let (nonce, coldkey) = (row.nonce, row.coldkey.clone());
        Ok((Signer { kind: KeyKind::Hotkey, path, public, nonce, coldkey }, row))
    }

    /// Sends an operation that is whole as it is.
    pub(super) fn send(
        &self,
        signer: &Signer,
        operation: Operation,
        ending: impl FnOnce(&Self) -> Result<Ending, Failure>,
    ) -> Result<(), Failure> {
        self.send_sealed(signer, operation, |_, operation| Ok(operation), ending)
    }

    /// Sends an operation. `seal` puts in what takes a secret, once all else is found good; it is
    /// given the unlocked signer.
    pub(super) fn send_sealed(
        &self,
        signer: &Signer,
        draft: Operation,
        seal: impl FnOnce(&KeyPair, Operation) -> Result<Operation, Failure>,
        ending: impl FnOnce(&Self) -> Result<Ending, Failure>,
    ) -> Result<(), Failure> {
        let mut op = RegistryOp {
            signer: signer.public,
            nonce: self.args.nonce.unwrap_or(signer.nonce),
            valid_until: Epoch::new(self.status.closing.saturating_add(VALID_EPOCHS)),
            operation: draft,
        };
        let check = check(&self.client, self.subnet, &op)?;
        if self.args.dry_run {
            return self.show(&op, signer, &check);
        }
        self.require(&check)?;
        let pair = KeyFile::load(&signer.path, signer.kind, &self.args.password.source())?;
        op.operation = seal(&pair, op.operation)?;
        let (told, name, last) =
            (sentence(&op.operation), op.operation.name(), op.valid_until.get());
        let item = Item::sign(self.subnet, Body::RegistryOp(op), pair.signing_key());
        let submitted = submit(&self.client, &item)?;
        if self.args.no_wait {
            return self.handed_in(name, &submitted);
        }
        let decision = wait(&self.client, &submitted, last)?;
        self.tell(&told, name, &submitted, &decision, ending)
    }

    /// Nothing that would surely fail is sent unasked. One that waits for another may be meant to.
    fn require(&self, check: &OpCheck) -> Result<(), Failure> {
        if check.succeeds {
            return Ok(());
        }
        if check.rule.as_deref() == Some("gap") {
            output::note(&format!("Note: {}", check.message.as_deref().unwrap_or_default()));
            return Ok(());
        }
        let failure = refusal(check, self.pace());
        if self.args.force {
            output::note(failure.render().trim_end());
            output::note("Sent all the same, as --force says.");
            return Ok(());
        }
        Err(failure)
    }

    fn handed_in(&self, name: &str, submitted: &SubmittedOp) -> Result<(), Failure> {
        if self.global.json {
            return output::print_json(&record(name, submitted, None, None, Map::new()));
        }
        output::print(&format!("{}\n", submitted.id))
    }

    fn tell(
        &self,
        told: &str,
        name: &str,
        submitted: &SubmittedOp,
        decision: &Decision,
        ending: impl FnOnce(&Self) -> Result<Ending, Failure>,
    ) -> Result<(), Failure> {
        let done = decision.require_done();
        if let Err(failure) = done {
            if self.global.json {
                let Decision { epoch, outcome } = decision;
                let record = record(name, submitted, Some(*epoch), Some(outcome), Map::new());
                output::print_json(&record)?;
            }
            return Err(failure);
        }
        let ending = ending(self)?;
        if self.global.json {
            let Decision { epoch, outcome } = decision;
            let record = record(name, submitted, Some(*epoch), Some(outcome), ending.json);
            return output::print_json(&record);
        }
        output::print(&format!("{told}: done in epoch {}. {}\n", decision.epoch, ending.text))
    }

    fn show(&self, op: &RegistryOp, signer: &Signer, check: &OpCheck) -> Result<(), Failure> {
        let (told, address) = (sentence(&op.operation), signer.address());
        if self.global.json {
            output::print_json(&json!({
                "schema": "ganglion/dry-run/1",
                "operation": told,
                "signer": address,
                "coldkey": signer.coldkey,
                "nonce": op.nonce,
                "valid_until": op.valid_until.get(),
                "check": check,
            }))?;
        } else {
            let verdict = match check.succeeds {
                true => format!("it would be done in epoch {}", check.epoch),
                false => "it would not be done".into(),
            };
            output::print(&format!(
                "would sign   {told}\nas           {address}\nnonce        {}\n\
                 valid until  epoch {}\ncheck        {verdict}\nNothing was signed.\n",
                op.nonce, op.valid_until,
            ))?;
        }
        if check.succeeds { Ok(()) } else { Err(refusal(check, self.pace())) }
    }
}

/// Asks what would become of an operation, without any signature.
pub(super) fn check(
    client: &Client,
    subnet: SubnetId,
    op: &RegistryOp,
) -> Result<OpCheck, Failure> {
    let item = Item::unsigned(subnet, Body::RegistryOp(op.clone()));
    Ok(client.post("/v1/ops/check", &SubmitOp { item: hex(&item.to_bytes()) }, None)?)
}

fn record(
    name: &str,
    submitted: &SubmittedOp,
    epoch: Option<u64>,
    outcome: Option<&str>,
    more: Map<String, Value>,
) -> Value {
    let mut record = Map::new();
    record.insert("schema".into(), "ganglion/operation/1".into());
    record.insert("operation".into(), name.into());
    record.insert("id".into(), submitted.id.clone().into());
    record.insert("epoch".into(), epoch.into());
    record.insert("outcome".into(), outcome.into());
    record.extend(more);
    record.into()
}
