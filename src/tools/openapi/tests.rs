//! What tools come of a document, and what is said of documents that are none.

use serde_json::{Value, json};

use super::*;
use crate::tools::{
    KindSettings,
    kinds::http::{Body, Header, Method, Settings as Http},
};

const PETSTORE: &str = include_str!("../../../config/petstore.yaml");

fn import() -> Import {
    Import {
        openapi: "pets.yaml".to_owned(),
        prefix: "pets".to_owned(),
        ..Import::default()
    }
}

fn tools(import: &Import, text: &str) -> Vec<(String, Settings)> {
    expand(import, text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn tool(name: &str) -> (Settings, Http) {
    let tools = tools(&import(), PETSTORE);
    let found = tools.into_iter().find(|(id, _)| id == name).unwrap();
    let KindSettings::Http(http) = found.1.kind.clone() else {
        panic!("{found:?}");
    };
    (found.1, *http)
}

fn schema(settings: &Settings) -> Value {
    Value::Object(settings.common.input_schema.clone().unwrap())
}

#[test]
fn each_operation_becomes_a_tool() {
    let tools = tools(&import(), PETSTORE);
    let names: Vec<&str> = tools.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        names,
        [
            "pets.listPets",
            "pets.createPet",
            "pets.getPet",
            "pets.replacePet",
            "pets.deletePet",
            "pets.post_pets_petId_photo"
        ]
    );
}

#[test]
fn parameters_become_arguments_in_their_places() {
    let (settings, http) = tool("pets.listPets");
    assert_eq!(http.method, Method::Get);
    assert_eq!(http.url, "https://eu.petstore.example.com/v1/pets");
    let query: Vec<_> = http
        .query
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(
        query,
        [
            ("limit", "${input[\"limit\"]}"),
            ("tags", "${input[\"tags\"]}")
        ]
    );
    assert_eq!(
        http.headers["x-trace"],
        Header::Text("${input[\"x-trace\"]}".to_owned())
    );
    assert_eq!(
        schema(&settings),
        json!({
            "type": "object", "additionalProperties": false,
            "properties": {
                "limit": {"type": "integer", "exclusiveMinimum": 0, "maximum": 100, "description": "How many at most."},
                "tags": {"type": "array", "items": {"type": "string"}},
                "x-trace": {"type": "string"},
            },
        })
    );
    assert_eq!(settings.common.annotations.read_only, Some(true));
    assert_eq!(
        settings.common.description,
        "List pets\n\nGives the pets of the store, by name."
    );

    let (settings, http) = tool("pets.deletePet");
    assert_eq!(
        http.url,
        "https://eu.petstore.example.com/v1/pets/${input[\"petId\"]}"
    );
    assert_eq!(schema(&settings)["required"], json!(["petId"]));
    let hints = settings.common.annotations;
    assert_eq!(
        (hints.read_only, hints.destructive, hints.idempotent),
        (None, Some(true), Some(true))
    );
}

#[test]
fn members_of_a_body_become_arguments_and_3_0_becomes_2020_12() {
    let (settings, http) = tool("pets.createPet");
    assert_eq!(
        http.body,
        Some(Body::Json(json!({
            "name": "${input[\"name\"]}", "nickname": "${input[\"nickname\"]}", "kind": "${input[\"kind\"]}",
            "category": "${input[\"category\"]}",
        })))
    );
    assert_eq!(
        schema(&settings),
        json!({
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "nickname": {"type": ["string", "null"]},
                "kind": {"type": ["string", "null"], "enum": ["dog", "cat", null]},
                "category": {"$ref": "#/$defs/Category"},
                "x-trace": {"type": "string"},
            },
            "$defs": {"Category": {"type": "object", "properties": {
                "name": {"type": "string"},
                "parent": {"anyOf": [{"allOf": [{"$ref": "#/$defs/Category"}]}, {"type": "null"}]},
            }}},
        })
    );
    let (_, http) = tool("pets.post_pets_petId_photo");
    assert!(matches!(http.body, Some(Body::Form(members)) if members.len() == 2));
}

#[test]
fn a_body_whose_members_collide_is_one_argument() {
    let (settings, http) = tool("pets.replacePet");
    assert_eq!(http.body, Some(Body::Json("${input[\"body\"]}".into())));
    assert_eq!(schema(&settings)["required"], json!(["petId", "body"]));
}

#[test]
fn the_operator_says_which_where_and_as_whom() {
    let mut import = import();
    import.operations = vec![
        "get*".to_owned(),
        "*Pets".to_owned(),
        "deletePet".to_owned(),
    ];
    import.base_url = Some("http://pets.internal/".to_owned());
    import
        .headers
        .insert("x-api-key".to_owned(), Header::Text("fixed".to_owned()));
    let tools = tools(&import, PETSTORE);
    let names: Vec<&str> = tools.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(names, ["pets.listPets", "pets.getPet", "pets.deletePet"]);
    let KindSettings::Http(http) = &tools[2].1.kind else {
        panic!("{tools:?}");
    };
    assert_eq!(http.url, "http://pets.internal/pets/${input[\"petId\"]}");
    assert_eq!(http.headers["x-api-key"], Header::Text("fixed".to_owned()));
    assert!(schema(&tools[2].1)["properties"].get("X-API-Key").is_none());
}

#[test]
fn texts_are_cleaned_and_cut() {
    let hidden = "a\u{202e}b\u{200b}c\u{1b}[31m\u{e0041}d\u{0}";
    let document = json!({
        "openapi": "3.1.0", "servers": [{"url": "https://a.example"}],
        "paths": {"/x": {"get": {"operationId": "x", "summary": hidden, "description": "y".repeat(100_000)}}},
    });
    let tools = tools(&import(), &document.to_string());
    let description = &tools[0].1.common.description;
    assert!(
        description.starts_with("abc[31md\n\nyyy"),
        "{description:.40}"
    );
    assert!(description.chars().count() < 1_100);
}

/// A document with this operation, at `GET /x/{id}`.
fn with_operation(operation: Value) -> String {
    json!({
        "openapi": "3.0.0", "servers": [{"url": "https://a.example"}], "paths": {"/x": {"post": operation}},
        "components": {"schemas": {
            "Loop": {"$ref": "#/components/schemas/Loop"},
            "Deep": (0..60).fold(json!({}), |inner, _| json!({"items": inner})),
        }},
    })
    .to_string()
}

fn with_parameter(parameter: Value) -> String {
    with_operation(json!({"operationId": "x", "parameters": [parameter]}))
}

fn with_schema(schema: Value) -> String {
    with_parameter(json!({"name": "a", "in": "query", "schema": schema}))
}

fn with_body(schema: Value) -> String {
    with_operation(
        json!({"requestBody": {"required": true, "content": {"application/json": {"schema": schema}}}}),
    )
}

#[test]
fn what_cannot_be_taken_is_told_with_a_pointer() {
    let document = |paths: Value| {
        json!({"openapi": "3.0.0", "servers": [{"url": "https://a.example"}], "paths": paths})
            .to_string()
    };
    let schema = "#/paths/~1x/post/parameters/0/schema";
    for (text, told) in [
        (
            String::new(),
            "pets.yaml#/openapi: it does not say that it is OpenAPI 3".to_owned(),
        ),
        ("{".to_owned(), "pets.yaml#: it is no JSON: EOF".to_owned()),
        ("a: [".to_owned(), "pets.yaml#: it is no YAML".to_owned()),
        ("[1]".to_owned(), "#/openapi".to_owned()),
        (
            r#"{"swagger":"2.0"}"#.to_owned(),
            "#/swagger: this is Swagger 2.0".to_owned(),
        ),
        (
            r#"{"openapi":"3.0.0"}"#.to_owned(),
            "base_url: the document names no server".to_owned(),
        ),
        (
            document(json!([])),
            "#/paths: there should be an object".to_owned(),
        ),
        (
            document(json!({})),
            "#/paths: there are no operations".to_owned(),
        ),
        (
            document(json!({"/x": {"get": 7}})),
            "#/paths/~1x/get: there should be an object".to_owned(),
        ),
        (
            document(json!({"/x": {"$ref": "other.yaml#/x"}})),
            "#/paths/~1x/$ref: it refers to another document".to_owned(),
        ),
        (
            document(json!({"/x/{id}": {"get": {}}})),
            "#/paths/~1x~1{id}/get: the path names `id`".to_owned(),
        ),
        (
            document(json!({"/x/{id": {"get": {}}})),
            "the path names `id`".to_owned(),
        ),
        (
            document(json!({"/x?a=1": {"get": {}}})),
            "its path has a query".to_owned(),
        ),
        (
            document(
                json!({"/x": {"get": {"operationId": "a/b"}}, "/y": {"get": {"operationId": "a.b"}}}),
            ),
            "there are two `a_b`".to_owned(),
        ),
        (
            with_operation(json!({"parameters": {}})),
            "#/paths/~1x/post/parameters: there should be a list".to_owned(),
        ),
        (
            with_parameter(json!({"in": "query"})),
            "parameters/0/name: there should be a text".to_owned(),
        ),
        (
            with_parameter(json!({"name": "a", "in": "body"})),
            "parameters/0/in: a parameter is in path".to_owned(),
        ),
        (
            with_parameter(json!({"name": "a", "in": "cookie", "required": true})),
            "in a cookie".to_owned(),
        ),
        (
            with_parameter(
                json!({"name": "a", "in": "query", "required": true, "style": "deepObject"}),
            ),
            "of this style".to_owned(),
        ),
        (
            with_parameter(
                json!({"name": "a", "in": "query", "required": true, "explode": false, "schema": {"type": "array"}}),
            ),
            "written as one text".to_owned(),
        ),
        (
            with_operation(
                json!({"parameters": [{"name": "a.b", "in": "query"}, {"name": "a/b", "in": "query"}]}),
            ),
            "parameters/1: two arguments are called `a_b`".to_owned(),
        ),
        (
            with_schema(json!(7)),
            format!("{schema}: there should be an object"),
        ),
        (
            with_schema(json!({"properties": []})),
            format!("{schema}/properties: there should be an object"),
        ),
        (
            with_schema(json!({"allOf": {}})),
            format!("{schema}/allOf: there should be a list"),
        ),
        (
            with_schema(json!({"items": {"$ref": "http://127.0.0.1/s"}})),
            format!("{schema}/items/$ref: it refers to another document"),
        ),
        (
            with_schema(json!({"items": {"$ref": "file:///etc/passwd"}})),
            "another document".to_owned(),
        ),
        (
            with_schema(json!({"items": {"$ref": "#/gone"}})),
            format!("{schema}/items/$ref: it refers to something that is not there"),
        ),
        (
            with_schema(json!({"$ref": "#/components/schemas/Loop"})),
            "references follow each other".to_owned(),
        ),
        (
            with_schema(json!({"items": {"$ref": "#/components/schemas/Deep"}})),
            "nested deeper".to_owned(),
        ),
        (
            with_body(json!({"$ref": 7})),
            "a reference is a text".to_owned(),
        ),
        (
            with_operation(
                json!({"requestBody": {"required": true, "content": {"multipart/form-data": {}}}}),
            ),
            "#/paths/~1x/post/requestBody/content: there is neither JSON nor a form".to_owned(),
        ),
        (
            with_operation(json!({"requestBody": {}})),
            "requestBody/content: there should be an object".to_owned(),
        ),
        (" ".repeat(LARGEST + 1), "it is larger than".to_owned()),
    ] {
        let problems = expand(&import(), &text).unwrap_err();
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            all.iter().any(|problem| problem.contains(&told)),
            "{told}\n{text:.300}\n{all:#?}"
        );
    }
}

#[test]
fn bombs_end() {
    // Each definition refers to the next one twice; circles of references; aliases of YAML that multiply.
    let definitions = (0..300).map(|n| {
        let next = json!({"$ref": format!("#/components/schemas/d{}", n + 1)});
        (format!("d{n}"), json!({"anyOf": [next, next]}))
    });
    let mut document: Value =
        serde_json::from_str(&with_schema(json!({"$ref": "#/components/schemas/d0"}))).unwrap();
    document["components"]["schemas"] = Value::Object(definitions.collect());
    let problems = expand(&import(), &document.to_string()).unwrap_err();
    assert!(
        problems[0].message.contains("deeper") || problems[0].message.contains("more than 200"),
        "{problems:?}"
    );

    let mut bomb = String::from("openapi: 3.0.0\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for n in 1..20 {
        let last = format!("*a{},", n - 1).repeat(10);
        bomb.push_str(&format!("a{n}: &a{n} [{last}]\n"));
    }
    assert!(
        expand(&import(), &bomb).unwrap_err()[0]
            .message
            .contains("no YAML")
    );
    let deep = format!(
        "openapi: 3.0.0\nx: {}{}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(expand(&import(), &deep).is_err());
    let deep = format!(
        r#"{{"openapi":"3.0.0","x":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(expand(&import(), &deep).is_err());
}

#[test]
fn settings_are_judged_too() {
    let problems = |change: fn(&mut Import)| {
        let mut import = import();
        change(&mut import);
        let problems = expand(&import, PETSTORE).unwrap_err();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let told = problems(|import| import.prefix.clear());
    assert!(
        told[0].starts_with("prefix: there is no prefix"),
        "{told:?}"
    );
    let told = problems(|import| import.operations = vec!["getPet".into(), "lstPets".into()]);
    assert!(
        told[0].contains("operations.1") && told[0].contains("did you mean `listPets`"),
        "{told:?}"
    );
    for secret in [
        json!({"openapi": "p", "prefix": "p", "auth": {"bearer": "env:KEY"}}),
        json!({"openapi": "p", "prefix": "p", "headers": {"x-key": {"secret": "env:KEY"}}}),
    ] {
        let mut import: Import = serde_json::from_value(secret).unwrap();
        let problems = expand(&import, PETSTORE).unwrap_err();
        assert_eq!(problems[0].path, ["base_url"]);
        assert!(problems[0].message.contains("secrets"), "{problems:?}");
        import.base_url = Some("https://pets.example".to_owned());
        assert!(expand(&import, PETSTORE).is_ok());
    }
    for base in [
        "/v1",
        "ftp://a.example",
        "https://${input.host}/",
        "https://a.example/?x",
    ] {
        let mut import = import();
        import.base_url = Some(base.to_owned());
        assert_eq!(
            expand(&import, PETSTORE).unwrap_err()[0].path,
            ["base_url"],
            "{base}"
        );
    }
}
