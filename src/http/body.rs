//! Reading a request's body, and what a caller is told whose body was not taken.

use bytes::Bytes;

use super::Settings;
use crate::{
    intake::{self, Untaken},
    outcome::{ErrorClass, Failure},
};

/// Reads a whole body.
pub(super) async fn read(body: axum::body::Body, settings: &Settings) -> Result<Bytes, Failure> {
    let limit = settings.max_body;
    let read = intake::read(body, limit, settings.body_grace.get()).await;
    read.map_err(|untaken| match untaken {
        Untaken::TooLarge => too_large(limit),
        Untaken::TooSlow => too_slow(),
        Untaken::Broken => broken(),
    })
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        ErrorClass::TooLarge,
        format!("The request's body is larger than the limit of {limit} bytes."),
    )
}

/// It ended early, or its chunks are none. Who has left does not read this.
fn broken() -> Failure {
    let message =
        "The request's body is broken: it ended early, or it is not encoded as its headers say.";
    Failure::new(ErrorClass::InvalidRequest, message)
}

fn too_slow() -> Failure {
    Failure::new(
        ErrorClass::InvalidRequest,
        "The request's body came too slowly.",
    )
    .with_status(408)
}
