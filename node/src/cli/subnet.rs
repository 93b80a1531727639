//! `ganglion subnet`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ganglion_types::{
    Coldkey, GenesisParticipant, Hyperparameters, Manifest, Phases, Rao, Role, TaskSpec,
};
use serde_json::{Value, json};

use super::exit::{Failure, no_randomness};
use super::keys::PasswordArgs;
use super::{Global, output, revise, revisions};
use crate::fault::Code;
use crate::files::{Access, write_whole};
use crate::keys::{KeyFile, KeyKind};
use crate::manifest::{self, Committee, Genesis, timetable};
use crate::units;

/// Manifests, and the parameters of a running subnet.
#[derive(Debug, Subcommand)]
pub(super) enum SubnetCommand {
    /// Write a manifest with every setting and what it does
    #[command(after_help = "\
Examples:
  ganglion subnet new --name demo
  ganglion subnet new --name demo --participants v1.toml --participants v2.toml --genesis-in 10m")]
    New(NewArgs),
    /// Check a manifest and show what it means: times, stake, rules
    #[command(after_help = "\
A bad manifest gets the line, the rule and the cure of every problem, and exit code 2.")]
    Show(FileArgs),
    /// Print the subnet id of a manifest
    Id(FileArgs),
    /// Print one participant's table for a manifest
    #[command(after_help = "\
Everybody who takes part from the beginning runs this and sends the output to whoever writes the
manifest. It holds no secret.

Examples:
  ganglion subnet entry --role validator --hotkey v1 --coldkey treasury --stake 28
  ganglion subnet entry --role miner --hotkey m1 --coldkey 5FA9nQDVg267DEd8m1ZypXLBnvN7SFxY...")]
    Entry(EntryArgs),
    /// Show a running subnet's parameters, each with who may change it
    #[command(after_help = "\
Examples:
  ganglion subnet parameters
  ganglion subnet parameters --changed --json")]
    Parameters(revisions::ParametersArgs),
    /// Propose new parameters of a running subnet
    #[command(after_help = "\
The owner alone changes what belongs to the market: kappa, bonds, weights, registrations. Whatever
touches committee, stake, emission or time needs approvals by coldkeys whose validators hold more
than 2/3 of the committee's stake, and holds revision_delay epochs after that at the earliest. To
propose is to approve. `ganglion subnet parameters` says which is which.

Examples:
  ganglion subnet revise kappa=40000 immunity_period=30 --coldkey owner
  ganglion subnet revise epoch_length=30s --effective 5000 --coldkey treasury
  ganglion subnet revise max_validators=32 --coldkey treasury --dry-run")]
    Revise(revise::ReviseArgs),
    /// Show the revisions that wait, with the stake behind them
    #[command(after_help = "\
Examples:
  ganglion subnet revisions
  ganglion subnet revisions --json")]
    Revisions(revisions::RevisionsArgs),
    /// Approve a revision with a coldkey that owns a member of the committee
    #[command(after_help = "\
Examples:
  ganglion subnet approve 3 --coldkey treasury --dry-run
  ganglion subnet approve 3 --coldkey treasury")]
    Approve(revise::ApproveArgs),
}

#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// The manifest
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// What people call the subnet
    #[arg(long)]
    name: String,
    /// Where to write it; - for standard output [default: NAME.toml]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// Time from now to the first epoch
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = units::parse_ms)]
    genesis_in: u64,
    /// When the first epoch begins, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = units::parse_time, conflicts_with = "genesis_in")]
    genesis_time: Option<u64>,
    /// Time from one epoch close to the next, 2s to 24h
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = units::parse_ms)]
    epoch_length: u64,
    /// File with [[validator]], [[miner]] and [[account]] tables, as `subnet entry` prints them;
    /// may be given more than once
    #[arg(long, value_name = "FILE")]
    participants: Vec<PathBuf>,
    /// Address of the coldkey that receives the owner part
    #[arg(long, value_name = "ADDRESS")]
    owner: Option<Coldkey>,
    /// What miners are asked
    #[arg(long, default_value = "digits")]
    task: String,
    /// How answers are scored [default: TASK-scorer]
    #[arg(long)]
    scorer: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleArg {
    /// Sets tasks, scores, votes
    Validator,
    /// Runs a model
    Miner,
}

#[derive(Debug, Args)]
pub(super) struct EntryArgs {
    /// What it does
    #[arg(long, value_enum)]
    role: RoleArg,
    /// Name of its hotkey, or path of the file
    #[arg(long, value_name = "NAME")]
    hotkey: String,
    /// Its coldkey: an address, or the name or path of a key file
    #[arg(long, value_name = "ADDRESS")]
    coldkey: String,
    /// Stake of a validator, in units
    #[arg(long, value_name = "UNITS", required_if_eq("role", "validator"))]
    stake: Option<Rao>,
    /// Which task-seed chain of the hotkey
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..8))]
    index: u32,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(super) fn run(global: &Global, command: SubnetCommand) -> Result<(), Failure> {
    match command {
        SubnetCommand::New(args) => new(global, args),
        SubnetCommand::Show(args) => show(global, &args),
        SubnetCommand::Id(args) => id(global, &args),
        SubnetCommand::Entry(args) => entry(global, &args),
        SubnetCommand::Parameters(args) => revisions::parameters(global, &args),
        SubnetCommand::Revise(args) => revise::revise(global, &args),
        SubnetCommand::Revisions(args) => revisions::revisions(global, &args),
        SubnetCommand::Approve(args) => revise::approve(global, &args),
    }
}

fn new(global: &Global, args: NewArgs) -> Result<(), Failure> {
    let mut genesis = Genesis::default();
    for path in &args.participants {
        let more = manifest::load_genesis(path)?;
        genesis.participants.extend(more.participants);
        genesis.accounts.extend(more.accounts);
    }
    genesis.accounts.sort_by_key(|account| account.0);
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(no_randomness)?;
    let scorer = args.scorer.unwrap_or_else(|| format!("{}-scorer", args.task));
    let manifest = Manifest {
        name: args.name.clone(),
        salt,
        genesis_time: match args.genesis_time {
            Some(time) => time,
            None => units::now_ms().saturating_add(args.genesis_in),
        },
        epoch_ms: args.epoch_length,
        phases: Phases::default(),
        task: TaskSpec { task_type: args.task, scorer, ..TaskSpec::default() },
        hyperparameters: Hyperparameters::default(),
        participants: genesis.participants,
        accounts: genesis.accounts,
        owner: args.owner,
        parent: None,
        registry: None,
    };
    let text = manifest::render(&manifest);
    if args.out.as_ref().is_some_and(|out| out.as_os_str() == "-") {
        return output::print(&text);
    }
    let default = || PathBuf::from(format!("{}.toml", file_name(&args.name)));
    let path = args.out.unwrap_or_else(default);
    write_whole(&path, text.as_bytes(), Access::Shared, args.force)?;
    let shown = path.display().to_string();
    // Checked as everybody else will read it, and written all the same: it is there to be edited.
    match manifest::parse(&shown, &text) {
        Ok(manifest) if global.json => output::print_json(&json!({
            "schema": "ganglion/manifest-file/1",
            "path": shown,
            "subnet": manifest.subnet_id().to_hex(),
        })),
        Ok(manifest) => output::print(&format!("{shown}\n{}\n", manifest.subnet_id())),
        Err(_) if manifest.participants.is_empty() => {
            output::note(&format!("{shown} is written and has no participants yet."));
            output::note(&format!(
                "  help: Add the tables that `ganglion subnet entry` prints, then check it with \
                 `ganglion subnet show {shown}`."
            ));
            Ok(())
        }
        Err(problems) => {
            output::note(&format!("{shown} is written and needs editing:"));
            Err(problems.into())
        }
    }
}

fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    name.chars().map(plain).collect::<String>().trim_start_matches(['.', '-']).to_owned()
}

fn id(global: &Global, args: &FileArgs) -> Result<(), Failure> {
    let id = manifest::load(&args.file)?.subnet_id();
    if global.json {
        return output::print_json(
            &json!({"schema": "ganglion/subnet-id/1", "subnet": id.to_hex()}),
        );
    }
    output::print(&format!("{id}\n"))
}

fn entry(global: &Global, args: &EntryArgs) -> Result<(), Failure> {
    let home = global.home();
    let coldkey = match args.coldkey.parse::<Coldkey>() {
        Ok(address) => address,
        Err(_) => {
            let (_, file) = home.read_key(KeyKind::Coldkey, &args.coldkey)?;
            file.public().map(Coldkey::new).ok_or_else(|| {
                Failure::input(Code::KEY_WITHOUT_ADDRESS, "the key file has no public key")
            })?
        }
    };
    let (path, file) = home.read_key(KeyKind::Hotkey, &args.hotkey)?;
    let participant = match args.role {
        RoleArg::Validator => {
            let pair = KeyFile::load(&path, KeyKind::Hotkey, &args.password.source())?;
            GenesisParticipant {
                hotkey: pair.hotkey(),
                coldkey,
                role: Role::Validator,
                stake: args.stake.unwrap_or_default(),
                seed_tail: Some(pair.seed_chain_tail(args.index)),
            }
        }
        RoleArg::Miner if args.stake.is_some() => {
            return Err(Failure::input(Code::MINER_STAKE, "a miner has no stake"));
        }
        RoleArg::Miner => {
            let hotkey = file.address().parse().map_err(|error| {
                Failure::input(Code::KEY_WITHOUT_ADDRESS, format!("{}: {error}", path.display()))
            })?;
            GenesisParticipant {
                hotkey,
                coldkey,
                role: Role::Miner,
                stake: Rao::ZERO,
                seed_tail: None,
            }
        }
    };
    if global.json {
        return output::print_json(&json!({
            "schema": "ganglion/participant/1",
            "participant": participant_json(None, &participant),
        }));
    }
    let genesis = Genesis { participants: vec![participant], accounts: Vec::new() };
    output::print(manifest::render_genesis(&genesis).trim_start())
}

fn show(global: &Global, args: &FileArgs) -> Result<(), Failure> {
    let manifest = manifest::load(&args.file)?;
    let committee = Committee::of(&manifest.participants, manifest.hyperparameters.max_validators);
    if global.json {
        return output::print_json(&manifest_json(&manifest, &committee));
    }
    let mut text = String::new();
    show_head(&mut text, &manifest);
    show_times(&mut text, &manifest);
    show_committee(&mut text, &manifest, &committee);
    show_rules(&mut text, &manifest);
    output::print(&text)
}

fn show_head(text: &mut String, manifest: &Manifest) {
    let task = &manifest.task;
    let _ = writeln!(text, "subnet     {}", manifest.name);
    let _ = writeln!(text, "id         {}", manifest.subnet_id());
    let now = units::now_ms();
    let when = match manifest.genesis_time.checked_sub(now) {
        Some(ahead) => format!("in {}", units::show_ms(ahead / 1_000 * 1_000)),
        None => format!("{} ago", units::show_ms((now - manifest.genesis_time) / 60_000 * 60_000)),
    };
    let _ = writeln!(text, "genesis    {} ({when})", units::show_time(manifest.genesis_time));
    let _ = writeln!(text, "task       {}, scored by {}", task.task_type, task.scorer);
    let _ = writeln!(text, "           {} tasks per validator and round", task.batch_size);
    let owner = manifest.owner.map_or("nobody".into(), |owner| owner.to_string());
    let _ = writeln!(text, "owner      {owner}");
    if let Some(parent) = manifest.parent {
        let _ = writeln!(text, "restarts   from cut {parent}");
    }
}

fn show_times(text: &mut String, manifest: &Manifest) {
    let _ = writeln!(text, "\nOne epoch, {}:", units::show_seconds(manifest.epoch_ms));
    for moment in timetable(manifest) {
        let _ = writeln!(text, "{:>10}  {}", units::show_seconds(moment.at_ms), moment.what);
    }
}

fn show_committee(text: &mut String, manifest: &Manifest, committee: &Committee) {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["uid", "role", "hotkey", "stake", "share"]);
    for (uid, one) in manifest.participants.iter().enumerate() {
        let seated = committee.members.iter().any(|(member, _)| *member == uid);
        let share = if seated { committee.share(one.stake) } else { String::new() };
        let stake = if one.stake.is_zero() { String::new() } else { one.stake.to_string() };
        table.add_row([
            uid.to_string(),
            one.role.name().into(),
            one.hotkey.to_string(),
            stake,
            share,
        ]);
    }
    let lines = table.to_string();
    text.push_str("\nParticipants at genesis:\n");
    for line in lines.lines() {
        let _ = writeln!(text, " {}", line.trim_end());
    }
    let (certify, halt) = (committee.to_certify(), committee.to_halt());
    let who = |stake| match committee.fewest_holding(stake) {
        1 => "one validator has that alone".to_owned(),
        many => format!("at least {many} validators together"),
    };
    let _ = writeln!(text, "\nStake       {} units in the committee", committee.total());
    let _ = writeln!(text, "to certify  {certify} units ({})", who(certify));
    let _ = writeln!(text, "to halt     {halt} units ({})", who(halt));
    for warning in warnings(committee) {
        let _ = writeln!(text, "WARNING: {warning}");
    }
    if !manifest.accounts.is_empty() {
        text.push_str("\nBalances at genesis:\n");
        for (coldkey, balance) in &manifest.accounts {
            let _ = writeln!(text, "  {coldkey}  {balance}");
        }
    }
}

/// What anybody who joins should know before.
fn warnings(committee: &Committee) -> Vec<String> {
    let (certify, halt) = (committee.to_certify(), committee.to_halt());
    let holders = committee.members.iter().filter(|(_, stake)| *stake >= halt);
    let warning = |(uid, stake): &(usize, Rao)| {
        let power = match *stake >= certify {
            true => "decides alone",
            false => "can halt the subnet alone",
        };
        format!("uid {uid} holds {} of the stake and {power}.", committee.share(*stake))
    };
    holders.map(warning).collect()
}

fn show_rules(text: &mut String, manifest: &Manifest) {
    text.push_str("\nHyperparameters:\n");
    let values = hyperparameters_json(&manifest.hyperparameters);
    for field in manifest::fields::HYPERPARAMETERS {
        let value = match field.key {
            "emission" => manifest.hyperparameters.emission.to_string(),
            "stake_threshold" => manifest.hyperparameters.stake_threshold.to_string(),
            "min_balance" => manifest.hyperparameters.min_balance.to_string(),
            "min_burn" => manifest.hyperparameters.min_burn.to_string(),
            "max_burn" => manifest.hyperparameters.max_burn.to_string(),
            key => values[key].to_string(),
        };
        let _ = writeln!(text, "  {:30} {value:>20}  {}", field.key, field.unit);
    }
}

fn manifest_json(manifest: &Manifest, committee: &Committee) -> Value {
    let task = &manifest.task;
    let times: Vec<Value> = timetable(manifest)
        .iter()
        .map(|moment| json!({"name": moment.name, "at_ms": moment.at_ms, "what": moment.what}))
        .collect();
    let participants = manifest.participants.iter().enumerate();
    let accounts = manifest.accounts.iter().map(|(coldkey, balance)| {
        json!({"coldkey": coldkey.to_string(), "balance_rao": output::rao_json(*balance)})
    });
    json!({
        "schema": "ganglion/manifest/1",
        "subnet": manifest.subnet_id().to_hex(),
        "name": manifest.name,
        "genesis_time_ms": manifest.genesis_time,
        "epoch_ms": manifest.epoch_ms,
        "phases": phases_json(&manifest.phases),
        "timetable": times,
        "task": {
            "type": task.task_type,
            "scorer": task.scorer,
            "batch_size": task.batch_size,
            "alpha_millionths": task.alpha,
            "score_power": task.score_power,
            "equal_answers_expected": task.equal_answers_expected,
        },
        "hyperparameters": hyperparameters_json(&manifest.hyperparameters),
        "participants": participants
            .map(|(uid, one)| participant_json(Some(uid), one))
            .collect::<Vec<_>>(),
        "accounts": accounts.collect::<Vec<_>>(),
        "owner": manifest.owner.map(|owner| owner.to_string()),
        "parent": manifest.parent.map(|parent| parent.to_hex()),
        "committee": {
            "stake_rao": output::rao_json(committee.total()),
            "to_certify_rao": output::rao_json(committee.to_certify()),
            "to_halt_rao": output::rao_json(committee.to_halt()),
            "fewest_to_certify": committee.fewest_holding(committee.to_certify()),
            "fewest_to_halt": committee.fewest_holding(committee.to_halt()),
        },
        "warnings": warnings(committee),
    })
}

fn phases_json(phases: &Phases) -> Value {
    json!({
        "commit_deadline": phases.commit_deadline,
        "margin": phases.margin,
        "weights": phases.weights,
        "least_window": phases.least_window,
        "grace": phases.grace,
        "propose": phases.propose,
        "vote": phases.vote,
        "delta": phases.delta,
    })
}

fn hyperparameters_json(h: &Hyperparameters) -> Value {
    json!({
        "emission": output::rao_json(h.emission),
        "kappa": h.kappa,
        "yuma3_enabled": h.yuma3_enabled,
        "liquid_alpha_enabled": h.liquid_alpha_enabled,
        "alpha_low": h.alpha_low,
        "alpha_high": h.alpha_high,
        "alpha_sigmoid_steepness": h.alpha_sigmoid_steepness,
        "bonds_moving_avg": h.bonds_moving_avg,
        "bonds_penalty": h.bonds_penalty,
        "activity_cutoff": h.activity_cutoff,
        "stake_threshold": output::rao_json(h.stake_threshold),
        "max_validators": h.max_validators,
        "max_allowed_uids": h.max_allowed_uids,
        "min_allowed_weights": h.min_allowed_weights,
        "max_weights_limit": h.max_weights_limit,
        "commit_reveal_weights_enabled": h.commit_reveal_weights_enabled,
        "registration_allowed": h.registration_allowed,
        "max_registrations_per_epoch": h.max_registrations_per_epoch,
        "min_difficulty": h.min_difficulty,
        "max_difficulty": h.max_difficulty,
        "min_balance": output::rao_json(h.min_balance),
        "reveal_grace": h.reveal_grace,
        "weights_rate_limit": h.weights_rate_limit,
        "immunity_period": h.immunity_period,
        "min_non_immune_uids": h.min_non_immune_uids,
        "min_burn": output::rao_json(h.min_burn),
        "max_burn": output::rao_json(h.max_burn),
        "unbonding_epochs": h.unbonding_epochs,
        "slash_fraction": h.slash_fraction,
        "revision_delay": h.revision_delay,
    })
}

fn participant_json(uid: Option<usize>, one: &GenesisParticipant) -> Value {
    json!({
        "uid": uid,
        "role": one.role.name(),
        "hotkey": one.hotkey.to_string(),
        "coldkey": one.coldkey.to_string(),
        "stake_rao": output::rao_json(one.stake),
        "seed_tail": one.seed_tail.map(|tail| tail.to_hex()),
    })
}
