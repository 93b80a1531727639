//! `ganglion reference`: the pages that are made from the program itself. A test compares them with those in the tree.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _, ValueEnum};

use super::exit::Failure;
use super::{Cli, output};
use crate::config::SETTINGS;

/// Columns of every help text in the page.
const WIDTH: usize = 100;

/// Print a reference page.
#[derive(Debug, clap::Args)]
pub(super) struct ReferenceArgs {
    /// Which one
    page: Page,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Page {
    /// Every command, as `docs/CLI.md`
    Cli,
    /// Every setting of a node, as `docs/SETTINGS.md`
    Settings,
    /// The man page, as `docs/man/ganglion.1`
    Man,
}

pub(super) fn run(args: &ReferenceArgs) -> Result<(), Failure> {
    output::print(&match args.page {
        Page::Cli => commands(),
        Page::Settings => settings(),
        Page::Man => man()?,
    })
}

/// The program's commands without what the shell of whoever prints them has set.
fn program() -> Command {
    let mut program = Cli::command().term_width(WIDTH).disable_version_flag(true);
    program.build();
    program
}

fn commands() -> String {
    let mut text = "# Commands\n\nMade by `ganglion reference cli`; every section is what `-h` prints, and `--help` often says more. Flags under *Everywhere* are \
                    those of every command, and are not repeated.\n"
        .to_owned();
    command(&program(), &mut text);
    text
}

fn command(of: &Command, text: &mut String) {
    let name = of.get_bin_name().unwrap_or_else(|| of.get_name()).to_owned();
    let mut shown = of.clone();
    let help = shown.render_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    // The flags of every command stand once, with the program itself.
    let every = lines.iter().position(|line| *line == "Everywhere:");
    let own = match every.filter(|_| name.contains(' ')) {
        None => lines.join("\n"),
        Some(at) => {
            let after = lines.iter().skip(at).position(|line| line.is_empty());
            let rest = after.map_or(&[][..], |after| lines.get(at + after..).unwrap_or_default());
            [lines.get(..at).unwrap_or_default(), rest].concat().join("\n")
        }
    };
    let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", own.trim());
    for inner in of.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        if inner.get_name() != "help" {
            command(inner, text);
        }
    }
}

fn settings() -> String {
    let mut text = "# Settings of a node\n\nMade by `ganglion reference settings`. A flag of `ganglion run` goes before the environment, that before \
                    `node.toml` in the data directory, that before the default; `ganglion config show` prints what counts and where it comes from.\n"
        .to_owned();
    for setting in &SETTINGS {
        let field = &setting.field;
        let default = match field.default {
            "" => "none".to_owned(),
            default => format!("`{default}`"),
        };
        let many = if setting.many { "; in the environment separated by commas" } else { "" };
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\n| | |\n|---|---|\n| value | {}: {}{many} |\n| default | {default} |\n| environment | `{}` |\n",
            field.key, field.about, field.unit, field.bounds, setting.env
        );
    }
    text
}

fn man() -> Result<String, Failure> {
    let mut page = Vec::new();
    let made = clap_mangen::Man::new(program()).date("").source("ganglion").render(&mut page);
    made.map_err(anyhow::Error::new)?;
    let mut left: Vec<Command> = program().get_subcommands().cloned().collect();
    left.reverse();
    let mut sections = String::from_utf8_lossy(&page).into_owned();
    while let Some(command) = left.pop() {
        let inner = command.get_subcommands().filter(|inner| inner.get_name() != "help");
        let inner: Vec<Command> = inner.cloned().collect();
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
        if !command.is_hide_set() && inner.is_empty() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let mut options = Vec::new();
            let man = clap_mangen::Man::new(command);
            man.render_options_section(&mut options).map_err(anyhow::Error::new)?;
            let options = String::from_utf8_lossy(&options).replace(".SH OPTIONS", ".SS OPTIONS");
            let _ = write!(sections, ".SH \"{}\"\n{about}\n{options}", name.to_uppercase());
        }
        left.extend(inner.into_iter().rev());
    }
    Ok(sections)
}
