//! Reading a request's body, and what a client is told whose body was not taken.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;

use super::Refused;
use crate::intake::{self, Untaken};

/// How long a body may take before its speed counts: a slow mobile link's first second, generously.
const GRACE: Duration = Duration::from_secs(10);

/// Reads a whole body of at most `most` bytes.
pub(super) async fn read(body: Body, most: usize) -> Result<Bytes, Refused> {
    let read = intake::read(body, most, GRACE).await;
    read.map_err(|untaken| match untaken {
        Untaken::TooLarge => Refused::too_large(most),
        Untaken::TooSlow => Refused::too_slow(),
        Untaken::Broken => Refused::invalid("The request's body ended early"),
    })
}
