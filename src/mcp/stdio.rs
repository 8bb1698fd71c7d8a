//! MCP over standard input and output: one message in each line, one client, which started us.

use std::{sync::Arc, time::Duration};

use rmcp::ErrorData;
use serde_json::Value;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::timeout,
};

use super::{
    Gate, Guest,
    connection::{self, Inlet},
};

/// How long the last messages may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why a client is served no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has left, or the server drains.
    Well,
    /// It does not keep to the protocol's beginning.
    Unbegun,
    /// Its key is no longer valid.
    Unwelcome,
}

/// Serves one client until its input ends or the gate drains; what runs then may take `drain` to finish.
pub async fn stdio(
    gate: Arc<Gate>,
    guest: Guest,
    (input, mut output): (impl AsyncBufRead + Unpin, impl AsyncWrite + Unpin),
    drain: Duration,
) -> Ended {
    let caller = guest.caller.clone();
    let most = gate.offer().settings.max_body;
    let connection = connection::open(gate.clone(), guest);
    let (inlet, requests) = (connection.inlet, connection.requests);
    let serving = async {
        let mut serving = std::pin::pin!(connection.serving);
        let ended = tokio::select! {
            () = read(input, &inlet, most) => Ended::Well,
            () = gate.draining.cancelled() => Ended::Well,
            () = &mut serving => Ended::Unbegun,
            () = gate.until_gone(&caller) => Ended::Unwelcome,
        };
        if ended == Ended::Well {
            // Subscriptions have nothing to wait for any more.
            gate.draining.cancel();
            tokio::select! {
                () = &mut serving => {}
                _ = timeout(drain, requests.until_empty()) => {}
            }
        }
        // The writer ends when nobody can write any more.
        drop(inlet);
        ended
    };
    let mut outlet = connection.outlet;
    let writing = write(&mut output, &mut outlet);
    let mut writing = std::pin::pin!(writing);
    let ended = tokio::select! {
        ended = serving => ended,
        // Nobody reads.
        () = &mut writing => return Ended::Well,
    };
    let _ = timeout(LAST_WORDS, writing).await;
    ended
}

/// Writes messages, each in a line of its own: until there are no more, or nobody reads them.
async fn write(output: &mut (impl AsyncWrite + Unpin), outlet: &mut mpsc::Receiver<String>) {
    while let Some(mut line) = outlet.recv().await {
        line.push('\n');
        let written = async {
            output.write_all(line.as_bytes()).await?;
            output.flush().await
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, "standard output is closed");
            return;
        }
    }
}

/// Takes lines until there are no more.
async fn read(mut input: impl AsyncBufRead + Unpin, inlet: &Inlet, most: usize) {
    let mut line = Vec::new();
    while let Some(read) = next_line(&mut input, &mut line, most).await {
        let taken = match read {
            Line::Whole if line.trim_ascii().is_empty() => true,
            Line::Whole => inlet.take(&line).await,
            Line::TooLong => {
                let message = format!("The message is larger than the limit of {most} bytes");
                let error = ErrorData::invalid_request(message, None);
                inlet.refuse(Value::Null, error).await
            }
        };
        if !taken {
            return;
        }
    }
}

/// What came up to the end of a line.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// The line.
    Whole,
    /// More than is taken. It was thrown away while it came.
    TooLong,
}

/// Reads one line, of which it keeps no more than `most` bytes; `None` at the end of the input.
async fn next_line(
    input: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    most: usize,
) -> Option<Line> {
    line.clear();
    let mut too_long = false;
    loop {
        let bytes = match input.fill_buf().await {
            Ok(bytes) if !bytes.is_empty() => bytes,
            // A last line may do without an end.
            Ok(_) if too_long => return Some(Line::TooLong),
            Ok(_) => return (!line.is_empty()).then_some(Line::Whole),
            Err(error) => {
                tracing::warn!(%error, "standard input cannot be read");
                return None;
            }
        };
        let end = memchr::memchr(b'\n', bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        too_long |= line.len() + part.len() > most;
        if too_long {
            // Given back, not only emptied.
            *line = Vec::new();
        } else {
            line.extend_from_slice(part);
        }
        let read = end.map_or(bytes.len(), |end| end + 1);
        input.consume(read);
        if end.is_some() {
            return Some(if too_long { Line::TooLong } else { Line::Whole });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    #[tokio::test]
    async fn lines_are_read_whole_and_long_ones_thrown_away() {
        let text = format!("a\n\n{}\n{}\nb\nend", "x".repeat(8), "y".repeat(9));
        for buffer in [1, 3, 1024] {
            let mut input = BufReader::with_capacity(buffer, text.as_bytes());
            let mut line = Vec::new();
            let mut read = Vec::new();
            while let Some(kind) = next_line(&mut input, &mut line, 8).await {
                assert!(line.len() <= 8);
                read.push((kind, String::from_utf8(line.clone()).unwrap()));
            }
            let whole = |text: &str| (Line::Whole, text.to_owned());
            let long = (Line::TooLong, String::new());
            assert_eq!(
                read,
                [
                    whole("a"),
                    whole(""),
                    whole("xxxxxxxx"),
                    long,
                    whole("b"),
                    whole("end")
                ]
            );
        }
    }
}
