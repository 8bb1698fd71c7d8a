//! Tools that search pages.

use std::fs;

use serde_json::{Value, json};

use super::{call, text};
use crate::support::Gateway;

fn urls(result: &Value) -> Vec<&str> {
    let hits = result["structuredContent"]["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| hit["url"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_folder_is_searched_by_sections() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "refunds.md",
        "# Refunds\nWithin 30 days.\n## By card\nThe card is credited.\n",
    );
    write(
        "more/shipping.md",
        "# Shipping\nParcels leave daily, refunds do not.\n",
    );
    write("secret.txt", "refunds refunds");
    write(".hidden.md", "refunds refunds");
    let yaml = format!(
        "tools: {{docs.search: {{kind: search, description: d, folder: '{}', base_url: 'https://x/'}}}}\n",
        folder.path().display()
    );
    let gateway = Gateway::start(&yaml).await;
    let found = call(&gateway, "docs__search", json!({"query": "refund"})).await;
    assert_eq!(
        urls(&found),
        [
            "https://x/refunds.md#refunds",
            "https://x/refunds.md#by-card",
            "https://x/more/shipping.md#shipping"
        ]
    );
    assert_eq!(
        found["structuredContent"]["hits"][0]["text"],
        "Within 30 days."
    );
    let one = call(
        &gateway,
        "docs__search",
        json!({"query": "refund", "limit": 1}),
    )
    .await;
    assert_eq!(urls(&one).len(), 1);
    let nothing = call(&gateway, "docs__search", json!({"query": "zebra"})).await;
    assert_eq!(nothing["structuredContent"], json!({"hits": []}));
    for arguments in [
        json!({}),
        json!({"query": ""}),
        json!({"query": "a", "limit": 21}),
        json!({"query": "a".repeat(1_001)}),
    ] {
        let refused = call(&gateway, "docs__search", arguments).await;
        assert!(text(&refused).starts_with("Invalid arguments"), "{refused}");
    }
}

#[tokio::test]
async fn the_manual_knows_its_own_words() {
    let yaml = "tools: {docs.search: {kind: search, description: d, manual: true}}\n";
    let gateway = Gateway::start(yaml).await;
    let found = call(
        &gateway,
        "docs__search",
        json!({"query": "rules see tool name"}),
    )
    .await;
    assert!(urls(&found)[0].starts_with("docs/rules.md#"), "{found}");
}
