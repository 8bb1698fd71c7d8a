//! `waypost limit-and-run`: sets limits on itself and becomes the program. The gateway starts the programs of tools
//! through it; it is not for people.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    process::{Command, id},
};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Outcome;
use crate::tools::kinds::command::Limits;

/// Options of `limit-and-run`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Processor time, in seconds.
    #[arg(long)]
    cpu: u64,
    /// Memory, in bytes.
    #[arg(long)]
    memory: u64,
    /// Open files.
    #[arg(long)]
    files: u64,
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

/// Sets the limits and becomes the program. Returns only if that fails.
pub(super) fn run(options: Options) -> Outcome {
    let limits = Limits {
        cpu: options.cpu,
        memory: options.memory,
        files: options.files,
        processes: options.processes,
    };
    let bound = stay_with(options.parent).and_then(|()| limit(limits));
    if let Err(error) = bound {
        return Outcome::Failed(format!("the limits of the program cannot be set: {error}"));
    }
    let Some((program, arguments)) = options.command.split_first() else {
        return Outcome::Bad("there is no program".to_owned());
    };
    let error = Command::new(program).args(arguments).exec();
    // A model may read this: without the path.
    Outcome::Failed(format!("the program cannot be started: {error}"))
}

/// Sees to it that the program does not outlive the gateway, not even one that is killed.
///
/// The kernel sends the signal when the *thread* ends that started this process. Tokio's workers, which start programs,
/// live as long as the runtime (nothing here calls `block_in_place`, which would replace them).
#[cfg(target_os = "linux")]
fn stay_with(parent: u32) -> io::Result<()> {
    use rustix::{
        process::{Signal, getppid, set_parent_process_death_signal},
        thread::set_no_new_privs,
    };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before the kernel was told.
    let present = getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    if present != parent {
        return Err(io::Error::other(format!(
            "the gateway that started process {} is gone",
            id()
        )));
    }
    // A program with more rights than the gateway (set-user-ID) could not be ended by it, and forgets the signal.
    Ok(set_no_new_privs(true)?)
}

/// Other systems have no such thing: a killed gateway may leave a program behind.
#[cfg(not(target_os = "linux"))]
fn stay_with(_: u32) -> io::Result<()> {
    Ok(())
}

fn limit(limits: Limits) -> io::Result<()> {
    // The first limit is a signal that says why, the second is death.
    set(Resource::Cpu, limits.cpu, limits.cpu.saturating_add(1))?;
    // What a process may write to and has to itself. Its address space is no measure: runtimes reserve far more than
    // they use.
    set(Resource::Data, limits.memory, limits.memory)?;
    set(Resource::Nofile, limits.files, limits.files)?;
    if let Some(processes) = limits.processes {
        set(Resource::Nproc, processes, processes)?;
    }
    // What a caller sent must not end up on the disk.
    set(Resource::Core, 0, 0)
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
