//! A tool as written: what every tool has, and what its kind adds.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Cache, Concurrency, Idempotency, KindSettings, Retry, hygiene};
use crate::{policy::Breaker, problem::Problem, span::Span};

/// One tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What every tool has.
    #[serde(flatten)]
    pub common: Common,
    /// How it is executed.
    #[serde(flatten)]
    pub kind: KindSettings,
}

/// What every tool has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Common {
    /// A short name for people.
    pub title: Option<String>,
    /// What it does and when to use it: what the model reads.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments. Unknown properties are refused unless it allows them. Kinds with arguments of their own bring one.
    pub input_schema: Option<Map<String, Value>>,
    /// JSON Schema of the structured result.
    pub output_schema: Option<Map<String, Value>>,
    /// What clients may assume of it. Hints for them; nothing here relies on what another server says.
    pub annotations: Annotations,
    /// The longest a call may take, retries included.
    pub timeout: Span,
    /// Whether a call may, or must, run as a task that the client polls.
    pub task: TaskSupport,
    /// Calls per minute over all callers; unlimited when absent. Each also counts as one of its caller's own requests.
    pub rpm: Option<u32>,
    /// How many calls run at once, and how long others wait; unlimited when absent.
    pub concurrency: Option<Concurrency>,
    /// Whether a call runs the tool again after a fault that may pass by itself.
    pub retry: Retry,
    /// When the tool counts as broken and is not asked for a while. What it says of slow streams means nothing for tools.
    pub breaker: Breaker,
    /// Whether results are kept and given again for the same arguments. Needs the annotation readOnlyHint or idempotentHint.
    pub cache: Option<Cache>,
    /// Which calls run once: those with the same idempotency key (`key`), or also those of one caller who asks for the same at the same time (`auto`).
    pub idempotency: Idempotency,
    /// The scopes a token must have to call it. Holders of keys are bound by their `tools` alone.
    pub scopes: Vec<String>,
    /// Whether it can send data out: mail, posts, uploads, payments. A conversation that has read untrusted data may not call it without approval.
    pub sends_out: bool,
    /// Whether what it gives is untrusted data, which anybody may have written: whoever has read it may not send data out without approval.
    pub untrusted: bool,
    /// Conditions (CEL) over `input` and `caller.name` that must all be true of a call.
    pub allow: Vec<String>,
    /// The largest result, in bytes; 262144 when absent, or 8388608 with an output schema. A larger one is cut with a note that says so; one with an output schema cannot be cut and is refused.
    pub max_result: Option<usize>,
    /// Whether the rest of a result that was cut can be asked for, with the tool result.next that is offered then. Not for tools with an output schema.
    pub paging: bool,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            title: None,
            description: String::new(),
            input_schema: None,
            output_schema: None,
            annotations: Annotations::default(),
            timeout: Span::secs(30),
            task: TaskSupport::default(),
            rpm: None,
            concurrency: None,
            retry: Retry::default(),
            breaker: Breaker::default(),
            cache: None,
            idempotency: Idempotency::default(),
            scopes: Vec::new(),
            sends_out: false,
            untrusted: false,
            allow: Vec::new(),
            max_result: None,
            paging: false,
        }
    }
}

/// The smallest page: below it, notes on what was cut would be most of it.
const SMALLEST_RESULT: usize = 1024;

/// The largest result: what one caller's share of kept results holds.
const LARGEST_RESULT: usize = 8 * 1024 * 1024;

/// The largest result that can be cut, unless the operator says another: more than most models read at once.
const USUAL_RESULT: usize = 256 * 1024;

impl Common {
    /// The largest result, in bytes. One that cannot be cut has been paid for when it turns out too large: there each
    /// kind's own limits, on texts, rows or bytes, come first.
    pub fn most_result(&self, has_output_schema: bool) -> usize {
        let usual = match has_output_schema {
            true => LARGEST_RESULT,
            false => USUAL_RESULT,
        };
        self.max_result.unwrap_or(usual)
    }

    /// What is wrong with them as those of a server's entry, whose tools bring descriptions of their own.
    pub fn problems_of_server(&self) -> Vec<Problem> {
        let mut problems = self.problems();
        let is_described = !self.description.trim().is_empty();
        problems.retain(|problem| is_described || problem.path != ["description"]);
        for (key, is_there) in [
            ("input_schema", self.input_schema.is_some()),
            ("output_schema", self.output_schema.is_some()),
            ("paging", self.paging),
        ] {
            if is_there {
                let message = "each tool of a server has its own";
                problems.push(Problem::new([key], message));
            }
        }
        problems
    }

    /// What is wrong with them; paths start at the tool's keys.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = hygiene::problems(self);
        let repeatable = self.annotations.are_repeatable();
        if self.timeout.get().is_zero() {
            let problem = Problem::new(["timeout"], "there is no time to run");
            problems.push(problem.expected("more than 0s"));
        }
        if self.rpm == Some(0) {
            let problem = Problem::new(["rpm"], "no call would ever pass");
            problems.push(problem.expected("at least 1"));
        }
        let most = self.max_result.unwrap_or(USUAL_RESULT);
        if !(SMALLEST_RESULT..=LARGEST_RESULT).contains(&most) {
            let message = format!("{most} bytes");
            let problem = Problem::new(["max_result"], message);
            problems.push(problem.expected(format!("{SMALLEST_RESULT} to {LARGEST_RESULT}")));
        }
        let places = self.concurrency.and_then(Concurrency::problems);
        problems.extend(places.map(|problem| problem.under(["concurrency"])));
        let retry = self.retry.problems(repeatable).into_iter();
        problems.extend(retry.map(|problem| problem.under(["retry"])));
        let breaker = self.breaker.problems().into_iter();
        problems.extend(breaker.map(|problem| problem.under(["breaker"])));
        let cache = self.cache.and_then(|cache| cache.problems(repeatable));
        problems.extend(cache.map(|problem| problem.under(["cache"])));
        problems
    }
}

impl Annotations {
    /// Whether the operator says that running the tool once more does no harm.
    pub(super) fn are_repeatable(self) -> bool {
        self.read_only == Some(true) || self.idempotent == Some(true)
    }
}

/// What clients may assume of a tool, in MCP's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Annotations {
    /// It changes nothing.
    #[serde(rename = "readOnlyHint")]
    pub read_only: Option<bool>,
    /// What it changes may be lost.
    #[serde(rename = "destructiveHint")]
    pub destructive: Option<bool>,
    /// Calling it twice is as good as once.
    #[serde(rename = "idempotentHint")]
    pub idempotent: Option<bool>,
    /// It deals with the world outside.
    #[serde(rename = "openWorldHint")]
    pub open_world: Option<bool>,
}

/// Whether calls run as tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskSupport {
    /// Calls are answered while the client waits.
    #[default]
    Never,
    /// As a task where the client can poll one.
    Optional,
    /// Only as a task.
    Required,
}

impl JsonSchema for Settings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tool".into()
    }

    /// One closed shape for each kind, with the keys every tool has: so that checks can tell which key is unknown.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let common = Common::json_schema(generator).to_value();
        let mut kinds = KindSettings::json_schema(generator).to_value();
        let common = common.get("properties").and_then(Value::as_object);
        let shapes = kinds.get_mut("oneOf").and_then(Value::as_array_mut);
        for shape in shapes.into_iter().flatten() {
            let Some(shape) = shape.as_object_mut() else {
                continue;
            };
            let properties = shape
                .entry("properties")
                .or_insert_with(|| Map::new().into());
            if let (Some(properties), Some(common)) = (properties.as_object_mut(), common) {
                properties.extend(common.clone());
            }
            shape.insert("additionalProperties".to_owned(), false.into());
        }
        Schema::try_from(kinds).unwrap_or_default()
    }
}
