//! Prompts and resources whose server asks before it answers: asked, asked again with answers, until there is one.

use rmcp::{
    ErrorData,
    model::{GetPromptResponse, InputRequests, InputResponses, ReadResourceResponse},
};

use super::{
    Source,
    ask::{Visit, error},
};
use crate::{
    federation::{Answer, Question},
    tools::{
        self, Stop,
        kinds::mcp::{LineRelay, Standing},
    },
};

/// The most rounds of one request: nobody is asked more often before something is read.
const MOST_ROUNDS: usize = 16;

/// What came of asking.
pub(super) enum Told {
    /// The server answered.
    Answer(Answer),
    /// The caller has to answer first, with a later request.
    Asks(Vec<(String, tools::Question)>),
}

/// What a server that asked gets back.
#[derive(Debug, Default)]
pub(super) struct Back {
    /// The answers.
    pub(super) responses: Option<InputResponses>,
    /// Its own state.
    pub(super) state: Option<String>,
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
        tokio::select! {
            // The server's question comes first: its request ends with it.
            biased;
            questions = relay.put_off() => Ok(Told::Asks(questions)),
            told = self.to_the_end(&relay, question, visit) => told,
        }
    }

    async fn to_the_end(
        &self,
        relay: &LineRelay<'_>,
        question: impl Fn(Back) -> Question,
        visit: Visit<'_>,
    ) -> Result<Told, ErrorData> {
        let mut standing: Option<Standing> = relay.left();
        for _ in 0..MOST_ROUNDS {
            let (back, past) = match standing.take() {
                None => (Back::default(), InputRequests::new()),
                Some(asked) => match relay.answers(&asked.requests).await {
                    Ok(answers) => {
                        let back = Back {
                            responses: Some(answers),
                            state: asked.state,
                        };
                        (back, asked.requests)
                    }
                    Err(Stop::Asks(questions)) => return Ok(Told::Asks(questions)),
                    Err(Stop::Fault(fault)) => return Err(error(fault)),
                },
            };
            let answer = self.ask_within(self.timeout, relay, question(back), visit);
            let required = match answer.await? {
                Answer::Prompt(GetPromptResponse::InputRequired(required))
                | Answer::Read(ReadResourceResponse::InputRequired(required)) => required,
                answer => return Ok(Told::Answer(answer)),
            };
            let next = Standing::from(required);
            relay.leave(&next, &past);
            standing = Some(next);
        }
        let message = format!("The server asked {MOST_ROUNDS} times and did not come to an answer");
        Err(ErrorData::internal_error(message, None))
    }
}
