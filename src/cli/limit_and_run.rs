//! `waypost limit-and-run`: sets limits on itself, runs a program under them and ends as it does. The gateway starts the
//! programs of tools through it; it is not for people.

use std::{
    ffi::OsString,
    io,
    process::{Command, ExitCode},
};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::say;
use crate::{process::Limits, tools::kinds::command::NOT_EXECUTED};

/// Options of `limit-and-run`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Processor time, in seconds.
    #[arg(long)]
    cpu: Option<u64>,
    /// Memory, in bytes.
    #[arg(long)]
    memory: u64,
    /// Open files.
    #[arg(long)]
    files: u64,
    /// The size of a file it writes, in bytes.
    #[arg(long)]
    file_size: u64,
    /// Processes and threads of the user.
    #[arg(long)]
    processes: Option<u64>,
    /// The process that started it.
    #[arg(long)]
    parent: u32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs the program, and ends as it does.
pub(super) fn run(options: Options) -> ExitCode {
    let limits = Limits {
        cpu: options.cpu,
        memory: options.memory,
        files: options.files,
        file_size: options.file_size,
        processes: options.processes,
    };
    let Some((program, arguments)) = options.command.split_first() else {
        return failed("there is no program");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    become_it(&mut command, options.parent, limits)
}

/// A model may read this: without the path. It is no answer of the program, and its code says so.
fn failed(reason: &str) -> ExitCode {
    say::aside(&format!("waypost: {reason}"));
    ExitCode::from(NOT_EXECUTED)
}

fn unlimited(error: &io::Error) -> ExitCode {
    failed(&format!("the limits of the program cannot be set: {error}"))
}

fn not_started(error: &io::Error) -> ExitCode {
    failed(&format!("the program cannot be started: {error}"))
}

/// Runs the program as a child, and ends as it does.
#[cfg(target_os = "linux")]
fn become_it(command: &mut Command, parent: u32, limits: Limits) -> ExitCode {
    use super::supervise::{self, Failed};
    match supervise::run(command, parent, || limit(limits)) {
        Ok(status) => end_like(status),
        Err(Failed::Bound(error)) => unlimited(&error),
        Err(Failed::Start(error)) => not_started(&error),
    }
}

/// Ends with the same code, or by the same signal: the gateway tells its caller.
#[cfg(target_os = "linux")]
fn end_like(status: rustix::process::WaitStatus) -> ExitCode {
    use rustix::process::{Signal, getpid, kill_process};
    if let Some(code) = status.exit_status() {
        // A code has eight bits.
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let number = status.terminating_signal().unwrap_or(0);
    if let Some(signal) = Signal::from_named_raw(number) {
        // Rust's runtime takes the first SIGSEGV and SIGBUS for what may be a full stack, and lets go of them.
        for _ in 0..2 {
            let _ = kill_process(getpid(), signal);
        }
    }
    // One that this process cannot end by: as shells tell it (POSIX, XCU 2.8.2).
    ExitCode::from(u8::try_from(128 + number).unwrap_or(u8::MAX))
}

/// Other systems know neither the end of a parent nor the adoption of orphans: this process becomes the program, and
/// what leaves its group, or is there when the gateway is killed, stays.
#[cfg(not(target_os = "linux"))]
fn become_it(command: &mut Command, _: u32, limits: Limits) -> ExitCode {
    use std::os::unix::process::CommandExt;
    match limit(limits) {
        Ok(()) => not_started(&command.exec()),
        Err(error) => unlimited(&error),
    }
}

fn limit(limits: Limits) -> io::Result<()> {
    // The first limit is a signal that says why, the second is death.
    if let Some(cpu) = limits.cpu {
        set(Resource::Cpu, cpu, cpu.saturating_add(1))?;
    }
    // What a process may write to and has to itself. Its address space is no measure: runtimes reserve far more than
    // they use.
    set(Resource::Data, limits.memory, limits.memory)?;
    set(Resource::Nofile, limits.files, limits.files)?;
    set(Resource::Fsize, limits.file_size, limits.file_size)?;
    if let Some(processes) = limits.processes {
        set(Resource::Nproc, processes, processes)?;
    }
    // What a caller sent must not end up on the disk.
    set(Resource::Core, 0, 0)?;
    // The gateway opens nothing that a program would inherit, but whoever started the gateway may have.
    close_fds::set_fds_cloexec(3, &[]);
    Ok(())
}

/// Sets a limit; one that is lower already stays.
fn set(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit {
        current: Some(soft.min(most)),
        maximum: Some(hard.min(most)),
    };
    Ok(setrlimit(resource, limit)?)
}
