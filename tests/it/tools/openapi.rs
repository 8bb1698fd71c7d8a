//! Documents of APIs, imported as tools.

use serde_json::{Value, json};
use waypost::{
    app::wire,
    config::{File, parse},
};

use super::{call, text};
use crate::support::{
    Gateway,
    web::{self, Web},
};

const PETSTORE: &str = include_str!("../../../config/petstore.yaml");

const REST: &str =
    "providers: { s: { dialect: simulated } }\nroutes: { chat: { targets: [s/fast] } }\n";

#[tokio::test]
async fn an_imported_operation_is_called_like_any_tool() {
    let web = Web::start("127.0.0.1:0", |_| web::json(201, r#"{"id":1}"#)).await;
    let folder = tempfile::tempdir().unwrap();
    let (document, key) = (folder.path().join("pets.yaml"), folder.path().join("key"));
    std::fs::write(&document, PETSTORE).unwrap();
    std::fs::write(&key, "sk-canary-0123456789").unwrap();
    let (document, key, address) = (document.display(), key.display(), web.address);
    let gateway = Gateway::start(&format!(
        "{REST}imports:\n  - openapi: {document}\n    prefix: pets\n    base_url: http://{address}/v1\n    allow_private: [\"{address}\"]\n    auth: {{ bearer: \"file:{key}\" }}\n"
    ))
    .await;
    let arguments =
        json!({"name": "Rex", "nickname": null, "category": {"name": "dogs"}, "x-trace": "t1"});
    let result = call(&gateway, "pets__createPet", arguments).await;
    assert_eq!(result["structuredContent"], json!({"id": 1}));
    let asked = web.last();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/pets HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("x-trace: t1") && head.contains("Bearer sk-canary"),
        "{head}"
    );
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        json!({"name": "Rex", "nickname": null, "category": {"name": "dogs"}})
    );

    let arguments = json!({"limit": 5, "tags": ["a&b", "c"]});
    call(&gateway, "pets__listPets", arguments).await;
    assert!(
        web.last()
            .starts_with("GET /v1/pets?limit=5&tags=a%26b&tags=c HTTP/1.1\r\n")
    );

    // A body that is not required and was left out.
    call(
        &gateway,
        "pets__post_pets_petId_photo",
        json!({"petId": "7/8"}),
    )
    .await;
    assert!(
        web.last()
            .starts_with("POST /v1/pets/7%2F8/photo HTTP/1.1\r\n")
    );

    let before = web.asked().len();
    for (tool, arguments) in [
        ("pets__createPet", json!({"name": ""})),
        ("pets__createPet", json!({"name": "x", "id": 3})),
        ("pets__createPet", json!({"name": "x", "kind": "bird"})),
        ("pets__listPets", json!({"limit": 0})),
        ("pets__getPet", json!({})),
        ("pets__getPet", json!({"petId": ".."})),
    ] {
        let result = call(&gateway, tool, arguments.clone()).await;
        assert_eq!(result["isError"], true, "{arguments}: {}", text(&result));
    }
    assert_eq!(web.asked().len(), before);
}

fn problems(imports: &str) -> Vec<String> {
    let file = parse::<File>("test.yaml", &format!("{REST}{imports}"))
        .unwrap()
        .value;
    let problems = wire(&file, &|_| None).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_wrong_with_an_import_is_told_once_at_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let good = at("good.yaml", PETSTORE.as_bytes());
    let thing = json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": {"/x": {"get": {
        "operationId": "x", "parameters": [{"name": "a", "in": "query", "schema": {"type": "thing"}}],
    }}}});
    let thing = at("thing.json", thing.to_string().as_bytes());
    for (import, told) in [
        (
            "openapi: /nowhere/x.yaml",
            "imports.0.openapi: the file /nowhere/x.yaml cannot be read",
        ),
        (
            &format!("openapi: {}", at("latin", b"openapi: \xff")),
            "is no UTF-8 text",
        ),
        (
            &format!("openapi: {thing}"),
            "imports.0: `pets.x`: input_schema: The schema is not used",
        ),
        ("openapi: /dev/zero", "is larger than"),
        (
            &format!("openapi: {good}\n    auth: {{ bearer: env:UNSET }}"),
            "imports.0.base_url: the import has secrets",
        ),
        (
            &format!(
                "openapi: {good}\n    base_url: https://pets.example\n    auth: {{ bearer: env:UNSET }}"
            ),
            "imports.0.auth.bearer: the environment variable UNSET",
        ),
        (
            &format!("openapi: {good}\n    base_url: http://pets.internal/"),
            "it is http, and its host is not listed",
        ),
        (
            &format!("openapi: {good}\n    base_url: https://169.254.169.254/"),
            "not public",
        ),
        (
            &format!("openapi: {good}\n    allow_private: ['*']"),
            "imports.0.allow_private.0",
        ),
    ] {
        let told_all = problems(&format!("imports:\n  - prefix: pets\n    {import}\n"));
        assert_eq!(told_all.len(), 1, "{told_all:#?}");
        assert!(told_all[0].contains(told), "{told_all:#?}");
    }
    let twice = format!(
        "imports:\n  - {{ prefix: p, openapi: {good} }}\n  - {{ prefix: p, openapi: {good} }}\n"
    );
    let told = problems(&twice);
    assert!(
        told.iter().all(|it| it.contains("on the wire")) && told.len() == 6,
        "{told:#?}"
    );
}
