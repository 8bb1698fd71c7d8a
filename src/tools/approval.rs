//! Whether a call that can send data out may be made by a conversation that has read untrusted data.
//!
//! What was read may speak to the model, so the model's wish is not enough: the user sees the tool and its arguments
//! as they are, and says yes to this one call.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    Fault, FaultClass, Line, Question, Stop,
    job::Job,
    taint::{Approval, Reader, Taint},
};
use crate::schema::shown_text;

/// What begins the keys of questions that the gateway asks for itself: no server may use them for its own.
pub(super) const RESERVED: &str = "dev.waypost/";

/// The key of the question.
const KEY: &str = "dev.waypost/approval";

/// The most of the arguments that is shown, in characters: what a person reads before saying yes.
const SHOWN: usize = 2_000;

/// How long the user may take where the client is asked directly. People look things up first.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Lets the call pass, asks, or refuses.
pub(super) async fn given(job: &Job) -> Result<(), Stop> {
    let tool = &job.tool;
    if !tool.common.sends_out {
        return Ok(());
    }
    let rule = job.toolbox.untrusted;
    let reader = Reader::of(&job.call);
    let Some(taint) = job.toolbox.memory.taints.holds(reader, rule.lasts.get()) else {
        return Ok(());
    };
    match rule.approval {
        Approval::Allow => Ok(()),
        Approval::Deny => {
            Err(refused(job, &taint, "the operator allows nobody to approve it").into())
        }
        Approval::Ask => asked(job, &taint).await,
    }
}

async fn asked(job: &Job, taint: &Taint) -> Result<(), Stop> {
    if !job.line.abilities().elicitation {
        let why =
            "its user would have to approve the call, and the client cannot ask them (elicitation)";
        return Err(refused(job, taint, why).into());
    }
    let began = Instant::now();
    approved(job, taint).await?;
    if !job.line.spend(KEY) {
        // That yes was for another call, or for none: this one is asked for by itself.
        approved(job, taint).await?;
    }
    // The tool's own time begins when it may run.
    job.waited(began.elapsed());
    Ok(())
}

/// Asks, and takes nothing but a yes.
async fn approved(job: &Job, taint: &Taint) -> Result<(), Stop> {
    let question = question(job, taint);
    let answers = timeout(PATIENCE, job.line.ask(vec![(KEY.to_owned(), question)])).await;
    let answers = answers.map_err(|_| refused(job, taint, "its user did not answer"))??;
    if !answers.get(KEY).is_some_and(says_yes) {
        return Err(refused(job, taint, "its user did not approve the call").into());
    }
    Ok(())
}

fn question(job: &Job, taint: &Taint) -> Question {
    let arguments = job.arguments.to_string();
    let shown = shown_text(&arguments, SHOWN);
    let cut = match arguments.chars().count() > SHOWN {
        true => format!(
            " (the first {SHOWN} characters; {} bytes in all)",
            arguments.len()
        ),
        false => String::new(),
    };
    let message = format!(
        "The tool `{}` can send data out, and this conversation has read data of `{}` that anybody may have written. \
         Shall it be called with these arguments?{cut} {shown}",
        job.tool.id, taint.source
    );
    let schema = json!({
        "type": "object",
        "properties": {"approve": {"type": "boolean", "title": "Call it", "default": false}},
        "required": ["approve"],
    });
    Question::Elicit { message, schema }
}

fn says_yes(answer: &Value) -> bool {
    let accepted = answer.get("action").and_then(Value::as_str) == Some("accept");
    accepted && answer.pointer("/content/approve") == Some(&Value::Bool(true))
}

fn refused(job: &Job, taint: &Taint, why: &str) -> Fault {
    let message = format!(
        "`{}` can send data out, and this conversation has read untrusted data (`{}`): {why}",
        job.tool.id, taint.source
    );
    Fault::new(FaultClass::Forbidden, message)
}
