//! Who may call, and what they may use; which listeners may be open to whom.

use crate::support::{Answer, Gateway, Provider, chat, completion, streamed};

const ALL: &str = "wp-0123456789abcdef-all";
const ROUTES: &str = "wp-0123456789abcdef-routes";
const MODELS: &str = "wp-0123456789abcdef-models";

async fn gateway(provider: &Provider) -> Gateway {
    Gateway::start(&format!(
        "
server: {{ max_body: 2000 }}
providers:
  a: {{ dialect: openai, base_url: \"{0}\", models: {{ m: {{}}, x/y: {{}} }} }}
  b: {{ dialect: openai, base_url: \"{0}\", models: {{ n: {{}} }} }}
routes:
  r: {{ targets: [a/m] }}
  s: {{ targets: [b/n] }}
  both: {{ targets: [b/n, a/x/y] }}
access:
  keys:
    - {{ name: all, key: {ALL} }}
    - {{ name: routes, key: {ROUTES}, routes: [r] }}
    - {{ name: models, key: {MODELS}, models: [\"a/*\"] }}
",
        provider.url
    ))
    .await
}

async fn ask(gateway: &Gateway, model: &str, key: &str) -> Answer {
    let request = gateway.post("/v1/chat/completions", chat(model, false));
    gateway.send(request.bearer_auth(key)).await
}

#[tokio::test]
async fn a_key_opens_the_door_in_either_header() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let bearer = |key: &str| ("authorization", format!("Bearer {key}"));
    let plain = |key: &str| ("x-api-key", key.to_owned());
    for (headers, status, code) in [
        (vec![], 401, "invalid_api_key"),
        (vec![bearer("")], 401, "invalid_api_key"),
        (vec![bearer("wp-0123456789abcdef")], 401, "invalid_api_key"),
        (vec![plain("wp-0123456789abcdef")], 401, "invalid_api_key"),
        (
            vec![("authorization", format!("Basic {ALL}"))],
            401,
            "invalid_api_key",
        ),
        (vec![bearer(ALL), plain(ROUTES)], 400, ""),
        (vec![plain(ALL), plain(ROUTES)], 400, ""),
        (vec![bearer(ALL)], 200, ""),
        (vec![plain(ALL)], 200, ""),
        (vec![bearer(ALL), plain(ALL)], 200, ""),
    ] {
        let before = provider.asked().len();
        let request = gateway.post("/v1/chat/completions", chat("r", false));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, value)
        });
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, status, "{headers:?} {}", answer.body);
        assert_eq!(
            answer.json()["error"]["code"].as_str().unwrap_or(""),
            code,
            "{headers:?}"
        );
        assert_eq!(provider.asked().len() - before, usize::from(status == 200));
        assert!(answer.header("x-request-id").starts_with("req_"));
    }
    let asked = provider.asked();
    let kept = |name| asked.iter().all(|asked| !asked.headers.contains_key(name));
    assert!(
        kept("authorization") && kept("x-api-key"),
        "callers' keys stay here"
    );
}

#[tokio::test]
async fn a_wrong_key_is_told_so_before_anything_else_is_looked_at() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider).await;
    let big = "x".repeat(4_000);
    let url = |path: &str| format!("{}{path}", gateway.url);
    let piecemeal = futures_util::stream::iter([Ok::<_, std::io::Error>(big.clone())]);
    let requests = [
        gateway.post("/v1/chat/completions", "{"),
        gateway.post("/v1/chat/completions", big),
        gateway.post(
            "/v1/chat/completions",
            reqwest::Body::wrap_stream(piecemeal),
        ),
        gateway.post("/v1/chat/completions", chat("nobody", false)),
        gateway.post("/v1/embeddings", "{"),
        gateway.post("/v1/nothing", "{}"),
        gateway.get("/v1/chat/completions"),
        gateway.get("/v1/models"),
        gateway.get("/v1/models/r"),
        gateway.get("/metrics"),
        gateway.client.delete(url("/")),
    ];
    let mut bodies = Vec::new();
    for request in requests {
        let answer = gateway
            .send(request.bearer_auth("wp-guessed-0123456789"))
            .await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let metrics = gateway.admin("/metrics").await.body;
    assert!(
        metrics.contains("waypost_refused_total{reason=\"wrong_key\"} 11"),
        "{metrics}"
    );
}

#[tokio::test]
async fn keys_use_what_they_list_and_nothing_else() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    for (key, model, expected) in [
        (ALL, "s", Ok("b/n")),
        (ALL, "b/n", Ok("b/n")),
        (ALL, "b/unlisted", Ok("b/unlisted")),
        (ROUTES, "r", Ok("a/m")),
        (ROUTES, "s", Err(403)),
        (ROUTES, "a/m", Err(403)),
        (ROUTES, "nobody", Err(404)),
        (MODELS, "r", Ok("a/m")),
        (MODELS, "a/x/y", Ok("a/x/y")),
        (MODELS, "both", Ok("a/x/y")),
        (MODELS, "s", Err(403)),
        (MODELS, "b/n", Err(403)),
    ] {
        let before = provider.asked().len();
        let answer = ask(&gateway, model, key).await;
        match expected {
            Ok(target) => {
                assert_eq!(answer.status, 200, "{key} {model} {}", answer.body);
                assert_eq!(answer.header("x-waypost-target"), target, "{key} {model}");
            }
            Err(status) => {
                assert_eq!(answer.status, status, "{key} {model} {}", answer.body);
                assert_eq!(provider.asked().len(), before, "{key} {model}");
                let kind = answer.json()["error"]["type"].clone();
                assert_eq!(kind == "permission_error", status == 403, "{}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn the_list_of_models_is_what_the_key_may_use() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider).await;
    let everything = ["both", "r", "s", "a/m", "a/x/y", "b/n"];
    for (key, expected) in [
        (ALL, &everything[..]),
        (ROUTES, &["r"]),
        (MODELS, &["both", "r", "a/m", "a/x/y"]),
    ] {
        let list = gateway
            .send(gateway.get("/v1/models").bearer_auth(key))
            .await
            .json();
        assert_eq!(list["object"], "list");
        let data = list["data"].as_array().unwrap();
        let ids: Vec<_> = data
            .iter()
            .map(|model| model["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expected, "{key}");
        for id in everything {
            let path = format!("/v1/models/{id}");
            let answer = gateway.send(gateway.get(&path).bearer_auth(key)).await;
            if expected.contains(&id) {
                assert_eq!((answer.status, &answer.json()["id"]), (200, &id.into()));
                assert_eq!(answer.json()["object"], "model");
            } else {
                assert_eq!(answer.status, 404, "{key} {id}");
                assert_eq!(answer.json()["error"]["code"], "model_not_found");
            }
        }
    }
}

#[tokio::test]
async fn refusals_are_in_the_callers_own_dialect() {
    let provider = Provider::start([streamed("Hi")]).await;
    let gateway = gateway(&provider).await;
    let body = |model| {
        format!(
            r#"{{"model":"{model}","max_tokens":5,"messages":[{{"role":"user","content":"x"}}]}}"#
        )
    };
    for (key, model, status, kind) in [
        ("wrong-0123456789abcdef", "r", 401, "authentication_error"),
        (ROUTES, "s", 403, "permission_error"),
        (ROUTES, "nobody", 404, "not_found_error"),
    ] {
        let request = gateway.post("/v1/messages", body(model));
        let answer = gateway.send(request.header("x-api-key", key)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json()["type"], "error");
        assert_eq!(answer.json()["error"]["type"], kind);
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
    }
}

#[tokio::test]
async fn health_needs_no_key() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider).await;
    for (path, body) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = gateway.send(gateway.get(path)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
    }
}

#[tokio::test]
async fn without_access_only_this_machine_may_call() {
    let check = async |yaml: &str, listen: &str, admin: &str, expected: &str| {
        let yaml = format!("providers: {{ s: {{ dialect: simulated }} }}\n{yaml}");
        match Gateway::start_on(&yaml, listen, admin).await {
            Ok(gateway) => {
                assert_eq!(expected, "", "{yaml} on {listen}");
                assert_eq!(gateway.send(gateway.get("/healthz")).await.status, 200);
            }
            Err(failed) => {
                let failed = failed.to_string();
                assert!(
                    !expected.is_empty() && failed.contains(expected),
                    "{failed}"
                );
            }
        }
    };
    let here = "127.0.0.1:0";
    check("", "0.0.0.0:0", here, "`access: open`").await;
    check("", "[::]:0", here, "`access: open`").await;
    check("access: open", "0.0.0.0:0", here, "").await;
    let keys = format!("access: {{ keys: [{{ name: k, key: {ALL} }}] }}");
    check(&keys, "0.0.0.0:0", here, "").await;
    check("access: { keys: [] }", here, here, "no keys").await;
    check("access: open", here, "0.0.0.0:0", "`server.admin_key").await;
    check(
        "server: { admin_key: wp-admin-0123456789 }",
        here,
        "0.0.0.0:0",
        "",
    )
    .await;
    check("", "localhost:0", here, "").await;
}

#[tokio::test]
async fn the_admin_key_guards_everything_but_health() {
    let yaml =
        "providers: { s: { dialect: simulated } }\nserver: { admin_key: wp-admin-0123456789 }";
    let gateway = Gateway::start(yaml).await;
    let url = |path: &str| format!("{}{path}", gateway.admin);
    for path in [
        "/metrics",
        "/admin/requests",
        "/admin/requests/x",
        "/nothing",
    ] {
        let get = || gateway.client.get(url(path));
        for refused in [
            get(),
            get().bearer_auth("wp-admin-012345678"),
            get().bearer_auth(""),
        ] {
            let answer = gateway.send(refused).await;
            assert_eq!(answer.status, 401, "{path} {}", answer.body);
            assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
        }
        let answer = gateway.send(get().bearer_auth("wp-admin-0123456789")).await;
        assert_ne!(answer.status, 401, "{path}");
    }
    let explain = gateway
        .client
        .post(url("/admin/explain"))
        .body(chat("s/fast", false));
    assert_eq!(gateway.send(explain).await.status, 401);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.admin(path).await.status, 200);
    }
}
