//! Other servers' tools: what is offered of them, and what comes of calls.

mod abandoned;
mod calls;
mod circuits;
mod client;
mod dialogue;
mod flows;
mod isolation;
mod offers;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Entry, double::Double, tools};
use crate::{
    federation::{Answer, Failed, Federated, Trust},
    telemetry::Ledger,
    tools::{
        Call, Common, Line, Memory, Outcome, Refusal, Tool, Toolbox, Untrusted, call,
        stage::{call_of, toolbox_of},
    },
};

/// A toolbox with what these servers offer.
fn toolbox(servers: &[(&Arc<Double>, Entry)], memory: &Arc<Memory>) -> Arc<Toolbox> {
    let federated = servers.iter().flat_map(|(server, entry)| {
        let server: Arc<dyn Federated> = (*server).clone();
        tools(&server, entry)
    });
    let toolbox = toolbox_of(Vec::new(), &Ledger::start(None), memory);
    let toolbox = toolbox.with_rule(Untrusted::default());
    Arc::new(toolbox.with_federated(federated.collect()))
}

/// The tools of one server.
fn tools_of(server: &Arc<Double>, common: Common) -> Vec<Tool> {
    let server: Arc<dyn Federated> = server.clone();
    let entry = Entry {
        common,
        ..Entry::default()
    };
    tools(&server, &entry)
}

/// A call of a tool by its wire name.
fn call_named(tool: &str, arguments: Value) -> Call {
    Call {
        tool: tool.to_owned(),
        ..call_of(arguments)
    }
}

/// What comes of calling `crm.t` of a trusted server that gives these answers, on this line.
async fn called(
    answers: Vec<Result<Answer, Failed>>,
    line: Arc<dyn Line>,
) -> (Result<Outcome, Refusal>, Arc<Double>) {
    let server = Double::answering("crm", Trust::Trusted, &["t"], answers);
    let toolbox = toolbox(&[(&server, Entry::default())], &Arc::default());
    let outcome = call(toolbox, call_named("crm__t", json!({"a": 1})), line).await;
    (outcome, server)
}
