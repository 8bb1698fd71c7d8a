//! Embeddings: an outline of the request, the request for a provider, the reply tidied.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{error, lenient::Text, outline, usage};
use crate::{
    catalog::{DialectName, Target},
    chat::{MOST_TOKENS, Outline, Usage},
    dialect::{Malformed, Outgoing, Tidy},
    json::Object,
    outcome::{ErrorClass, Failure},
};

/// Reads the outline of an embeddings request: model and size of the input.
pub fn outline(object: &Object<'_>) -> Result<Outline, Malformed> {
    let model = outline::model(object)?;
    let input = object.get("input").filter(|raw| !outline::is_null(raw));
    let input =
        input.ok_or_else(|| Malformed::at("input", "Missing required parameter: 'input'."))?;
    let text = input.get();
    if text == "\"\"" || text.starts_with('[') && !outline::is_filled_list(input) {
        return Err(Malformed::at(
            "input",
            "Invalid 'input': input cannot be empty.",
        ));
    }
    if !text.starts_with(['"', '[']) {
        return Err(outline::wrong_type("input", "a string or an array", input));
    }
    Ok(Outline {
        model,
        // A vector has no tokens: nothing is reserved for the answer.
        max_tokens: Some(0),
        n: 1,
        prompt_bytes: text.len() as u64,
        ..Outline::default()
    })
}

/// Writes the request for `target`.
pub(super) fn forward(mut object: Object<'_>, target: &Target) -> Result<Outgoing, Failure> {
    object.set("model", target.wire_model());
    let mut dropped = Vec::new();
    super::rewrite::strip_hints(&mut object, &target.card.quirks);
    super::rewrite::rename_and_drop(&mut object, &target.card.quirks, &mut dropped);
    if target.card.dialect == DialectName::Simulated {
        simulated_dimensions(&mut object, target)?;
    }
    Ok(Outgoing {
        path: super::path(&target.card.paths.embeddings, target),
        headers: Vec::new(),
        body: object.to_bytes(),
        dropped,
    })
}

/// A simulated model has no length of its own but the one the card says, and nobody else to hold it to that.
fn simulated_dimensions(object: &mut Object<'_>, target: &Target) -> Result<(), Failure> {
    let Some(own) = target.facts.as_ref().and_then(|model| model.dimensions) else {
        return Ok(());
    };
    match object.peek::<u64>("dimensions") {
        Some(asked) if asked > own => {
            let message = format!("`dimensions` must be from 1 to {own}, this model's own.");
            Err(Failure::new(ErrorClass::InvalidRequest, message))
        }
        Some(_) => Ok(()),
        None => {
            object.set("dimensions", &own);
            Ok(())
        }
    }
}

/// Reads of a reply what the books need. Its bytes are forwarded as they came.
pub fn tidy(body: Bytes) -> Result<Tidy, Failure> {
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
        #[serde(borrow, default)]
        usage: Option<&'a RawValue>,
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
        #[serde(borrow, default)]
        object: Text<'a>,
    }
    let none = || {
        let message = "The provider answered HTTP 200 with something that is no list of embeddings";
        Failure::new(ErrorClass::ServerError, message)
    };
    let reply: Reply<'_> = serde_json::from_slice(&body).map_err(|_| none())?;
    if let Some(failure) = error::inside(reply.error) {
        return Err(failure);
    }
    if !reply.data.is_some_and(|data| data.get().starts_with('[')) || reply.object.get() == "error"
    {
        return Err(none());
    }
    let usage = reply.usage.and_then(usage_of);
    Ok(Tidy {
        silent: false,
        body: body.clone(),
        usage,
        answer_bytes: 0,
    })
}

/// Some count only the total; all of it is input.
fn usage_of(raw: &RawValue) -> Option<Usage> {
    let total = || {
        let total = Object::of(raw).ok()?.peek::<u64>("total_tokens")?;
        let total = Some(total).filter(|&total| total <= MOST_TOKENS)?;
        Some(Usage {
            input: total,
            ..Usage::default()
        })
    };
    let counted = usage::read(raw).or_else(total)?;
    Some(Usage {
        output: 0,
        ..counted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Outline, Malformed> {
        outline(&outline::parse(body.as_bytes())?)
    }

    #[test]
    fn what_is_no_request_is_told() {
        let check = |body: &str, param: &str| {
            assert_eq!(
                read(body).unwrap_err().param.as_deref(),
                Some(param),
                "{body}"
            );
        };
        check(r#"{"input":"a"}"#, "model");
        check(r#"{"model":"m"}"#, "input");
        check(r#"{"model":"m","input":""}"#, "input");
        check(r#"{"model":"m","input":[ ]}"#, "input");
        check(r#"{"model":"m","input":{}}"#, "input");
        assert_eq!(
            read(r#"{"model":"m","input":["ab"]}"#)
                .unwrap()
                .prompt_bytes,
            6
        );
    }

    #[test]
    fn a_reply_keeps_its_bytes_and_tells_its_usage() {
        let body = Bytes::from_static(
            br#"{"object":"list","data":[],"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
        );
        let tidied = tidy(body.clone()).unwrap();
        assert_eq!(tidied.body.as_ptr(), body.as_ptr());
        assert_eq!(tidied.usage.map(|usage| usage.total()), Some(3));
        let hostile =
            br#"{"object":"list","data":[],"usage":{"total_tokens":9223372036854775808}}"#;
        assert_eq!(tidy(Bytes::from_static(hostile)).unwrap().usage, None);
        assert!(tidy(Bytes::from_static(br#"{"data":{}}"#)).is_err());
        assert!(
            tidy(Bytes::from_static(
                br#"{"data":[],"error":{"message":"x"}}"#
            ))
            .is_err()
        );
    }
}
