//! Questions to the client in the protocol's words, and whether an answer is one.

#![expect(
    deprecated,
    reason = "sampling and roots are deprecated in 2026-07-28, and part of both revisions"
)]

use rmcp::model::{
    ClientCapabilities, CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    ElicitationSchema, InputRequest, ListRootsRequest, ListRootsResult, RootsCapabilities,
    SamplingCapability,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, value::to_raw_value};

use crate::{
    schema::{Schema, shown_text},
    tools::{Abilities, Question},
};

/// The longest part of a library's sentence that a client reads, in letters.
const SHOWN: usize = 200;

/// What a client says it can be asked. One that only opens URLs for its user cannot show a form.
pub(super) fn abilities(declared: &ClientCapabilities) -> Abilities {
    let shows_forms =
        |ability: &ElicitationCapability| ability.form.is_some() || ability.url.is_none();
    Abilities {
        elicitation: declared.elicitation.as_ref().is_some_and(shows_forms),
        sampling: declared.sampling.is_some(),
        roots: declared.roots.is_some(),
    }
}

/// What a client must be able to do to be asked these.
pub(super) fn required<'a>(
    questions: impl IntoIterator<Item = &'a Question>,
) -> ClientCapabilities {
    let mut required = ClientCapabilities::default();
    for question in questions {
        match question {
            Question::Elicit { .. } => {
                required.elicitation = Some(ElicitationCapability::default())
            }
            Question::Sample(_) => required.sampling = Some(SamplingCapability::default()),
            Question::Roots => required.roots = Some(RootsCapabilities::default()),
        }
    }
    required
}

/// The form of an elicitation, or what makes it none.
pub(super) fn form(message: &str, schema: &Value) -> Result<ElicitRequestParams, String> {
    Ok(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema: read::<ElicitationSchema>(schema).map_err(unaskable)?,
    })
}

/// The parameters of `sampling/createMessage`, or what makes them none.
pub(super) fn sampling(params: &Value) -> Result<CreateMessageRequestParams, String> {
    read(params).map_err(unaskable)
}

/// A question as it stands in `inputRequests`, or what makes it none: a mistake of the tool.
pub(super) fn request(question: &Question) -> Result<InputRequest, String> {
    Ok(match question {
        Question::Elicit { message, schema } => {
            InputRequest::Elicitation(ElicitRequest::new(form(message, schema)?))
        }
        Question::Sample(params) => {
            InputRequest::CreateMessage(CreateMessageRequest::new(sampling(params)?))
        }
        Question::Roots => InputRequest::ListRoots(ListRootsRequest::default()),
    })
}

/// Whether this answers the question; if not, why.
pub(super) fn check(question: &Question, answer: &Value) -> Result<(), String> {
    match question {
        Question::Sample(_) => read::<CreateMessageResult>(answer).map(drop),
        Question::Roots => read::<ListRootsResult>(answer).map(drop),
        Question::Elicit { schema, .. } => {
            let result: ElicitResult = read(answer)?;
            if result.action != ElicitationAction::Accept {
                return Ok(());
            }
            let content = result.content.ok_or("an accepted form has a `content`")?;
            let schema = to_raw_value(schema).map_err(|error| error.to_string())?;
            let schema = Schema::compile(&schema).map_err(|unusable| unusable.to_string())?;
            schema
                .check(&content)
                .map_err(|mismatch| mismatch.to_string())
        }
    }
}

fn unaskable(why: String) -> String {
    format!("The tool asks what the protocol does not allow: {why}")
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| shown_text(&error.to_string(), SHOWN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name() -> Question {
        let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
        let message = "What is your name?".to_owned();
        Question::Elicit { message, schema }
    }

    #[test]
    fn an_answer_is_held_to_the_form() {
        for good in [
            json!({"action": "accept", "content": {"name": "Ada"}}),
            json!({"action": "decline"}),
            json!({"action": "cancel", "content": {"name": 1}}),
        ] {
            assert_eq!(check(&name(), &good), Ok(()), "{good}");
        }
        for bad in [
            json!({"action": "accept", "content": {"name": 1}}),
            json!({"action": "accept", "content": {}}),
            json!({"action": "accept"}),
            json!({"action": "agree", "content": {"name": "Ada"}}),
            json!({"content": {"name": "Ada"}}),
            json!("Ada"),
            json!(null),
        ] {
            assert!(check(&name(), &bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_to_one_question_is_none_to_another() {
        let sampled = json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}});
        let roots = json!({"roots": [{"uri": "file:///work"}]});
        let ask_model = Question::Sample(json!({"messages": [], "maxTokens": 1}));
        assert_eq!(check(&ask_model, &sampled), Ok(()));
        assert_eq!(check(&Question::Roots, &roots), Ok(()));
        assert!(check(&ask_model, &roots).is_err());
        assert!(check(&Question::Roots, &sampled).is_err());
        assert!(check(&name(), &sampled).is_err());
    }
}
