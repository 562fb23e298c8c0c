//! What a driver costs: processor time and memory of its process group, where the system tells (Linux).

use std::time::Duration;

/// What a group of processes has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Time that its threads ran or wanted to run, together: other work on the machine does not make a busy driver an idle one.
    pub(super) cpu: Duration,
    /// Resident memory, in bytes.
    pub(super) memory: u64,
}

/// Of the group that a process leads; `None` where nobody tells.
#[cfg(target_os = "linux")]
pub(super) fn usage(leader: u32) -> Option<Usage> {
    let tick = rustix::param::clock_ticks_per_second().max(1);
    let page = rustix::param::page_size() as u64;
    let mut sum = Usage::default();
    let mut found = false;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Processes may end while we look.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name ahead of the fields may hold anything, a bracket too.
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
        if field(2) != u64::from(leader) {
            continue;
        }
        found = true;
        let ticks = field(11) + field(12);
        let ran = Duration::from_millis(ticks.saturating_mul(1000) / tick);
        sum.cpu += wanted(pid).map_or(ran, |wanted| wanted.max(ran));
        sum.memory += field(21).saturating_mul(page);
    }
    found.then_some(sum)
}

/// Time that a process's threads ran and waited for a processor; `None` where the kernel does not count it.
#[cfg(target_os = "linux")]
fn wanted(pid: u32) -> Option<Duration> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let nanos = tasks.map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let mut fields = text.split_ascii_whitespace().map(|text| text.parse::<u64>().unwrap_or_default());
        Some(fields.next()?.saturating_add(fields.next()?))
    });
    nanos.sum::<Option<u64>>().map(Duration::from_nanos)
}

/// Of the group that a process leads; `None` where nobody tells.
#[cfg(not(target_os = "linux"))]
pub(super) fn usage(_: u32) -> Option<Usage> {
    None
}
