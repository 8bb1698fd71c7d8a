//! Two callers, one server: neither sees anything of the other's.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::{
    federation::Catalogue,
    span::Span,
    tools::{
        Cache, Idempotency, Nobody, Scope,
        kinds::mcp::double::{offered, text},
        stage::{caller, output},
    },
};

/// A server whose every answer is another.
fn counting() -> Arc<Double> {
    let calls = AtomicUsize::new(0);
    let catalogue = Catalogue {
        tools: vec![offered("t", json!({}))],
        ..Catalogue::default()
    };
    Double::new(
        "crm",
        |_| (),
        catalogue,
        move |_| {
            let number = calls.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::task::yield_now().await;
                Ok(text(&format!("answer {number}")))
            })
        },
    )
}

async fn answer(toolbox: &Arc<Toolbox>, name: &str, key: Option<&str>) -> String {
    let made = Call {
        caller: caller(name),
        idempotency_key: key.map(str::to_owned),
        ..call_named("crm__t", json!({}))
    };
    let output = output(call(toolbox.clone(), made, Arc::new(Nobody)).await);
    format!("{:?}", output.content)
}

#[tokio::test]
async fn neither_keys_nor_caches_nor_runs_are_shared_between_callers() {
    let mut common = Common {
        cache: Some(Cache {
            ttl: Span::secs(60),
            scope: Scope::Key,
        }),
        idempotency: Idempotency::Auto,
        ..Common::default()
    };
    common.annotations.read_only = Some(true);
    let entry = Entry {
        common,
        ..Entry::default()
    };
    let server = counting();
    let toolbox = toolbox(&[(&server, entry)], &Arc::default());
    // At the same time, from the cache, and with the same key.
    let (alice, bob) = tokio::join!(
        answer(&toolbox, "alice", None),
        answer(&toolbox, "bob", None)
    );
    assert_ne!(alice, bob);
    assert_eq!(alice, answer(&toolbox, "alice", None).await);
    assert_eq!(bob, answer(&toolbox, "bob", None).await);
    let (alices, bobs) = (
        answer(&toolbox, "alice", Some("k")).await,
        answer(&toolbox, "bob", Some("k")).await,
    );
    assert_ne!(alices, bobs);
}
