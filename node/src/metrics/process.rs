//! What the kernel and the runtime tell of this process. Read when somebody asks for metrics.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics::gauge;

use super::float;
use super::text::Text;

const MEMORY: &str = "ganglion_process_resident_memory_bytes";
const CPU: &str = "ganglion_process_cpu_seconds_total";
const FDS: &str = "ganglion_process_open_fds";
const UPTIME: &str = "ganglion_process_uptime_seconds";
const LIMIT: &str = "ganglion_process_memory_limit_bytes";
const WORKERS: &str = "ganglion_runtime_workers";
const TASKS: &str = "ganglion_runtime_tasks";
const BUSY: &str = "ganglion_runtime_busy_seconds_total";

/// When this process began to count.
pub(super) fn started() -> Instant {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}

/// Records what is a gauge.
pub(super) fn record() {
    gauge!(UPTIME).set(started().elapsed().as_secs_f64());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(bytes) = resident_bytes(&status) {
        gauge!(MEMORY).set(bytes);
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        // The directory itself is open while it is read.
        gauge!(FDS).set(float(entries.count().saturating_sub(1)));
    }
    if let Some(bytes) = memory_limit(Path::new("/proc"), Path::new("/sys/fs/cgroup")) {
        gauge!(LIMIT).set(bytes);
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        gauge!(WORKERS).set(float(runtime.metrics().num_workers()));
        gauge!(TASKS).set(float(runtime.metrics().num_alive_tasks()));
    }
}

/// Writes what is a counter with a fraction: the facade counts whole numbers only.
pub(super) fn write(text: &mut Text) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some(seconds) = cpu_seconds(&stat) {
        text.sample(CPU, "", seconds);
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let metrics = runtime.metrics();
        let busy = (0..metrics.num_workers()).map(|at| metrics.worker_total_busy_duration(at));
        text.sample(BUSY, "", busy.sum::<Duration>().as_secs_f64());
    }
}

/// The least of what the control groups of this process may hold and what the machine has.
fn memory_limit(proc: &Path, groups: &Path) -> Option<f64> {
    let meminfo = fs::read_to_string(proc.join("meminfo")).ok()?;
    let machine = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = kib(machine)?;
    let own = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    // Version 2 has one line, `0::/path`; version 1 one per controller.
    let limits = own.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        match controllers {
            "" => Some((groups.to_owned(), path, "memory.max")),
            _ if controllers.split(',').any(|one| one == "memory") => {
                Some((groups.join("memory"), path, "memory.limit_in_bytes"))
            }
            _ => None,
        }
    });
    // Every group above binds too. Inside a container the path may be one of the host's: then only the root is there.
    let bytes = limits.flat_map(|(root, path, file)| {
        let paths: Vec<_> =
            Path::new(path).ancestors().map(|at| root.join(at).join(file)).collect();
        paths.into_iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
    });
    Some(bytes.fold(machine, f64::min))
}

/// The figure of `   1234 kB`, in bytes.
fn kib(text: &str) -> Option<f64> {
    let kib: u32 = text.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kib) * 1_024.0)
}

/// The line `VmRSS:   1234 kB` of `/proc/self/status`.
fn resident_bytes(status: &str) -> Option<f64> {
    kib(status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?)
}

/// User and system time of `/proc/self/stat`: fields 14 and 15, the second being a name in
/// parentheses that may hold anything. The kernel shows them in hundredths of a second.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok().map(f64::from);
    Some((ticks()? + ticks()?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_figures_are_read() {
        assert_eq!(resident_bytes("VmPeak: 9 kB\nVmRSS:\t   1234 kB\n"), Some(1_263_616.0));
        assert_eq!(resident_bytes("VmRSS: many kB"), None);
        let stat = "12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("12 (a) S 1 2"), None);
    }

    #[test]
    fn the_narrowest_group_limits_the_memory() {
        let dir = tempfile::tempdir().unwrap();
        let (proc, groups) = (dir.path().join("proc"), dir.path().join("groups"));
        let put = |path: std::path::PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let limit = || memory_limit(&proc, &groups);
        assert_eq!(limit(), None);
        put(proc.join("meminfo"), "MemTotal:       1000 kB\nMemFree: 1 kB\n");
        assert_eq!(limit(), Some(1_024_000.0));
        put(proc.join("self/cgroup"), "0::/a/b\n");
        put(groups.join("a/b/memory.max"), "max\n");
        assert_eq!(limit(), Some(1_024_000.0));
        put(groups.join("a/memory.max"), "4096\n");
        assert_eq!(limit(), Some(4_096.0));
        put(proc.join("self/cgroup"), "5:cpu,memory:/c\n1:pids:/c\n");
        put(groups.join("memory/c/memory.limit_in_bytes"), "8192\n");
        assert_eq!(limit(), Some(8_192.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_files() {
        let recorder = super::super::builder().unwrap().build_recorder();
        let handle = recorder.handle();
        let text = metrics::with_local_recorder(&recorder, || super::super::text_of(&handle, ""));
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().parse().unwrap()
        };
        assert!(value("ganglion_process_resident_memory_bytes ") > 1e6);
        assert!(value("ganglion_process_open_fds ") >= 3.0);
        assert!(value("ganglion_process_cpu_seconds_total ") >= 0.0);
    }
}
