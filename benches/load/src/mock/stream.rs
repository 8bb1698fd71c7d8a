//! Streamed answers. Every content chunk carries `@t` and the instant just before its write.

use std::{io, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::clock;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nx-request-id: req_mock0123456789\r\ntransfer-encoding: chunked\r\n\r\n";

/// How many content chunks, and how far apart.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    chunks: u32,
    delay: Duration,
}

impl Pace {
    /// What the prompt asks for: `[[mock chunks=60 delay_ms=50]]`; 20 chunks at once where it says nothing.
    pub(super) fn of(body: &[u8]) -> Self {
        let mut pace = Self {
            chunks: 20,
            delay: Duration::ZERO,
        };
        let Some(at) = memchr::memmem::find(body, b"[[mock ") else {
            return pace;
        };
        let directive = body[at + 7..].split(|byte| *byte == b']').next();
        let directive = std::str::from_utf8(directive.unwrap_or_default()).unwrap_or("");
        for (key, value) in directive.split(' ').filter_map(|word| word.split_once('=')) {
            match (key, value.parse()) {
                ("chunks", Ok(chunks)) => pace.chunks = chunks,
                ("delay_ms", Ok(delay)) => pace.delay = Duration::from_millis(delay.into()),
                _ => {}
            }
        }
        pace
    }
}

/// A stream of chat completion chunks; with a usage chunk where it was asked for.
pub(super) async fn openai(socket: &mut TcpStream, pace: Pace, usage: bool) -> io::Result<()> {
    let mut out = HEAD.to_vec();
    let chunk = |rest: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-mock0123456789abcdef\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"system_fingerprint\":\"fp_mock\",{rest}}}\n\n"
        )
    };
    let choice = |delta: &str, finish: &str| {
        chunk(&format!(
            r#""choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#
        ))
    };
    put(
        &mut out,
        &choice(
            r#"{"role":"assistant","content":"","refusal":null}"#,
            "null",
        ),
    );
    let content = |mark| choice(&format!(r#"{{"content":"@t{mark} "}}"#), "null");
    flow(socket, &mut out, pace, content).await?;
    put(&mut out, &choice("{}", "\"stop\""));
    if usage {
        let (tokens, total) = (pace.chunks, pace.chunks + 24);
        put(
            &mut out,
            &chunk(&format!(
                r#""choices":[],"usage":{{"prompt_tokens":24,"completion_tokens":{tokens},"total_tokens":{total}}}"#
            )),
        );
    }
    put(&mut out, "data: [DONE]\n\n");
    end(socket, out).await
}

/// A stream of message events.
pub(super) async fn anthropic(socket: &mut TcpStream, pace: Pace) -> io::Result<()> {
    let mut out = HEAD.to_vec();
    let event =
        |kind: &str, rest: &str| format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n");
    let message = r#","message":{"id":"msg_mock0123456789abcdef","type":"message","role":"assistant","model":"claude-haiku-mock","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":24,"output_tokens":1}}"#;
    put(&mut out, &event("message_start", message));
    let block = r#","index":0,"content_block":{"type":"text","text":""}"#;
    put(&mut out, &event("content_block_start", block));
    put(&mut out, &event("ping", ""));
    let content = |mark| {
        let delta = format!(r#","index":0,"delta":{{"type":"text_delta","text":"@t{mark} "}}"#);
        event("content_block_delta", &delta)
    };
    flow(socket, &mut out, pace, content).await?;
    put(&mut out, &event("content_block_stop", r#","index":0"#));
    let tokens = pace.chunks;
    let delta = format!(
        r#","delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{{"output_tokens":{tokens}}}"#
    );
    put(&mut out, &event("message_delta", &delta));
    put(&mut out, &event("message_stop", ""));
    end(socket, out).await
}

/// Writes the content chunks at their pace; chunks without delay are gathered.
async fn flow(
    socket: &mut TcpStream,
    out: &mut Vec<u8>,
    pace: Pace,
    content: impl Fn(u64) -> String,
) -> io::Result<()> {
    for number in 0..pace.chunks {
        if number > 0 && !pace.delay.is_zero() {
            sleep(pace.delay).await;
        }
        put(out, &content(clock::now()));
        if !pace.delay.is_zero() || out.len() > 16 * 1024 {
            socket.write_all(out).await?;
            out.clear();
        }
    }
    Ok(())
}

/// Appends one event in chunked coding.
fn put(out: &mut Vec<u8>, event: &str) {
    out.extend_from_slice(format!("{:x}\r\n", event.len()).as_bytes());
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(b"\r\n");
}

async fn end(socket: &mut TcpStream, mut out: Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(b"0\r\n\r\n");
    socket.write_all(&out).await
}
