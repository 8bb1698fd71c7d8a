//! How a program is started: through `waypost limit-and-run`, which sets its limits and supervises it.
//!
//! Limits belong to a process, so they must be set between its birth and its first instruction. Doing that in a
//! fork of the gateway takes unsafe code; the gateway's own file, started anew, needs none.

use std::{io, path::PathBuf, process::Stdio};

use tokio::process::Command;

use crate::secret::Secret;

/// How a program is started.
#[derive(Clone, Debug)]
pub struct Program {
    wrapper: PathBuf,
    /// Its file, by an absolute path.
    pub program: PathBuf,
    /// Where it runs.
    pub folder: PathBuf,
    /// Its environment, all of it.
    pub environment: Vec<(String, Secret)>,
    /// What each of its processes may use.
    pub limits: Limits,
}

/// What each process of a program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processor time, in seconds; unlimited when absent.
    pub cpu: Option<u64>,
    /// Memory, in bytes.
    pub memory: u64,
    /// Open files.
    pub files: u64,
    /// The size of a file it writes, in bytes.
    pub file_size: u64,
    /// Processes and threads of the user.
    pub processes: Option<u64>,
}

impl Limits {
    /// The limits as options of `waypost limit-and-run`.
    fn options(self) -> impl Iterator<Item = String> {
        let options = [
            ("--cpu", self.cpu),
            ("--memory", Some(self.memory)),
            ("--files", Some(self.files)),
            ("--file-size", Some(self.file_size)),
            ("--processes", self.processes),
            ("--parent", Some(std::process::id().into())),
        ];
        let options = options.into_iter();
        options.filter_map(|(name, value)| value.map(|value| format!("{name}={value}")))
    }
}

impl Program {
    /// A program that has no environment yet. Fails where the gateway's own file is not found.
    pub fn new(program: PathBuf, folder: PathBuf, limits: Limits) -> io::Result<Self> {
        Ok(Self::by(wrapper()?, program, folder, limits))
    }

    /// The same, started by another file of the gateway's than the one that runs.
    pub fn by(wrapper: PathBuf, program: PathBuf, folder: PathBuf, limits: Limits) -> Self {
        Self {
            wrapper,
            program,
            folder,
            environment: Vec::new(),
            limits,
        }
    }

    /// The command that starts it with these arguments. Without `reads` there is nothing on its standard input.
    pub fn command(&self, arguments: &[String], reads: bool) -> Command {
        let mut command = Command::new(&self.wrapper);
        command
            .arg0("waypost")
            .arg("limit-and-run")
            .args(self.limits.options())
            .arg("--")
            .arg(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear();
        for (name, value) in &self.environment {
            command.env(name, value.reveal());
        }
        let stdin = if reads { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin);
        command
    }
}

/// The gateway's own file. On Linux it is named by what the kernel has open, so that a gateway whose file was replaced
/// by a newer version still finds itself.
fn wrapper() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe()
}
