//! What a server is lent for one call: its caller's rights to models, narrowed, and a key or a ticket that goes with
//! them. Dropping it ends the loan: the call is over.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Slots, sampling};
use crate::{
    access::{Caller, Serving, Terms, Ticket},
    federation::{ModelAccess, ProcessId, Spec, Where},
    telemetry::Serves,
    tools::{Call, Run},
};

/// The members of `_meta` a server that speaks HTTP finds its way to the models by.
const TICKET: &str = "dev.waypost/ticket";
const BASE_URL: &str = "dev.waypost/base_url";

/// What a server is lent for one call.
#[derive(Debug)]
pub struct Lent {
    serving: Arc<Serving>,
    caller: Caller,
    server: Arc<str>,
    slots: Arc<Slots>,
    /// For a server elsewhere that can prove itself: its ticket, and where it is good.
    ticket: Option<(Ticket, Arc<str>)>,
}

impl Lent {
    /// What this server is lent for this call; nothing where it has no `model`. To be kept until the call is over.
    pub fn of(run: &Run<'_>, spec: &Spec) -> Option<Self> {
        let access = spec.settings.model.as_ref()?;
        let call = run.call;
        let serves = Serves {
            server: spec.name.clone(),
            tool: run.tool.id.as_str().into(),
            request: call.request.clone(),
            notes: run.notes.clone(),
        };
        let serving = Serving::open(serves, terms(access));
        let caller = call.caller.lend(&serving);
        let slots = run.toolbox.memory.slots.clone();
        let base = match &access.base_url {
            Some(base) => Some(base.as_str().into()),
            None => slots.base(),
        };
        let ticket = match (&spec.place, &access.client_key, base) {
            (Where::Http { .. }, Some(_), Some(base)) => {
                let ticket = slots.mint.ticket(caller.clone(), run.deadline);
                Some((ticket, base))
            }
            _ => None,
        };
        Some(Self {
            serving,
            caller,
            server: spec.name.clone(),
            slots,
            ticket,
        })
    }

    /// Adds to a request's `_meta` what a server elsewhere exchanges for a key, and where.
    pub fn tell(&self, meta: &mut Map<String, Value>) {
        if let Some((ticket, base)) = &self.ticket {
            meta.insert(TICKET.to_owned(), ticket.ticket.reveal().into());
            meta.insert(BASE_URL.to_owned(), (**base).into());
        }
    }

    /// Lets the key of a process be good for this call for as long as what this gives is kept.
    pub fn serve(&self, process: ProcessId) -> Box<dyn Send> {
        Box::new(self.slots.fill(&self.server, process, self.caller.clone()))
    }

    /// Answers `sampling/createMessage`, which a server of 2025-11-25 asks in the middle of a call, from what is lent.
    ///
    /// # Errors
    /// Why there is no completion, in words the server may read.
    pub async fn sample(&self, run: &Run<'_>, params: &Value) -> Result<Value, String> {
        // It is asked for by the caller the server was lent, and for the same call.
        let call = Call {
            caller: Arc::new(self.caller.clone()),
            ..run.call.clone()
        };
        let run = Run {
            call: &call,
            ..*run
        };
        sampling::answer(&run, self.serving.terms.route.as_deref(), params).await
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.serving.end();
    }
}

fn terms(access: &ModelAccess) -> Terms {
    Terms {
        route: access.route.as_deref().map(Into::into),
        completions: access.max_completions,
        cost: access.max_cost.get(),
    }
}

#[cfg(test)]
#[path = "lent_tests.rs"]
mod tests;
