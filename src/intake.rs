//! Taking in what a caller sends: a whole body within its limits of size and speed, for either face.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

/// The least a client must send after its grace, in bytes per second. Slower is an attack or a dead link.
const SLOWEST: u64 = 1024;

/// The most memory taken for a body on its announced length alone: a promise is no body yet.
const RESERVED: u64 = 1024 * 1024;

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untaken {
    /// It is larger than allowed.
    TooLarge,
    /// It came too slowly.
    TooSlow,
    /// It ended early, or its chunks are none. Who has left does not read this.
    Broken,
}

/// Reads a whole body of at most `most` bytes. After `grace` its speed counts.
pub async fn read<B>(mut body: B, most: usize, grace: Duration) -> Result<Bytes, Untaken>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > most as u64 {
        return Err(Untaken::TooLarge);
    }
    let expected = announced.min(RESERVED) as usize;
    let began = Instant::now();
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    loop {
        let read = first.as_ref().map_or(all.len(), Bytes::len);
        // The longer it takes, the more must be there: the grace, and a second for each KiB read.
        let due = began + grace + Duration::from_secs(read as u64 / SLOWEST);
        let frame = timeout_at(due, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Untaken::TooSlow)? else {
            break;
        };
        let frame = frame.map_err(|_| Untaken::Broken)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > most - read {
            return Err(Untaken::TooLarge);
        }
        if all.is_empty() && first.is_none() {
            // Most bodies are one piece, which is passed on as it is.
            first = Some(data);
            continue;
        }
        if let Some(first) = first.take() {
            all.reserve(expected.max(first.len() + data.len()));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, pin::Pin};

    use futures_util::stream::unfold;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up() {
        let grace = Duration::from_secs(10);
        let drip = |every: Duration| {
            let pieces = unfold((), move |()| async move {
                sleep(every).await;
                let piece = Frame::data(Bytes::from_static(&[b'x'; 512]));
                Some((Ok::<_, Infallible>(piece), ()))
            });
            StreamBody::new(Box::pin(pieces) as Pin<Box<_>>)
        };
        let began = Instant::now();
        let slow = read(drip(Duration::from_secs(1)), usize::MAX, grace).await;
        assert_eq!(slow, Err(Untaken::TooSlow));
        assert!(began.elapsed() < 3 * grace, "{:?}", began.elapsed());
        let steady = read(drip(Duration::from_millis(400)), 1024 * 1024, grace).await;
        assert_eq!(steady, Err(Untaken::TooLarge));
    }
}
