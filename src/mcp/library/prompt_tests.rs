//! Prompts that ask their user first.

use futures_util::future::{BoxFuture, ready};
use serde_json::json;

use super::*;
use crate::{
    access::Access,
    tools::{Abilities, Answers, Level, Nobody},
};

/// A client that answers this.
struct Answering(Option<Value>);

impl Line for Answering {
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    fn wants_progress(&self) -> bool {
        false
    }

    fn progress<'a>(&'a self, _: f64, _: Option<f64>, _: Option<&'a str>) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    fn log<'a>(&'a self, _: Level, _: &'a str, _: Value) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        let answers = self.0.clone().map(|answer| {
            let keys = questions.iter().map(|(key, _)| key.clone());
            keys.map(|key| (key, answer.clone())).collect()
        });
        Box::pin(ready(answers.ok_or(Unanswered::Later(questions))))
    }
}

/// What came of asking for a prompt that asks for a colour.
async fn get(line: &dyn Line) -> Result<String, String> {
    let yaml = "
ask:
  colour:
    message: Which colour?
    schema: { type: object, required: [name], properties: { name: { type: string }, shade: { type: integer } } }
messages: [{ text: 'Paint it ${input.name} ${input.shade == null ? 0 : input.shade}.' }]
";
    let settings: PromptSettings = serde_saphyr::from_str(yaml).unwrap();
    let read = |_: &str| Err("nothing is read".to_owned());
    let prompt = Prompt::build("p", &settings, &BTreeMap::new(), &read).unwrap();
    let caller = Access::open().identify(None).unwrap();
    match prompt.get(&caller, Map::new(), line).await {
        Ok(Got::This(result)) => {
            let message = serde_json::to_value(&result.messages[0]).unwrap();
            Ok(message["content"]["text"].as_str().unwrap().to_owned())
        }
        Ok(Got::Asks(questions)) => Err(format!("asks {}", questions[0].0)),
        Err(error) => Err(format!("{} {}", error.code.0, error.message)),
    }
}

#[tokio::test]
async fn answers_fill_the_prompt_and_what_is_none_is_asked_again() {
    let accept = |content: Value| json!({"action": "accept", "content": content});
    for (answer, expected) in [
        (Some(accept(json!({"name": "red"}))), Ok("Paint it red 0.")),
        (
            Some(accept(json!({"name": "${1}", "shade": 3}))),
            Ok("Paint it ${1} 3."),
        ),
        (
            Some(accept(json!({"name": "red", "caller": "x"}))),
            Ok("Paint it red 0."),
        ),
        (Some(accept(json!({"name": 7}))), Err("asks colour")),
        (Some(accept(json!({}))), Err("asks colour")),
        (Some(json!({"action": "accept"})), Err("asks colour")),
        (Some(json!("red")), Err("asks colour")),
        (
            Some(json!({"action": "decline"})),
            Err("-32600 The user does not answer `colour`"),
        ),
        (
            Some(json!({"action": "cancel"})),
            Err("-32600 The user does not answer `colour`"),
        ),
        (None, Err("asks colour")),
    ] {
        let got = get(&Answering(answer.clone())).await;
        let got = got.as_deref().map_err(String::as_str);
        assert_eq!(got, expected, "{answer:?}");
    }
    let unable = get(&Nobody).await;
    assert_eq!(
        unable,
        Err("-32021 Missing required client capability".to_owned())
    );
}
