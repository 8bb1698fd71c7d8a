//! Some providers quote the key they refuse (F06). Nobody else gets to read it.

use crate::support::{
    Gateway, chat,
    faulty::{
        Faulty,
        script::{END, chunk, json, say, stream_head},
    },
    role, text,
};

#[tokio::test]
async fn a_provider_that_repeats_its_key_is_not_quoted() {
    const ERROR: &str = r#"{"error":{"message":"Incorrect API key provided: sk-canary-0123456789. See docs.","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    let midway = vec![
        say(stream_head()),
        say(chunk(role() + &text("Par"))),
        say(chunk(format!("data: {ERROR}\n\n"))),
        say(END),
    ];
    for (script, stream) in [
        (vec![say(json(401, ERROR))], false),
        (vec![say(json(401, ERROR))], true),
        (vec![say(json(400, ERROR))], false),
        (vec![say(json(200, ERROR))], false),
        (midway, true),
    ] {
        let a = Faulty::serving(script).await;
        let gateway = Gateway::start(&format!(
            "
providers: {{ a: {{ dialect: openai, base_url: \"{}/v1\", api_key: sk-canary-0123456789 }} }}
routes: {{ lone: {{ targets: [a/m], retry: {{ attempts: 1 }} }} }}
",
            a.url
        ))
        .await;
        let request = gateway.post("/v1/chat/completions", chat("lone", stream));
        let answer = gateway.send(request.header("x-request-id", "it")).await;
        assert!(
            answer.body.contains("Incorrect API key provided"),
            "{}",
            answer.body
        );
        let record = gateway.record("it").await;
        let shown = gateway.admin("/admin/requests/it").await.body;
        assert_eq!(a.seen()[0].key(), "sk-canary-0123456789", "{record:?}");
        gateway.stop();
        let log = gateway.ended().await;
        for text in [&answer.body, &shown, &log] {
            assert!(!text.contains("canary"), "{text}");
        }
    }
}
