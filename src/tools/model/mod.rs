//! What tools ask of models: a completion or vectors, through the router like anybody's.
//!
//! A completion for a tool is planned, checked, retried and recorded by [`crate::relay`]; here stand the request's
//! way in and the answer's way out. It runs under an id of its own, the call's with a number behind it, so that
//! `/admin/requests/{id}` tells why it went where it went.

mod answer;
mod fault;
mod format;
mod stream;
mod usual;
mod whom;

pub(super) use answer::{Finished, complete};
pub(super) use format::{json_object, json_schema};
pub(super) use usual::usual_route;
pub(super) use whom::Whom;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Call, Completion, Fault, FaultClass, Run};
use crate::{
    catalog::Mode,
    dialect::{Ask, Work, openai::OpenAi},
    json::Object,
    relay::{self, Answered, Desk, Errand, Refused, Rights, Summary},
    route::Hints,
    telemetry::{Cost, Opening, Receipt, Serves, Surface},
};

/// What a tool asks of a model.
#[derive(Debug)]
pub struct Wanted {
    /// The request in OpenAI's words; its `model` is a route, or `provider/model`.
    pub body: Object<'static>,
    /// What is to be done.
    pub work: Work,
    /// What is asked for beyond naming a model.
    pub hints: Hints,
    /// Whose rights decide what may be asked: the operator's where the tool names the model, the caller's where an
    /// argument does.
    pub rights: Rights,
}

impl Wanted {
    /// The request, read as the router reads any.
    pub(super) fn ask(&self) -> Result<Ask, Fault> {
        Ask::read(&OpenAi, self.work, &self.body.to_bytes()).map_err(|malformed| {
            let message = format!("The tool asked for no completion: {malformed}");
            Fault::new(FaultClass::InvalidArguments, message)
        })
    }

    /// Asks for a stream, to be told as progress.
    pub(super) fn stream(&mut self) {
        self.body.set("stream", &true);
        // Its last event says what it cost.
        let usage = json!({"include_usage": true});
        self.body.set("stream_options", &usage);
    }

    /// Where it counts as coming from.
    pub(super) fn surface(&self) -> Surface {
        match self.work {
            Work::Completion => Surface::Tool,
            Work::Embeddings => Surface::Embeddings,
        }
    }
}

/// Has vectors made. The body is the provider's list of embeddings.
pub(super) async fn embed(run: &Run<'_>, wanted: &Wanted) -> Result<(Bytes, Completion), Fault> {
    match send(run, wanted).await? {
        (Answered::Whole(body, summary), id) => Ok((body, note(run, id, &summary))),
        (Answered::Stream(..), _) => {
            Err(Fault::new(FaultClass::Internal, "Vectors came as a stream"))
        }
    }
}

/// Asks, and tells the id it was asked under. What was refused is noted, too.
async fn send(run: &Run<'_>, wanted: &Wanted) -> Result<(Answered, String), Fault> {
    let ask = wanted.ask()?;
    let call = run.call;
    let id = run.notes.next_id(&call.request);
    let arrived = Instant::now();
    let patience = patience(run.deadline.saturating_duration_since(arrived));
    let opening = Opening {
        id: id.clone(),
        surface: wanted.surface(),
        caller: call.caller.name.clone(),
        identity: call.caller.told(),
        model: ask.outline.model.clone(),
        stream: ask.outline.stream,
        serves: serves(call),
        at: jiff::Timestamp::now(),
        arrived,
    };
    let ledger = run.toolbox.ledger.clone();
    let errand = Errand {
        ask,
        caller: call.caller.clone(),
        hints: wanted.hints.clone(),
        tool: Some(run.tool.id.clone()),
        rights: wanted.rights,
        affinity: affinity(&call.conversation.id, &run.tool.id),
        // The call was counted as a request when it came.
        limits: Arc::new(call.limits.within_a_request()),
        patience: Some(patience),
        total: Some(patience),
        seed: rand::random(),
        receipt: Receipt::open(ledger.clone(), opening),
    };
    match relay::complete(run.toolbox.desk.clone(), errand).await {
        Ok(answered) => Ok((answered, id)),
        Err(refused) => {
            match &refused {
                Refused::Limited(limited) => {
                    let limits = &ledger.metrics().limited;
                    limits.with_label_values(&[limited.limit]).inc();
                    note_refused(run, id.clone());
                }
                Refused::Exhausted(_, summary) => drop(note(run, id.clone(), summary)),
                Refused::NoPlan(_) | Refused::Spent(_) => note_refused(run, id.clone()),
            }
            Err(match refused {
                // The caller named the model, and should name another.
                Refused::NoPlan(reason)
                    if wanted.rights == Rights::Caller && reason.class().is_none() =>
                {
                    fault::not_to_be_named(&reason, &names(run, wanted.work))
                }
                refused => fault::of(&refused, &id),
            })
        }
    }
}

/// The call that a completion is for, where its own key says so: not the one around it, which has its own record.
fn serves(call: &Call) -> Option<Serves> {
    let serving = call.caller.serves.as_ref()?;
    (serving.serves.request == call.request).then(|| serving.serves.clone())
}

/// The routes this caller may name.
fn names(run: &Run<'_>, work: Work) -> Vec<String> {
    let desk = &run.toolbox.desk;
    let usable = |name: &&Arc<str>| {
        let does = work == Work::Embeddings || talks(desk, name);
        does && relay::would_ask(desk, name, &run.call.caller)
    };
    let names = desk.router.names().filter(usable);
    names.map(|name| name.to_string()).collect()
}

/// Whether a route has models to talk to: one that makes vectors does not.
pub(super) fn talks(desk: &Desk, route: &str) -> bool {
    let reach = desk.router.reach(route);
    let mut facts = reach.iter().map(|found| found.target.facts.as_deref());
    facts.any(|model| model.is_none_or(|model| model.mode != Mode::Embedding))
}

/// How long the router may take: a little less than the call, so that a target that keeps silent is told from a
/// caller who leaves. One part in twenty, and no more than a quarter of a second, is time enough to tell.
fn patience(left: Duration) -> Duration {
    left - (left / 20).min(Duration::from_millis(250))
}

/// What keeps the completions of one tool in one conversation together. Never 0, which means nothing.
fn affinity(conversation: &str, tool: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(conversation.as_bytes());
    // No name of a tool has this byte.
    hasher.update(&[0]);
    hasher.update(tool.as_bytes());
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first).max(1)
}

/// Notes what came of a completion.
fn note(run: &Run<'_>, id: String, summary: &Summary) -> Completion {
    let completion = Completion {
        id,
        route: summary.route.clone(),
        target: summary.target.clone(),
        usage: summary.usage,
        cost: summary.cost,
        refused: summary.attempts == 0,
    };
    run.notes.completion(completion.clone());
    completion
}

/// Notes a completion that nobody was asked for: it has a record like any.
fn note_refused(run: &Run<'_>, id: String) {
    run.notes.completion(Completion {
        id,
        route: None,
        target: None,
        usage: None,
        cost: Cost::Nothing,
        refused: true,
    });
}

/// What is told beside a tool's output of the completion it made.
pub(super) fn meta(completion: &Completion) -> Map<String, Value> {
    let text = |name: &Option<Arc<str>>| name.as_deref().map(str::to_owned);
    let route = json!({
        "route": text(&completion.route),
        "target": text(&completion.target),
        "request": completion.id,
    });
    let mut meta = Map::new();
    meta.insert("dev.waypost/route".to_owned(), route);
    if let Some(dollars) = completion.cost.dollars() {
        meta.insert("dev.waypost/cost".to_owned(), dollars.into());
    }
    meta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_has_one_affinity_for_each_tool() {
        assert_eq!(affinity("c", "t"), affinity("c", "t"));
        assert_ne!(affinity("c", "t"), affinity("c", "u"));
        assert_ne!(affinity("c", "t"), affinity("d", "t"));
    }

    #[test]
    fn the_router_ends_before_the_call_does() {
        let check = |left: u64, expected: u64| {
            let patience = patience(Duration::from_millis(left));
            assert_eq!(patience, Duration::from_millis(expected));
        };
        check(0, 0);
        check(100, 95);
        check(30_000, 29_750);
    }
}
