//! Prompts and resources whose server asks before it answers: asked, asked again with answers, until there is one.

use rmcp::model::{GetPromptResponse, InputRequests, InputResponses, ReadResourceResponse};

use super::errand::Errand;
use crate::{
    federation::{Answer, Question},
    tools::{
        self, Fault, FaultClass, Stop,
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

impl Errand<'_> {
    /// Asks for it.
    pub(super) async fn ask(&mut self, question: impl Fn(Back) -> Question) -> Result<Told, Fault> {
        self.admit()?;
        let relay = self.relay();
        tokio::select! {
            // The server's question comes first: its request ends with it.
            biased;
            questions = relay.put_off() => Ok(Told::Asks(questions)),
            told = self.to_the_end(&relay, question) => told,
        }
    }

    async fn to_the_end(
        &self,
        relay: &LineRelay<'_>,
        question: impl Fn(Back) -> Question,
    ) -> Result<Told, Fault> {
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
                    Err(Stop::Fault(fault)) => return Err(fault),
                },
            };
            let answer = self.ask_within(self.source.timeout, relay, question(back));
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
        Err(Fault::new(FaultClass::Declined, message))
    }
}
