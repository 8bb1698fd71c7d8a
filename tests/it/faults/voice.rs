//! How providers and callers spell an answer: the surfaces requests come in by, and the dialects behind them.

use serde_json::{Value, json};

use crate::support::{
    Act, Answer, anthropic, completion,
    provider::{self, chunk, done, usage},
    role, text,
};

/// Where a caller comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Chat,
    Messages,
    Embeddings,
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    OpenAi,
    Anthropic,
    /// OpenAI's embeddings.
    Vectors,
}

/// Every surface with every dialect that can stand behind it.
pub(super) const LANES: [(Surface, Voice); 5] = [
    (Surface::Chat, Voice::OpenAi),
    (Surface::Chat, Voice::Anthropic),
    (Surface::Messages, Voice::Anthropic),
    (Surface::Messages, Voice::OpenAi),
    (Surface::Embeddings, Voice::Vectors),
];

impl Surface {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    /// A request for the route `model`.
    pub(super) fn request(self, model: &str, stream: bool) -> String {
        let body = match self {
            Self::Embeddings => json!({"model": model, "input": "Hello?"}),
            Self::Chat | Self::Messages => json!({
                "model": model, "max_tokens": 50, "stream": stream,
                "messages": [{"role": "user", "content": "Hello?"}]
            }),
        };
        body.to_string()
    }

    /// The text of a plain answer; `None` if it is no whole answer.
    pub(super) fn text(self, answer: &Value) -> Option<String> {
        let text = match self {
            Self::Chat => {
                let choice = &answer["choices"][0];
                choice["finish_reason"].as_str()?;
                &choice["message"]["content"]
            }
            Self::Messages => {
                answer["stop_reason"].as_str()?;
                &answer["content"][0]["text"]
            }
            Self::Embeddings => {
                answer["data"].as_array()?;
                &answer["model"]
            }
        };
        text.as_str().map(str::to_owned)
    }

    /// The text of the deltas of a streamed answer.
    pub(super) fn streamed_text(self, answer: &Answer) -> String {
        match self {
            Self::Chat => answer.text(),
            Self::Messages => {
                let text = |event: &Value| event["delta"]["text"].as_str().map(str::to_owned);
                anthropic::events(answer).iter().filter_map(text).collect()
            }
            Self::Embeddings => String::new(),
        }
    }

    /// How often a streamed answer says that it is whole.
    pub(super) fn ends(self, answer: &Answer) -> usize {
        let end = match self {
            Self::Chat => "data: [DONE]\n",
            Self::Messages => "event: message_stop\n",
            Self::Embeddings => return 0,
        };
        answer.body.matches(end).count()
    }

    /// What callers read in an error of this class: the type, or OpenAI's code where there is one.
    pub(super) fn word(self, class: &str) -> &'static str {
        match (self, class) {
            (Self::Messages, "server_error") => "api_error",
            (Self::Messages, "timeout") => "timeout_error",
            (Self::Messages, "overloaded") => "overloaded_error",
            (Self::Messages, "rate_limit") => "rate_limit_error",
            (Self::Messages, "invalid_request") => "invalid_request_error",
            (_, "server_error") => "server_error",
            (_, "timeout") => "timeout",
            (_, "overloaded") => "overloaded",
            (_, "rate_limit") => "rate_limit_exceeded",
            (_, "invalid_request") => "invalid_request_error",
            (_, class) => panic!("no word for {class}"),
        }
    }
}

impl Voice {
    /// A whole plain answer with this text.
    pub(super) fn plain(self, text: &str) -> String {
        match self {
            Self::OpenAi => {
                let Act::Answer(_, _, body) = completion(text) else {
                    unreachable!()
                };
                body
            }
            Self::Anthropic => anthropic::message(text).to_string(),
            // Vectors have no text, so the model carries it.
            Self::Vectors => json!({
                "object": "list", "model": text,
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                "usage": {"prompt_tokens": 8, "total_tokens": 8}
            })
            .to_string(),
        }
    }

    /// The events of a stream up to its first text.
    pub(super) fn opening(self, first: &str) -> String {
        match self {
            Self::Anthropic => anthropic::beginning(first).concat(),
            Self::OpenAi | Self::Vectors => role() + &text(first),
        }
    }

    /// One more event with text.
    pub(super) fn more(self, words: &str) -> String {
        match self {
            Self::Anthropic => anthropic::beginning(words).remove(3),
            Self::OpenAi | Self::Vectors => text(words),
        }
    }

    /// The events behind the last text: that the answer ends and what it cost, and the terminator.
    pub(super) fn ending(self) -> [String; 2] {
        match self {
            Self::Anthropic => {
                let mut events = anthropic::streamed("").split_off(4);
                let terminator = events.pop().unwrap();
                [events.concat(), terminator]
            }
            Self::OpenAi | Self::Vectors => [chunk("{}", Some("stop")) + &usage(), done()],
        }
    }

    /// The event that the answer ends, without what it cost.
    pub(super) fn finish_alone(self) -> String {
        match self {
            Self::Anthropic => {
                let [ending, _] = self.ending();
                ending.replace(",\"usage\":{\"output_tokens\":4}", "")
            }
            Self::OpenAi | Self::Vectors => chunk("{}", Some("stop")),
        }
    }

    /// A whole stream with this text.
    pub(super) fn stream(self, text: &str) -> String {
        self.opening(text) + &self.ending().concat()
    }

    /// The body of an error with this status.
    pub(super) fn error(self, status: u16) -> String {
        let kind = match status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            408 | 504 => "timeout_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        let act = match self {
            Self::Anthropic => anthropic::error(status, kind),
            Self::OpenAi | Self::Vectors => provider::error(status, "bad_request"),
        };
        let Act::Answer(_, _, body) = act else {
            unreachable!()
        };
        body
    }

    /// An event that tells of an error.
    pub(super) fn error_event(self) -> String {
        match self {
            Self::Anthropic => format!("event: error\ndata: {}\n\n", self.error(529)),
            Self::OpenAi | Self::Vectors => {
                "data: {\"error\":{\"message\":\"Overloaded\",\"code\":503}}\n\n".into()
            }
        }
    }
}
