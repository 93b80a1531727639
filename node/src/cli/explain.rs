//! `ganglion explain`.

use std::ffi::OsStr;
use std::fmt::Write as _;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command};
use serde_json::{Value, json};

use super::exit::Failure;
use super::{Global, output};
use crate::fault::Code;

/// Say what the code of an error means, and what to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Every error prints its code in brackets, and docs/ERRORS.md lists all. Without a code this prints
every code with what it means.

Examples:
  ganglion explain data-locked
  ganglion explain --json | jq -r '.codes[].code'")]
pub(super) struct ExplainArgs {
    /// The code, as an error prints it or as the API writes it
    #[arg(value_parser = Named, hide_possible_values = true)]
    code: Option<Code>,
}

/// Reads a code by its name, or by what the API says: underscores, and a rule's own name.
#[derive(Clone, Copy, Debug)]
struct Named;

impl TypedValueParser for Named {
    type Value = Code;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Code, clap::Error> {
        let text = value.to_string_lossy();
        let found = Code::named(&text).or_else(|| Code::named(&format!("rule-{text}")));
        match found {
            Some(code) => Ok(code),
            None => {
                let names = PossibleValuesParser::new(Code::all().map(Code::name));
                names.parse_ref(command, arg, value).map(|_| Code::USAGE)
            }
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Code::all().map(|code| PossibleValue::new(code.name()))))
    }
}

pub(super) fn run(global: &Global, args: &ExplainArgs) -> Result<(), Failure> {
    let code = args.code;
    if global.json {
        let areas = Code::areas().iter();
        let all = areas.flat_map(|area| area.codes.iter().map(|one| (area.title, *one)));
        let codes: Vec<Value> = all
            .filter(|(_, one)| code.is_none_or(|code| *one == code))
            .map(|(area, one)| value(area, one))
            .collect();
        return output::print_json(&json!({"schema": "ganglion/explain/1", "codes": codes}));
    }
    output::print(&code.map_or_else(list, one))
}

fn value(area: &str, code: Code) -> Value {
    json!({"code": code.name(), "area": area, "meaning": code.meaning(), "cure": code.cure()})
}

fn one(code: Code) -> String {
    format!("error[{}]\n{}\n  help: {}\n", code.name(), code.meaning(), code.cure())
}

fn list() -> String {
    let width = Code::all().map(|code| code.name().len()).max().unwrap_or_default();
    let mut text = String::new();
    for area in Code::areas() {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{}", area.title);
        for code in area.codes {
            let _ = writeln!(text, "  {:<width$}  {}", code.name(), code.meaning());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::Cli;

    /// What is wrong with a command as a text names it, if anything is. Values are not looked at.
    fn wrong(program: &Command, words: &str) -> Option<String> {
        let mut command = program;
        let words = words.split_whitespace().skip(1).map(|word| word.trim_end_matches([',', '.']));
        let mut after_flag = false;
        for word in words.take_while(|word| !["--", "|", ">", "..."].contains(word)) {
            let value = after_flag || word.contains(['{', '<']) || word == word.to_uppercase();
            after_flag = false;
            if let Some(flag) = word.strip_prefix("--") {
                let flag = flag.split('=').next().unwrap_or_default();
                let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag));
                let Some(arg) = arg else { return Some(format!("no flag --{flag}")) };
                after_flag = arg.get_action().takes_values();
            } else if let Some(inner) = command.find_subcommand(word) {
                command = inner;
            } else if !value && command.get_positionals().next().is_none() {
                return Some(format!("no command {word:?}"));
            }
        }
        None
    }

    /// The commands in backticks of a source file or page, with lines joined as the compiler joins them.
    fn commands(text: &str) -> Vec<String> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let joined = lines.join("\n").replace("\\\n", "");
        let parts = joined.split(concat!("`", "ganglion ")).skip(1);
        parts.filter_map(|part| Some(format!("ganglion {}", part.split_once('`')?.0))).collect()
    }

    fn sources(dir: &Path, into: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|end| end == "rs") {
                into.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }

    #[test]
    fn commands_that_cures_and_sources_name_exist() {
        let mut program = Cli::command();
        program.build();
        let mut texts: Vec<(String, String)> =
            Code::all().map(|code| (code.name().into(), code.cure().into())).collect();
        for part in ["src", "../storage/src", "../persist/src", "../p2p/src"] {
            sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(part), &mut texts);
        }
        let (mut seen, mut bad) = (0, Vec::new());
        for (place, text) in &texts {
            for command in commands(text) {
                seen += 1;
                bad.extend(
                    wrong(&program, &command).map(|why| format!("{place}: `{command}`: {why}")),
                );
            }
        }
        assert!(bad.is_empty(), "{}", bad.join("\n"));
        assert!(seen > 300, "only {seen} commands found: are they still read?");
    }

    #[test]
    fn a_command_that_does_not_exist_is_seen() {
        let mut program = Cli::command();
        program.build();
        for (command, why) in [
            ("ganglion recoverr", Some("no command \"recoverr\"")),
            ("ganglion recover --dry", Some("no flag --dry")),
            ("ganglion keys histry export", Some("no command \"histry\"")),
            ("ganglion keys history reinstate --yes {flag}", None),
            ("ganglion worker check -- {name} --whatever", None),
            ("ganglion run --json", None),
        ] {
            assert_eq!(wrong(&program, command).as_deref(), why, "{command}");
        }
    }

    #[test]
    fn a_code_is_read_as_an_error_prints_it_and_as_the_api_writes_it() {
        let read = |word: &str| {
            Cli::try_parse_from(["ganglion", "explain", word]).map(|cli| match cli.command {
                Some(crate::cli::Command::Explain(args)) => args.code,
                _ => None,
            })
        };
        assert_eq!(read("data-locked").unwrap(), Some(Code::DATA_LOCKED));
        assert_eq!(read("not_found").unwrap(), Some(Code::NOT_FOUND));
        assert_eq!(read("not_registered").unwrap(), Some(Code::RULE_NOT_REGISTERED));
        let unknown = read("data-lokced").unwrap_err().to_string();
        assert!(unknown.contains("data-locked"), "{unknown}");
    }
}
