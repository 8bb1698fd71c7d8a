//! The operator's conditions: which arguments of which callers a tool takes, beyond what its schema can say.

use super::{Fault, FaultClass, Input};
use crate::{
    expr::{BadExpr, Expr},
    problem::Problem,
};

/// Conditions that must all be true.
#[derive(Debug, Default)]
pub(super) struct Allow(Vec<Expr>);

impl Allow {
    /// Compiles them. Paths of problems start at their position.
    pub(super) fn compile(rules: &[String]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut compiled = Vec::with_capacity(rules.len());
        for (at, rule) in rules.iter().enumerate() {
            match condition(rule) {
                Ok(rule) => compiled.push(rule),
                Err(found) => {
                    let at = at.to_string();
                    let found = found.into_iter();
                    problems.extend(found.map(|problem| problem.under([at.clone()])));
                }
            }
        }
        if problems.is_empty() {
            Ok(Self(compiled))
        } else {
            Err(problems)
        }
    }

    /// Whether a call may run. A condition that cannot be told counts as false; its text is the operator's alone.
    pub(super) fn check(&self, tool: &str, input: Input<'_>) -> Result<(), Fault> {
        for (at, rule) in self.0.iter().enumerate() {
            let number = at + 1;
            let allowed = rule.test(&input).unwrap_or_else(|error| {
                tracing::warn!(tool, rule = number, %error, "rule {number} of the tool {tool} cannot be told, so the call is refused");
                false
            });
            if !allowed {
                let message =
                    format!("These arguments are not allowed by the operator's rule {number}");
                return Err(Fault::new(FaultClass::Forbidden, message));
            }
        }
        Ok(())
    }
}

fn condition(text: &str) -> Result<Expr, Vec<Problem>> {
    let rule = Expr::compile(text).map_err(|bad| vec![unusable(bad)])?;
    let unknown = rule.mentions().iter();
    let unknown = unknown.filter(|mention| !Input::knows(&mention.name));
    let problems: Vec<Problem> = unknown
        .map(|mention| {
            let message = format!("{}: there is no value `{}`", mention.place, mention.name);
            here(message).expected("`input`, `input.NAME` or `caller.name`")
        })
        .collect();
    if problems.is_empty() {
        Ok(rule)
    } else {
        Err(problems)
    }
}

fn unusable(bad: BadExpr) -> Problem {
    Problem {
        expected: bad.expected.clone(),
        nearest: bad.nearest.clone(),
        ..here(bad.to_string())
    }
}

fn here(message: String) -> Problem {
    Problem::new(Vec::<String>::new(), message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_conditions_must_be_true_and_an_error_is_not() {
        let rules = [
            "caller.name == 'support'".to_owned(),
            "input.limit == null || input.limit <= 10".to_owned(),
        ];
        let allow = Allow::compile(&rules).unwrap();
        let check = |arguments, caller, expected: Option<&str>| {
            let input = Input {
                arguments: &arguments,
                caller,
            };
            let found = allow.check("t", input).err().map(|fault| fault.message);
            let expected = expected.map(|rule| {
                format!("These arguments are not allowed by the operator's rule {rule}")
            });
            assert_eq!(found, expected, "{arguments} {caller}");
        };
        check(json!({}), "support", None);
        check(json!({"limit": 10}), "support", None);
        check(json!({"limit": 11}), "support", Some("2"));
        check(json!({"limit": "many"}), "support", Some("2"));
        check(json!({"limit": 1}), "other", Some("1"));
    }

    #[test]
    fn names_are_checked_when_the_configuration_is_read() {
        let problems = Allow::compile(&[
            "true".to_owned(),
            "request.tool == 'x'".to_owned(),
            "input.a ==".to_owned(),
        ]);
        let problems = problems.unwrap_err();
        let paths: Vec<String> = problems
            .iter()
            .flat_map(|found| found.path.clone())
            .collect();
        assert_eq!(paths, ["1", "2"]);
        assert!(
            problems[0].message.contains("`request.tool`"),
            "{problems:?}"
        );
    }
}
