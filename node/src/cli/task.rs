//! `ganglion task`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use comfy_table::{Cell, Color};
use serde_json::{Value, json};

use super::api::{ApiArgs, Rows, cured, short};
use super::exit::{Failure, no_randomness};
use super::{Global, output};
use crate::api::Client;
use crate::api::types::{Status, TaskAnswers, TaskCall};
use crate::fault::Code;
use crate::files;
use crate::models::digits::data::{self, Example, Image, PROBE, SIDE};
use crate::models::digits::{TASK, TaskInput, TaskLabel};
use crate::units::parse_ms;

/// Bytes of an input: what a node takes.
const INPUT_BYTES_MAX: u64 = 192 << 10;
/// What the node may take longer than the miners.
const MARGIN: Duration = Duration::from_secs(5);

/// Give tasks to the subnet's miners.
#[derive(Debug, Subcommand)]
pub(super) enum TaskCommand {
    /// Send a task to well-ranked miners and show their answers
    #[command(after_help = "\
The node sends the task over the network to the best miners by incentive; each answer comes with the
miner's signature over request and answer. Nobody's reward changes by it.

Examples:
  ganglion task submit --sample                    a digit nobody trained on, drawn in the terminal
  ganglion task submit --sample --miners 5
  ganglion task submit --input '{\"pixels\":[0, ...]}' --timeout 2s
  cat task.json | ganglion task submit --file -    any JSON that the subnet's task type takes")]
    Submit(SubmitArgs),
}

#[derive(Debug, Args)]
pub(super) struct SubmitArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The task as JSON
    #[arg(long, value_name = "JSON", conflicts_with_all = ["file", "sample"])]
    input: Option<String>,
    /// File with the task as JSON, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    file: Option<PathBuf>,
    /// A handwritten digit of the 297 that no miner trains on and no validator draws; a random one
    /// unless its number is given
    #[arg(long, value_name = "NUMBER", num_args = 0..=1)]
    sample: Option<Option<usize>>,
    /// How many of the best miners to ask, 1 to 16
    #[arg(long, value_name = "COUNT", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=16))]
    miners: u16,
    /// How long to wait, 100ms to 1m
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_ms)]
    timeout: u64,
}

pub(super) fn run(global: &Global, command: TaskCommand) -> Result<(), Failure> {
    let TaskCommand::Submit(args) = command;
    let client = args.api.client(global)?;
    if !(100..=60_000).contains(&args.timeout) {
        return Err(Failure::input(Code::TASK_TIMEOUT, "--timeout must be 100ms to 1m"));
    }
    match args.sample {
        Some(number) => submit_sample(global, &client, &args, number),
        None => {
            let input = input(&args)?;
            let answers = call(&client, &args, &input)?;
            if global.json {
                return output::print_json(&answers);
            }
            show(&client.typed(answers)?, None)
        }
    }
}

fn input(args: &SubmitArgs) -> Result<Value, Failure> {
    let text = match (&args.input, &args.file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) if file.as_os_str() == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut text);
            read.map_err(|error| {
                Failure::environment(
                    Code::FILE_UNUSABLE,
                    format!("cannot read standard input: {error}"),
                )
            })?;
            text
        }
        (None, Some(file)) => files::read_text(file, INPUT_BYTES_MAX)?,
        (None, None) => {
            return Err(Failure::input(Code::TASK_MISSING, "no task was given"));
        }
    };
    serde_json::from_str(&text)
        .map_err(|error| Failure::input(Code::TASK_FORM, format!("the task is not JSON: {error}")))
}

fn call(client: &Client, args: &SubmitArgs, input: &Value) -> Result<Value, Failure> {
    let call = TaskCall {
        input: input.clone(),
        miners: Some(args.miners),
        timeout_ms: Some(args.timeout),
    };
    let timeout = Duration::from_millis(args.timeout) + MARGIN;
    client.post_value("/v1/tasks", &call, Some(timeout)).map_err(|error| {
        cured(
            error,
            504,
            "Ask more miners with --miners or wait longer with --timeout; `ganglion metagraph` shows \
             who earns, `ganglion peers` who is connected.",
        )
    })
}

fn submit_sample(
    global: &Global,
    client: &Client,
    args: &SubmitArgs,
    number: Option<usize>,
) -> Result<(), Failure> {
    let status: Status = client.get("/v1/status")?;
    if status.task != TASK {
        return Err(Failure::input(
            Code::TASK_OTHER,
            format!(
                "the subnet's task is {:?}, and there are samples of {TASK:?} only",
                status.task
            ),
        ));
    }
    let (number, example) = sample(number)?;
    let input =
        serde_json::to_value(TaskInput::from(&example.image)).map_err(anyhow::Error::new)?;
    if !global.json {
        output::print(&format!(
            "{}\nsample {number}, a {}\n",
            picture(&example.image),
            example.label
        ))?;
    }
    let answers = call(client, args, &input)?;
    if global.json {
        let sample = json!({"number": number, "label": example.label, "input": input});
        return output::print_json(&json!({
            "sample": sample,
            "answers": answers.get("answers"),
            "failures": answers.get("failures"),
        }));
    }
    output::print("\n")?;
    show(&client.typed(answers)?, Some(example.label))
}

/// A digit of the probe's rows by its number among them.
fn sample(number: Option<usize>) -> Result<(usize, Example), Failure> {
    let rows = &data::examples()[PROBE];
    let drawn = getrandom::u32().map_err(no_randomness)?;
    let drawn = usize::try_from(drawn).unwrap_or(0) % rows.len();
    let number = number.unwrap_or(drawn);
    let example = rows.get(number).copied().ok_or_else(|| {
        let last = rows.len() - 1;
        Failure::input(Code::SAMPLE_UNKNOWN, format!("there is no sample {number}"))
            .cured(format!("Give 0 to {last}."))
    })?;
    Ok((number, example))
}

/// The image with two characters per pixel, which makes it about square.
fn picture(image: &Image) -> String {
    let shade = |ink: &u8| match ink {
        0..=2 => "  ",
        3..=6 => "\u{2591}\u{2591}",
        7..=10 => "\u{2592}\u{2592}",
        11..=13 => "\u{2593}\u{2593}",
        _ => "\u{2588}\u{2588}",
    };
    let mut text = String::new();
    for row in image.chunks(SIDE) {
        let line: String = row.iter().map(shade).collect();
        let _ = writeln!(text, "  {}", line.trim_end());
    }
    text
}

fn show(answers: &TaskAnswers, label: Option<u8>) -> Result<(), Failure> {
    let mut heads = vec![">UID", "MINER", "ANSWER"];
    heads.extend(label.map(|_| ""));
    heads.extend([">LATENCY", "SIGNATURE"]);
    let mut rows = Rows::new(&heads);
    for answer in &answers.answers {
        let said: Option<TaskLabel> = serde_json::from_value(answer.output.clone()).ok();
        let shown = match (label, said) {
            (Some(_), Some(said)) => said.label.to_string(),
            _ => answer.output.to_string(),
        };
        let mut cells =
            vec![Cell::new(answer.uid), Cell::new(short(&answer.hotkey)), Cell::new(shown)];
        cells.extend(label.map(|label| match said.is_some_and(|said| said.label == label) {
            true => Cell::new("right").fg(Color::Green),
            false => Cell::new("wrong").fg(Color::Red),
        }));
        cells.push(Cell::new(format!("{:.1} ms", answer.latency_ms)));
        cells.push(Cell::new(format!("{}..", answer.signature.get(..16).unwrap_or("none"))));
        rows.add(cells);
    }
    for failure in &answers.failures {
        output::note(&format!("uid {} did not answer: {}", failure.uid, failure.reason));
    }
    if answers.answers.is_empty() {
        return Err(Failure::check(Code::NOBODY_ANSWERED, "nobody answered"));
    }
    output::print(&rows.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_eight_lines_of_shades() {
        let mut image = [0; 64];
        image[0] = 16;
        image[9] = 7;
        let lines: Vec<String> = picture(&image).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0], "  \u{2588}\u{2588}");
        assert_eq!(lines[1], "    \u{2592}\u{2592}");
        assert_eq!(lines[2], "  ");
    }

    #[test]
    fn samples_are_those_that_no_validator_draws_from() {
        let (number, example) = sample(Some(3)).unwrap();
        assert_eq!((number, example), (3, data::examples()[PROBE.start + 3]));
        assert!(sample(Some(PROBE.len())).is_err());
        let (random, _) = sample(None).unwrap();
        assert!(random < PROBE.len());
    }
}
