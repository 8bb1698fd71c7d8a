//! Sample traffic: callers like any other, who send HTTP to the public listener and read the whole answer.
//!
//! Seeded, so that two runs ask the same questions in the same order. Nothing is measured here: what happened
//! is in the ledger, as with any caller.

use std::{ops::Range, sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use tokio::{sync::Semaphore, task::JoinSet};

/// Requests at once. A slow minute makes callers wait instead of piling up.
const MOST_AT_ONCE: usize = 12;

/// How long a caller waits for the end of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much is sent, and how fast.
pub(super) struct Plan {
    /// Base URL of the public listener.
    pub(super) url: String,
    /// Seed of the questions and gaps.
    pub(super) seed: u64,
    /// Time between two requests.
    pub(super) gap: Range<Duration>,
    /// Requests in all.
    pub(super) count: usize,
}

/// Sends all requests of the plan and waits for their answers. Dropped, it leaves like a caller who has enough.
pub(super) async fn send(plan: Plan) -> reqwest::Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let room = Arc::new(Semaphore::new(MOST_AT_ONCE));
    let mut dice = SmallRng::seed_from_u64(plan.seed);
    let mut callers = JoinSet::new();
    for _ in 0..plan.count {
        let Question { path, head, body } = question(&mut dice);
        let mut request = client
            .post(format!("{}{path}", plan.url))
            .header("content-type", "application/json")
            .body(body);
        for (name, value) in head {
            request = request.header(name, value);
        }
        let Ok(permit) = room.clone().acquire_owned().await else {
            break;
        };
        callers.spawn(async move {
            let _permit = permit;
            read(request).await;
        });
        while callers.try_join_next().is_some() {}
        if !plan.gap.is_empty() {
            tokio::time::sleep(dice.random_range(plan.gap.clone())).await;
        }
    }
    while callers.join_next().await.is_some() {}
    Ok(())
}

/// Reads an answer to its end. How it went is on the gateway's books; a caller of the demo does not mind.
async fn read(request: reqwest::RequestBuilder) {
    let Ok(mut response) = request.send().await else {
        return;
    };
    while let Ok(Some(_)) = response.chunk().await {}
}

/// One request to be sent.
#[derive(Debug, PartialEq)]
struct Question {
    path: &'static str,
    /// Headers beside those that all have.
    head: Vec<(&'static str, &'static str)>,
    body: String,
}

fn question(dice: &mut SmallRng) -> Question {
    let asked = ask(dice);
    let body = match dice.random_range(0..22) {
        0..4 => chat("chat", &asked, true, ""),
        4..6 => chat("chat", &asked, false, ""),
        6..8 => chat("canary", &asked, true, ""),
        8..10 => chat("auto", &asked, true, ""),
        10..12 => chat("auto", &asked, false, SCHEMA),
        12..14 => chat("extract", &asked, true, SCHEMA),
        14..16 => chat("auto", TOOLS_ASKED, true, TOOLS),
        16..17 => chat("tools", TOOLS_ASKED, false, TOOLS),
        17..18 => {
            return Question {
                head: vec![("x-waypost-tool", "draft_reply")],
                ..Question::chat(chat("auto", &asked, true, ""))
            };
        }
        18..19 => return Question::call("text__summarise", &asked),
        19..20 => return Question::call("invoice__extract", &asked),
        _ => {
            return Question {
                path: "/v1/embeddings",
                head: Vec::new(),
                body: format!(r#"{{"model":"embed","input":["{asked}","{}"]}}"#, ask(dice)),
            };
        }
    };
    Question::chat(body)
}

impl Question {
    fn chat(body: String) -> Self {
        Self {
            path: "/v1/chat/completions",
            head: Vec::new(),
            body,
        }
    }

    /// A call of a tool that takes a text, over MCP.
    fn call(tool: &'static str, text: &str) -> Self {
        const VERSION: &str = "2026-07-28";
        Self {
            path: "/mcp",
            head: vec![
                ("accept", "application/json, text/event-stream"),
                ("mcp-protocol-version", VERSION),
                ("mcp-method", "tools/call"),
                ("mcp-name", tool),
            ],
            body: format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":"{text}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"{VERSION}","io.modelcontextprotocol/clientInfo":{{"name":"demo","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
            ),
        }
    }
}

fn chat(model: &str, asked: &str, stream: bool, more: &str) -> String {
    format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"{asked}"}}],"stream":{stream}{more}}}"#
    )
}

/// Words without quotes or backslashes, since they stand in JSON as they are.
fn ask(dice: &mut SmallRng) -> String {
    const WHAT: &[&str] = &[
        "Summarise",
        "Explain to a new colleague",
        "List three risks of",
        "Write a short note on",
    ];
    const OF: &[&str] = &[
        "the quarterly report",
        "our incident on Tuesday",
        "vector search",
        "the refund policy",
        "rate limits and retries",
        "the move to a second region",
    ];
    let word = |from: &[&'static str], dice: &mut SmallRng| from.choose(dice).copied();
    let what = word(WHAT, dice).unwrap_or_default();
    let of = word(OF, dice).unwrap_or_default();
    format!("{what} {of}.")
}

/// An answer that must fit a schema.
const SCHEMA: &str = r#","response_format":{"type":"json_schema","json_schema":{"name":"note","strict":true,"schema":{"type":"object","properties":{"title":{"type":"string"},"priority":{"enum":["low","high"]},"pages":{"type":"integer","minimum":1,"maximum":9}},"required":["title","priority","pages"],"additionalProperties":false}}}"#;

/// What makes a model call both tools at once.
const TOOLS_ASKED: &str = "Use get weather and get time for Lisbon.";

/// Two tools, one of which must be called at least.
const TOOLS: &str = r#","tool_choice":"required","tools":[{"type":"function","function":{"name":"get_weather","description":"The weather of a city.","parameters":{"type":"object","properties":{"city":{"type":"string"},"unit":{"enum":["c","f"]}},"required":["city"]}}},{"type":"function","function":{"name":"get_time","description":"The local time of a city.","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_the_same_of_every_route_at_every_run() {
        let asked = |seed| {
            let mut dice = SmallRng::seed_from_u64(seed);
            (0..120).map(|_| question(&mut dice)).collect::<Vec<_>>()
        };
        assert_eq!(asked(1), asked(1));
        assert_ne!(asked(1), asked(2));
        for model in ["chat", "canary", "auto", "extract", "tools", "embed"] {
            let names = format!(r#""model":"{model}""#);
            assert!(asked(1).iter().any(|asked| asked.body.contains(&names)));
        }
        for name in ["x-waypost-tool", "mcp-name"] {
            let has = |asked: &Question| asked.head.iter().any(|(known, _)| *known == name);
            assert!(asked(1).iter().any(has), "{name}");
        }
        for asked in asked(1) {
            serde_json::from_str::<serde_json::Value>(&asked.body).unwrap();
        }
    }
}
