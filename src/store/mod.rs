//! What must survive a restart: sessions in one SQLite file, approvals in one file of JSON.
//!
//! The SQLite file can be opened at any time with the `sqlite3` shell. It holds no key and no session's id: of those only
//! digests. Nothing else waits for the disk but whoever must know that something is safe.

mod approvals;
mod session;
mod sqlite;

pub use approvals::{Approval, Approvals, Approved, By, NotKept, Stamp};
pub use session::Session;
pub use sqlite::{Failed, Store};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What survives a restart. A change needs a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The SQLite file, made if it is not there. Without one a restart forgets the sessions of MCP clients.
    pub path: Option<String>,
}
