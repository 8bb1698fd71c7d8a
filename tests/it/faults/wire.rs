//! What a provider says beyond its answer reaches nobody (F26).

use crate::support::{
    Gateway, Provider, completion,
    faulty::{
        Faulty, Stance, Step,
        script::{END, chunk, head, json, say, whole},
    },
};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn gateway(a: &Faulty, b: &Provider) -> Gateway {
    Gateway::start(&format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}/v1\" }}
  b: {{ dialect: openai, base_url: \"{}\" }}
routes:
  r: {{ targets: [a/m, b/m], retry: {{ base: 1ms }} }}
",
        a.url, b.url
    ))
    .await
}

#[tokio::test]
async fn bytes_behind_an_answer_are_nobodys_answer() {
    let smuggled = json(
        200,
        r#"{"smuggled":true,"choices":[{"message":{"content":"smuggled"}}]}"#,
    );
    let body = r#"{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"A"},"finish_reason":"stop"}]}"#;
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    let both = [
        JSON,
        ("transfer-encoding", "chunked"),
        ("content-length", "4"),
    ];
    let in_chunks = |headers: &[(&str, &str)]| {
        let all = [head(200, headers).as_bytes(), &chunk(body), END.as_bytes()].concat();
        String::from_utf8(all).unwrap()
    };
    for (name, answer) in [
        ("behind a length", json(200, body)),
        ("behind chunks", in_chunks(&chunked)),
        ("behind a length and chunks", in_chunks(&both)),
        ("behind nothing", whole(204, &[], "")),
    ] {
        let first = vec![say(answer + &smuggled), Step::Hang];
        let healthy = vec![say(json(200, body))];
        let a = Faulty::start(Stance::Serves(vec![first, healthy])).await;
        let b = Provider::start([completion("B")]).await;
        let gateway = gateway(&a, &b).await;
        for _ in 0..3 {
            let answer = gateway.chat("r").await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            let said = answer.json()["choices"][0]["message"]["content"].clone();
            assert!(said == "A" || said == "B", "{name}: {}", answer.body);
        }
    }
}
