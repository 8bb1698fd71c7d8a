//! Memory and CPU time of a process and its children, and how busy the machine is, from /proc.

use std::fs;

/// A process tree at one instant.
#[derive(Clone, Copy, Default)]
pub(crate) struct Snapshot {
    /// CPU time since the start, in microseconds.
    pub(crate) cpu_us: u64,
    /// Resident memory, in KiB.
    pub(crate) rss_kib: u64,
}

/// The process and everything it started.
pub(crate) fn snapshot(pid: u32) -> Snapshot {
    let mut pids = vec![pid];
    let mut sum = Snapshot::default();
    while let Some(pid) = pids.pop() {
        sum.cpu_us += cpu_us(pid);
        sum.rss_kib += rss_kib(pid);
        pids.extend(children(pid));
    }
    sum
}

fn tasks(pid: u32) -> impl Iterator<Item = std::path::PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    tasks
        .into_iter()
        .flatten()
        .flatten()
        .map(|task| task.path())
}

fn children(pid: u32) -> Vec<u32> {
    let read = |task: std::path::PathBuf| fs::read_to_string(task.join("children")).ok();
    let lists = tasks(pid).filter_map(read);
    lists
        .flat_map(|list| {
            let pids = list.split_ascii_whitespace().map(str::parse);
            pids.flatten().collect::<Vec<u32>>()
        })
        .collect()
}

/// From schedstat, which counts nanoseconds; `stat` counts hundredths of a second.
fn cpu_us(pid: u32) -> u64 {
    let ran = |task: std::path::PathBuf| {
        let text = fs::read_to_string(task.join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    tasks(pid).filter_map(ran).sum::<u64>() / 1_000
}

fn rss_kib(pid: u32) -> u64 {
    let read = || {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    read().unwrap_or(0)
}

/// Jiffies of one core since the start of the machine.
#[derive(Clone, Copy, Default)]
pub(crate) struct Core {
    busy: u64,
    total: u64,
}

/// All cores at this instant.
pub(crate) fn cores() -> Vec<Core> {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let core = |line: &str| {
        let fields = line.split_ascii_whitespace().skip(1).take(8);
        let fields: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
        let total = fields.iter().sum::<u64>();
        let idle = fields.iter().skip(3).take(2).sum::<u64>();
        Core {
            busy: total - idle,
            total,
        }
    };
    let lines = text.lines().filter(|line| line.starts_with("cpu"));
    lines.skip(1).map(core).collect()
}

/// How busy all cores together were between two instants, in percent of one core.
pub(crate) fn busy_pct(before: &[Core], after: &[Core]) -> f64 {
    let share = |(before, after): (&Core, &Core)| {
        let total = after.total.saturating_sub(before.total).max(1);
        after.busy.saturating_sub(before.busy) as f64 / total as f64
    };
    before.iter().zip(after).map(share).sum::<f64>() * 100.0
}
