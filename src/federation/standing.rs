//! How it stands with a server, for operators.

use serde::{Deserialize, Serialize};

use super::Change;

/// How it stands with a server.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Its replicas or processes.
    pub replicas: Vec<ReplicaStanding>,
    /// The names of what is offered: of tools alone, of others with their kind before them.
    pub offered: Vec<String>,
    /// What waits for approval, and why.
    pub held: Vec<Held>,
    /// What `policy` and `only` name and the server does not list.
    pub unlisted: Vec<String>,
}

/// How it stands with one replica.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplicaStanding {
    /// Its address, or its program with the number of the process.
    pub place: String,
    /// `connecting`, `ready`, `failing` or `stopped`.
    pub state: &'static str,
    /// The revision it speaks.
    pub revision: Option<String>,
    /// What it calls itself, which is of no importance here.
    pub calls_itself: Option<String>,
    /// Calls under way.
    pub running: usize,
    /// Sessions of users that have one each.
    pub sessions: usize,
    /// Why it is not ready.
    pub reason: Option<String>,
    /// How often it had to be connected anew.
    pub reconnects: u64,
}

/// Something that waits for approval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The server's name for it, with its kind before it if it is no tool: `prompt NAME`, `resource URI`,
    /// `template URI`.
    pub tool: String,
    /// What an approval would approve: it names this digest.
    pub digest: String,
    /// What is new.
    pub change: Change,
    /// What an operator should look at twice.
    pub warnings: Vec<String>,
    /// All of it as it would be approved, for reading; empty where it is too long to be read.
    pub text: String,
}
