//! Servers that ask before they answer: clients of both revisions reach servers of both.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use rmcp::model::{
    CallToolResponse, CreateTaskResult, DetailedTask, InputRequests, InputRequiredResult, Task,
    TaskPayload, TaskStatus,
};
use serde_json::json;
use tokio::time::{Duration, Instant};

use super::{client::Client, *};
use crate::{
    federation::{Catalogue, Question as Asked},
    tools::{
        FaultClass, Question,
        kinds::mcp::double::{offered, text},
        stage::{fault, output},
    },
};

const FORM: &str = r#"{"type": "object", "properties": {"approve": {"type": "boolean"}}}"#;

/// The answer of a server of 2026-07-28 that asks first.
fn asks(key: &str, state: &str) -> Answer {
    let form: Value = serde_json::from_str(FORM).unwrap();
    let params = json!({"mode": "form", "message": "Sure?", "requestedSchema": form});
    let requests = json!({key: {"method": "elicitation/create", "params": params}});
    let required =
        json!({"resultType": "input_required", "inputRequests": requests, "requestState": state});
    let required: InputRequiredResult = serde_json::from_value(required).unwrap();
    Answer::Call(CallToolResponse::InputRequired(required))
}

/// The states and the keys of answers that came with each call.
fn sent(server: &Double) -> Vec<(Option<String>, Vec<String>)> {
    let asked = server.asked().into_iter().map(|question| match question {
        Asked::Call(params) => {
            let responses = params.input_responses.unwrap_or_default();
            (params.request_state, responses.into_keys().collect())
        }
        other => panic!("{other:?}"),
    });
    asked.collect()
}

#[tokio::test]
async fn a_client_that_is_asked_directly_reaches_a_server_that_does_not() {
    let answers = vec![
        Ok(asks("who", "s1")),
        Ok(asks("who", "s2")),
        Ok(text("done")),
    ];
    let client = Arc::new(Client::direct());
    let (made, server) = called(answers, client.clone()).await;
    output(made);
    let who = || vec!["who".to_owned()];
    let (s1, s2) = (Some("s1".to_owned()), Some("s2".to_owned()));
    assert_eq!(sent(&server), [(None, vec![]), (s1, who()), (s2, who())]);
    assert_eq!(client.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_the_server_asked() {
    let answers = vec![
        Ok(asks("who", "s1")),
        Ok(asks("who", "s2")),
        Ok(text("done")),
    ];
    let server = Double::answering("crm", Trust::Trusted, &["t"], answers);
    let toolbox = toolbox(&[(&server, Entry::default())], &Arc::default());
    let make = |client: &Arc<Client>| {
        let made = call_named("crm__t", json!({}));
        call(toolbox.clone(), made, client.clone())
    };
    let mut client = Arc::new(Client::default());
    for _ in 0..2 {
        let made = make(&client).await;
        assert!(matches!(made, Ok(Outcome::Asks(_))), "{made:?}");
        client = Arc::new(client.next());
    }
    output(make(&client).await);
    let states: Vec<Option<String>> = sent(&server).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [None, Some("s1".to_owned()), Some("s2".to_owned())]);
}

#[tokio::test]
async fn no_server_asks_under_a_name_of_ours_or_without_end() {
    let (made, _) = called(
        vec![Ok(asks("dev.waypost/approval", "s"))],
        Arc::new(Client::direct()),
    )
    .await;
    assert_eq!(fault(made).class, FaultClass::Declined);
    let endless = (0..100).map(|at| Ok(asks("who", &at.to_string())));
    let (made, server) = called(endless.collect(), Arc::new(Client::direct())).await;
    assert_eq!(fault(made).class, FaultClass::Declined);
    assert!(server.asked().len() < 20);
}

/// What a server asks under each of these keys.
fn requests(keys: impl IntoIterator<Item = String>) -> InputRequests {
    let Answer::Call(CallToolResponse::InputRequired(required)) = asks("who", "s") else {
        unreachable!();
    };
    let question = required.input_requests.unwrap().remove("who").unwrap();
    let keys = keys.into_iter();
    keys.map(|key| (key, question.clone())).collect()
}

#[tokio::test]
async fn many_questions_at_once_are_counted_one_by_one() {
    let sixteen = |round: usize| {
        let keys = (0..16).map(|at| format!("{round}-{at}"));
        let required = InputRequiredResult::new(Some(requests(keys)), None);
        Ok(Answer::Call(CallToolResponse::InputRequired(required)))
    };
    let client = Arc::new(Client::direct());
    let (made, _) = called((0..4).map(sixteen).collect(), client.clone()).await;
    assert_eq!(fault(made).class, FaultClass::Declined);
    assert_eq!(client.asked.lock().unwrap().len(), 32);
}

/// A server of 2025-11-25 that asks this of its caller in the middle of each call, and says what it heard.
fn asking(trust: Trust, method: &'static str, params: fn(usize) -> Value) -> Arc<Double> {
    let calls = AtomicUsize::new(0);
    let catalogue = Catalogue {
        tools: vec![offered("t", json!({}))],
        ..Catalogue::default()
    };
    Double::new(
        "crm",
        move |it| it.trust = trust,
        catalogue,
        move |outgoing| {
            let number = calls.fetch_add(1, Ordering::SeqCst);
            async move {
                let heard = outgoing.relay.ask(method, params(number)).await;
                Ok(text(&format!("{heard:?}")))
            }
            .boxed()
        },
    )
}

fn form(message: &str) -> Value {
    let form: Value = serde_json::from_str(FORM).unwrap();
    json!({"message": message, "requestedSchema": form})
}

async fn heard(server: &Arc<Double>, client: &Arc<Client>) -> Result<Outcome, Refusal> {
    let toolbox = toolbox(&[(server, Entry::default())], &Arc::default());
    call(toolbox, call_named("crm__t", json!({})), client.clone()).await
}

fn said(made: Result<Outcome, Refusal>) -> String {
    match output(made).content.remove(0) {
        crate::tools::Content::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_asks_directly_reaches_clients_of_both_revisions() {
    let server = || asking(Trust::Untrusted, "elicitation/create", |_| form("Sure?"));
    let direct = Arc::new(Client::direct());
    assert!(said(heard(&server(), &direct).await).contains("accept"));
    let asked = direct.asked.lock().unwrap().clone();
    let Question::Elicit { message, .. } = &asked[0].1 else {
        panic!("{asked:?}");
    };
    assert_eq!(message, "[asked by the tool server crm] Sure?");

    let (server, client) = (server(), Arc::new(Client::default()));
    let made = heard(&server, &client).await;
    assert!(matches!(made, Ok(Outcome::Asks(_))), "{made:?}");
    let back = Arc::new(client.next());
    assert!(said(heard(&server, &back).await).contains("accept"));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_answer_to_one_question_is_none_to_another() {
    let params = |number| form(["Delete the draft?", "Delete everything?"][number]);
    let server = asking(Trust::Trusted, "elicitation/create", params);
    let client = Arc::new(Client::default());
    assert!(matches!(
        heard(&server, &client).await,
        Ok(Outcome::Asks(_))
    ));
    let made = heard(&server, &Arc::new(client.next())).await;
    assert!(matches!(made, Ok(Outcome::Asks(_))), "{made:?}");
}

#[tokio::test]
async fn nobody_is_sent_to_a_page_or_asked_what_they_cannot_answer() {
    let page = |_| json!({"mode": "url", "message": "Sign in", "url": "https://evil.example/", "elicitationId": "1"});
    let server = asking(Trust::Untrusted, "elicitation/create", page);
    let client = Arc::new(Client::direct());
    assert!(said(heard(&server, &client).await).contains("not sent to other pages"));
    assert!(client.asked.lock().unwrap().is_empty());
    let server = asking(Trust::Untrusted, "sampling/createMessage", |_| json!({}));
    let mute = Arc::new(Client {
        mute: true,
        ..Client::direct()
    });
    assert!(said(heard(&server, &mute).await).contains("cannot be asked"));
}

#[tokio::test]
async fn what_a_server_says_meanwhile_is_heard_in_order_and_clean() {
    let catalogue = Catalogue {
        tools: vec![offered("t", json!({}))],
        ..Catalogue::default()
    };
    let server = Double::new(
        "crm",
        |_| (),
        catalogue,
        |outgoing| {
            async move {
                for progress in [1.0, 3.0, 2.0, f64::NAN, 4.0] {
                    outgoing
                        .relay
                        .progress(progress, None, Some("a\u{200B}b"))
                        .await;
                }
                outgoing
                    .relay
                    .log("critical", json!({"m": "x\u{1B}[2J"}))
                    .await;
                outgoing.relay.log("notice", "n".into()).await;
                outgoing.relay.log("info", "y".repeat(100_000).into()).await;
                Ok(text("ok"))
            }
            .boxed()
        },
    );
    let client = Arc::new(Client::direct());
    output(heard(&server, &client).await);
    let heard = client.heard.lock().unwrap().clone();
    assert_eq!(
        heard[..5],
        [
            "1 ab",
            "3 ab",
            "4 ab",
            r#"Error crm {"m":"x"}"#,
            // Who asks for notices hears this.
            r#"Warning crm "n""#
        ]
    );
    assert!(heard[5].contains("was left out"), "{}", heard[5]);
}

/// The task `t1`.
fn t1() -> Task {
    Task::new(
        "t1",
        TaskStatus::Working,
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
    )
}

/// How it stands with the task `t1`.
fn task(payload: TaskPayload) -> Result<Answer, Failed> {
    Ok(Answer::Task(Box::new(DetailedTask::new(t1(), payload))))
}

fn begun() -> Result<Answer, Failed> {
    let created = CreateTaskResult::new(t1());
    Ok(Answer::Call(CallToolResponse::Task(created)))
}

#[tokio::test(start_paused = true)]
async fn a_task_that_asks_without_end_is_declined_and_polled_at_its_pace() {
    let asks = |round: usize| {
        let input_requests = requests([round.to_string()]);
        let payload = TaskPayload::InputRequired { input_requests };
        let mut task = t1();
        task.poll_interval_ms = Some(500);
        [
            Ok(Answer::Task(Box::new(DetailedTask::new(task, payload)))),
            Ok(Answer::Updated),
        ]
    };
    let answers = std::iter::once(begun()).chain((0..100).flat_map(asks));
    let client = Arc::new(Client::direct());
    let start = Instant::now();
    let (made, _) = called(answers.collect(), client.clone()).await;
    assert_eq!(fault(made).class, FaultClass::Declined);
    assert_eq!(client.asked.lock().unwrap().len(), 32);
    // The wait that the server suggests, after each answer.
    assert_eq!(start.elapsed(), Duration::from_secs(16));
}

#[tokio::test(start_paused = true)]
async fn a_task_is_polled_to_its_end() {
    let Answer::Call(CallToolResponse::InputRequired(required)) = asks("who", "s") else {
        unreachable!();
    };
    let asks = || TaskPayload::InputRequired {
        input_requests: required.input_requests.clone().unwrap(),
    };
    let result = json!({"content": [{"type": "text", "text": "done"}]});
    let ended = || TaskPayload::Completed {
        result: result.as_object().cloned().unwrap(),
    };
    let answers = vec![
        begun(),
        task(TaskPayload::Working),
        task(asks()),
        Ok(Answer::Updated),
        task(asks()),
        task(ended()),
    ];
    let client = Arc::new(Client::direct());
    let (made, server) = called(answers, client.clone()).await;
    assert_eq!(said(made), "done");
    assert_eq!(client.asked.lock().unwrap().len(), 1, "asked once");
    assert!(matches!(&server.asked()[3], Asked::Update(update) if update.task_id == "t1"));

    let error = json!({"code": -32602, "message": "no"});
    let failed = TaskPayload::Failed {
        error: error.as_object().cloned().unwrap(),
    };
    let client = || Arc::new(Client::direct());
    let (made, _) = called(vec![begun(), task(failed)], client()).await;
    assert_eq!(fault(made).class, FaultClass::InvalidArguments);
    let endless = std::iter::once(begun()).chain((0..1_000).map(|_| task(TaskPayload::Working)));
    let (made, _) = called(endless.collect(), client()).await;
    assert_eq!(fault(made).class, FaultClass::Timeout);
}
