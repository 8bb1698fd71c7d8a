//! A program that runs, with everything it started.

use std::{io, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    runtime::Handle,
    time::timeout,
};

/// How long a program that is asked to end may take to put things in order.
pub const GRACE: Duration = Duration::from_millis(500);

/// How much longer its supervisor may take to end everything: twice what it takes at most.
const SUPERVISION: Duration = Duration::from_secs(2);

/// Whether the leader of a group is a supervisor, which ends the others when it is asked to, and when the gateway ends.
/// Killing it would set free what has left the group.
const IS_SUPERVISED: bool = cfg!(target_os = "linux");

/// A program that runs, with everything it started: one process group, led by its supervisor. Ended when dropped, first
/// asked (SIGTERM), then without asking (SIGKILL).
#[derive(Debug)]
pub struct Running(Option<Group>);

/// Its ends that are with us.
#[derive(Debug)]
pub struct Pipes {
    /// What it reads.
    pub stdin: Option<ChildStdin>,
    /// What it says.
    pub stdout: Option<ChildStdout>,
    /// What it complains of.
    pub stderr: Option<ChildStderr>,
}

impl Running {
    /// Starts it in a process group of its own.
    pub fn start(mut command: Command) -> io::Result<(Self, Pipes)> {
        let spawned = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut child = spawned?;
        let pipes = Pipes {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
        };
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = pid.and_then(Pid::from_raw);
        Ok((Self(Some(Group { child, leader })), pipes))
    }

    /// Waits until the program has ended and its supervisor has ended whatever it left running. Its group is killed
    /// besides, for a supervisor may have been killed itself.
    pub async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        let Some(group) = &mut self.0 else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let status = group.child.wait().await?;
        group.kill();
        self.0 = None;
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(group) = self.0.take() else {
            return;
        };
        group.signal(Signal::TERM);
        // Nobody waits for this task: it ends by itself after the grace. Without a runtime, or when the runtime ends
        // before it does, the group is dropped.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(group.end());
        }
    }
}

/// A process group. Killed when dropped, unless a supervisor sees to that.
#[derive(Debug)]
struct Group {
    child: Child,
    /// The number of its leader, which is its own; none once it was killed. A number may be given to a stranger when
    /// the leader was waited for and no other member is left, but only after all other numbers had their turn: killing
    /// right after the wait is safe, and killing later is not done.
    leader: Option<Pid>,
}

impl Group {
    async fn end(mut self) {
        let _ = timeout(GRACE + SUPERVISION, self.child.wait()).await;
        self.kill();
        // So that it does not stay a zombie.
        let _ = self.child.wait().await;
    }

    fn signal(&self, signal: Signal) {
        // There may be none left, which is what is wanted.
        let _ = self.leader.map(|leader| kill_process_group(leader, signal));
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !IS_SUPERVISED {
            self.kill();
        }
    }
}
