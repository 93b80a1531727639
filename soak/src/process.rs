//! What the kernel tells of a process.

/// Processor time of a process, in milliseconds: fields 14 and 15 of `/proc/PID/stat`, ticks of 10 ms.
pub(crate) fn processor_ms(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind = text.rsplit(") ").next().unwrap_or_default();
    behind.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>()
        * 10
}

/// The most memory that was resident since it was forgotten last.
pub(crate) fn peak_mib(pid: u32) -> u64 {
    memory_kib(pid, "VmHWM:") / 1_024
}

/// What is resident now.
pub(crate) fn resident_mib(pid: u32) -> u64 {
    memory_kib(pid, "VmRSS:") / 1_024
}

fn memory_kib(pid: u32, key: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(u64::MAX)
}

pub(crate) fn forget_peak(pid: u32) {
    // Where it cannot be done, the peak is of the whole life, which is no less.
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_uses_the_processor() {
        let own = std::process::id();
        assert!((1..100_000).contains(&peak_mib(own)));
        let mut sum = 0u64;
        while processor_ms(own) == 0 {
            sum = (0..100_000u64).fold(sum, |sum, one| sum.wrapping_mul(31).wrapping_add(one));
        }
        assert!(processor_ms(own) > 0, "{sum}");
        assert!((1..=peak_mib(own)).contains(&resident_mib(own)));
        assert_eq!(peak_mib(u32::MAX), u64::MAX / 1_024);
    }
}
