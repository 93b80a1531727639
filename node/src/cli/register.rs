//! `ganglion register`, by work; [`super::burn`] is the other way.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clap::Args;
use ganglion_types::op::PowChallenge;
use ganglion_types::{
    Body, Coldkey, CutId, Digest, Epoch, Hotkey, Item, Operation, Rao, RegistryOp, Role, SubnetId,
};
use serde_json::json;

use super::api::coldkey;
use super::consent::ConsentArgs;
use super::cures::refusal;
use super::decision::{submit, wait};
use super::exit::{Failure, no_randomness};
use super::keys::find;
use super::operation::SendArgs;
use super::pace::Pace;
use super::progress::ProgressLine;
use super::seat::{self, Seat, SeedArgs};
use super::{Global, burn, operation, output};
use crate::api::types::{Metagraph, Registration, SubmittedOp};
use crate::api::{ApiError, Client};
use crate::fault::Code;
use crate::keys::{KeyFile, KeyKind, KeyPair};
use crate::pow::{self, Progress, Search};

/// How often a newer cut is asked for while searching.
const REFRESH: Duration = Duration::from_secs(1);
/// Answers that may come too late before somebody else's luck is no longer the reason.
const ATTEMPTS_MAX: u32 = 8;

/// Take a uid in the subnet of a running node, paid by proof of work or out of a balance.
#[derive(Debug, Args)]
#[command(after_help = "\
The work is bound to a recent cut, the hotkey, the coldkey and the role. When a newer cut is there
before it is found, it begins anew; nothing is lost by that. The registration is gossiped, decided
in the cut of the epoch being closed, and live in the next one. In a full subnet it replaces the
participant that earned least, as long as there is one that may be replaced.

With --burn the coldkey pays and signs, so its file has to be here, and the hotkey says here that
it belongs to it. The price rises with each registration and halves each epoch.

A validator's stake comes after: `ganglion stake AMOUNT --hotkey V --coldkey C`.

Examples:
  ganglion register --hotkey m1 --coldkey treasury --role miner
  ganglion register --hotkey m1 --coldkey treasury --threads 1
  ganglion register --hotkey v5 --coldkey treasury --role validator --password-file pw.txt
  ganglion register --burn --max-price 0.5 --hotkey m1 --coldkey treasury --dry-run")]
pub(super) struct RegisterArgs {
    /// Hotkey that takes the uid, and signs the work: a name here, or the path of its file
    #[arg(long, value_name = "NAME")]
    pub(super) hotkey: String,
    /// Coldkey that owns it and is paid: an address, or the name of a key here
    #[arg(long, value_name = "ADDRESS")]
    pub(super) coldkey: String,
    /// What the hotkey will do
    #[arg(long, value_enum, default_value_t = Seat::Miner)]
    pub(super) role: Seat,
    #[command(flatten)]
    pub(super) seed: SeedArgs,
    /// Pay out of the coldkey's balance, in place of work
    #[arg(long)]
    burn: bool,
    /// The most to pay, in units [default: half as much again as the price now]
    #[arg(long, value_name = "UNITS", requires = "burn")]
    pub(super) max_price: Option<Rao>,
    /// Threads that work [default: all cores]
    #[arg(long, value_name = "COUNT", conflicts_with = "burn")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(super) send: SendArgs,
    #[command(flatten)]
    pub(super) consent: ConsentArgs,
}

/// What is registered.
#[derive(Clone, Copy)]
struct Draft {
    hotkey: Hotkey,
    coldkey: Coldkey,
    role: Role,
    seed_tail: Option<Digest>,
}

/// Who works for it.
struct Applicant<'a> {
    client: &'a Client,
    pair: KeyPair,
    draft: Draft,
    threads: usize,
}

pub(super) fn run(global: &Global, args: &RegisterArgs) -> Result<(), Failure> {
    let client = args.send.api.client(global)?;
    // A full or closed subnet is told before a person is asked for a password.
    let registration: Registration = client.get("/v1/registration")?;
    require_room(&registration)?;
    if args.burn {
        burn::run(global, args, &registration)
    } else {
        work(global, args, registration)
    }
}

fn work(global: &Global, args: &RegisterArgs, registration: Registration) -> Result<(), Failure> {
    let client = args.send.api.client(global)?;
    let (path, public) = find(global, KeyKind::Hotkey, &args.hotkey)?;
    let coldkey = coldkey(global, &args.coldkey)?;
    let draft = Draft {
        hotkey: Hotkey::new(public),
        coldkey,
        role: args.role.into(),
        seed_tail: seat::draft_tail(args.role.into()),
    };
    require_admissible(&client, &registration, &draft, args.send.force)?;
    if args.send.dry_run {
        return show(global, &registration, &draft);
    }
    let pair = KeyFile::load(&path, KeyKind::Hotkey, &args.send.password.source())?;
    let draft = Draft { seed_tail: args.seed.tail(draft.role, &pair), ..draft };
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = args.threads.map_or_else(cores, NonZeroUsize::get);
    let applicant = Applicant { client: &client, pair, draft, threads };
    let (submitted, valid_until) = applicant.apply(registration)?;
    let hotkey = draft.hotkey.to_string();
    let json = |epoch: Option<u64>, uid: Option<u16>| {
        json!({
            "schema": "ganglion/registration/1",
            "id": submitted.id,
            "hotkey": hotkey,
            "epoch": epoch,
            "uid": uid,
        })
    };
    if args.send.no_wait {
        return match global.json {
            true => output::print_json(&json(None, None)),
            false => output::print(&format!("{}\n", submitted.id)),
        };
    }
    let decision = wait(&client, &submitted, valid_until)?;
    decision.require_done()?;
    let (uid, epoch) = (uid_of(&client, &hotkey)?, decision.epoch);
    if global.json {
        return output::print_json(&json(Some(epoch), uid));
    }
    let uid = uid.map_or_else(|| "a uid".into(), |uid| format!("uid {uid}"));
    output::print(&format!(
        "{hotkey} holds {uid}: registered in epoch {epoch}, live from {}\n",
        epoch + 1
    ))
}

/// Everything but the work, asked before any of it is done.
fn require_admissible(
    client: &Client,
    registration: &Registration,
    draft: &Draft,
    force: bool,
) -> Result<(), Failure> {
    let op = draft.operation(registration, 0)?;
    let check = operation::check(client, bound_to(registration)?.0, &op)?;
    let only_work = matches!(check.rule.as_deref(), Some("little_work" | "stale_work"));
    if check.succeeds || only_work || force {
        return Ok(());
    }
    Err(refusal(&check, Pace::now(client)?))
}

fn show(global: &Global, registration: &Registration, draft: &Draft) -> Result<(), Failure> {
    let (hotkey, coldkey) = (draft.hotkey.to_string(), draft.coldkey.to_string());
    if global.json {
        return output::print_json(&json!({
            "schema": "ganglion/dry-run/1",
            "operation": format!("register a {} by work", draft.role.name()),
            "signer": hotkey,
            "coldkey": coldkey,
            "difficulty": registration.difficulty,
            "replaces": registration.replaces,
        }));
    }
    let replaced = registration
        .replaces
        .as_ref()
        .map_or_else(String::new, |one| format!("replaces     uid {}, {}\n", one.uid, one.hotkey));
    output::print(&format!(
        "would sign   register a {} by work\nas           {hotkey}\nfor          {coldkey}\n\
         work         about {} hashes\n{replaced}check        nothing but the work is missing\n\
         Nothing was signed.\n",
        draft.role.name(),
        registration.difficulty
    ))
}

fn require_room(registration: &Registration) -> Result<(), Failure> {
    if !registration.allowed {
        let sentence = "the subnet takes no registrations: its parameters say so";
        return Err(Failure::check(Code::RULE_REGISTRATION_CLOSED, sentence));
    }
    if registration.free == 0 && registration.replaces.is_none() {
        let sentence = "the subnet is full: every uid is held by the committee or the owner";
        return Err(Failure::check(Code::RULE_FULL, sentence).cured(
            "Wait until one is given back, or choose a subnet with a higher max_allowed_uids.",
        ));
    }
    Ok(())
}

pub(super) fn uid_of(client: &Client, hotkey: &str) -> Result<Option<u16>, Failure> {
    let graph: Metagraph = client.get("/v1/metagraph")?;
    Ok(graph.rows.iter().find(|row| row.hotkey == hotkey).map(|row| row.uid))
}

impl Draft {
    fn operation(
        &self,
        registration: &Registration,
        pow_nonce: u64,
    ) -> Result<RegistryOp, Failure> {
        let Self { hotkey, coldkey, role, seed_tail } = *self;
        let prev = bound_to(registration)?.1;
        Ok(RegistryOp {
            signer: *hotkey.as_bytes(),
            nonce: 0,
            valid_until: Epoch::new(registration.holds_until),
            operation: Operation::Register { coldkey, role, seed_tail, prev, pow_nonce },
        })
    }
}

impl Applicant<'_> {
    /// Works until the node takes the registration; its id and its last epoch.
    fn apply(&self, mut registration: Registration) -> Result<(SubmittedOp, u64), Failure> {
        for _ in 0..ATTEMPTS_MAX {
            let (found, nonce) = self.work(registration)?;
            let item = self.item(&found, nonce)?;
            match submit(self.client, &item) {
                Ok(submitted) => return Ok((submitted, found.holds_until)),
                Err(error @ ApiError::Refused { status: 422, .. }) => {
                    registration = self.client.get("/v1/registration")?;
                    require_room(&registration)?;
                    // Only the world may have changed between finding and sending.
                    let same = registration.prev == found.prev
                        && registration.difficulty == found.difficulty;
                    if same {
                        return Err(error.into());
                    }
                    output::note("The subnet went on in the meantime: working anew.");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::check(
            Code::WORK_OVERTAKEN,
            format!("{ATTEMPTS_MAX} times a newer cut came before the work was taken"),
        ))
    }

    /// Finds a nonce for the newest cut, however often that changes.
    fn work(&self, mut registration: Registration) -> Result<(Registration, u64), Failure> {
        let mut line = ProgressLine::new();
        loop {
            let challenge = self.challenge(&registration)?;
            let mut asked = Instant::now();
            let watch = |progress: Progress| {
                line.show(&progress_text(progress, registration.difficulty));
                if asked.elapsed() < REFRESH {
                    return ControlFlow::Continue(());
                }
                asked = Instant::now();
                match self.client.get::<Registration>("/v1/registration") {
                    Ok(fresh) if fresh.prev != registration.prev => ControlFlow::Break(Ok(fresh)),
                    Ok(_) => ControlFlow::Continue(()),
                    // The node may be back before the work is done.
                    Err(error) if error.is_transient() => ControlFlow::Continue(()),
                    Err(error) => ControlFlow::Break(Err(error)),
                }
            };
            let start = getrandom::u64().map_err(no_randomness)?;
            match pow::search(&challenge, registration.difficulty, start, self.threads, watch) {
                Search::Found(nonce) => {
                    line.end();
                    return Ok((registration, nonce));
                }
                Search::Stopped(fresh) => {
                    registration = fresh?;
                    require_room(&registration)?;
                }
            }
        }
    }

    fn challenge(&self, registration: &Registration) -> Result<PowChallenge, Failure> {
        let (subnet, prev) = bound_to(registration)?;
        let Draft { hotkey, coldkey, role, seed_tail } = &self.draft;
        Ok(PowChallenge::new(&subnet, &prev, hotkey, coldkey, *role, seed_tail.as_ref()))
    }

    fn item(&self, registration: &Registration, pow_nonce: u64) -> Result<Item, Failure> {
        let subnet = bound_to(registration)?.0;
        let op = self.draft.operation(registration, pow_nonce)?;
        Ok(Item::sign(subnet, Body::RegistryOp(op), self.pair.signing_key()))
    }
}

fn bound_to(registration: &Registration) -> Result<(SubnetId, CutId), Failure> {
    let subnet = SubnetId::from_hex(&registration.subnet);
    let prev = CutId::from_hex(&registration.prev);
    subnet.zip(prev).ok_or_else(|| {
        let sentence = "the node gave a subnet or cut id that is none";
        Failure::environment(Code::NODE_ANSWER, sentence)
    })
}

fn progress_text(progress: Progress, difficulty: u64) -> String {
    let rate = progress.rate();
    // Shown with three digits.
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    let expected = difficulty as f64 / rate.max(1.0);
    format!(
        "working: {:.1} s at {:.2} million hashes per second, about {} expected per solution",
        progress.elapsed.as_secs_f64(),
        rate / 1e6,
        if expected < 600.0 {
            format!("{expected:.0} s")
        } else {
            format!("{:.0} min", expected / 60.0)
        },
    )
}
