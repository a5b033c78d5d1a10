//! What Linux tells of this machine and its processes, read from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Clock ticks in a second: `USER_HZ`, which is 100 wherever Rust runs on Linux.
const TICKS: u32 = 100;
/// The columns of `/proc/stat` in which a processor works: user, nice, system, irq, softirq; and steal, in which another
/// machine does.
const BUSY: [usize; 6] = [0, 1, 2, 5, 6, 7];

/// The processor time of a process since it started, all threads, in user and kernel.
pub(crate) fn processor_time(process: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    process_ticks(&text)
        .map(duration)
        .context("/proc/PID/stat has another form here")
}

/// The processor time of a process and of all children that it ever had.
pub(crate) fn processor_time_of_family(parent: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{parent}/stat"))?;
    let ended = waited_for_ticks(&text).map(duration);
    let mut time =
        processor_time(parent)? + ended.context("/proc/PID/stat has another form here")?;
    for task in fs::read_dir(format!("/proc/{parent}/task"))? {
        let children = fs::read_to_string(task?.path().join("children"))?;
        for child in children.split_ascii_whitespace() {
            // One that ended just now is not there any more.
            time += processor_time(child.parse()?).unwrap_or_default();
        }
    }
    Ok(time)
}

/// The time that all processors together were busy since the machine started.
pub(crate) fn busy_time() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    busy_ticks(&text)
        .map(duration)
        .context("/proc/stat has another form here")
}

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: u64,
    /// The most that was resident at a time.
    pub(crate) peak: u64,
}

/// The memory of a process.
pub(crate) fn memory(process: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(Memory {
        resident: kibibytes(&text, "VmRSS:").context("no VmRSS")? * 1024,
        peak: kibibytes(&text, "VmHWM:").context("no VmHWM")? * 1024,
    })
}

/// The machine in a line: processors, memory, kernel.
pub(crate) fn description() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = kibibytes(&read("/proc/meminfo"), "MemTotal:").unwrap_or_default() >> 20;
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {model}, {memory} GiB, Linux {}", kernel.trim())
}

fn duration(ticks: u64) -> Duration {
    Duration::from_secs(ticks) / TICKS
}

/// `utime` and `stime`: fields 14 and 15. The second field, the command, may hold anything but ends with the last `)`.
fn process_ticks(stat: &str) -> Option<u64> {
    two_fields(stat, 14)
}

/// `cutime` and `cstime`: the same of the children that ended, and their children.
fn waited_for_ticks(stat: &str) -> Option<u64> {
    two_fields(stat, 16)
}

/// The sum of a field and the next. Fields are counted from 1, and those behind the command begin with the third.
fn two_fields(stat: &str, first: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(first - 3);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn busy_ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let columns: Vec<u64> = line
        .split_ascii_whitespace()
        .map(|column| column.parse().ok())
        .collect::<Option<_>>()?;
    BUSY.iter().map(|index| columns.get(*index)).sum()
}

fn kibibytes(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_charged_for_user_and_kernel_time() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 3 0 150 25 7 8 20 0 4 0 100 0 0";
        assert_eq!(process_ticks(stat), Some(175));
        assert_eq!(waited_for_ticks(stat), Some(15));
        assert_eq!(process_ticks("42 (a) S 1"), None);
        assert_eq!(duration(175), Duration::from_millis(1750));
    }

    #[test]
    fn a_processor_that_waits_is_not_busy() {
        let stat = "cpu  10 20 30 4000 500 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(busy_ticks(stat), Some(10 + 20 + 30 + 6 + 7 + 8));
        assert_eq!(busy_ticks("intr 5"), None);
    }

    #[test]
    fn memory_is_found_by_its_label() {
        let status = "VmPeak:\t  900 kB\nVmHWM:\t   300 kB\nVmRSS:\t   200 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(200));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_is_measured() {
        let own = memory(std::process::id()).unwrap();
        assert!(own.resident > 0 && own.resident <= own.peak);
        assert!(processor_time(std::process::id()).is_ok());
        assert!(processor_time_of_family(std::process::id()).is_ok());
        assert!(busy_time().unwrap() > Duration::ZERO);
    }
}
