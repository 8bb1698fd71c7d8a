//! Prompts and resources whose server may ask before it answers.

use rmcp::{
    ErrorData,
    model::{GetPromptResponse, ReadResourceResponse},
};

use super::{
    Source,
    ask::{Visit, error},
};
use crate::{
    federation::{Answer, Question},
    tools::{
        self, Stop,
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

impl Source {
    /// Asks for it.
    pub(super) async fn ask(
        &self,
        question: impl Fn(Back) -> Question,
        visit: Visit<'_>,
    ) -> Result<Told, ErrorData> {
        self.note(visit);
        let relay = LineRelay::new(visit.line, &*self.door.server);
        let told = tokio::select! {
            // The server's question comes first: its request ends with it.
            biased;
            questions = relay.put_off() => Err(Stop::Asks(questions)),
            told = rounds(&relay, |back| self.send(&relay, question(back), visit)) => told,
        };
        match told {
            Ok((answer, _)) => Ok(Told::Answer(answer)),
            Err(Stop::Asks(questions)) => Ok(Told::Asks(questions)),
            Err(Stop::Fault(fault)) => Err(error(fault)),
        }
    }

    async fn send(
        &self,
        relay: &LineRelay<'_>,
        question: Question,
        visit: Visit<'_>,
    ) -> Result<Step<Answer>, Stop> {
        let answer = self.ask_within(self.timeout, relay, question, visit);
        Ok(match answer.await? {
            Answer::Prompt(GetPromptResponse::InputRequired(required))
            | Answer::Read(ReadResourceResponse::InputRequired(required)) => {
                Step::Required(required)
            }
            answer => Step::Done(answer),
        })
    }
}
