//! A body of the same dialect on its way to a provider: the model's name, and what the model would refuse for
//! sure. All else goes as the caller wrote it.

use super::version::version;
use crate::{
    catalog::{Ability, Target},
    dialect::{HINTS, Outgoing},
    json::Object,
};

const SAMPLING: [&str; 3] = ["temperature", "top_p", "top_k"];

/// Forwards a messages request.
pub(super) fn forward(mut object: Object<'_>, target: &Target) -> Outgoing {
    object.set("model", target.wire_model());
    // They were said to the gateway.
    object.retain(|key, _| !HINTS.contains(&key));

    let facts = target.facts.as_deref();
    let cannot = |ability| facts.and_then(|model| model.can(ability)) == Some(false);
    let mut dropped = Vec::new();
    let wanted = SAMPLING.iter().any(|key| object.get(key).is_some());
    let (version, samples) = version(target, wanted);
    if wanted && !samples {
        for key in SAMPLING {
            dropped.extend(object.remove(key).map(|_| key.to_owned()));
        }
    }
    if cannot(Ability::ForcedToolChoice)
        && let Some(mut choice) = inner(&object, "tool_choice")
        && matches!(kind(&choice).as_str(), "any" | "tool")
    {
        choice.set("type", "auto");
        choice.remove("name");
        object.set_raw("tool_choice", choice.to_raw());
        dropped.push("tool_choice".to_owned());
    }
    if cannot(Ability::ThinkingOff)
        && inner(&object, "thinking").is_some_and(|thinking| kind(&thinking) == "disabled")
    {
        object.remove("thinking");
        dropped.push("thinking".to_owned());
    }
    Outgoing {
        path: target.card.paths.chat.clone(),
        headers: vec![("anthropic-version", version.to_owned())],
        body: object.to_bytes(),
        dropped,
    }
}

fn inner(object: &Object<'_>, key: &str) -> Option<Object<'static>> {
    let inner = Object::of(object.get(key)?).ok()?;
    Some(inner.into_owned())
}

fn kind(object: &Object<'_>) -> String {
    object.peek("type").unwrap_or_default()
}
