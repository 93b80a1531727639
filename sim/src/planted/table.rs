//! Hunts as a table, and as JSON.

use std::fmt::Write as _;

use super::{Hunt, origin};

/// A Markdown table with a line for each bug, and the figures below it.
#[must_use]
pub fn show(hunts: &[Hunt]) -> String {
    let mut text = String::from(
        "| bug | what is done wrong, and where | found by | seeds | from |\n|---|---|---|---|---|\n",
    );
    for hunt in hunts {
        let (bug, from) = (hunt.bug, origin(hunt.bug));
        let (by, seeds) = match &hunt.found {
            Some((_, violation)) => (violation.checker, hunt.seeds.to_string()),
            None => ("NOT FOUND", format!("{} in vain", hunt.seeds)),
        };
        let (name, what) = (bug.name(), bug.what().trim_end_matches('.'));
        let _ = writeln!(
            text,
            "| {name} | {what}: `{}` | {by} | {seeds} | {} |",
            from.place, from.source
        );
    }
    let mut seeds: Vec<u64> =
        hunts.iter().filter(|hunt| hunt.found.is_some()).map(|hunt| hunt.seeds).collect();
    seeds.sort_unstable();
    let median = seeds.get(seeds.len() / 2).copied().unwrap_or(0);
    let worst = seeds.last().copied().unwrap_or(0);
    let _ = writeln!(
        text,
        "\n{} of {} found; seeds: median {median}, worst {worst}",
        seeds.len(),
        hunts.len()
    );
    text
}

/// The same for programs: one object per bug.
#[must_use]
pub fn json(hunts: &[Hunt]) -> String {
    let lines = hunts.iter().map(|hunt| {
        let from = origin(hunt.bug);
        let found = hunt.found.as_ref();
        let seed = found.map_or("null".into(), |(seed, _)| seed.to_string());
        let by = found.map_or("null".into(), |(_, one)| quoted(one.checker));
        let facts = found.map_or("null".into(), |(_, one)| quoted(&one.facts));
        let (name, source, place) = (quoted(hunt.bug.name()), quoted(from.source), quoted(from.place));
        format!(
            "{{\"bug\": {name}, \"seeds\": {}, \"seed\": {seed}, \"by\": {by}, \"facts\": {facts}, \"place\": {place}, \"source\": {source}}}",
            hunt.seeds
        )
    });
    format!("[\n{}\n]", lines.collect::<Vec<_>>().join(",\n"))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => quoted.extend(['\\', one]),
            one if one.is_control() => quoted.push(' '),
            one => quoted.push(one),
        }
    }
    quoted.push('"');
    quoted
}
