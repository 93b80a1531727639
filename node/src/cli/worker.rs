//! `ganglion worker`: a check for any worker, and the built-in ones themselves.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::time::timeout;

use super::exit::Failure;
use super::{Global, output};
use crate::fault::Code;
use crate::models::{self, digits};
use crate::worker::{Answer, Role, WorkerError, WorkerHandle, WorkerInfo, WorkerSpec, WorkerState};

/// The probe is seeded, so every check shows the same images and two models compare.
const CHECK_SEED: [u8; 32] = *b"ganglion worker check, seed one.";

/// Check a model before it mines, or be one of the built-in workers.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
A worker is any program that answers JSON-RPC lines on standard input and output;
docs/spec/worker.md has the few methods, examples/python the smallest miner.

Examples:
  ganglion worker list                                       the built-in ones
  ganglion worker check digits-knn                           how good one of them is
  ganglion worker check -- python3 examples/python/miner.py  how good yours is")]
pub(super) struct WorkerArgs {
    #[command(subcommand)]
    command: Option<WorkerCommand>,
    /// Be this built-in worker until standard input ends; the node itself starts them so
    #[arg(value_name = "NAME", required = true)]
    name: Option<String>,
}

#[derive(Debug, Subcommand)]
enum WorkerCommand {
    /// List the built-in workers
    List,
    /// Start a worker and measure it on the digits that no validator draws from
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Times each of the 297 images is shown, with other shift and noise each time
    #[arg(long, value_name = "N", default_value_t = digits::DRAWS_PER_IMAGE)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    draws: u32,
    /// Check a validator's worker: equal seeds give equal tasks, the right answer scores best
    #[arg(long, conflicts_with = "draws")]
    scorer: bool,
    /// Name of a built-in worker, or the program and its arguments after --
    #[arg(required = true, value_name = "WORKER")]
    command: Vec<String>,
}

pub(super) fn run(global: &Global, args: WorkerArgs) -> Result<(), Failure> {
    match (args.command, args.name) {
        (Some(WorkerCommand::List), _) => list(global),
        (Some(WorkerCommand::Check(args)), _) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(anyhow::Error::new)?;
            runtime.block_on(check(global, args))
        }
        (None, Some(name)) => Ok(models::run(&name)?),
        (None, None) => Err(Failure::input(Code::WORKER_UNNAMED, "no worker is named")),
    }
}

fn list(global: &Global) -> Result<(), Failure> {
    if global.json {
        let rows: Vec<_> = models::BUILTINS
            .iter()
            .map(|b| json!({"name": b.name, "role": b.role, "task": b.task, "about": b.about}))
            .collect();
        return output::print_json(&json!({"schema": "ganglion/workers/1", "workers": rows}));
    }
    let line = |b: &models::Builtin| {
        let role = match b.role {
            Role::Miner => "miner",
            Role::Validator => "validator",
        };
        format!("{:<16} {role:<10} {:<7} {}\n", b.name, b.task, b.about)
    };
    output::print(&models::BUILTINS.iter().map(line).collect::<String>())
}

async fn check(global: &Global, args: CheckArgs) -> Result<(), Failure> {
    let role = if args.scorer { Role::Validator } else { Role::Miner };
    let command = match args.command.as_slice() {
        [name] if models::builtin(name).is_ok() => {
            let binary = std::env::current_exe().map_err(anyhow::Error::new)?;
            models::builtin_command(&binary, name)?
        }
        _ => args.command.clone(),
    };
    let spec = WorkerSpec::new(command, role, &"00".repeat(32), digits::TASK);
    let handle = WorkerHandle::spawn(spec);
    let result = if args.scorer {
        check_scorer(global, &handle).await
    } else {
        check_miner(global, &handle, args.draws).await
    };
    handle.stop().await;
    result
}

/// Waits for the first start only: a person waits here, and a second would go the same way.
async fn greet(handle: &WorkerHandle) -> Result<(std::sync::Arc<WorkerInfo>, Duration), Failure> {
    let started = Instant::now();
    let mut state = handle.state();
    let settled = state.wait_for(|state| *state != WorkerState::Starting);
    // The handle itself gives up after `hello`, with a reason.
    let settled = timeout(handle.limits().hello * 2, settled).await;
    let reason = match settled {
        Ok(Ok(state)) => match &*state {
            WorkerState::Ready(info) => return Ok((info.clone(), started.elapsed())),
            WorkerState::BackOff { reason, .. } => reason.clone(),
            WorkerState::Starting | WorkerState::Stopped => "it is stopped".to_owned(),
        },
        Ok(Err(_)) | Err(_) => "it does not start".to_owned(),
    };
    let sentence = format!("the worker did not come up: {reason}");
    Err(Failure::check(Code::WORKER_SILENT, sentence))
}

async fn check_miner(global: &Global, handle: &WorkerHandle, draws: u32) -> Result<(), Failure> {
    let (info, start) = greet(handle).await?;
    let started = Instant::now();
    let accuracy = digits::accuracy_probe(handle, draws, CHECK_SEED).await;
    let accuracy = accuracy.map_err(|error| failed("the probe", &error))?;
    let rate = f64::from(accuracy.total) / started.elapsed().as_secs_f64().max(1e-9);
    let [median, most] =
        [50, 95].map(|percent| accuracy.latency(percent).unwrap_or_default().as_secs_f64() * 1e3);
    if global.json {
        output::print_json(&json!({
            "schema": "ganglion/worker-check/1",
            "name": info.name,
            "version": info.version,
            "start_seconds": start.as_secs_f64(),
            "accuracy": accuracy.ratio(),
            "correct": accuracy.correct,
            "total": accuracy.total,
            "unanswered": accuracy.unanswered,
            "answers_per_second": rate,
            "latency_ms": {"p50": median, "p95": most},
        }))?;
    } else {
        output::print(&format!(
            "{}start     {:.1} s\naccuracy  {accuracy}\nspeed     {rate:.0} answers per second\n\
             latency   {median:.1} ms median, {most:.1} ms for 95 of 100, {} asked at once\n",
            heading(&info),
            start.as_secs_f64(),
            info.max_concurrency.min(8),
        ))?;
    }
    match accuracy.first_error {
        None => Ok(()),
        Some(error) => {
            Err(failed(&format!("{} images got no answer", accuracy.unanswered), &error))
        }
    }
}

fn heading(info: &WorkerInfo) -> String {
    format!("name      {} {}\ntasks     {}\n", info.name, info.version, info.tasks.join(", "))
}

async fn check_scorer(global: &Global, handle: &WorkerHandle) -> Result<(), Failure> {
    let (info, _) = greet(handle).await?;
    let draw = || handle.make_tasks([7; 32], 1, 10);
    let tasks = draw().await.map_err(|error| failed("make_task", &error))?;
    if tasks != draw().await.map_err(|error| failed("make_task", &error))? {
        let sentence = "make_task drew other tasks from the same seed";
        return Err(Failure::check(Code::WORKER_SEED, sentence));
    }
    for task in &tasks {
        let answer = |uid, output| Answer { uid, output, latency_ms: 1, error: None };
        let answers = vec![answer(0, Some(task.secret.clone())), answer(1, None)];
        let scores = handle.score(task.input.clone(), task.secret.clone(), answers).await;
        let scores = scores.map_err(|error| failed("score", &error))?;
        if scores[0] <= scores[1].or(Some(0)) {
            return Err(Failure::check(
                Code::WORKER_SCORE,
                format!("score gave {scores:?} millionths to the secret as answer and to silence"),
            ));
        }
    }
    if global.json {
        let schema = "ganglion/scorer-check/1";
        return output::print_json(&json!({"schema": schema, "name": info.name, "ok": true}));
    }
    output::print(&format!("{}checked   equal seeds, scores\n", heading(&info)))
}

fn failed(what: &str, error: &WorkerError) -> Failure {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Failure::check(Code::WORKER_FAILED, format!("{what}: {error}{}", cause.unwrap_or_default()))
}
