//! What happened: one receipt for each request, and its readings.
//!
//! A [`Receipt`] is opened at the door, carried by value and closed once. The log line, the metrics, the
//! response headers and the explain record are all readings of it; there is no second bookkeeping.

mod counting;
pub mod ledger;
pub mod log;
pub mod metrics;
mod notes;
mod receipt;
pub mod record;
mod request_id;
mod series;
mod settings;
mod shown;
mod tool;
mod upstream;

pub use ledger::Ledger;
pub use metrics::Metrics;
pub use notes::{Completion, Notes, Serves};
pub use receipt::{Beginning, Opening, Receipt};
pub use record::{Attempt, Cost, End, Identity, Record, Surface};
pub use request_id::{REQUEST_ID, request_id};
pub use settings::{AccessLog, Level, Settings};
pub use shown::show;
pub use tool::{ToolRecord, What};
pub use upstream::{Proof, Upstream};
