//! `ganglion register`.

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use ganglion_types::op::PowChallenge;
use ganglion_types::{
    Body, Coldkey, CutId, Digest, Epoch, Item, Operation, RegistryOp, Role, SubnetId,
};
use serde_json::json;

use super::api::{ApiArgs, coldkey};
use super::decision::{require_done, submit, wait};
use super::exit::{Exit, Failure};
use super::keys::PasswordArgs;
use super::{Global, output};
use crate::api::types::{Metagraph, Registration};
use crate::api::{ApiError, Client};
use crate::keys::{KeyFile, KeyKind, KeyPair};
use crate::pow::{self, Progress, Search};

/// How often a newer cut is asked for while searching.
const REFRESH: Duration = Duration::from_secs(1);
/// Answers that may come too late before somebody else's luck is no longer the reason.
const ATTEMPTS_MAX: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Seat {
    /// Runs a model and answers tasks
    Miner,
    /// Draws tasks, scores answers, sets weights; with stake, votes
    Validator,
}

impl From<Seat> for Role {
    fn from(seat: Seat) -> Self {
        match seat {
            Seat::Miner => Self::Miner,
            Seat::Validator => Self::Validator,
        }
    }
}

/// Take a uid in the subnet of a running node, paid by proof of work.
#[derive(Debug, Args)]
#[command(after_help = "\
The work is bound to a recent cut, the hotkey, the coldkey and the role. When a newer cut is there
before it is found, it begins anew; nothing is lost by that. The registration is gossiped, decided in
the cut of the epoch being closed, and live in the next one.

A validator's stake comes after: `ganglion stake AMOUNT --hotkey V --coldkey C`.

Examples:
  ganglion register --hotkey m1 --coldkey treasury --role miner
  ganglion register --hotkey m1 --coldkey 5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu --threads 1
  ganglion register --hotkey v5 --coldkey treasury --role validator --password-file pw.txt")]
pub(super) struct RegisterArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Hotkey that takes the uid and signs: a name here, or the path of its file
    #[arg(long, value_name = "NAME")]
    hotkey: String,
    /// Coldkey that owns it and is paid: an address, or the name of a key here
    #[arg(long, value_name = "ADDRESS")]
    coldkey: String,
    /// What the hotkey will do
    #[arg(long, value_enum, default_value_t = Seat::Miner)]
    role: Seat,
    /// Which task-seed chain of a validator's hotkey
    #[arg(long, value_name = "INDEX", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..8))]
    seed_index: u32,
    /// Threads that work [default: all cores]
    #[arg(long, value_name = "COUNT")]
    threads: Option<NonZeroUsize>,
    /// Do not wait for the cut
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    password: PasswordArgs,
}

/// What is registered.
struct Applicant<'a> {
    client: &'a Client,
    pair: KeyPair,
    coldkey: Coldkey,
    role: Role,
    seed_tail: Option<Digest>,
    threads: usize,
}

pub(super) fn run(global: &Global, args: &RegisterArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    // A full or closed subnet is told before a person is asked for a password.
    let registration: Registration = client.get("/v1/registration")?;
    require_room(&registration)?;
    let path = global.home().read_key(KeyKind::Hotkey, &args.hotkey)?.0;
    let coldkey = coldkey(global, &args.coldkey)?;
    let pair = KeyFile::load(&path, KeyKind::Hotkey, &args.password.source())?;
    let hotkey = pair.hotkey().to_string();
    if let Some(uid) = uid_of(&client, &hotkey)? {
        return Err(Failure::input(
            format!("{hotkey} holds uid {uid} already"),
            "Use another hotkey for another uid.",
        ));
    }
    let role = Role::from(args.role);
    let seed_tail = (role == Role::Validator).then(|| pair.seed_chain_tail(args.seed_index));
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = args.threads.map_or_else(cores, NonZeroUsize::get);
    let applicant = Applicant { client: &client, pair, coldkey, role, seed_tail, threads };
    let (submitted, valid_until) = applicant.apply(registration)?;
    let json = |epoch: Option<u64>, uid: Option<u16>| {
        json!({
            "schema": "ganglion/registration/1",
            "id": submitted.id,
            "hotkey": hotkey,
            "epoch": epoch,
            "uid": uid,
        })
    };
    if args.no_wait {
        return match global.json {
            true => output::print_json(&json(None, None)),
            false => output::print(&format!("{}\n", submitted.id)),
        };
    }
    let op = wait(&client, &submitted, valid_until)?;
    require_done(&op)?;
    let uid = uid_of(&client, &hotkey)?;
    if global.json {
        return output::print_json(&json(op.epoch, uid));
    }
    let uid = uid.map_or_else(|| "a uid".into(), |uid| format!("uid {uid}"));
    let epoch = op.epoch.unwrap_or(submitted.epoch);
    output::print(&format!(
        "{hotkey} holds {uid}: registered in epoch {epoch}, live from {}\n",
        epoch + 1
    ))
}

fn require_room(registration: &Registration) -> Result<(), Failure> {
    if !registration.allowed {
        return Err(Failure::new(
            Exit::Failed,
            "the subnet takes no registrations: its manifest says so",
            "Participants of this subnet are those of its manifest.",
        ));
    }
    if registration.free == 0 {
        return Err(Failure::new(
            Exit::Failed,
            "the subnet is full: every uid is held",
            "Nobody is replaced in this version; choose a subnet with a higher max_allowed_uids.",
        ));
    }
    Ok(())
}

fn uid_of(client: &Client, hotkey: &str) -> Result<Option<u16>, Failure> {
    let graph: Metagraph = client.get("/v1/metagraph")?;
    Ok(graph.rows.iter().find(|row| row.hotkey == hotkey).map(|row| row.uid))
}

impl Applicant<'_> {
    /// Works until the node takes the registration; its id and its last epoch.
    fn apply(
        &self,
        mut registration: Registration,
    ) -> Result<(crate::api::types::SubmittedOp, u64), Failure> {
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
        Err(Failure::new(
            Exit::Failed,
            format!("{ATTEMPTS_MAX} times a newer cut came before the work was taken"),
            "Give it more cores with --threads, or try when fewer others register.",
        ))
    }

    /// Finds a nonce for the newest cut, however often that changes.
    fn work(&self, mut registration: Registration) -> Result<(Registration, u64), Failure> {
        let mut line = ProgressLine::new();
        loop {
            let challenge = self.challenge(&registration)?;
            let mut asked = Instant::now();
            let watch = |progress: Progress| {
                line.show(progress, registration.difficulty);
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
            let start =
                getrandom::u64().map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
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
        let (hotkey, tail) = (self.pair.hotkey(), self.seed_tail.as_ref());
        Ok(PowChallenge::new(&subnet, &prev, &hotkey, &self.coldkey, self.role, tail))
    }

    fn item(&self, registration: &Registration, pow_nonce: u64) -> Result<Item, Failure> {
        let (subnet, prev) = bound_to(registration)?;
        let op = RegistryOp {
            signer: *self.pair.hotkey().as_bytes(),
            nonce: 0,
            valid_until: Epoch::new(registration.holds_until),
            operation: Operation::Register {
                coldkey: self.coldkey,
                role: self.role,
                seed_tail: self.seed_tail,
                prev,
                pow_nonce,
            },
        };
        Ok(Item::sign(subnet, Body::RegistryOp(op), self.pair.signing_key()))
    }
}

fn bound_to(registration: &Registration) -> Result<(SubnetId, CutId), Failure> {
    let subnet = SubnetId::from_hex(&registration.subnet);
    let prev = CutId::from_hex(&registration.prev);
    subnet.zip(prev).ok_or_else(|| {
        Failure::new(
            Exit::Environment,
            "the node gave a subnet or cut id that is none",
            "Ask a node of the same version with --api.",
        )
    })
}

/// One line on a terminal that is written over; in a log file, a line now and then.
struct ProgressLine {
    terminal: bool,
    next: Duration,
    shown: bool,
}

impl ProgressLine {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, next: Duration::ZERO, shown: false }
    }

    fn show(&mut self, progress: Progress, difficulty: u64) {
        let text = progress_text(progress, difficulty);
        if self.terminal {
            // What cannot be shown is lost.
            let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
            self.shown = true;
        } else if progress.elapsed >= self.next {
            output::note(&text);
            self.next = progress.elapsed + Duration::from_secs(10);
        }
    }

    fn end(&mut self) {
        if self.shown {
            let _ = writeln!(std::io::stderr());
        }
    }
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
