//! How much a model should think, in the provider's spelling.
//!
//! An effort the model lacks goes to the nearest it has. That is reported where the caller gets less thinking
//! than it asked for, or thinking where it asked for none; more of what it asked for anyway is not, nor is
//! `minimal` for `low`.

use super::rewrite::cannot;
use crate::{
    catalog::{Ability, EffortStyle, Target},
    chat::Effort,
    json::Object,
};

const EFFORT: &str = "reasoning_effort";
const ENABLE: &str = "enable_thinking";
const THINKING: &str = "thinking";

/// Rewrites the effort. A switch the caller set in the provider's own words is left as it is.
pub(super) fn rewrite(object: &mut Object<'_>, target: &Target, dropped: &mut Vec<String>) {
    // What is no effort in OpenAI's words (a number, say) is the provider's own.
    let Some(wanted) = object.peek::<Effort>(EFFORT) else {
        return;
    };
    if cannot(target, Ability::Reasoning) {
        object.remove(EFFORT);
        if wanted != Effort::None {
            dropped.push(EFFORT.to_owned());
        }
        return;
    }
    match target.card.quirks.effort {
        EffortStyle::Effort => move_to_nearest(object, wanted, target, dropped),
        EffortStyle::EnableThinking => {
            object.remove(EFFORT);
            if !object.has(ENABLE) {
                object.set(ENABLE, &(wanted != Effort::None));
            }
        }
        EffortStyle::ThinkingAndEffort => {
            let off = wanted == Effort::None && !cannot(target, Ability::ThinkingOff);
            if !object.has(THINKING) {
                let mut switch = Object::new();
                switch.set("type", if off { "disabled" } else { "enabled" });
                object.set_raw(THINKING, switch.to_raw());
            }
            if off {
                object.remove(EFFORT);
            } else {
                move_to_nearest(object, wanted, target, dropped);
            }
        }
    }
}

/// Whether the model will think about this request, which has been rewritten: what the request says, else
/// whether the model is one that thinks.
pub(super) fn is_on(object: &Object<'_>, target: &Target) -> bool {
    let switch = || {
        let thinking = Object::of(object.get(THINKING)?).ok()?;
        Some(thinking.peek::<String>("type")? != "disabled")
    };
    let reasons = || {
        let facts = target.facts.as_deref()?;
        facts.can(Ability::Reasoning)
    };
    object
        .peek::<bool>(ENABLE)
        .or_else(switch)
        .or_else(|| Some(object.peek::<String>(EFFORT)? != Effort::None.name()))
        .or_else(reasons)
        .unwrap_or(false)
}

fn move_to_nearest(
    object: &mut Object<'_>,
    wanted: Effort,
    target: &Target,
    dropped: &mut Vec<String>,
) {
    let efforts = target
        .facts
        .as_deref()
        .map_or(&[][..], |facts| &facts.efforts);
    let Some(nearest) = wanted.nearest(efforts).filter(|&nearest| nearest != wanted) else {
        return;
    };
    object.set(EFFORT, nearest.name());
    if wanted == Effort::None || nearest < wanted {
        dropped.push(EFFORT.to_owned());
    }
}
