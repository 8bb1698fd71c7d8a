//! Just enough HTTP/1.1 to stay cheap beside what is measured.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BodyKind {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

impl BodyKind {
    /// What the headers say; `otherwise` where they say nothing.
    pub(crate) fn of(headers: &[httparse::Header<'_>], otherwise: Self) -> Self {
        let mut kind = otherwise;
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(header.value).unwrap_or("");
                if let Ok(length) = text.trim().parse() {
                    kind = Self::Length(length);
                }
            } else if header.name.eq_ignore_ascii_case("transfer-encoding")
                && header.value.to_ascii_lowercase().ends_with(b"chunked")
            {
                return Self::Chunked;
            }
        }
        kind
    }
}

pub(crate) fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Reads more into `buffer`; an end is an error.
pub(crate) async fn more(
    socket: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> io::Result<()> {
    buffer.reserve(16 * 1024);
    match socket.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// The head of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) kind: BodyKind,
    /// The connection ends behind this answer.
    pub(crate) close: bool,
}

/// Reads the head of an answer; the first bytes of its body stay in `buffer`.
pub(crate) async fn read_head(
    socket: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> io::Result<Head> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(buffer).map_err(|_| invalid("bad head"))?;
        if let httparse::Status::Complete(length) = parsed {
            let kind = BodyKind::of(response.headers, BodyKind::UntilClose);
            let says_close = |header: &httparse::Header<'_>| {
                header.name.eq_ignore_ascii_case("connection")
                    && header.value.eq_ignore_ascii_case(b"close")
            };
            let head = Head {
                status: response.code.unwrap_or(0),
                kind,
                close: kind == BodyKind::UntilClose || response.headers.iter().any(says_close),
            };
            buffer.advance(length);
            return Ok(head);
        }
        more(socket, buffer).await?;
    }
}

/// Reads a whole body from `buffer` and `socket` into `out`.
pub(crate) async fn read_body(
    socket: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    kind: BodyKind,
    out: &mut BytesMut,
) -> io::Result<()> {
    match kind {
        BodyKind::None => Ok(()),
        BodyKind::Length(length) => {
            while buffer.len() < length {
                more(socket, buffer).await?;
            }
            out.extend_from_slice(&buffer[..length]);
            buffer.advance(length);
            Ok(())
        }
        BodyKind::Chunked => {
            let mut chunks = Dechunk::default();
            while !chunks.feed(buffer, out)? {
                more(socket, buffer).await?;
            }
            Ok(())
        }
        BodyKind::UntilClose => loop {
            out.extend_from_slice(&buffer.split());
            buffer.reserve(16 * 1024);
            if socket.read_buf(buffer).await? == 0 {
                return Ok(());
            }
        },
    }
}

/// Takes chunked coding off, as the bytes come.
#[derive(Default)]
pub(crate) struct Dechunk(Place);

#[derive(Default)]
enum Place {
    #[default]
    Size,
    Data(usize),
    DataEnd,
    Trailer,
}

impl Dechunk {
    /// Moves what is there from `raw` to `out`; true when the last chunk has been read.
    pub(crate) fn feed(&mut self, raw: &mut BytesMut, out: &mut BytesMut) -> io::Result<bool> {
        loop {
            match self.0 {
                Place::Size => {
                    let Some(line) = line(raw) else {
                        return Ok(false);
                    };
                    let text = std::str::from_utf8(&line).map_err(|_| invalid("bad chunk"))?;
                    let digits = text.split(';').next().unwrap_or("").trim();
                    self.0 = match usize::from_str_radix(digits, 16) {
                        Ok(0) => Place::Trailer,
                        Ok(size) => Place::Data(size),
                        Err(_) => return Err(invalid("bad chunk")),
                    };
                }
                Place::Data(left) => {
                    let taken = left.min(raw.len());
                    if taken == 0 {
                        return Ok(false);
                    }
                    out.extend_from_slice(&raw[..taken]);
                    raw.advance(taken);
                    self.0 = match left - taken {
                        0 => Place::DataEnd,
                        left => Place::Data(left),
                    };
                }
                Place::DataEnd => {
                    if raw.len() < 2 {
                        return Ok(false);
                    }
                    raw.advance(2);
                    self.0 = Place::Size;
                }
                Place::Trailer => {
                    let Some(line) = line(raw) else {
                        return Ok(false);
                    };
                    if line.trim_ascii().is_empty() {
                        self.0 = Place::Size;
                        return Ok(true);
                    }
                }
            }
        }
    }
}

fn line(raw: &mut BytesMut) -> Option<BytesMut> {
    let end = memchr::memchr(b'\n', raw)?;
    Some(raw.split_to(end + 1))
}
