//! Results and faults of one call.

use std::time::Duration;

use rmcp::model::{CallToolResponse, CallToolResult};
use serde_json::json;

use super::*;
use crate::{
    federation::Credentials,
    tools::{
        Content, FaultClass, Nobody,
        kinds::mcp::double::{offered, text},
        stage::{fault, output},
    },
};

fn result(result: Value) -> Answer {
    let result: CallToolResult = serde_json::from_value(result).unwrap();
    Answer::Call(CallToolResponse::Complete(result))
}

#[tokio::test]
async fn a_result_comes_whole_and_says_whose_it_is() {
    let given = json!({
        "content": [
            {"type": "text", "text": "a\u{202E}b"},
            {"type": "image", "data": "AA==", "mimeType": "image/png"},
            {"type": "audio", "data": "AA==", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "note://1", "text": "x"}},
            {"type": "resource", "resource": {"uri": "note://2", "blob": "AA=="}},
            {"type": "resource_link", "uri": "https://a.example/", "name": "n"},
            {"type": "resource_link", "uri": "FILE:///etc/passwd", "name": "n"},
        ],
        "structuredContent": {"a": 1},
        "isError": true,
        "_meta": {"dev.waypost/route": "spoofed", "dev.waypost/conversation": "spoofed", "io.modelcontextprotocol/serverInfo": {}, "theirs": 1},
    });
    let server = Double::answering("crm", Trust::Untrusted, &["t"], vec![Ok(result(given))]);
    let toolbox = toolbox(&[(&server, Entry::default())], &Arc::default());
    let made = call(toolbox, call_named("crm__t", json!({})), Arc::new(Nobody)).await;
    let output = output(made);
    assert!(output.is_error);
    assert_eq!(output.structured, Some(json!({"a": 1})));
    assert_eq!(
        Value::Object(output.meta),
        json!({"theirs": 1, "dev.waypost/untrusted": true})
    );
    assert_eq!(output.content.len(), 7);
    assert_eq!(output.content[0], Content::Text("ab".to_owned()));
    assert!(matches!(&output.content[4], Content::Blob { uri, .. } if uri == "note://2"));
    assert!(matches!(&output.content[5], Content::Link { .. }));
    assert!(
        matches!(&output.content[6], Content::Text(text) if text.contains("`file:` was left out"))
    );
}

#[tokio::test]
async fn the_callers_arguments_go_out_as_they_came() {
    let (_, server) = called(vec![Ok(text("ok"))], Arc::new(Nobody)).await;
    let asked = server.asked();
    let [crate::federation::Question::Call(params)] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (&*params.name, &params.arguments),
        ("t", &json!({"a": 1}).as_object().cloned())
    );
    assert_eq!(server.tokens(), [None]);
}

#[tokio::test]
async fn a_result_is_held_to_the_schema_its_server_promised() {
    let more = json!({"outputSchema": {"type": "object", "required": ["n"]}});
    let catalogue = crate::federation::Catalogue {
        tools: vec![offered("t", more)],
        ..Default::default()
    };
    let server = Double::new(
        "crm",
        |_| (),
        catalogue,
        |_| {
            let answer = result(json!({"content": [], "structuredContent": {"m": 1}}));
            Box::pin(std::future::ready(Ok(answer)))
        },
    );
    let toolbox = toolbox(&[(&server, Entry::default())], &Arc::default());
    let made = call(toolbox, call_named("crm__t", json!({})), Arc::new(Nobody)).await;
    assert_eq!(fault(made).class, FaultClass::InvalidOutput);
}

#[tokio::test]
async fn each_failure_says_who_is_to_blame() {
    let server = || "crm".to_owned();
    let error = |code| Failed::Error {
        code,
        message: "no\u{1B}[2J such".to_owned(),
        data: None,
    };
    for (failed, class, unsent) in [
        (
            Failed::Away {
                server: server(),
                retry_after: Some(Duration::from_secs(2)),
            },
            FaultClass::Unavailable,
            true,
        ),
        (
            Failed::Broken {
                server: server(),
                unsent: false,
            },
            FaultClass::Unavailable,
            false,
        ),
        (
            Failed::Broken {
                server: server(),
                unsent: true,
            },
            FaultClass::Unavailable,
            true,
        ),
        (
            Failed::Late { server: server() },
            FaultClass::Timeout,
            false,
        ),
        (error(-32602), FaultClass::InvalidArguments, false),
        (error(-32603), FaultClass::Failed, false),
        (error(-32000), FaultClass::Declined, false),
        (
            Failed::Unauthorized {
                server: server(),
                challenge: None,
            },
            FaultClass::Declined,
            true,
        ),
        (
            Failed::Forbidden {
                server: server(),
                challenge: None,
            },
            FaultClass::Declined,
            true,
        ),
        (
            Failed::Unfit {
                server: server(),
                why: "x".to_owned(),
            },
            FaultClass::InvalidOutput,
            false,
        ),
    ] {
        let (made, _) = called(vec![Err(failed.clone())], Arc::new(Nobody)).await;
        let fault = fault(made);
        assert_eq!((fault.class, fault.unsent), (class, unsent), "{failed:?}");
        assert!(!fault.message.contains('\u{1B}'), "{}", fault.message);
    }
}

#[tokio::test]
async fn a_server_that_wants_a_token_is_not_asked_without_one() {
    let catalogue = crate::federation::Catalogue {
        tools: vec![offered("t", json!({}))],
        ..Default::default()
    };
    let credentials = Credentials::ClientCredentials {
        token_url: "https://idp.example/token".to_owned(),
        client_id: "waypost".to_owned(),
        client_secret: "env:X".to_owned(),
        resource: None,
        scopes: Vec::new(),
    };
    let adjust = |it: &mut crate::federation::Settings| it.credentials = credentials;
    let server = Double::new("crm", adjust, catalogue, |_| {
        Box::pin(std::future::ready(Ok(text("secret"))))
    });
    let toolbox = toolbox(&[(&server, Entry::default())], &Arc::default());
    let made = call(toolbox, call_named("crm__t", json!({})), Arc::new(Nobody)).await;
    let fault = fault(made);
    assert_eq!((fault.class, fault.unsent), (FaultClass::Unavailable, true));
    assert!(server.asked().is_empty());
}
