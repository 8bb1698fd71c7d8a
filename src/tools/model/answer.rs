//! One completion, asked and read: as a whole, or told as progress while it is written.

use serde_json::{Map, Value};

use super::{Wanted, fault, meta, note, send, stream};
use crate::{
    chat::Finish,
    dialect::{Dialect, openai::OpenAi},
    relay::Answered,
    tools::{Completion, Fault, FaultClass, Run},
};

/// A finished completion.
#[derive(Debug)]
pub(in crate::tools) struct Finished {
    /// What the model wrote.
    pub(in crate::tools) text: String,
    /// Whether it was cut short by the limit on its tokens.
    pub(in crate::tools) cut: bool,
    /// How it came about.
    pub(in crate::tools) completion: Completion,
}

impl Finished {
    /// The answer as JSON.
    pub(in crate::tools) fn json(&self) -> Result<Value, Fault> {
        serde_json::from_str(&self.text).map_err(|_| {
            let id = &self.completion.id;
            let message = format!("The model's answer is no JSON (request {id})");
            Fault::new(FaultClass::InvalidOutput, message)
        })
    }

    /// What is told beside it.
    pub(in crate::tools) fn meta(&self) -> Map<String, Value> {
        let mut meta = meta(&self.completion);
        if self.cut {
            meta.insert("dev.waypost/partial".to_owned(), true.into());
        }
        meta
    }
}

/// What a model said.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) declined: bool,
    pub(super) finish: Option<Finish>,
}

/// Has one completion done. A stream is told to the caller as progress, piece by piece.
pub(in crate::tools) async fn complete(run: &Run<'_>, wanted: &Wanted) -> Result<Finished, Fault> {
    let (said, completion) = match send(run, wanted).await? {
        (Answered::Whole(body, summary), id) => {
            let completion = note(run, id, &summary);
            (whole(&body, &completion.id)?, completion)
        }
        (Answered::Stream(mut flow, _), id) => {
            let said = stream::read(&mut flow, run.line, &id).await;
            // It is noted whatever comes of it: what was written is paid for.
            let completion = note(run, id, flow.summary());
            (said?, completion)
        }
    };
    if said.declined || said.finish == Some(Finish::ContentFilter) {
        return Err(fault::declined());
    }
    Ok(Finished {
        text: said.text,
        cut: said.finish == Some(Finish::Length),
        completion,
    })
}

/// Reads a whole answer.
fn whole(body: &[u8], id: &str) -> Result<Said, Fault> {
    let reply = OpenAi
        .read_reply(body)
        .map_err(|failure| fault::failed(&failure, id))?;
    let answer = reply.answers().into_iter().next();
    let answer = answer.ok_or_else(|| {
        let message = format!("The model gave no answer (request {id})");
        Fault::new(FaultClass::InvalidOutput, message)
    })?;
    Ok(Said {
        text: answer.text,
        declined: answer.refused,
        finish: answer.finish,
    })
}
