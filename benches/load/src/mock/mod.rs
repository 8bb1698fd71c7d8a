//! The provider of the bench: hand-written HTTP/1.1 on one thread with answers made in advance, so that it
//! costs far less than what stands before it.
//!
//! A directive in the prompt says how a stream is to go, since gateways drop headers they do not know:
//! `[[mock chunks=60 delay_ms=50]]`.

mod answers;
mod stream;

use std::{io, rc::Rc};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::http1::{self, BodyKind};
use answers::Answers;
use stream::Pace;

/// Options of `mock`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: String,
    /// Answer everything with this status
    #[arg(long)]
    always: Option<u16>,
}

#[derive(Clone, Copy, PartialEq)]
enum Surface {
    Chat,
    Messages,
    Unknown,
}

impl Surface {
    fn of(path: &str) -> Self {
        match path {
            "/v1/chat/completions" => Self::Chat,
            "/v1/messages" => Self::Messages,
            _ => Self::Unknown,
        }
    }
}

/// Serves until killed.
pub(crate) async fn run(args: Args) -> io::Result<()> {
    let listener = TcpListener::bind(&args.listen).await?;
    let answers = Rc::new(Answers::new(args.always));
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        let answers = answers.clone();
        tokio::task::spawn_local(async move {
            // A client that leaves in the middle is no business of a provider.
            let _ = converse(socket, &answers).await;
        });
    }
}

async fn converse(mut socket: TcpStream, answers: &Answers) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    let mut body = BytesMut::new();
    while let Some((surface, kind)) = read_head(&mut socket, &mut buffer).await? {
        body.clear();
        http1::read_body(&mut socket, &mut buffer, kind, &mut body).await?;
        if let Some(failure) = &answers.failure {
            socket.write_all(failure).await?;
            continue;
        }
        let streamed = is_true(&body, b"\"stream\":");
        match surface {
            Surface::Chat if streamed => {
                let usage = is_true(&body, b"\"include_usage\":");
                stream::openai(&mut socket, Pace::of(&body), usage).await?;
            }
            Surface::Messages if streamed => {
                stream::anthropic(&mut socket, Pace::of(&body)).await?;
            }
            Surface::Chat => socket.write_all(&answers.chat).await?,
            Surface::Messages => socket.write_all(&answers.message).await?,
            Surface::Unknown => socket.write_all(&answers.not_found).await?,
        }
    }
    Ok(())
}

/// The next request's surface and body; `None` when the client has gone.
async fn read_head(
    socket: &mut TcpStream,
    buffer: &mut BytesMut,
) -> io::Result<Option<(Surface, BodyKind)>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request
            .parse(buffer)
            .map_err(|_| http1::invalid("bad head"))?;
        if let httparse::Status::Complete(length) = parsed {
            let surface = Surface::of(request.path.unwrap_or(""));
            let kind = BodyKind::of(request.headers, BodyKind::None);
            buffer.advance(length);
            return Ok(Some((surface, kind)));
        }
        buffer.reserve(16 * 1024);
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Whether `key` stands in the JSON with `true` behind it. In a prompt its quotes would be escaped.
fn is_true(body: &[u8], key: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(body, key) else {
        return false;
    };
    let behind = body[at + key.len()..].trim_ascii_start();
    behind.starts_with(b"true")
}
