//! The access log: one JSON line for each request and each call of a tool, told apart by `message`; a choice from
//! the record: explain has the rest. What is asked of another server like a call of its tools has a line like one.
//!
//! Written by hand, because it is written for each request: a serialiser's steps for every key of a line that
//! always has the same keys cost more than metrics, limits and keys together.

use std::{io::Write, time::Duration};

use jiff::fmt::temporal::DateTimePrinter;

use super::{Cost, End, Identity, Record, ToolRecord, Upstream};
use crate::chat::Usage;

/// Appends the line of one record. The keys and their order are part of the log's contract.
pub(super) fn line(record: &Record, out: &mut Vec<u8>) {
    let usage: Option<&Usage> = record.usage.as_ref();
    let wasted = record
        .attempts
        .iter()
        .filter(|attempt| attempt.end != End::Delivered)
        .fold(Cost::Nothing, |sum, attempt| sum.plus(attempt.cost));
    let failed = !matches!(record.end, End::Delivered | End::Open);
    let mut line = begin(record.at, "request", out);
    line.text("request_id", Some(&record.id));
    line.text("caller", Some(&record.caller));
    line.identity(record.identity.as_ref());
    line.word("surface", Some(record.surface.label()));
    line.text("model", Some(&record.model));
    line.flag("stream", record.stream);
    line.text("route", record.route.as_deref());
    line.text("target", record.target.as_deref());
    line.count("attempts", Some(record.attempts.len() as u64));
    line.word("outcome", Some(if failed { "failed" } else { "delivered" }));
    line.word("error_class", failed.then(|| record.end.label()));
    line.millis("first_token_ms", record.first_token);
    line.millis("total_ms", record.total);
    line.count("input_tokens", usage.map(|usage| usage.input));
    line.count("output_tokens", usage.map(|usage| usage.output));
    line.count("cached_tokens", usage.and_then(|usage| usage.cached));
    line.flag("estimated", usage.is_some_and(|usage| usage.estimated));
    line.cost("cost_usd", record.cost);
    line.cost("wasted_usd", wasted);
    out.extend_from_slice(b"}\n");
}

/// Appends the line of one call of a tool; its keys are part of the log's contract too.
pub(super) fn tool_line(record: &ToolRecord, out: &mut Vec<u8>) {
    let failed = record.failed();
    let mut line = begin(record.at, "tool_call", out);
    line.text("request_id", Some(&record.id));
    line.text("caller", Some(&record.caller));
    line.identity(record.identity.as_ref());
    line.word("surface", Some(record.surface));
    line.word("what", Some(record.what.label()));
    line.text("tool", Some(&record.tool));
    line.word("kind", Some(record.kind));
    line.text("server", record.server.as_deref());
    line.word(
        "outcome",
        Some(if failed { "failed" } else { record.outcome }),
    );
    line.word("error_class", failed.then_some(record.outcome));
    line.count("runs", Some(record.runs.into()));
    line.word("cache", record.cache);
    line.word("shared", record.shared);
    line.flag("paged", record.paged);
    line.count("completions", Some(record.completions.len() as u64));
    line.count("input_tokens", Some(record.input_tokens));
    line.count("output_tokens", Some(record.output_tokens));
    line.cost("cost_usd", record.cost);
    line.millis("queued_ms", record.queued);
    line.millis("total_ms", record.total);
    line.upstream(&record.upstream);
    out.extend_from_slice(b"}\n");
}

/// The members every line begins with.
fn begin<'a>(at: jiff::Timestamp, message: &str, out: &'a mut Vec<u8>) -> Line<'a> {
    out.extend_from_slice(b"{\"at\":\"");
    // It fails for years beyond 9999 only, and then prints nothing.
    let _ = DateTimePrinter::new().print_timestamp(&at, &mut *out);
    out.extend_from_slice(b"\",\"level\":\"info\",\"message\":\"");
    out.extend_from_slice(message.as_bytes());
    out.push(b'"');
    Line(out)
}

/// A line behind its first member.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    fn key(&mut self, key: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn or_null<T>(&mut self, key: &str, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
        self.key(key);
        match value {
            Some(value) => write(self.0, value),
            None => self.0.extend_from_slice(b"null"),
        }
    }

    /// Text of any kind.
    fn text(&mut self, key: &str, text: Option<&str>) {
        // A string always serialises, and a vector takes everything.
        self.or_null(key, text, |out, text| {
            drop(serde_json::to_writer(out, text))
        });
    }

    /// Whose token it was; nothing for a key.
    fn identity(&mut self, identity: Option<&Identity>) {
        if identity.is_some() {
            self.or_null("identity", identity, |out, identity| {
                drop(serde_json::to_writer(out, identity));
            });
        }
    }

    /// Which replicas were asked, and with whose token; nothing where none was.
    fn upstream(&mut self, upstream: &[Upstream]) {
        if !upstream.is_empty() {
            self.or_null("upstream", Some(upstream), |out, upstream| {
                drop(serde_json::to_writer(out, upstream));
            });
        }
    }

    /// A word of ours, or digits: nothing in it needs an escape.
    fn word(&mut self, key: &str, word: Option<&str>) {
        self.or_null(key, word, |out, word| {
            out.push(b'"');
            out.extend_from_slice(word.as_bytes());
            out.push(b'"');
        });
    }

    fn flag(&mut self, key: &str, flag: bool) {
        self.key(key);
        self.0
            .extend_from_slice(if flag { b"true" } else { b"false" });
    }

    fn count(&mut self, key: &str, count: Option<u64>) {
        self.or_null(key, count, |out, count| {
            drop(serde_json::to_writer(out, &count));
        });
    }

    /// Milliseconds with microseconds behind the point.
    fn millis(&mut self, key: &str, span: Option<Duration>) {
        self.or_null(key, span, |out, span| {
            let micros = span.as_micros();
            drop(write!(out, "{}.{:03}", micros / 1_000, micros % 1_000));
        });
    }

    /// Dollars, as text: a float would round them.
    fn cost(&mut self, key: &str, cost: Cost) {
        match cost {
            Cost::Unknown => self.word(key, Some("unknown")),
            cost => self.word(key, cost.dollars().as_deref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::NanoDollars,
        outcome::{AttemptKind, ErrorClass},
        telemetry::{Attempt, Surface, What},
    };

    fn attempt(end: End, cost: Cost) -> Attempt {
        Attempt {
            target: "p/m".into(),
            provider: "p".into(),
            model_label: "m".into(),
            kind: AttemptKind::Primary,
            credential: None,
            verdict: None,
            end,
            status: None,
            waited: None,
            queued: None,
            first_token: None,
            total: None,
            usage: None,
            cost,
        }
    }

    fn record() -> Record {
        Record {
            id: "req_1".into(),
            at: "2026-01-02T03:04:05.5Z".parse().unwrap(),
            surface: Surface::Chat,
            caller: "ci".into(),
            identity: None,
            model: "a \"quoted\"\nname".into(),
            stream: true,
            route: Some("chat".into()),
            strategy: Some("priority"),
            rule: None,
            tool: None,
            serves: None,
            seed: 1,
            candidates: Vec::new(),
            attempts: vec![
                attempt(
                    End::Failed(ErrorClass::Overloaded),
                    Cost::Known(NanoDollars(2_500)),
                ),
                attempt(End::Delivered, Cost::Unknown),
            ],
            target: Some("p/m".into()),
            dropped: Vec::new(),
            usage: Some(Usage {
                input: 7,
                output: 11,
                ..Usage::default()
            }),
            cost: Cost::Unknown,
            end: End::Delivered,
            first_token: Some(Duration::from_micros(1_002)),
            total: Some(Duration::from_millis(20)),
        }
    }

    fn check(record: &Record, expected: &str) {
        let mut out = Vec::new();
        line(record, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn a_line_is_one_json_object_in_a_fixed_order() {
        check(
            &record(),
            concat!(
                r#"{"at":"2026-01-02T03:04:05.5Z","level":"info","message":"request","request_id":"req_1","#,
                r#""caller":"ci","surface":"chat","model":"a \"quoted\"\nname","stream":true,"route":"chat","#,
                r#""target":"p/m","attempts":2,"outcome":"delivered","error_class":null,"first_token_ms":1.002,"#,
                r#""total_ms":20.000,"input_tokens":7,"output_tokens":11,"cached_tokens":null,"estimated":false,"#,
                r#""cost_usd":"unknown","wasted_usd":"0.0000025"}"#,
            ),
        );
        let refused = Record {
            route: None,
            target: None,
            attempts: Vec::new(),
            usage: None,
            cost: Cost::Nothing,
            end: End::Failed(ErrorClass::RateLimit),
            first_token: None,
            total: None,
            ..record()
        };
        check(
            &refused,
            concat!(
                r#"{"at":"2026-01-02T03:04:05.5Z","level":"info","message":"request","request_id":"req_1","#,
                r#""caller":"ci","surface":"chat","model":"a \"quoted\"\nname","stream":true,"route":null,"#,
                r#""target":null,"attempts":0,"outcome":"failed","error_class":"rate_limit","first_token_ms":null,"#,
                r#""total_ms":null,"input_tokens":null,"output_tokens":null,"cached_tokens":null,"estimated":false,"#,
                r#""cost_usd":null,"wasted_usd":null}"#,
            ),
        );
    }

    #[test]
    fn a_line_tells_whose_token_it_was() {
        let mut out = Vec::new();
        let record = Record {
            caller: "corp/u\"1".into(),
            identity: Some(Identity {
                issuer: "corp".into(),
                subject: "u\"1".into(),
                client: None,
            }),
            ..record()
        };
        line(&record, &mut out);
        let told = r#""caller":"corp/u\"1","identity":{"issuer":"corp","subject":"u\"1"},"surface":"chat""#;
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn a_call_of_a_tool_has_a_line_of_its_own() {
        let record = ToolRecord {
            id: "req_1".into(),
            at: "2026-01-02T03:04:05.5Z".parse().unwrap(),
            what: What::Tool,
            tool: "docs.search".into(),
            kind: "embed",
            server: None,
            caller: "ci".into(),
            identity: None,
            surface: "http",
            outcome: "timeout",
            runs: 2,
            cache: Some("miss"),
            shared: None,
            paged: false,
            completions: vec!["req_2".into()],
            input_tokens: 7,
            output_tokens: 0,
            cost: Cost::Known(NanoDollars(2_500)),
            queued: None,
            total: Some(Duration::from_micros(1_002)),
            upstream: Vec::new(),
        };
        let mut out = Vec::new();
        tool_line(&record, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"at":"2026-01-02T03:04:05.5Z","level":"info","message":"tool_call","request_id":"req_1","#,
                r#""caller":"ci","surface":"http","what":"tool","tool":"docs.search","kind":"embed","server":null,"#,
                r#""outcome":"failed","error_class":"timeout","runs":2,"cache":"miss","shared":null,"paged":false,"completions":1,"#,
                r#""input_tokens":7,"output_tokens":0,"cost_usd":"0.0000025","queued_ms":null,"total_ms":1.002}"#,
                "\n",
            ),
        );
    }
}
