//! `fallback_on`: each class of failure goes where the route says, whatever happens to it usually.

use super::{pair::refusal, voice::Voice};
use crate::support::{
    Gateway, Provider, completion,
    faulty::{
        Faulty, Script, Stance, Step,
        script::{json, say},
    },
};

fn error(status: u16, code: &str) -> Stance {
    let body = format!(r#"{{"error":{{"message":"No.","type":"t","code":"{code}"}}}}"#);
    Stance::Serves(vec![vec![say(json(status, &body))]])
}

fn status(status: u16) -> Stance {
    Stance::Serves(vec![refusal(status, &[])])
}

fn plain(script: Script) -> Stance {
    Stance::Serves(vec![script])
}

#[tokio::test]
async fn each_class_goes_where_the_route_says() {
    let classes = [
        ("auth", status(401)),
        ("permission", status(403)),
        ("not_found", status(404)),
        ("invalid_request", status(400)),
        ("too_large", status(413)),
        ("context_length", error(400, "context_length_exceeded")),
        ("content_policy", error(400, "content_filter")),
        ("quota", error(429, "insufficient_quota")),
        ("rate_limit", status(429)),
        ("overloaded", status(503)),
        ("timeout", plain(vec![Step::Hang])),
        ("unreachable", Stance::Refuses),
        ("server_error", status(500)),
        (
            "invalid_answer",
            plain(vec![say(json(200, &Voice::OpenAi.plain("")))]),
        ),
    ];
    let usual = Provider::start([completion("usual")]).await;
    let named = Provider::start([completion("named")]).await;
    let mut faulty = Vec::new();
    let mut providers = format!(
        "providers:
  usual: {{ dialect: openai, base_url: \"{}\" }}
  named: {{ dialect: openai, base_url: \"{}\" }}\n",
        usual.url, named.url
    );
    let mut routes = "routes:\n".to_owned();
    for (class, stance) in classes {
        let provider = Faulty::start(stance).await;
        providers += &format!(
            "  {class}: {{ dialect: openai, base_url: \"{}/v1\", api_key: sk-canary-{class} }}\n",
            provider.url
        );
        routes += &format!(
            "  {class}: {{ targets: [{class}/m, usual/m], fallback_on: {{ {class}: [named/m] }}, timeout: {{ total: 1s }} }}\n"
        );
        faulty.push((class, provider));
    }
    let gateway = Gateway::start(&(providers + &routes)).await;
    for (class, _provider) in &faulty {
        let answer = gateway.chat(class).await;
        assert_eq!(answer.status, 200, "{class}: {}", answer.body);
        assert_eq!(answer.header("x-waypost-target"), "named/m", "{class}");
        let record = gateway.record(answer.header("x-request-id")).await;
        assert_eq!(record.attempts[0].end.label(), *class);
        let on = record.candidates.iter().find_map(|candidate| candidate.on);
        assert_eq!(on.map(|on| on.label()), Some(*class));
    }
    assert_eq!(named.asked().len(), faulty.len());
    assert!(usual.asked().is_empty());
}
