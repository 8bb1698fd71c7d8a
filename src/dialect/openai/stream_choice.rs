//! One choice of a streamed reply.

use super::{
    calls::Calls,
    citations::Sources,
    lenient::Content,
    wire::{Call, Message},
};
use crate::{
    chat::{Delta, Finish, ReasoningDetail},
    json::Raw,
    outcome::Failure,
};

/// One choice so far.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Its number.
    pub(super) index: u64,
    /// Its finish was told: nothing more may come.
    pub(super) finished: bool,
    /// A finish came that was no word: the end of the stream decides.
    pub(super) blank_finish: bool,
    /// The tools it called.
    pub(super) calls: Calls,
    /// The text, kept only where sources refer to it.
    text: String,
}

impl State {
    /// A choice at its start.
    pub(super) fn new(index: u64) -> Self {
        Self {
            index,
            ..Self::default()
        }
    }

    /// Reads what a chunk adds. Tells whether it is written just as it should be.
    pub(super) fn delta(
        &mut self,
        answer_id: &str,
        delta: &Message<'_>,
        keep_text: bool,
        deltas: &mut Vec<Delta>,
    ) -> Result<bool, Failure> {
        let choice = self.index;
        let mut clean = !matches!(delta.content, Content::Parts { .. });
        let thoughts = [
            delta.reasoning_content.get(),
            delta.reasoning.get(),
            delta.content.thinking(),
        ];
        if let Some(at) = thoughts.iter().position(|thought| !thought.is_empty()) {
            clean &= at == 0;
            let text = thoughts[at].to_owned();
            deltas.push(Delta::Reasoning { choice, text });
        }
        if let Some(details) = delta.reasoning_details {
            let details: Vec<ReasoningDetail> =
                serde_json::from_str(details.get()).unwrap_or_default();
            let delta = |detail| Delta::ReasoningDetail { choice, detail };
            deltas.extend(details.into_iter().map(delta));
        }
        let text = delta.content.text();
        if !text.is_empty() {
            if keep_text {
                self.text.push_str(text);
            }
            deltas.push(Delta::Text {
                choice,
                text: text.to_owned(),
            });
        }
        if !delta.refusal.is_empty() {
            let text = delta.refusal.get().to_owned();
            deltas.push(Delta::Refusal { choice, text });
        }
        if let Some(annotations) = delta.annotations {
            let annotations: Vec<Raw> = serde_json::from_str(annotations.get()).unwrap_or_default();
            let delta = |annotation| Delta::Annotation { choice, annotation };
            deltas.extend(annotations.into_iter().map(delta));
        }
        // An empty list is noise.
        clean &= delta
            .tool_calls
            .as_ref()
            .is_none_or(|calls| !calls.is_empty());
        for piece in delta.tool_calls.iter().flatten() {
            clean &= self.calls.read(answer_id, choice, piece, deltas)?;
        }
        if let Some(function) = &delta.function_call {
            let piece = Call {
                function: Some(function.clone()),
                ..Call::default()
            };
            self.calls.read(answer_id, choice, &piece, deltas)?;
            clean = false;
        }
        Ok(clean)
    }

    /// Ends the choice. Tells whether more than the finish had to be said.
    pub(super) fn finish(
        &mut self,
        finish: Finish,
        sources: Option<&Sources>,
        deltas: &mut Vec<Delta>,
    ) -> bool {
        let choice = self.index;
        let filled = self.calls.fill(choice, deltas);
        let annotations = sources.map_or_else(Vec::new, |sources| sources.annotations(&self.text));
        let more = filled || !annotations.is_empty();
        let delta = |annotation| Delta::Annotation { choice, annotation };
        deltas.extend(annotations.into_iter().map(delta));
        deltas.push(Delta::Finish { choice, finish });
        self.finished = true;
        more
    }
}
