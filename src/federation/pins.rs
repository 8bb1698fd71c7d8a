//! What of other people's tools was approved, in a file that is read and compared like any other text.
//!
//! A pin is the digest of everything a server says of a tool. A tool whose digest is another is not offered before
//! somebody has seen what changed; the file keeps what was approved in full, so that the change can be shown.

use std::{path::PathBuf, sync::Arc};

use rmcp::model::Tool;
use serde::Serialize;

use super::{Approve, Held, Offered};

/// The approvals there are.
#[derive(Debug)]
pub struct Pins {
    /// Where they are kept; in memory alone where there is no file.
    path: Option<PathBuf>,
}

/// Why something waits for approval.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// It was never approved.
    New,
    /// It is not what was approved.
    Changed {
        /// What is different, line by line: `-` was, `+` is.
        diff: String,
    },
    /// It should not be offered, whoever approves it.
    Unfit {
        /// What is wrong.
        why: String,
    },
    /// The approvals cannot be read, so there are none.
    Unreadable,
}

impl Pins {
    /// The approvals in this file, which need not exist yet.
    pub fn open(path: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self { path })
    }

    /// What of these tools of a server may be offered, and what waits.
    pub fn judge(
        &self,
        _server: &str,
        _approve: Approve,
        _tools: Vec<Tool>,
    ) -> (Vec<Offered>, Vec<Held>) {
        let _ = &self.path;
        (Vec::new(), Vec::new())
    }
}
