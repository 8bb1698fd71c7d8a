//! A faulty provider before a healthy one, for what needs more than one request to show.

use crate::support::{
    Answer, Gateway, Provider,
    faulty::{Faulty, Script, Stance, script},
};

/// The two, and a gateway whose route `r` asks the faulty `a/m`, then the healthy `b/m`; `lone` asks `a/m` only.
pub(super) struct Pair {
    pub(super) a: Faulty,
    pub(super) b: Provider,
    pub(super) gateway: Gateway,
}

impl Pair {
    /// `provider` is what the configuration of `a` says beyond its address, `route` that of the routes.
    pub(super) async fn start(
        scripts: Vec<Script>,
        b: Provider,
        provider: &str,
        route: &str,
    ) -> Self {
        let a = Faulty::start(Stance::Serves(scripts)).await;
        let gateway = Gateway::start(&format!(
            "
providers:
  a: {{ dialect: openai, base_url: \"{}/v1\", {provider} }}
  b: {{ dialect: openai, base_url: \"{}\" }}
routes:
  r: {{ targets: [a/m, b/m], {route} }}
  lone: {{ targets: [a/m], {route} }}
",
            a.url, b.url
        ))
        .await;
        Self { a, b, gateway }
    }

    /// How often the faulty one was asked.
    pub(super) fn asked(&self) -> usize {
        self.a.seen().len()
    }

    /// Why the faulty one stood where it stood in the plan of this answer's request.
    pub(super) async fn reason(&self, answer: &Answer) -> &'static str {
        let record = self.gateway.record(answer.header("x-request-id")).await;
        let found = record
            .candidates
            .iter()
            .find(|candidate| &*candidate.target == "a/m");
        found
            .unwrap_or_else(|| panic!("{record:?} {answer:?}"))
            .reason
            .label()
    }
}

/// An answer with this status in OpenAI's envelope and these headers.
pub(super) fn refusal(status: u16, headers: &[(&str, &str)]) -> Script {
    let body = r#"{"error":{"message":"No.","type":"t","code":null}}"#;
    vec![script::say(script::whole(status, headers, body))]
}
