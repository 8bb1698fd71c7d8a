//! The supervisor of a program: it starts it, waits for it, and lets nothing of what it started outlive it.
//!
//! A process that leaves its group or its session is still somebody's child. This process adopts what its descendants
//! leave behind (a "subreaper", prctl(2)), so all of them become its own children one by one as their parents end. It
//! kills only its own children: their numbers cannot go to strangers before it has waited for them.

use std::{
    fs, io,
    os::unix::process::CommandExt,
    process::{Command, id},
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{
        Pid, Signal, WaitOptions, WaitStatus, getgid, getpgrp, getpid, getppid, kill_process,
        kill_process_group, set_child_subreaper, set_parent_process_death_signal, wait,
    },
    thread::set_no_new_privs,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep_until},
};

use crate::process::GRACE;

/// How often children are killed that are still there: those of one generation end at once, and leave the next.
const ROUND: Duration = Duration::from_millis(5);

/// How long that goes on. It takes a few rounds, but for a process that the kernel holds (state D), or for some that
/// multiply faster than they can be killed: `processes` bounds those.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why there is no end of a program to tell of.
pub(super) enum Failed {
    /// The supervisor cannot do its work.
    Bound(io::Error),
    /// The program cannot be started.
    Start(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Bound(error)
    }
}

/// Runs the program to its end, which it gives, and ends all that it has started: when it ends, when this process is
/// asked to end (SIGTERM), and when `parent` does, which started this one. `limit` is called just before.
pub(super) fn run(
    program: &mut Command,
    parent: u32,
    limit: impl FnOnce() -> io::Result<()>,
) -> Result<WaitStatus, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(supervise(program, parent, limit))
}

async fn supervise(
    program: &mut Command,
    parent: u32,
    limit: impl FnOnce() -> io::Result<()>,
) -> Result<WaitStatus, Failed> {
    // Before there is anything to leave behind.
    let mut orders = signal(SignalKind::terminate())?;
    let mut ends = signal(SignalKind::child())?;
    set_child_subreaper(Some(getpid())).map_err(io::Error::from)?;
    stay_with(parent)?;
    limit()?;
    let mut family = Family {
        program: start(program)?,
        status: None,
    };
    // Until when the program may put things in order, once it is to end.
    let mut until: Option<Instant> = None;
    while family.status.is_none() && until.is_none_or(|until| Instant::now() < until) {
        tokio::select! {
            _ = ends.recv() => {
                family.wait()?;
            }
            _ = orders.recv(), if until.is_none() => {
                until = Some(Instant::now() + GRACE);
                pass_on(parent);
            }
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
        }
    }
    let given_up = Instant::now() + PATIENCE;
    while family.wait()? && Instant::now() < given_up {
        family.kill();
        let _ = tokio::time::timeout(ROUND, ends.recv()).await;
    }
    let lost = || io::Error::other("the program does not end");
    family.status.ok_or_else(|| Failed::Bound(lost()))
}

/// Starts it under the limits that are this process's own by now.
fn start(program: &mut Command) -> Result<Pid, Failed> {
    // Its group is what it is. Saying so makes the standard library fork: what it does otherwise (posix_spawn(3)) needs
    // memory of this process first, which may have reserved more already than the program is allowed.
    program.gid(getgid().as_raw());
    let child = program.spawn().map_err(Failed::Start)?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("the program has no number").into())
}

/// Has the kernel ask this process to end when the gateway does, even one that is killed.
///
/// The kernel sends the signal when the *thread* ends that started this process. Tokio's workers, which start programs,
/// live as long as the runtime (nothing here calls `block_in_place`, which would replace them).
fn stay_with(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // It may have ended before the kernel was told.
    if !is_child_of(parent) {
        return Err(io::Error::other(format!(
            "the gateway that started process {} is gone",
            id()
        )));
    }
    // A program with more rights than the gateway (set-user-ID) could not be ended.
    Ok(set_no_new_privs(true)?)
}

fn is_child_of(parent: u32) -> bool {
    getppid().is_some_and(|pid| pid.as_raw_nonzero().get().unsigned_abs() == parent)
}

/// The gateway asks the whole group to end. One that was killed could not: its order came from the kernel, to this
/// process only.
fn pass_on(parent: u32) {
    if !is_child_of(parent) {
        let _ = kill_process_group(getpgrp(), Signal::TERM);
    }
}

/// The program and what it has started.
struct Family {
    program: Pid,
    /// How the program ended.
    status: Option<WaitStatus>,
}

impl Family {
    /// Takes note of all children that have ended: whether there is any other.
    fn wait(&mut self) -> io::Result<bool> {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.program => self.status = Some(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return Ok(true),
                Err(Errno::CHILD) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Kills all children.
    fn kill(&self) {
        let Ok(processes) = fs::read_dir("/proc") else {
            // Without it the program is known, and the gateway kills the group.
            let _ = self.status.is_none() && kill_process(self.program, Signal::KILL).is_ok();
            return;
        };
        let me = id().to_string();
        for process in processes.flatten() {
            let name = process.file_name();
            let pid = name.to_str().and_then(|name| name.parse().ok());
            let Some(pid) = pid.and_then(Pid::from_raw) else {
                continue;
            };
            let stat = fs::read(process.path().join("stat")).unwrap_or_default();
            if parent(&stat).is_some_and(|parent| parent == me) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// The parent of a process: the second word behind its name, which stands in parentheses and may hold some itself
/// (proc_pid_stat(5)).
fn parent(stat: &[u8]) -> Option<&str> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    rest.split_ascii_whitespace().nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent(b"7 (a) 1 (b) S 42 7 7 0"), Some("42"));
        assert_eq!(parent(b"7 (\xff) R 1 7"), Some("1"));
        assert_eq!(parent(b"7 (a"), None);
        assert_eq!(parent(b""), None);
    }
}
