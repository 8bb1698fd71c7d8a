//! Tools that ask: by an answer to come back from in 2026-07-28, by a request of their own in 2025-11-25.

use serde_json::{Value, json};

use super::speaker::{ALICE, BOB, Legacy, Modern, Reply, gateway};
use crate::support::Gateway;

const NAME: &str = "name: { kind: fixture, does: ask_name, description: Asks. }";
const OTHER: &str = "other: { kind: fixture, does: ask_name, description: Asks. }";
const TWICE: &str = "twice: { kind: fixture, does: ask_twice, description: Asks. }";
const THREE: &str = "three: { kind: fixture, does: ask_three, description: Asks. }";
const ARGS: &str = "args: { kind: fixture, does: ask_name, description: Asks., input_schema: { properties: { n: { type: integer } } } }";

fn accept(name: &str, value: impl Into<Value>) -> Value {
    json!({"action": "accept", "content": {name: value.into()}})
}

/// The keys it asks for.
fn asked(reply: &Reply) -> Vec<&str> {
    let requests = reply.result()["inputRequests"].as_object();
    let requests = requests.unwrap_or_else(|| panic!("{reply:?}"));
    requests.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn each_round_asks_the_next_thing_and_remembers_the_last() {
    let gateway = gateway("", &[TWICE]).await;
    let client = Modern::new(&gateway, ALICE);
    let first = client.call("twice", json!({})).await;
    assert_eq!(asked(&first), ["step1"]);
    let one = first.result()["requestState"].as_str().unwrap();
    let answers = json!({"step1": accept("name", "Ada")});
    let second = client.back("twice", one, answers).await;
    assert_eq!(asked(&second), ["step2"]);
    let two = second.result()["requestState"].as_str().unwrap();
    assert_ne!(one, two);
    let answers = json!({"step2": accept("color", "green")});
    let done = client.back("twice", two, answers).await;
    assert_eq!(done.text(), "Ada likes green");
    assert_eq!(done.result()["resultType"], "complete");
}

#[tokio::test]
async fn an_altered_state_is_refused() {
    let gateway = gateway("", &[NAME]).await;
    let client = Modern::new(&gateway, ALICE);
    let state = client.state_of("name", json!({})).await;
    let answers = json!({"user_name": accept("name", "Ada")});
    let whole = client.back("name", &state, answers.clone()).await;
    assert_eq!(whole.text(), "Hello, Ada!");
    let mut altered: Vec<String> = (0..state.len())
        .step_by(7)
        .map(|at| {
            let other = if &state[at..=at] == "A" { "B" } else { "A" };
            format!("{}{other}{}", &state[..at], &state[at + 1..])
        })
        .collect();
    altered.extend(["", "x", "rs1..", &state[..state.len() - 1]].map(str::to_owned));
    altered.push(format!("{state}A"));
    altered.push(state.repeat(2));
    for state in altered {
        let reply = client.back("name", &state, answers.clone()).await;
        assert_eq!(reply.code(), -32602, "{state}");
    }
}

#[tokio::test]
async fn a_state_is_for_its_caller_its_tool_and_its_arguments() {
    let gateway = gateway("", &[NAME, OTHER, ARGS]).await;
    let (alice, bob) = (Modern::new(&gateway, ALICE), Modern::new(&gateway, BOB));
    let answers = json!({"user_name": accept("name", "Ada")});
    let state = alice.state_of("name", json!({})).await;
    assert_eq!(
        bob.back("name", &state, answers.clone()).await.code(),
        -32602
    );
    assert_eq!(
        alice.back("other", &state, answers.clone()).await.code(),
        -32602
    );
    let state = alice.state_of("args", json!({"n": 1})).await;
    let with = |n: Value| json!({"name": "args", "arguments": n, "requestState": state, "inputResponses": answers});
    for other in [json!({"n": 2}), json!({})] {
        let reply = alice.ask("tools/call", with(other)).await;
        assert_eq!(reply.code(), -32602);
    }
    let same = alice.ask("tools/call", with(json!({"n": 1}))).await;
    assert_eq!(same.text(), "Hello, Ada!");
}

#[tokio::test]
async fn a_state_of_another_process_is_refused() {
    let (first, second) = (gateway("", &[NAME]).await, gateway("", &[NAME]).await);
    let state = Modern::new(&first, ALICE).state_of("name", json!({})).await;
    let answers = json!({"user_name": accept("name", "Ada")});
    let reply = Modern::new(&second, ALICE)
        .back("name", &state, answers)
        .await;
    assert_eq!(reply.code(), -32602);
}

#[tokio::test]
async fn what_is_no_answer_is_asked_again_and_what_is_too_much_is_ignored() {
    let gateway = gateway("", &[NAME, THREE]).await;
    let client = Modern::new(&gateway, ALICE);
    let state = client.state_of("name", json!({})).await;
    for wrong in [
        json!({}),
        json!({"user_name": accept("name", 42)}),
        json!({"user_name": accept("first", "Ada")}),
        json!({"user_name": "Ada"}),
        json!({"user_name": null}),
        json!({"somebody": accept("name", "Ada")}),
    ] {
        let reply = client.back("name", &state, wrong.clone()).await;
        assert_eq!(asked(&reply), ["user_name"], "{wrong}");
    }
    let much = json!({"user_name": accept("name", "Ada"), "user_name2": 1, "step1": {}});
    assert_eq!(
        client.back("name", &state, much).await.text(),
        "Hello, Ada!"
    );
    let no = json!({"user_name": {"action": "decline"}});
    assert_eq!(
        client.back("name", &state, no).await.text(),
        "Hello, nobody!"
    );

    let state = client.state_of("three", json!({})).await;
    let some = json!({"user_name": accept("name", "Ada"), "client_roots": {"roots": []}});
    let reply = client.back("three", &state, some).await;
    assert_eq!(asked(&reply), ["greeting"]);
}

#[tokio::test]
async fn answers_have_room_but_not_without_end() {
    let gateway = gateway("", &[TWICE]).await;
    let client = Modern::new(&gateway, ALICE);
    let state = client.state_of("twice", json!({})).await;
    let answer = |size: usize| json!({"step1": accept("name", "x".repeat(size))});
    let fits = client.back("twice", &state, answer(200_000)).await;
    assert_eq!(asked(&fits), ["step2"]);
    let reply = client.back("twice", &state, answer(300_000)).await;
    assert_eq!(reply.code(), -32602);
}

#[tokio::test]
async fn a_client_is_asked_only_what_it_can_be_asked() {
    let gateway = gateway("", &[NAME, THREE]).await;
    let client = Modern::new(&gateway, ALICE);
    let reply = client.able(json!({})).call("name", json!({})).await;
    assert_eq!((reply.status, reply.code()), (400, -32021));
    let required = &reply.answer["error"]["data"]["requiredCapabilities"];
    assert_eq!(required, &json!({"elicitation": {}}));
    let reply = client.able(json!({"elicitation": {"url": {}}}));
    assert_eq!(reply.call("name", json!({})).await.code(), -32021);
    let reply = client.able(json!({"elicitation": {}}));
    let reply = reply.call("three", json!({})).await;
    let required = &reply.answer["error"]["data"]["requiredCapabilities"];
    assert_eq!(required, &json!({"sampling": {}, "roots": {}}));
}

/// Calls `name` in a session, and answers what it asks with this.
async fn asked_directly(gateway: &Gateway, answer: Value) -> Value {
    let client = Legacy::open(gateway, json!({"elicitation": {}})).await;
    let mut stream = client
        .send("tools/call", json!({"name": "name", "arguments": {}}))
        .await;
    let question = stream.next().await.unwrap();
    assert_eq!(question["method"], "elicitation/create", "{question}");
    let mut reply = json!({"id": question["id"]});
    let members = answer.as_object().unwrap().clone();
    reply.as_object_mut().unwrap().extend(members);
    client.tell(reply).await;
    stream.next().await.unwrap()["result"].clone()
}

#[tokio::test]
async fn in_a_session_the_client_is_asked_on_the_calls_own_stream() {
    let gateway = gateway("", &[NAME]).await;
    let good = json!({"result": accept("name", "Ada")});
    let result = asked_directly(&gateway, good).await;
    assert_eq!(result["content"][0]["text"], "Hello, Ada!");
    for bad in [
        json!({"result": accept("name", 1)}),
        json!({"error": {"code": -32603, "message": "the window was closed"}}),
    ] {
        let result = asked_directly(&gateway, bad.clone()).await;
        assert_eq!(result["isError"], true, "{bad}");
    }
}

#[tokio::test]
async fn in_a_session_a_client_that_cannot_be_asked_is_told_so() {
    let gateway = gateway("", &[NAME]).await;
    let client = Legacy::open(&gateway, json!({"sampling": {}})).await;
    let reply = client.ask("tools/call", json!({"name": "name"})).await;
    assert_eq!(reply.result()["isError"], true);
    assert!(reply.text().contains("elicitation"), "{}", reply.text());
}

#[tokio::test]
async fn a_prompt_asks_by_the_same_rules() {
    let schema = "{ type: object, required: [who], properties: { who: { type: string } } }";
    let ask = format!("{{ whom: {{ message: Whom?, schema: {schema} }} }}");
    let prompt = format!(
        "prompts: {{ hail: {{ ask: {ask}, messages: [{{ text: 'Hail ${{input.who}}' }}] }} }}"
    );
    let gateway = gateway(&prompt, &[NAME]).await;
    let client = Modern::new(&gateway, ALICE);
    let first = client.ask("prompts/get", json!({"name": "hail"})).await;
    assert_eq!(asked(&first), ["whom"]);
    let state = &first.result()["requestState"];
    let answers = json!({"whom": accept("who", "Ada")});
    let back = json!({"name": "hail", "requestState": state, "inputResponses": answers});
    let bob = Modern::new(&gateway, BOB);
    assert_eq!(bob.ask("prompts/get", back.clone()).await.code(), -32602);
    let done = client.ask("prompts/get", back).await;
    assert_eq!(done.result()["messages"][0]["content"]["text"], "Hail Ada");
    let answers = json!({"user_name": accept("name", "Ada")});
    let crossed = client.back("name", state.as_str().unwrap(), answers).await;
    assert_eq!(crossed.code(), -32602);
}
