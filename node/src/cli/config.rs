//! `ganglion config`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::exit::Failure;
use super::{Global, output};
use crate::config::{self, Config, ConfigArgs, Shown, Source};

/// Look at a node's configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting with its value and where it comes from
    #[command(after_help = "\
A flag goes before an environment variable, that before node.toml in the data directory, that before
the default. Give the same flags as to `ganglion run` to see what it would do.

Examples:
  ganglion config show --node v1
  GANGLION_API=127.0.0.1:0 ganglion config show --node v1 --json")]
    Show(ConfigArgs),
}

pub(super) fn run(global: &Global, command: ConfigCommand) -> Result<(), Failure> {
    let ConfigCommand::Show(args) = command;
    show(global, &resolve(global, &args)?)
}

/// The configuration of this process.
pub(super) fn resolve(global: &Global, args: &ConfigArgs) -> Result<Config, Failure> {
    let mut args = args.clone();
    // -v and -q are short for a log level, and as strong as one.
    let level = match (global.quiet, global.verbose) {
        (true, _) => Some("error"),
        (false, 0) => None,
        (false, 1) => Some("debug"),
        (false, _) => Some("trace"),
    };
    args.log_level = args.log_level.or(level.map(str::to_owned));
    Ok(config::resolve(&args, &global.home(), &|name| std::env::var(name).ok())?)
}

fn show(global: &Global, config: &Config) -> Result<(), Failure> {
    let data_dir = config.data_dir.display().to_string();
    if global.json {
        let settings: serde_json::Map<String, Value> =
            config.shown().iter().map(|shown| (shown.key.into(), shown_json(shown))).collect();
        return output::print_json(&json!({
            "schema": "ganglion/config/1",
            "data_dir": data_dir,
            "settings": settings,
        }));
    }
    let mut text = format!("data_dir = {data_dir:?}\n");
    for shown in config.shown() {
        let value = match shown.values.first() {
            _ if shown.many => format!("{:?}", shown.values),
            first => match (&shown.path, first) {
                (Some(path), _) => format!("{:?}", path.display().to_string()),
                (None, Some(value)) => format!("{value:?}"),
                (None, None) => "(none)".into(),
            },
        };
        text.push_str(&format!("{:16} = {value:40} # {}\n", shown.key, shown.source));
    }
    output::print(&text)
}

fn shown_json(shown: &Shown) -> Value {
    let value = match shown.values.first() {
        _ if shown.many => json!(shown.values),
        _ if shown.path.is_some() => json!(shown.path),
        None => Value::Null,
        Some(value) => json!(value),
    };
    let (source, at) = match &shown.source {
        Source::Flag(_) => ("flag", Value::Null),
        Source::Environment(name) => ("environment", json!(name)),
        Source::File { path, line } => ("file", json!(format!("{}:{line}", path.display()))),
        Source::Default => ("default", Value::Null),
    };
    json!({"value": value, "source": source, "at": at})
}
