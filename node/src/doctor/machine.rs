//! What the machine has to give: memory, open files, and the time.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Patient, Report};
use crate::fault::Code;
use crate::units::{show_bytes, show_ms};

/// Below this a node with a built-in worker is likely to be ended by the system, in bytes.
const LITTLE_MEMORY: u64 = 128 << 20;
/// Below this there is no reserve, in bytes.
const LOW_MEMORY: u64 = 512 << 20;
/// Open files beside connections: tables, logs, sockets of the API and the worker.
const OWN_FILES: u64 = 256;
/// How far behind its own certified epochs a clock may be, in milliseconds: members' clocks differ.
const CLOCK_SLACK_MS: u64 = 5_000;

/// The least of what the machine and the container leave.
pub(super) fn memory(report: &mut Report) {
    let Ok(machine) = fs::read_to_string("/proc/meminfo") else { return };
    let read = |name: &str| fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok();
    let group = read("memory.max").zip(read("memory.current"));
    let group = group.as_ref().map(|(max, current)| (max.as_str(), current.as_str()));
    let Some(free) = free_memory(&machine, group) else { return };
    let sentence = format!("{} of memory are free", show_bytes(free));
    if free < LITTLE_MEMORY {
        report.error(Code::MEMORY, sentence);
    } else if free < LOW_MEMORY {
        report.warning(Code::MEMORY, sentence);
    } else {
        report.good("memory", sentence);
    }
}

/// Bytes that may still be used, from `/proc/meminfo` and from limit and use of the control group.
fn free_memory(machine: &str, group: Option<(&str, &str)>) -> Option<u64> {
    let line = machine.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    let left = group.and_then(|(max, current)| {
        let bytes = |text: &str| text.trim().parse::<u64>().ok();
        Some(bytes(max)?.saturating_sub(bytes(current)?))
    });
    Some(left.unwrap_or(u64::MAX).min(kib.saturating_mul(1_024)))
}

pub(super) fn open_files(connections: u32, report: &mut Report) {
    let Ok(limits) = fs::read_to_string("/proc/self/limits") else { return };
    let Some(most) = open_files_most(&limits) else { return };
    let needed = u64::from(connections) + OWN_FILES;
    let sentence = format!("{most} files may be open, {needed} may be needed");
    if most < needed {
        report.error_cured(
            Code::OPEN_FILES,
            sentence,
            format!(
                "Raise the limit: `ulimit -n {0}`, LimitNOFILE={0} in a systemd unit, or lower \
                 max_connections.",
                needed.next_power_of_two()
            ),
        );
    } else {
        report.good("open-files", sentence);
    }
}

fn open_files_most(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// The clock against what was certified: no epoch is certified before its window ends.
pub(super) fn clock(patient: &Patient, report: &mut Report) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let genesis = patient.manifest.genesis_time;
    let epochs = patient.certified.unwrap_or_default();
    let least = genesis.saturating_add(epochs.saturating_mul(patient.manifest.epoch_ms));
    if epochs > 0 && now.saturating_add(CLOCK_SLACK_MS) < least {
        report.error(Code::CLOCK, format!(
                "epoch {epochs} is certified here and by this clock has not ended yet: the clock is at least \
                 {} behind",
                show_ms(least - now)
            ));
    } else if synchronised() == Some(false) {
        report.warning(Code::CLOCK_FREE, "the system does not synchronise its clock");
    } else if now < genesis {
        let left = show_ms(genesis - now);
        report.note("clock", format!("genesis is {left} from now, if this clock is right"));
    } else {
        report.good("clock", "agrees with what is certified here");
    }
}

/// What systemd says; nothing where it does not run.
fn synchronised() -> Option<bool> {
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    match String::from_utf8_lossy(&asked.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// Longest wait for a single answer of another machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_least_of_machine_and_container() {
        let machine = "MemTotal: 9 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(free_memory(machine, None), Some(2_048 << 10));
        assert_eq!(free_memory(machine, Some(("max\n", "5\n"))), Some(2_048 << 10));
        assert_eq!(free_memory(machine, Some(("1000\n", "400\n"))), Some(600));
        assert_eq!(free_memory(machine, Some(("1000\n", "4000\n"))), Some(0));
        assert_eq!(free_memory("", None), None);
    }

    #[test]
    fn the_soft_limit_of_open_files_counts() {
        let limits = "Limit  Soft  Hard\nMax open files            1024    524288   files\n";
        assert_eq!(open_files_most(limits), Some(1_024));
        assert_eq!(open_files_most("Max open files   unlimited unlimited files"), Some(u64::MAX));
        assert_eq!(open_files_most("Max cpu time 1 2"), None);
    }
}
