//! Why an answer ended: the many words for it.

use crate::{
    chat::Finish,
    outcome::{ErrorClass, Failure},
};

/// What a `finish_reason` means; `None` when it says nothing (absent, null, empty).
pub(super) fn read(word: &str) -> Result<Option<Finish>, Failure> {
    let broken = |class, what: &str| {
        Err(Failure::new(
            class,
            format!("The provider ended the answer: {what}"),
        ))
    };
    Ok(Some(match word {
        "" => return Ok(None),
        "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => {
            Finish::Length
        }
        "tool_calls" | "function_call" | "tool_use" => Finish::ToolCalls,
        "content_filter" | "sensitive" => Finish::ContentFilter,
        "error" => return broken(ErrorClass::ServerError, "it had an error"),
        "network_error" => return broken(ErrorClass::ServerError, "network error"),
        "insufficient_system_resource" => {
            return broken(ErrorClass::Overloaded, "insufficient system resource");
        }
        // `stop`, `eos`, `eos_token`, `stop_sequence`, and whatever will be thought of next.
        _ => Finish::Stop,
    }))
}

/// The finish of an answer that did or did not call tools: who calls tools has not just stopped.
pub(super) fn settled(finish: Option<Finish>, calls: bool) -> Finish {
    match finish {
        None | Some(Finish::Stop) if calls => Finish::ToolCalls,
        other => other.unwrap_or(Finish::Stop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_meaning() {
        let check = |word: &str, calls: bool, expected: &str| {
            let finish = settled(read(word).unwrap(), calls).name();
            assert_eq!(finish, expected, "{word:?}, calls: {calls}");
        };
        check("eos_token", false, "stop");
        check("eos", true, "tool_calls");
        check("", true, "tool_calls");
        check("", false, "stop");
        check("model_length", true, "length");
        check("sensitive", false, "content_filter");
        check("function_call", false, "tool_calls");
        check("something new", false, "stop");
    }

    #[test]
    fn some_words_are_failures() {
        let class = |word| read(word).unwrap_err().class;
        assert_eq!(class("error"), ErrorClass::ServerError);
        assert_eq!(
            class("insufficient_system_resource"),
            ErrorClass::Overloaded
        );
    }
}
