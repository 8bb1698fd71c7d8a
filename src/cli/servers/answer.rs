//! What a gateway answers about other servers.

use serde::Deserialize;

use crate::federation::Held;

/// A server in the list of all.
#[derive(Deserialize)]
pub(super) struct Summary {
    pub(super) name: String,
    pub(super) replicas: Vec<Replica>,
    pub(super) offered: usize,
    pub(super) held: usize,
}

/// One server.
#[derive(Deserialize)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) replicas: Vec<Replica>,
    pub(super) offered: Vec<String>,
    pub(super) held: Vec<Held>,
    /// What the configuration names of it that it does not list.
    pub(super) unlisted: Vec<String>,
}

/// One replica of a server.
#[derive(Deserialize)]
pub(super) struct Replica {
    pub(super) place: String,
    pub(super) state: String,
    pub(super) revision: Option<String>,
    pub(super) reason: Option<String>,
}
