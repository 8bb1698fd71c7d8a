//! How a program is started: through `waypost limit-and-run`, which sets its limits and supervises it.
//!
//! Limits belong to a process, so they must be set between its birth and its first instruction. Doing that in a
//! fork of the gateway takes unsafe code; the gateway's own file, started anew, needs none.

use std::{io, path::PathBuf, process::Stdio};

use tokio::process::Command;

use super::Settings;
use crate::{
    problem::Problem,
    secret::Secret,
    tools::{Materials, redact::Redactor},
};

/// How a program is started.
#[derive(Debug)]
pub(super) struct Launch {
    wrapper: PathBuf,
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, Secret)>,
    limits: Limits,
    redactor: Redactor,
}

/// What each process of a program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processor time, in seconds.
    pub cpu: u64,
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
            ("--cpu", Some(self.cpu)),
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

impl Launch {
    pub(super) fn build(
        settings: &Settings,
        materials: &mut Materials<'_>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut environment = Vec::with_capacity(settings.env.len());
        let mut redactor = Redactor::default();
        for (name, value) in &settings.env {
            let value = if value.starts_with("env:") || value.starts_with("file:") {
                let secret = (materials.secret)(value, &["env", name]);
                secret.inspect(|secret| redactor.hide_lines(secret))
            } else {
                Some(Secret::new(value))
            };
            environment.extend(value.map(|value| (name.clone(), value)));
        }
        let wrapper = wrapper().unwrap_or_else(|error| {
            let message = format!("the gateway's own file, which starts programs: {error}");
            problems.push(Problem::new(["program"], message));
            PathBuf::new()
        });
        let span = settings.cpu.get();
        Self {
            wrapper,
            program: settings.program.clone().into(),
            folder: settings.cwd.clone().into(),
            environment,
            limits: Limits {
                cpu: span.as_secs() + u64::from(span.subsec_nanos() > 0),
                memory: settings.memory,
                files: settings.files,
                file_size: settings.file_size,
                processes: settings.processes,
            },
            redactor,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// What is taken out of everything the program says.
    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The command of one call.
    pub(super) fn command(&self, arguments: &[String], reads: bool) -> Command {
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
