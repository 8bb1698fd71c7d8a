//! A text of the configuration with `${…}` in it, over the arguments of a call.

use std::borrow::Cow;

use super::{Common, Fault, FaultClass, Input};
use crate::{
    expr::{BadExpr, Template},
    problem::Problem,
};

/// A compiled text. What a call fills in is data: it is never read for expressions again.
#[derive(Clone, Debug)]
pub(super) struct Prompt(Template);

impl Prompt {
    /// Compiles a text. Its expressions may mention `caller.name`, `input`, and the arguments the tool has.
    pub(super) fn compile(written: &str, common: &Common) -> Result<Self, Problem> {
        let template = Template::compile(written).map_err(problem)?;
        for name in template.names() {
            if !Input::knows(name) {
                let message = format!("there is no `{name}` in a call of a tool");
                let problem = Problem::new(HERE, message);
                return Err(problem.expected("`input`, `input.ARGUMENT` or `caller.name`"));
            }
            if let Some(problem) = unknown_argument(name, common) {
                return Err(problem);
            }
        }
        Ok(Self(template))
    }

    /// The text for one call.
    pub(super) fn text(&self, input: &Input<'_>) -> Result<String, Fault> {
        let text = self.0.text(input, |text| Cow::Borrowed(text));
        text.map_err(|error| {
            let message = format!("The tool cannot make a prompt of these arguments: {error}");
            Fault::new(FaultClass::InvalidArguments, message)
        })
    }
}

/// The setting itself.
const HERE: [&str; 0] = [];

/// What is wrong with `input.NAME` where the arguments have no such member. Schemas that are put together of others
/// may name it anywhere, and are believed.
fn unknown_argument(name: &str, common: &Common) -> Option<Problem> {
    let schema = common.input_schema.as_ref()?;
    let put_together = ["$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties"];
    if put_together.iter().any(|word| schema.contains_key(*word)) {
        return None;
    }
    let argument = name.strip_prefix("input.")?.split('.').next()?;
    let known = schema.get("properties").and_then(|known| known.as_object());
    let names = || known.into_iter().flat_map(|known| known.keys());
    if names().any(|known| known == argument) {
        return None;
    }
    let message = format!("the tool has no argument `{argument}`");
    Some(Problem::new(HERE, message).suggest(argument, names().map(String::as_str)))
}

fn problem(bad: BadExpr) -> Problem {
    Problem {
        expected: bad.expected.clone(),
        nearest: bad.nearest.clone(),
        ..Problem::new(HERE, bad.to_string())
    }
}
