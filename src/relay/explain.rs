//! A plan as people and machines read it: `waypost explain` and the admin listener show the same.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use tokio::time::Instant;

use super::{Desk, Inquiry, Rights, planning::Chosen};
use crate::{
    access::Caller,
    dialect::{Ask, Malformed, Work, openai::OpenAi},
    facts::Facts,
    json::{self, Object},
    outcome::{ErrorClass, Reason},
    route::{Candidate, Hints, NoPlan, Plan, Question, Strategy, Subject, Verdict},
    telemetry::Surface,
};

/// A plan, or why there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The model that was named.
    pub model: String,
    /// The rule that chose the route, or how to use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// The route that planned; none where the model is one target.
    pub route: Option<Arc<str>>,
    /// How the pool was ordered.
    pub strategy: Option<String>,
    /// The chance it was drawn with.
    pub seed: u64,
    /// Attempts the plan allows over the whole chain.
    pub attempts: Option<u32>,
    /// Every candidate, kept ones in order.
    pub candidates: Vec<Shown>,
    /// Why nobody would be asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// One candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// `provider/model`.
    pub target: Arc<str>,
    /// Whether it may be tried.
    pub kept: bool,
    /// Why.
    pub reason: Reason,
    /// The class of failure it is kept for; none where it is tried in its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<ErrorClass>,
    /// What it is known for.
    pub facts: ShownFacts,
}

/// What a plan knows of a candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownFacts {
    /// Its weight in its route.
    pub weight: u32,
    /// Whether its card lists the model.
    pub listed: bool,
    /// The most input tokens it takes, if known.
    pub context: Option<u64>,
    /// Dollars per million input tokens, if known.
    pub input_price: Option<f64>,
    /// Dollars per million output tokens, if known.
    pub output_price: Option<f64>,
    /// What this request is expected to cost in dollars, failures and invalid answers included, if known.
    #[serde(default)]
    pub expected_cost: Option<f64>,
    /// What the strategy compared, the lowest first.
    #[serde(default)]
    pub score: Option<f64>,
    /// How it has behaved; of a gateway that does not run, nothing.
    #[serde(default)]
    pub today: Facts,
}

/// What a plan is shown with.
struct With<'a> {
    question: &'a Question<'a>,
    /// The predicted times, of those too whose times the plan did not ask for.
    times: &'a dyn Fn(&Candidate) -> Facts,
}

fn shown(verdict: &Verdict, with: &With<'_>, on: Option<ErrorClass>) -> Shown {
    let candidate = &verdict.candidate;
    let Facts {
        first_token, total, ..
    } = (with.times)(candidate);
    let model = candidate.target.facts.as_deref();
    let price = model.and_then(|model| model.price.as_ref());
    Shown {
        target: candidate.name.clone(),
        kept: verdict.kept,
        reason: verdict.reason,
        on,
        facts: ShownFacts {
            weight: candidate.weight,
            listed: model.is_some(),
            context: model.and_then(|model| model.context),
            input_price: price.map(|price| price.input.into()),
            output_price: price.and_then(|price| price.output).map(Into::into),
            expected_cost: candidate.expected_cost(with.question),
            score: verdict.score,
            today: Facts {
                first_token,
                total,
                ..candidate.facts
            },
        },
    }
}

/// Explains where a chat completion's body would go. Asks nobody. A body may do without messages, but not without a
/// model.
pub fn explain(
    desk: &Desk,
    body: &[u8],
    caller: &Caller,
    (hints, tool): (&Hints, Option<&str>),
    seed: u64,
) -> Result<Explained, Malformed> {
    let ask = ask(body)?;
    let inquiry = Inquiry {
        subject: Subject {
            ask: &ask,
            surface: Surface::Chat.label(),
            caller: &caller.name,
            tool,
        },
        caller,
        hints,
        rights: Rights::Caller,
        affinity: 0,
        seed,
    };
    Ok(explain_inquiry(desk, &inquiry))
}

/// Explains where a completion would go. Asks nobody.
pub fn explain_inquiry(desk: &Desk, inquiry: &Inquiry<'_>) -> Explained {
    let chosen = Chosen::by(desk, inquiry);
    let rule = chosen.rule.map(|rule| rule.name.clone());
    let heading = chosen.heading();
    let (now, shape) = (Instant::now(), chosen.shape());
    let times = |candidate: &Candidate| desk.condition(chosen.lasting, candidate).facts(shape, now);
    let explained = chosen.plan(now, |question, plan| {
        let with = With {
            question,
            times: &times,
        };
        explained(&inquiry.subject.ask.outline.model, &with, heading, plan)
    });
    Explained { rule, ..explained }
}

/// The request. Whoever wants a plan need not write a prompt: without messages it has one that is empty.
fn ask(body: &[u8]) -> Result<Ask, Malformed> {
    Ask::read(&OpenAi, Work::Completion, body).or_else(|malformed| {
        let Ok(mut request) = Object::parse(body) else {
            return Err(malformed);
        };
        let messages = request.peek::<Vec<IgnoredAny>>("messages");
        if messages.is_some_and(|messages| !messages.is_empty()) {
            return Err(malformed);
        }
        let mut message = Object::new();
        message.set("role", "user");
        message.set("content", "");
        request.set("messages", &[json::raw(&message)]);
        Ask::read(&OpenAi, Work::Completion, &request.to_bytes())
    })
}

fn explained(
    model: &str,
    with: &With<'_>,
    heading: Option<(Arc<str>, Strategy)>,
    planned: Result<Plan, NoPlan>,
) -> Explained {
    let model = model.to_owned();
    let seed = with.question.seed;
    let (route, strategy) = heading.unzip();
    match planned {
        Ok(plan) => {
            let usual = plan.verdicts().iter().map(|it| shown(it, with, None));
            let on = plan.listed().flat_map(|(class, verdicts)| {
                verdicts.iter().map(move |it| shown(it, with, Some(class)))
            });
            Explained {
                model,
                rule: None,
                candidates: usual.chain(on).collect(),
                route,
                strategy: Some(plan.strategy.label().to_owned()),
                seed,
                attempts: Some(plan.retry.attempts),
                error: None,
            }
        }
        Err(reason) => Explained {
            model,
            rule: None,
            route,
            strategy: strategy.map(|strategy| strategy.label().to_owned()),
            seed,
            attempts: None,
            candidates: reason
                .verdicts()
                .iter()
                .map(|it| shown(it, with, None))
                .collect(),
            error: Some(reason.to_string()),
        },
    }
}
