//! A task that a server has made of a call, and that is told to end when nobody waits for its result any more.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use rmcp::model::{CancelTaskParams, ClientCapabilities};
use serde_json::Value;
use tokio::{runtime::Handle, time::Instant};

use super::{Door, Request};
use crate::{
    access::Caller,
    federation::{Question, Relay},
    identity::Broker,
    tools::Run,
};

/// How long a server may take to hear that nobody waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// The task of a call, if its server has made one of it. Told to end when dropped before it is over.
#[derive(Debug, Default)]
pub(super) struct Task(Mutex<Option<Begun>>);

/// What it takes to tell.
#[derive(Debug)]
struct Begun {
    door: Door,
    broker: Arc<Broker>,
    caller: Arc<Caller>,
    id: String,
}

impl Task {
    /// The server works on this task now.
    pub(super) fn begun(&self, door: &Door, run: &Run<'_>, id: &str) {
        self.put(Some(Begun {
            door: door.clone(),
            broker: run.toolbox.memory.broker.clone(),
            caller: run.call.caller.clone(),
            id: id.to_owned(),
        }));
    }

    /// It has ended, or a later call goes on with it.
    pub(super) fn is_not_abandoned(&self) {
        self.put(None);
    }

    /// Whether it would be told to end.
    pub(super) fn is_abandoned(&self) -> bool {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.is_some()
    }

    fn put(&self, begun: Option<Begun>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let begun = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (Some(begun), Ok(runtime)) = (begun.take(), Handle::try_current()) else {
            return;
        };
        // Nobody waits for this: it ends by itself, at its deadline if not before.
        runtime.spawn(async move { begun.cancel().await });
    }
}

impl Begun {
    async fn cancel(self) {
        let request = Request {
            question: Question::Cancel(CancelTaskParams::new(self.id)),
            caller: &self.caller,
            relay: &Nobody,
            deadline: Instant::now() + PATIENCE,
            is_repeatable: true,
            lent: None,
        };
        if let Err(unanswered) = self.door.ask(&self.broker, request).await {
            let server = &*self.door.server.spec().name;
            tracing::debug!(server, "a task that nobody waits for goes on: {unanswered}");
        }
    }
}

/// Who called, and has left.
struct Nobody;

impl Relay for Nobody {
    fn able(&self) -> Option<ClientCapabilities> {
        // Servers take questions about tasks from those only who know of them.
        Some(ClientCapabilities::builder().enable_tasks().build())
    }

    fn progress<'a>(&'a self, _: f64, _: Option<f64>, _: Option<&'a str>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn log<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn ask<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, Result<Value, String>> {
        let why = "Nobody is there to be asked".to_owned();
        Box::pin(std::future::ready(Err(why)))
    }
}
