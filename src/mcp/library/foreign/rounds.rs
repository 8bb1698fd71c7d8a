//! Prompts and resources whose server may ask before it answers.

use rmcp::model::{GetPromptResponse, ReadResourceResponse};

use super::errand::Errand;
use crate::{
    federation::{Answer, Question},
    tools::{
        self, Fault, Stop,
        kinds::mcp::{Back, LineRelay, Step, rounds},
    },
};

/// What came of asking.
pub(super) enum Told {
    /// The server answered.
    Answer(Answer),
    /// The caller has to answer first, with a later request.
    Asks(Vec<(String, tools::Question)>),
}

impl Errand<'_> {
    /// Asks for it.
    pub(super) async fn ask(&mut self, question: impl Fn(Back) -> Question) -> Result<Told, Fault> {
        self.admit()?;
        let relay = self.relay();
        let told = tokio::select! {
            // The server's question comes first: its request ends with it.
            biased;
            questions = relay.put_off() => Err(Stop::Asks(questions)),
            told = rounds(&relay, |back| self.send(&relay, question(back))) => told,
        };
        match told {
            Ok((answer, _)) => Ok(Told::Answer(answer)),
            Err(Stop::Asks(questions)) => Ok(Told::Asks(questions)),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }

    async fn send(&self, relay: &LineRelay<'_>, question: Question) -> Result<Step<Answer>, Stop> {
        let answer = self.ask_within(self.source.timeout, relay, question);
        Ok(match answer.await? {
            Answer::Prompt(GetPromptResponse::InputRequired(required))
            | Answer::Read(ReadResourceResponse::InputRequired(required)) => {
                Step::Required(required)
            }
            answer => Step::Done(answer),
        })
    }
}
