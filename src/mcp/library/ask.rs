//! One question that a prompt puts to its user, and what counts as its answer.

use rmcp::model::ElicitationSchema;
use serde_json::{Map, Value, value::RawValue};

use super::AskSettings;
use crate::{problem::Problem, schema::Schema, tools::Question};

/// One question.
#[derive(Debug)]
pub(super) struct Ask {
    message: String,
    form: Value,
    schema: Schema,
}

/// What came of a question.
pub(super) enum Answer {
    /// The members of the form.
    Given(Map<String, Value>),
    /// The user does not want to.
    Declined,
    /// It does not fit the form, in a sentence.
    Unfit(String),
}

impl Ask {
    pub(super) fn build(settings: &AskSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if settings.message.trim().is_empty() {
            problems.push(Problem::new(["message"], "there is no message"));
        }
        let form = Value::Object(settings.schema.clone());
        let unfit = |message: String| Problem::new(["schema"], message);
        // Clients draw a form of it, which takes plain members only.
        if let Err(error) = serde_json::from_value::<ElicitationSchema>(form.clone()) {
            let problem = unfit(format!("this is no form: {error}"));
            problems.push(problem.expected("`type: object` and `properties` that are plain"));
        }
        let schema = RawValue::from_string(form.to_string())
            .map_err(|error| error.to_string())
            .and_then(|text| Schema::compile(&text).map_err(|unusable| unusable.to_string()));
        let schema = schema.map_err(|message| problems.push(unfit(message)));
        match schema {
            Ok(schema) if problems.is_empty() => Ok(Self {
                message: settings.message.clone(),
                form,
                schema,
            }),
            _ => Err(problems),
        }
    }

    /// The members its answer has.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        let members = self.form.get("properties").and_then(Value::as_object);
        members.into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// The question as it is put.
    pub(super) fn question(&self) -> Question {
        Question::Elicit {
            message: self.message.clone(),
            schema: self.form.clone(),
        }
    }

    /// Reads the result of a question.
    pub(super) fn answer(&self, result: &Value) -> Answer {
        match result.get("action").and_then(Value::as_str) {
            Some("accept") => {}
            Some("decline" | "cancel") => return Answer::Declined,
            _ => return Answer::Unfit("it has no `action`".to_owned()),
        }
        let Some(content) = result.get("content").filter(|it| it.is_object()) else {
            return Answer::Unfit("it has no `content`".to_owned());
        };
        if let Err(mismatch) = self.schema.check(content) {
            return Answer::Unfit(mismatch.to_string());
        }
        // What the form does not have is nobody's business.
        let mine = self.members().filter_map(|name| {
            let value = content.get(name)?;
            Some((name.to_owned(), value.clone()))
        });
        Answer::Given(mine.collect())
    }
}
