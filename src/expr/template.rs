//! Texts with expressions in them: `Summarise ${input.text} in ${input.language}.`
//!
//! A template that is exactly one `${…}` has that expression's value, with its type. In the middle of a text, texts,
//! numbers and booleans stand as they are and everything else as JSON. `$${` is a plain `${`. What a value says is
//! data: it is never read for expressions again.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{BadExpr, EvalError, Expr, Roots};

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Value(Expr),
}

impl Template {
    /// Compiles a template.
    pub fn compile(text: &str) -> Result<Self, BadExpr> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                plain.push_str(before);
                plain.push_str("${");
                rest = &from[2..];
                continue;
            }
            plain.push_str(before);
            let end = end_of(&from[2..]).ok_or_else(|| {
                BadExpr::whole("a `${` has no end").expected("`}`, or `$${` for a plain `${`")
            })?;
            let expr = Expr::compile(&from[2..2 + end])?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Value(expr));
            rest = &from[2 + end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// The names its expressions mention.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let exprs = self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(expr) => Some(expr),
        });
        exprs.flat_map(|expr| expr.mentions().iter().map(|mention| &*mention.name))
    }

    /// Whether it is one expression and nothing else.
    pub fn is_one_value(&self) -> bool {
        matches!(self.parts[..], [Part::Value(_)])
    }

    /// The text, with each value as `written` has it: percent-encoded in a URL, say.
    pub fn text(
        &self,
        roots: &dyn Roots,
        written: impl Fn(&str) -> Cow<'_, str>,
    ) -> Result<String, EvalError> {
        self.write(roots, |value, text| {
            match value {
                Json::String(value) => text.push_str(&written(value)),
                other => text.push_str(&written(&other.to_string())),
            }
            Ok(())
        })
    }

    /// The text, with each value as `write` writes it, which may refuse one.
    pub fn write<E: From<EvalError>>(
        &self,
        roots: &dyn Roots,
        mut write: impl FnMut(&Json, &mut String) -> Result<(), E>,
    ) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value(expr) => write(&expr.value(roots)?, &mut text)?,
            }
        }
        Ok(text)
    }

    /// The value: that of its one expression, or its text. In a text, null is an error: it would become the word `null`,
    /// which means something to whoever gets it.
    pub fn value(&self, roots: &dyn Roots) -> Result<Json, EvalError> {
        match &self.parts[..] {
            [Part::Value(expr)] => expr.value(roots),
            _ => self.write(roots, in_a_text).map(Json::String),
        }
    }
}

/// Where the `}` stands that ends an expression: not one inside quotes or further braces.
fn end_of(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '{') => depth += 1,
            (None, '}') => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return Some(at),
            },
            _ => {}
        }
    }
    None
}

fn in_a_text(value: &Json, text: &mut String) -> Result<(), EvalError> {
    match value {
        Json::Null => return Err(EvalError::Absent),
        Json::String(value) => text.push_str(value),
        other => text.push_str(&other.to_string()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expr::Value;

    struct Input(Json);

    impl Roots for Input {
        fn value(&self, name: &str) -> Option<Value<'_>> {
            let value = match name.strip_prefix("input.") {
                Some(member) => self.0.get(member).unwrap_or(&Json::Null),
                None => &self.0,
            };
            Some(Value::Json(value))
        }
    }

    fn value(template: &str, input: Json) -> Json {
        Template::compile(template)
            .unwrap()
            .value(&Input(input))
            .unwrap()
    }

    #[test]
    fn one_expression_keeps_its_type_and_in_a_text_it_is_text() {
        let input = json!({"n": 3, "list": [1, "a", {"b": null}], "name": "Ada"});
        assert_eq!(value("${input.n}", input.clone()), json!(3));
        assert_eq!(value("${input.list}", input.clone()), input["list"]);
        assert_eq!(value("${input.n + 1}", input.clone()), json!(4));
        assert_eq!(value("${input}", input.clone()), input);
        assert_eq!(
            value("Hi ${input.name}: ${input.n}, ${input.list}", input),
            json!(r#"Hi Ada: 3, [1,"a",{"b":null}]"#)
        );
    }

    #[test]
    fn null_is_no_word_of_a_text() {
        let value = |template: &str| {
            Template::compile(template)
                .unwrap()
                .value(&Input(json!({})))
        };
        assert_eq!(value("--name=${input.name}"), Err(EvalError::Absent));
        assert_eq!(value("${input.a}${input.b}"), Err(EvalError::Absent));
        assert_eq!(value("${input.name}"), Ok(Json::Null));
        let chosen = value("a ${input.name == null ? 'nobody' : input.name}");
        assert_eq!(chosen, Ok(json!("a nobody")));
    }

    #[test]
    fn a_value_is_never_read_again() {
        let hostile = json!({"name": "${input.secret} }", "secret": "s"});
        assert_eq!(
            value("<${input.name}>", hostile),
            json!("<${input.secret} }>")
        );
    }

    #[test]
    fn braces_and_quotes_inside_an_expression_do_not_end_it() {
        let input = json!({"n": 1});
        assert_eq!(value("${{'a': input.n}}", input.clone()), json!({"a": 1}));
        assert_eq!(value("${'}' + \"}\"}", input.clone()), json!("}}"));
        assert_eq!(
            value("$${input.n} ${input.n}", input),
            json!("${input.n} 1")
        );
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for bad in ["${", "a ${input.n", "${}", "${1 +}", "${nonsense(1)}"] {
            assert!(Template::compile(bad).is_err(), "{bad}");
        }
    }
}
