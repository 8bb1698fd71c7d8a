//! What the system says of this process, read at each scrape. On Linux; elsewhere there is no such series.

use std::fs;

use prometheus::{
    IntGauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// The resident memory, under the name that Prometheus' own clients give it.
#[derive(Debug)]
pub(super) struct ResidentMemory(IntGauge);

impl ResidentMemory {
    /// Nothing is read yet.
    pub(super) fn new() -> prometheus::Result<Self> {
        let help = "Resident memory of the process, in bytes.";
        IntGauge::new("process_resident_memory_bytes", help).map(Self)
    }
}

impl Collector for ResidentMemory {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let status = fs::read_to_string("/proc/self/status").ok();
        let Some(bytes) = status.as_deref().and_then(resident) else {
            return Vec::new();
        };
        self.0.set(bytes);
        self.0.collect()
    }
}

/// Bytes from the line `VmRSS:   12345 kB`; see proc_pid_status(5).
fn resident(status: &str) -> Option<i64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_resident_memory_and_nothing_else() {
        let check = |status, expected| assert_eq!(resident(status), expected, "{status}");
        check(
            "VmHWM:\t 9 kB\nVmRSS:\t  12345 kB\nRssAnon:\t 1 kB\n",
            Some(12_641_280),
        );
        check("VmRSS:\t  12345\n", None);
        check("VmRSS:\t  9223372036854775807 kB\n", None);
        check("", None);
    }
}
