//! A server that is a process of ours: started, heard within bounds, and never waited for.

use std::{io, path::PathBuf, sync::Arc};

use super::{
    asking,
    cut::Cut,
    heard::Heard,
    housed::{Housed, Life},
    pipe::Pipe,
    unsaid::Unsaid,
};
use crate::{
    process::{Limits, Program, Running},
    secret::Secret,
};

/// The size of a file a server writes, in bytes: a gibibyte, like the programs of tools.
const FILE_SIZE: u64 = 1024 * 1024 * 1024;

/// How a process of a server is started.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) server: &'a Arc<str>,
    pub(super) command: &'a [String],
    pub(super) folder: PathBuf,
    pub(super) environment: Vec<(String, Secret)>,
    /// Memory, in bytes, and open files.
    pub(super) limits: (u64, u64),
    /// The longest line, in bytes.
    pub(super) max_message: usize,
    /// The gateway's file, where it is not the one that runs.
    pub(super) starter: Option<PathBuf>,
    /// Which process it will be.
    pub(super) life: Life,
    /// The requests it will be asked.
    pub(super) asked: Arc<asking::Running>,
}

impl Start<'_> {
    /// Starts it.
    pub(super) fn start(self) -> io::Result<(Pipe, Housed)> {
        let (program, arguments) = self.command.split_first().ok_or(io::ErrorKind::NotFound)?;
        let limits = Limits {
            // It lives as long as the gateway, so no time is too long.
            cpu: None,
            memory: self.limits.0,
            files: self.limits.1,
            file_size: FILE_SIZE,
            processes: None,
        };
        let mut program = match self.starter {
            Some(gateway) => Program::by(gateway, program.into(), self.folder, limits),
            None => Program::new(program.into(), self.folder, limits)?,
        };
        let unsaid = Unsaid::of(&self.environment);
        program.environment = self.environment;
        let (running, pipes) = Running::start(program.command(arguments, true))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (pipes.stdin, pipes.stdout, pipes.stderr)
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let heard = Heard::new(self.server.clone(), unsaid);
        let pipe = Pipe::new((stdin, stdout), self.max_message, self.asked, heard.clone());
        let hearing = heard.listen(stderr);
        Ok((pipe, Housed::new(running, self.life, heard, hearing)))
    }
}

/// What an error of the pipe means.
pub(super) fn cut(_: io::Error) -> Cut {
    Cut::Closed
}
