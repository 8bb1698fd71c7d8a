//! Other people's servers: how they are reached, and what they cannot do by hanging, flooding, breaking or lying.
#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

mod fake;
mod http;
mod keeping;
mod kind;
mod persons;
mod records;
mod servers;
mod stdio;
mod tokens;
mod wiring;
mod words;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use rmcp::model::{CallToolRequestParams, CallToolResponse, LoggingLevel};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};
use waypost::{
    app::wire,
    config::{File, parse},
    federation::{
        Answer, Bearer, Failed, Fleet, Outgoing, Person, Pins, Question, Relay, Server, Spec,
    },
    secret::Secret,
    telemetry::{Ledger, Notes},
    upstream::guarded::Guarded,
};

use crate::support::gateway::PATIENCE;

/// The servers of a configuration's tools, or what is wrong with them.
fn specs(tools: &str) -> Result<Vec<Spec>, String> {
    specs_with(tools, "token-of-the-configuration")
}

/// The same, with another secret in the environment.
fn specs_with(tools: &str, token: &str) -> Result<Vec<Spec>, String> {
    let yaml = format!("tools:\n{tools}");
    let file = match parse::<File>("waypost.yaml", &yaml) {
        Ok(loaded) => loaded.value,
        Err(malformed) => return Err(format!("{:#?}", malformed.diagnostics)),
    };
    let environment = |name: &str| match name {
        "PATH" => Some("/usr/bin:/bin".to_owned()),
        "TOKEN" => Some(token.to_owned()),
        _ => None,
    };
    match wire(&file, &environment) {
        Ok(wired) => Ok(wired.servers.into_iter().map(|(spec, _)| spec).collect()),
        Err(problems) => Err(format!("{problems:#?}")),
    }
}

/// A fleet with one server, `s`, of these settings.
fn fleet(settings: &str) -> (Fleet, Arc<Server>) {
    let fleet = empty();
    fleet.settle(specs(&format!("  s: {{ kind: mcp, {settings} }}\n")).unwrap());
    let server = fleet.server("s").unwrap();
    (fleet, server)
}

fn empty() -> Fleet {
    with_pins(Pins::open(None), Ledger::start(None))
}

fn with_pins(pins: Arc<Pins>, ledger: Arc<Ledger>) -> Fleet {
    let fleet = Fleet::new(pins, Arc::new(Guarded::default()), ledger);
    fleet.started_by(env!("CARGO_BIN_EXE_waypost").into())
}

/// A caller who writes down what it is told, and answers what it is asked.
#[derive(Default)]
struct Caller {
    told: Mutex<Vec<String>>,
    /// From which level on it wants logs.
    level: Option<LoggingLevel>,
    notes: Notes,
}

impl Caller {
    fn tell(&self, what: String) {
        self.told.lock().unwrap().push(what);
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl Relay for Caller {
    fn log_level(&self) -> Option<LoggingLevel> {
        self.level
    }

    fn notes(&self) -> Option<&Notes> {
        Some(&self.notes)
    }

    fn progress<'a>(
        &'a self,
        progress: f64,
        _total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.tell(format!("{progress} {}", message.unwrap_or_default())) })
    }

    fn log<'a>(&'a self, level: &'a str, data: Value) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.tell(format!("{level} {data}")) })
    }

    fn ask<'a>(&'a self, method: &'a str, _: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            self.tell(method.to_owned());
            match method {
                "elicitation/create" => {
                    Ok(json!({ "action": "accept", "content": { "name": "Ada" } }))
                }
                _ => Err("Nobody can be asked that".to_owned()),
            }
        })
    }
}

/// One call.
struct Ask<'a> {
    server: &'a Server,
    caller: &'a Caller,
    /// A token, of a user if it is `USER.NUMBER`.
    token: Option<&'a str>,
    repeatable: bool,
    within: Duration,
}

impl<'a> Ask<'a> {
    fn new(server: &'a Server, caller: &'a Caller) -> Self {
        Self {
            server,
            caller,
            token: None,
            repeatable: false,
            within: PATIENCE,
        }
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<CallToolResponse, Failed> {
        let params = CallToolRequestParams::new(tool.to_owned());
        let params = params.with_arguments(arguments.as_object().cloned().unwrap_or_default());
        let token = self.token.map(Secret::new);
        let user = self.token.and_then(|token| token.split_once('.'));
        let person = user.map(|(user, _)| Person(blake3::hash(user.as_bytes()).into()));
        let asking = self.server.ask(Outgoing {
            question: Question::Call(params),
            relay: self.caller,
            bearer: token.as_ref().map(|token| Bearer { token, person }),
            meta: Map::new(),
            deadline: Instant::now() + self.within,
            repeatable: self.repeatable,
            serving: None,
        });
        let asked = timeout(PATIENCE * 2, asking).await.expect("it hangs");
        asked.map(|answer| match answer {
            Answer::Call(response) => response,
            other => panic!("{other:?}"),
        })
    }

    /// The text of its result.
    async fn text(&self, tool: &str, arguments: Value) -> Result<String, Failed> {
        let response = self.call(tool, arguments).await?;
        let CallToolResponse::Complete(result) = response else {
            panic!("{response:?}");
        };
        let content = serde_json::to_value(&result.content).unwrap();
        Ok(content[0]["text"].as_str().unwrap().to_owned())
    }
}

/// Waits until it is so, looking whenever the fleet moves and every few milliseconds.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let looked = timeout(PATIENCE, looking).await;
    assert!(looked.is_ok(), "not so: {what}");
}

/// Time passes, and nothing else happens in it.
async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
