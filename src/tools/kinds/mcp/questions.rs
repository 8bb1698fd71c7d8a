//! What servers ask of clients, as questions of ours, and whose they are.

use rmcp::model::{ElicitRequestParams, InputRequest, InputRequests};
use serde_json::{Value, to_value};

use crate::tools::{Question, approval::RESERVED};

/// The most questions at once: more is no dialogue but a siege.
const MOST: usize = 16;

/// The longest key of a question, in bytes.
const LONGEST_KEY: usize = 128;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    /// The server's name here.
    pub(super) name: &'a str,
    /// Whether its words are as good as the operator's.
    pub(super) is_trusted: bool,
}

impl Asker<'_> {
    /// The questions that a server of 2026-07-28 asks, by its keys; or what is wrong with them.
    pub(super) fn questions(
        self,
        requests: &InputRequests,
    ) -> Result<Vec<(String, Question)>, String> {
        if requests.len() > MOST {
            return Err(format!("it asks {} questions at once", requests.len()));
        }
        let questions = requests.iter().map(|(key, request)| {
            // The gateway's own questions are answered under such keys, and answers are looked up by them.
            if key.len() > LONGEST_KEY || key.starts_with(RESERVED) {
                return Err("a question of it has a key that no server may use".to_owned());
            }
            Ok((key.clone(), self.question(request)?))
        });
        questions.collect()
    }

    fn question(self, request: &InputRequest) -> Result<Question, String> {
        match request {
            InputRequest::Elicitation(request) => self.form(&request.params),
            InputRequest::CreateMessage(request) => {
                let params = to_value(&request.params).map_err(|error| error.to_string())?;
                Ok(Question::Sample(params))
            }
            InputRequest::ListRoots(_) => Ok(Question::Roots),
            _ => Err("it asks what is not known here".to_owned()),
        }
    }

    /// The question that a server of 2025-11-25 asks in the middle of a call; or why it is not asked.
    pub(super) fn ask(self, method: &str, params: Value) -> Result<Question, String> {
        match method {
            "elicitation/create" => {
                let params = serde_json::from_value(params);
                self.form(&params.map_err(|error| error.to_string())?)
            }
            "sampling/createMessage" => Ok(Question::Sample(params)),
            "roots/list" => Ok(Question::Roots),
            _ => Err("This client knows no such request".to_owned()),
        }
    }

    fn form(self, params: &ElicitRequestParams) -> Result<Question, String> {
        let ElicitRequestParams::FormElicitationParams {
            message,
            requested_schema,
            ..
        } = params
        else {
            // A page of the server's choice, opened under the gateway's name, is how people are fished for.
            return Err("users are asked with forms here, and not sent to other pages".to_owned());
        };
        let schema = to_value(requested_schema).map_err(|error| error.to_string())?;
        let mut message = match self.is_trusted {
            true => message.clone(),
            // Users should know whose form it is.
            false => format!("[asked by the tool server {}] {message}", self.name),
        };
        crate::tools::clean_text(&mut message);
        Ok(Question::Elicit { message, schema })
    }
}
