//! Plays scripts to whoever connects.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    Script, Step,
    oracle::{Fate, Oracle},
};

/// Serves connections until dropped.
pub(super) async fn serve(listener: TcpListener, oracle: Arc<Oracle>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        connections.spawn(connection(stream, oracle.clone()));
    }
}

/// How a script ended.
enum Ended {
    /// Played, and the connection is as good as before.
    Kept,
    Closed,
    Reset,
    /// The other side is gone.
    Left,
}

async fn connection(mut stream: TcpStream, oracle: Arc<Oracle>) {
    let mut buffer = BytesMut::new();
    while let Some((head, body)) = request(&mut stream, &mut buffer).await {
        let (number, script) = oracle.asked(head, body);
        let sent = |count| oracle.note(number, |seen| seen.sent += count);
        let (mut reader, mut writer) = stream.split();
        let ended = tokio::select! {
            biased;
            ended = play(&mut writer, script, sent) => ended,
            () = gone(&mut reader) => Ended::Left,
        };
        let fate = match ended {
            Ended::Left => Fate::Left(Instant::now()),
            Ended::Kept | Ended::Closed | Ended::Reset => Fate::Played,
        };
        if matches!(ended, Ended::Reset) {
            stream.set_zero_linger().unwrap();
        }
        oracle.note(number, |seen| seen.fate = fate);
        if !matches!(ended, Ended::Kept) {
            return;
        }
    }
}

/// Head and body of the next request; `None` when there is none.
async fn request(stream: &mut TcpStream, buffer: &mut BytesMut) -> Option<(String, String)> {
    let head = loop {
        let end = buffer.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            break String::from_utf8(buffer.split_to(end + 4).to_vec()).unwrap();
        }
        more(stream, buffer).await?;
    };
    let length = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.parse::<usize>().unwrap())
    };
    let length = head.lines().find_map(length).unwrap_or(0);
    while buffer.len() < length {
        more(stream, buffer).await?;
    }
    let body = String::from_utf8(buffer[..length].to_vec()).unwrap();
    buffer.advance(length);
    Some((head, body))
}

async fn more(stream: &mut TcpStream, buffer: &mut BytesMut) -> Option<()> {
    let read = stream.read_buf(buffer).await.unwrap_or(0);
    (read > 0).then_some(())
}

async fn play(writer: &mut WriteHalf<'_>, script: Script, sent: impl Fn(usize)) -> Ended {
    for step in script {
        let said = match step {
            Step::Say(bytes) => say(writer, &bytes, &sent).await,
            Step::Drip(bytes, pause) => {
                let mut said = Ok(());
                for byte in bytes.chunks(1) {
                    said = say(writer, byte, &sent).await;
                    sleep(pause).await;
                }
                said
            }
            Step::Forever(bytes, pause) => loop {
                let said = say(writer, &bytes, &sent).await;
                if said.is_err() {
                    break said;
                }
                sleep(pause).await;
            },
            Step::Pause(pause) => {
                sleep(pause).await;
                Ok(())
            }
            Step::Await(gate) => {
                gate.notified().await;
                Ok(())
            }
            Step::Hang => std::future::pending().await,
            Step::Close => return Ended::Closed,
            Step::Reset => return Ended::Reset,
        };
        if said.is_err() {
            return Ended::Left;
        }
    }
    Ended::Kept
}

async fn say(
    writer: &mut WriteHalf<'_>,
    bytes: &[u8],
    sent: &impl Fn(usize),
) -> std::io::Result<()> {
    writer.write_all(bytes).await?;
    sent(bytes.len());
    Ok(())
}

/// Ends when the other side has left. It has nothing to say while it is being answered.
async fn gone(reader: &mut ReadHalf<'_>) {
    let mut bytes = [0; 64];
    while reader.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}
