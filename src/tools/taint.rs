//! Who has read untrusted data. Whoever wrote that data may speak to the model that reads it, so what the model does
//! next may be their will: until somebody allows it, nothing may leave that could carry away what the model knows.
//!
//! A conversation that lasts by itself (a session, a connection) remembers it as long as it lives. Where there are no
//! sessions, calls name their conversation or none. One that names none may be part of any: it is held by whatever
//! its caller has read of late, and what it reads holds all its caller's conversations. So nobody gains anything by
//! leaving the name out, neither when reading nor when sending.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Call, Conversation, Surface};
use crate::span::Span;

/// The member of `_meta` that marks a result as untrusted data.
pub const UNTRUSTED: &str = "dev.waypost/untrusted";

/// Conversations without a session that are remembered of one caller. One who has read in more is held in all of them.
const MOST_CONVERSATIONS: usize = 1_000;

/// Callers that are remembered. Beyond it those go who have read nothing for longest.
const MOST_CALLERS: usize = 10_000;

/// What a conversation that has read untrusted data may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Untrusted {
    /// Whether it may call tools that can send data out: once its user approved the call, never, or always.
    pub approval: Approval,
    /// For how long reading counts against calls that name no conversation. A session that has read is held as long as it lives.
    pub lasts: Span,
}

impl Default for Untrusted {
    fn default() -> Self {
        Self {
            approval: Approval::default(),
            // What a model has read stays in its context for about as long as somebody works with it.
            lasts: Span::secs(30 * 60),
        }
    }
}

/// Who allows data to be sent out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// The user, each call by itself.
    #[default]
    Ask,
    /// Nobody.
    Deny,
    /// The operator, all calls.
    Allow,
}

/// What was read, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taint {
    /// The tool, prompt or resource.
    pub(crate) source: Arc<str>,
    at: Instant,
}

impl Taint {
    fn is_fresh(&self, lasts: Duration) -> bool {
        self.at.elapsed() < lasts
    }
}

/// What everyone has read.
#[derive(Debug, Default)]
pub(crate) struct Taints(Mutex<HashMap<Arc<str>, OfCaller>>);

#[derive(Debug, Default)]
struct OfCaller {
    /// The last that was read.
    any: Option<Taint>,
    /// The last that was read without naming a conversation.
    unnamed: Option<Taint>,
    /// What was read in each named one.
    named: HashMap<String, Taint>,
}

/// Who reads or sends, and as part of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    /// The caller's name.
    pub(crate) caller: &'a Arc<str>,
    /// What the call belongs to.
    pub(crate) conversation: &'a Conversation,
    /// Where it came in.
    pub(crate) surface: Surface,
}

impl<'a> Reader<'a> {
    /// Who makes this call.
    pub(super) fn of(call: &'a Call) -> Self {
        Self {
            caller: &call.caller.name,
            conversation: &call.conversation,
            surface: call.surface,
        }
    }
}

impl Taints {
    /// Notes that untrusted data was read.
    pub(crate) fn note(&self, reader: Reader<'_>, source: &str) {
        let taint = Taint {
            source: source.into(),
            at: Instant::now(),
        };
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MOST_CALLERS && !callers.contains_key(reader.caller) {
            let last = |of: &OfCaller| of.any.as_ref().map(|taint| taint.at);
            let oldest = callers.iter().min_by_key(|(_, of)| last(of));
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                callers.remove(&oldest);
            }
        }
        let of = callers.entry(reader.caller.clone()).or_default();
        of.any = Some(taint.clone());
        if reader.surface.lasts() {
            // The first that was read is as good a reason as any later one.
            let _ = reader.conversation.taint.set(taint);
        } else if reader.conversation.is_named && of.named.len() < MOST_CONVERSATIONS {
            of.named.insert(reader.conversation.id.clone(), taint);
        } else {
            of.unnamed = Some(taint);
        }
    }

    /// What holds this call, if anything does.
    pub(crate) fn holds(&self, reader: Reader<'_>, lasts: Duration) -> Option<Taint> {
        if reader.surface.lasts() {
            return reader.conversation.taint.get().cloned();
        }
        let callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = callers.get(reader.caller)?;
        let fresh = |taint: &Option<Taint>| taint.clone().filter(|taint| taint.is_fresh(lasts));
        if reader.conversation.is_named {
            let named = of.named.get(&reader.conversation.id);
            named.cloned().or_else(|| fresh(&of.unnamed))
        } else {
            fresh(&of.any)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_secs(60);

    struct Place(Conversation, Surface);

    fn session() -> Place {
        Place(Conversation::default(), Surface::Session)
    }

    fn named(name: &str) -> Place {
        Place(Conversation::named(name.to_owned()), Surface::Http)
    }

    fn unnamed() -> Place {
        Place(Conversation::default(), Surface::Http)
    }

    fn reader<'a>(caller: &'a Arc<str>, Place(conversation, surface): &'a Place) -> Reader<'a> {
        Reader {
            caller,
            conversation,
            surface: *surface,
        }
    }

    /// Whether each place sends after one has read.
    fn held(read: &Place, sends: &[&Place]) -> Vec<bool> {
        let (taints, alice) = (Taints::default(), "alice".into());
        taints.note(reader(&alice, read), "crm.search");
        let held = |place: &&Place| taints.holds(reader(&alice, place), LASTS).is_some();
        sends.iter().map(held).collect()
    }

    #[tokio::test]
    async fn a_name_that_is_left_out_gains_nothing() {
        let (one, other) = (session(), session());
        assert_eq!(
            held(&one, &[&one, &other, &named("a"), &unnamed()]),
            [true, false, false, true]
        );
        assert_eq!(
            held(&named("a"), &[&named("a"), &named("b"), &unnamed(), &other]),
            [true, false, true, false]
        );
        assert_eq!(
            held(&unnamed(), &[&unnamed(), &named("a"), &session()]),
            [true, true, false]
        );
    }

    #[tokio::test]
    async fn what_one_caller_read_holds_no_other() {
        let (taints, alice, bob) = (Taints::default(), "alice".into(), "bob".into());
        taints.note(reader(&alice, &unnamed()), "crm.search");
        assert_eq!(taints.holds(reader(&bob, &unnamed()), LASTS), None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_forgotten_where_no_conversation_remembers_it() {
        let (taints, alice) = (Taints::default(), "alice".into());
        let (session, named) = (session(), named("a"));
        for place in [&session, &named, &unnamed()] {
            taints.note(reader(&alice, place), "crm.search");
        }
        tokio::time::advance(LASTS).await;
        let holds = |place| taints.holds(reader(&alice, place), LASTS).is_some();
        assert_eq!(
            [holds(&session), holds(&named), holds(&unnamed())],
            [true, true, false]
        );
    }

    #[tokio::test]
    async fn who_reads_in_too_many_conversations_is_held_in_all() {
        let (taints, alice) = (Taints::default(), "alice".into());
        for at in 0..=MOST_CONVERSATIONS {
            taints.note(reader(&alice, &named(&at.to_string())), "crm.search");
        }
        assert!(taints.holds(reader(&alice, &named("new")), LASTS).is_some());
    }
}
