//! The wire format of answers: one set of borrowed types for whole replies and chunks, so that both are judged
//! alike. Only what is read here has a field; everything else may be anything.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lenient::{Content, Count, Text};

/// A reply or a chunk.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) object: Text<'a>,
    #[serde(default)]
    pub(super) created: Count,
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    /// Usage in the wrapper some put around their own extras.
    #[serde(borrow, default)]
    pub(super) x_groq: Option<&'a RawValue>,
    /// A status that stands in answers with HTTP 200.
    #[serde(borrow, default)]
    pub(super) base_resp: Option<&'a RawValue>,
    /// The sources of the answer's `[n]` marks.
    #[serde(borrow, default)]
    pub(super) citations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) search_results: Option<&'a RawValue>,
}

/// One of the answers.
#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(borrow, default)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow, default)]
    pub(super) delta: Option<Message<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Text<'a>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
}

/// A message, or what a chunk adds to it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) role: Text<'a>,
    #[serde(borrow, default)]
    pub(super) content: Content<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Text<'a>,
    /// The other spelling of `reasoning_content`.
    #[serde(borrow, default)]
    pub(super) reasoning: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    /// The one call of the days before tools.
    #[serde(borrow, default)]
    pub(super) function_call: Option<Function<'a>>,
}

/// A tool call, or what a chunk adds to it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) function: Option<Function<'a>>,
}

/// The function of a call.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
}

impl Function<'_> {
    /// The arguments as text, and whether they stood there as a string, as they should.
    pub(super) fn arguments(&self) -> (Cow<'_, str>, bool) {
        match self.arguments.map(RawValue::get) {
            None | Some("null") => (Cow::Borrowed(""), true),
            Some(raw) if raw.starts_with('"') => {
                let text: Text<'_> = serde_json::from_str(raw).unwrap_or_default();
                (text.0.unwrap_or_default(), true)
            }
            Some(raw) => (Cow::Owned(compact(raw)), false),
        }
    }
}

/// JSON text without the white space between its tokens.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if !in_string && matches!(c, ' ' | '\t' | '\r' | '\n') {
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_types_count_as_absent() {
        let json = r#"{"id":7,"created":"now","model":null,"choices":[{"index":-1,"finish_reason":{},
            "message":{"content":[{"type":"text","text":"a"},{"type":"thinking","thinking":[{"type":"text","text":"t"}]},
            {"type":"reference","reference_ids":[1]},{"type":"text","text":"b"}],"tool_calls":null}}]}"#;
        let answer: Answer<'_> = serde_json::from_str(json).unwrap();
        assert!(answer.id.is_empty() && answer.created.0.is_none());
        let choice = &answer.choices.unwrap()[0];
        assert!(choice.index.0.is_none() && choice.finish_reason.0.is_none());
        let content = &choice.message.as_ref().unwrap().content;
        assert_eq!((content.text(), content.thinking()), ("ab", "t"));
    }

    #[test]
    fn compact_keeps_white_space_in_strings() {
        assert_eq!(
            compact("{ \"a b\" : \"c \\\" d\" ,\n\t\"e\": [1, 2] }"),
            "{\"a b\":\"c \\\" d\",\"e\":[1,2]}"
        );
    }
}
