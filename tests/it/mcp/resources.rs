//! Resources and templates.

use serde_json::{Value, json};

use super::{
    config,
    peer::{Modern, Session},
};
use crate::support::Gateway;

const RESOURCES: &str = r#"
resources:
  text: { uri: "test://text", mime: text/plain, title: A text, text: "Plain ${input.x}." }
  bytes: { uri: "test://bytes", mime: image/png, base64: iVBORw0KGgo= }
templates:
  item:
    uri: test://template/{id}/data
    mime: application/json
    text: '{"id":"${input.id}","data":"Data for ID: ${input.id}"}'
    complete: { id: ["123", "124"] }
"#;

#[tokio::test]
async fn what_is_not_there_is_told_in_each_revisions_words() {
    let gateway = Gateway::start(&config(RESOURCES, "")).await;
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let session = Session::begin(&gateway, None).await;
    for uri in [
        "test://none",
        "",
        "file:///etc/passwd",
        "test://template//data",
        "test://template/../../etc/passwd/data",
        "test://template/1/data?x",
        "test://template/%ff/data",
        "test://text/",
        "TEST://text",
    ] {
        let answer = client.ask("resources/read", json!({"uri": uri})).await;
        let error = json!({"code": -32602, "message": "Resource not found", "data": {"uri": uri}});
        assert_eq!(answer["error"], error);
        let answer = session.ask("resources/read", json!({"uri": uri})).await;
        assert_eq!(answer["error"]["code"], -32002, "{uri}: {answer}");
        assert_eq!(answer["error"]["data"]["uri"], uri);
    }
}

#[tokio::test]
async fn texts_and_bytes_are_read_as_they_are_written() {
    let gateway = Gateway::start(&config(RESOURCES, "")).await;
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let read = async |uri: &str| {
        let result = client.result("resources/read", json!({"uri": uri})).await;
        assert_eq!(result["cacheScope"], "private");
        result["contents"][0].clone()
    };
    // A resource is no template.
    let text = json!({"uri": "test://text", "mimeType": "text/plain", "text": "Plain ${input.x}."});
    assert_eq!(read("test://text").await, text);
    let blob = json!({"uri": "test://bytes", "mimeType": "image/png", "blob": "iVBORw0KGgo="});
    assert_eq!(read("test://bytes").await, blob);
    let list = client.result("resources/list", json!({})).await;
    let names: Vec<_> = list["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["bytes", "text"]);
    assert_eq!(list["resources"][0]["size"], 8);
    let list = client.result("resources/templates/list", json!({})).await;
    let form = &list["resourceTemplates"][0]["uriTemplate"];
    assert_eq!(form, "test://template/{id}/data");
}

#[tokio::test]
async fn parts_of_an_address_fill_the_text_and_cannot_break_out_of_it() {
    let gateway = Gateway::start(&config(RESOURCES, "")).await;
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    for (part, id) in [
        ("123", "123"),
        ("a%20b", "a b"),
        ("..%2F..%2Fetc%2Fpasswd", "../../etc/passwd"),
        ("%22%2C%22admin%22%3Atrue", "\",\"admin\":true"),
        ("${1+1}", "${1+1}"),
    ] {
        let uri = format!("test://template/{part}/data");
        let result = client.result("resources/read", json!({"uri": uri})).await;
        let text = result["contents"][0]["text"].as_str().unwrap();
        let text: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            text,
            json!({"id": id, "data": format!("Data for ID: {id}")})
        );
    }
    let reference = json!({"type": "ref/resource", "uri": "test://template/{id}/data"});
    let params = json!({"ref": reference, "argument": {"name": "id", "value": "12"}});
    let result = client.result("completion/complete", params).await;
    assert_eq!(result["completion"]["values"], json!(["123", "124"]));
}

#[tokio::test]
async fn a_file_is_read_when_the_configuration_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.md");
    std::fs::write(&path, "# One").unwrap();
    let file = format!(
        "resources: {{ page: {{ uri: 'docs://page', mime: text/markdown, file: '{}' }} }}",
        path.display()
    );
    let gateway = Gateway::start(&config(&file, "")).await;
    std::fs::write(&path, "# Two").unwrap();
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let read = async || {
        let params = json!({"uri": "docs://page"});
        client.result("resources/read", params).await["contents"][0]["text"].clone()
    };
    assert_eq!(read().await, "# One");
    gateway.reconfigure(&config(&file, "# Again")).await;
    assert_eq!(read().await, "# Two");
}
