//! Calls that run as tasks: whose they are, how many there may be, how they ask and end.

use serde_json::{Value, json};

use super::speaker::{ALICE, BOB, Legacy, Modern, gateway};

const WORK: &str = "work: { kind: fixture, does: work, description: Works., task: optional, timeout: 60s, input_schema: { properties: { seconds: {} } } }";
const INPUTS: &str = "inputs: { kind: fixture, does: two_inputs_job, description: Asks., task: optional, timeout: 60s }";
const FAILS: &str =
    "fails: { kind: fixture, does: failing_job, description: Fails., task: required }";
const BREAKS: &str =
    "breaks: { kind: fixture, does: broken_job, description: Breaks., task: optional }";
const FIRST: &str =
    "first: { kind: fixture, does: name_first_job, description: Asks., task: optional }";

fn accept(value: impl Into<Value>) -> Value {
    json!({"action": "accept", "content": {"name": value.into()}})
}

#[tokio::test]
async fn a_task_is_its_owners_alone_from_whatever_connection() {
    let gateway = gateway("", &[INPUTS]).await;
    let (alice, bob) = (Modern::new(&gateway, ALICE), Modern::new(&gateway, BOB));
    let id = alice.begin("inputs", json!({})).await;
    alice.task_when(&id, "input_required").await;
    let answers =
        json!({"taskId": id, "inputResponses": {"first": accept("Eve"), "second": accept("Eve")}});
    let unknown = json!({"taskId": "00000000-0000-4000-8000-000000000000", "inputResponses": {}});
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let foreign = bob.ask(method, answers.clone()).await;
        let missing = bob.ask(method, unknown.clone()).await;
        assert_eq!(foreign.code(), -32602, "{method}");
        assert_eq!(foreign.answer, missing.answer, "{method}");
        assert_eq!(foreign.status, missing.status, "{method}");
    }
    let again = Modern::new(&gateway, ALICE);
    let task = again.task(&id).await;
    assert_eq!(
        task.result()["status"],
        "input_required",
        "bob did nothing to it"
    );
    again.ask("tasks/cancel", json!({"taskId": id})).await;
    again.task_when(&id, "cancelled").await;
}

#[tokio::test]
async fn answers_are_taken_one_by_one_and_only_if_they_fit() {
    let gateway = gateway("", &[INPUTS]).await;
    let client = Modern::new(&gateway, ALICE);
    let id = client.begin("inputs", json!({})).await;
    let update = |answers: Value| {
        client.ask(
            "tasks/update",
            json!({"taskId": id, "inputResponses": answers}),
        )
    };
    let open = |task: Value| -> Vec<String> {
        let requests = task["inputRequests"].as_object().unwrap();
        requests.keys().cloned().collect()
    };
    client.task_when(&id, "input_required").await;
    for wrong in [
        json!({"first": accept(1)}),
        json!({"third": accept("Ada")}),
        json!({"first": null}),
    ] {
        update(wrong.clone()).await.result();
        let task = client.task(&id).await.result().clone();
        assert_eq!(open(task), ["first", "second"], "{wrong}");
    }
    update(json!({"second": accept("Bo")})).await.result();
    let task = client.task(&id).await.result().clone();
    assert_eq!(open(task), ["first"]);
    update(json!({"second": accept("late"), "first": accept("Ada")}))
        .await
        .result();
    let task = client.task_when(&id, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], "Ada and Bo");
    update(json!({"first": accept("too late")})).await.result();
}

#[tokio::test]
async fn there_are_only_so_many_for_each_and_in_all() {
    let gateway = gateway("tasks: { per_key: 2, max: 3 }", &[WORK]).await;
    let (alice, bob) = (Modern::new(&gateway, ALICE), Modern::new(&gateway, BOB));
    let long = json!({"seconds": 50});
    let first = alice.begin("work", long.clone()).await;
    alice.begin("work", long.clone()).await;
    let refused = alice.call("work", long.clone()).await;
    assert_eq!(refused.result()["isError"], true, "{refused:?}");
    assert!(refused.text().contains("too many tasks"), "{refused:?}");
    bob.begin("work", long.clone()).await;
    let refused = bob.call("work", long.clone()).await;
    assert_eq!(
        refused.result()["isError"],
        true,
        "the third was the last of all"
    );
    alice.ask("tasks/cancel", json!({"taskId": first})).await;
    let refused = alice.call("work", long.clone()).await;
    assert_eq!(
        refused.result()["isError"],
        true,
        "its end was not seen yet"
    );
    alice.task_when(&first, "cancelled").await;
    alice.begin("work", long).await;
    assert_eq!(alice.task(&first).await.code(), -32602, "it made room");
}

#[tokio::test]
async fn progress_of_a_task_stands_in_its_message() {
    let gateway = gateway("", &[WORK]).await;
    let mut client = Modern::new(&gateway, ALICE);
    client.meta = json!({"progressToken": "t"});
    let reply = client.call("work", json!({"seconds": 50})).await;
    assert!(reply.notes.is_empty(), "{reply:?}");
    let result = reply.result();
    assert!(result["ttlMs"].is_u64() && result["pollIntervalMs"].is_u64());
    let id = result["taskId"].as_str().unwrap();
    let said = async {
        while client.task(id).await.result()["statusMessage"] != "working" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::gateway::PATIENCE, said)
        .await
        .expect("a message");
}

#[tokio::test]
async fn a_tool_that_failed_has_completed_and_one_that_broke_has_failed() {
    let gateway = gateway("", &[FAILS, BREAKS]).await;
    let client = Modern::new(&gateway, ALICE);
    let id = client.begin("fails", json!({})).await;
    let task = client.task_when(&id, "completed").await;
    assert_eq!(task["result"]["isError"], true);
    let id = client.begin("breaks", json!({})).await;
    let task = client.task_when(&id, "failed").await;
    assert_eq!(task["error"]["code"], -32603);
    let id = client.begin("breaks", json!({"unknown": 1})).await;
    let task = client.task_when(&id, "completed").await;
    assert_eq!(task["result"]["isError"], true, "arguments are checked");
}

#[tokio::test]
async fn who_cannot_poll_gets_no_task() {
    let gateway = gateway("", &[FAILS, WORK]).await;
    let client = Modern::new(&gateway, ALICE).able(json!({}));
    let refused = client.call("fails", json!({})).await;
    assert_eq!((refused.status, refused.code()), (400, -32021));
    let required = &refused.answer["error"]["data"]["requiredCapabilities"];
    assert_eq!(
        required,
        &json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
    );
    let at_once = client.call("work", json!({"seconds": 0})).await;
    assert_eq!(at_once.result()["resultType"], "complete");

    let tasks = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let session = Legacy::open(&gateway, tasks).await;
    let at_once = session
        .ask(
            "tools/call",
            json!({"name": "work", "arguments": {"seconds": 0}}),
        )
        .await;
    assert!(at_once.result().get("taskId").is_none(), "{at_once:?}");
    let refused = session.ask("tools/call", json!({"name": "fails"})).await;
    assert_eq!(refused.code(), -32602);
}

#[tokio::test]
async fn what_is_asked_first_is_asked_before_there_is_a_task() {
    let gateway = gateway("", &[FIRST]).await;
    let client = Modern::new(&gateway, ALICE);
    let state = client.state_of("first", json!({})).await;
    let answers = json!({"user_name": accept("Ada")});
    let begun = client.back("first", &state, answers).await;
    let id = begun.result()["taskId"].as_str().unwrap();
    let task = client.task_when(id, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], "Hello, Ada!");
}

#[tokio::test]
async fn a_drain_ends_them() {
    let gateway = gateway("", &[WORK]).await;
    Modern::new(&gateway, ALICE)
        .begin("work", json!({"seconds": 50}))
        .await;
    gateway.stop();
    gateway.ended().await;
}
