//! A line that is no message, and whose answer it was meant to be.

use memchr::memmem;
use rmcp::model::RequestId;
use serde::de::IgnoredAny;

/// What some programs begin their text with: that it is UTF-8.
pub(super) const MARK: &[u8] = b"\xEF\xBB\xBF";

/// How deep a message may be nested that can be read: what serde_json reads.
const DEEPEST: usize = 127;

/// What can be told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stray {
    /// Whether it was meant to be an answer. Other lines are noise, and nobody waits for them.
    pub(super) is_answer: bool,
    /// To which request.
    pub(super) id: Option<RequestId>,
}

/// Looks at a line that cannot be read.
pub(super) fn look(line: &[u8]) -> Stray {
    let text = line.strip_prefix(MARK).unwrap_or(line).trim_ascii_start();
    if !text.starts_with(b"{") || memmem::find(text, b"\"jsonrpc\"").is_none() {
        return Stray::default();
    }
    let mut stray = Stray {
        is_answer: true,
        id: None,
    };
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = line.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let text = string(&line[at..]);
                at += text.len() + 1;
                let value = line.get(at..).unwrap_or_default().trim_ascii_start();
                if let (1, Some(value)) = (depth, value.strip_prefix(b":")) {
                    match text {
                        b"id" if stray.id.is_none() => stray.id = number(value),
                        b"method" => stray.is_answer = false,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    stray
}

/// Whether a text can be read as JSON. Much quicker than to read it.
pub(super) fn is_readable(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok() && !is_deep(text.as_bytes())
}

fn is_deep(text: &[u8]) -> bool {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' if depth == DEEPEST => return true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at += string(&text[at..]).len() + 1,
            _ => {}
        }
    }
    false
}

/// A string up to its end, which is left out.
fn string(text: &[u8]) -> &[u8] {
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    &text[..end.unwrap_or(text.len())]
}

/// A number, be it in quotes: those of our requests are numbers.
fn number(value: &[u8]) -> Option<RequestId> {
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    let digits = std::str::from_utf8(&value[..digits.count()]).ok()?;
    digits.parse().ok().map(RequestId::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_whose_answer_a_line_was_meant_to_be() {
        let of = |id| Stray {
            is_answer: true,
            id,
        };
        let seven = || Some(RequestId::Number(7));
        let nested = format!(
            "{{\"jsonrpc\":\"2.0\",\"result\":{}{},\"id\": 7}}",
            "[".repeat(200),
            "]".repeat(200)
        );
        let lines: [(&[u8], Stray); 8] = [
            (nested.as_bytes(), of(seven())),
            (
                b" {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"id\":8,\"x\":\"\xFF\"}}",
                of(seven()),
            ),
            (
                b"{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"resu{\"jsonrpc\":\"2.0\",\"id\":8}",
                of(seven()),
            ),
            (
                b"{\"result\":{\"id\":7},\"a\\\"id\":7,\"jsonrpc\":\"2.0\",",
                of(None),
            ),
            (
                b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"x\"",
                Stray {
                    is_answer: false,
                    id: seven(),
                },
            ),
            (b"{\"level\":\"info\",\"id\":7}", Stray::default()),
            (b"Ready: {\"jsonrpc\":\"2.0\",\"id\":7}", Stray::default()),
            (b"{\"jsonrpc\":\"2.0\",\"id\":7", of(seven())),
        ];
        for (line, expected) in lines {
            assert_eq!(look(line), expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn what_is_readable_can_be_read() {
        for depth in [1, 126, 127, 128, 200] {
            let text = format!("{}\"[[\\\"[\"{}", "[".repeat(depth), "]".repeat(depth));
            let read = serde_json::from_str::<serde_json::Value>(&text);
            assert_eq!(is_readable(&text), read.is_ok(), "{depth}");
        }
        assert!(!is_readable("{\"id\":7"));
    }
}
