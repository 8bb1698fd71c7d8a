//! Reading a request's body within its limits: size, and speed.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::Refused;

/// How long a body may take before its speed counts: a slow mobile link's first second, generously.
const GRACE: Duration = Duration::from_secs(10);

/// The least a client must send after its grace, in bytes per second. Slower is an attack or a dead link.
const SLOWEST: u64 = 1024;

/// Reads a whole body of at most `most` bytes.
pub(super) async fn read(mut body: Body, most: usize) -> Result<Bytes, Refused> {
    if body.size_hint().lower() > most as u64 {
        return Err(Refused::too_large(most));
    }
    let began = Instant::now();
    let mut all = BytesMut::new();
    loop {
        let due = began + GRACE + Duration::from_secs(all.len() as u64 / SLOWEST);
        let frame = timeout_at(due, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Refused::too_slow())? else {
            return Ok(all.freeze());
        };
        let frame = frame.map_err(|_| Refused::invalid("The request's body ended early"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > most - all.len() {
            return Err(Refused::too_large(most));
        }
        all.extend_from_slice(&data);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream::unfold;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up() {
        let drip = |every: Duration| {
            Body::from_stream(unfold((), move |()| async move {
                sleep(every).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 512])), ()))
            }))
        };
        let began = Instant::now();
        let slow = read(drip(Duration::from_secs(1)), usize::MAX).await;
        assert_eq!(slow, Err(Refused::too_slow()));
        assert!(began.elapsed() < 3 * GRACE, "{:?}", began.elapsed());
        let steady = read(drip(Duration::from_millis(400)), 1024 * 1024).await;
        assert_eq!(steady, Err(Refused::too_large(1024 * 1024)));
    }
}
