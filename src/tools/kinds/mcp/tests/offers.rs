//! What is offered of a server's tools, and whose word counts.

use serde_json::json;

use super::*;
use crate::{
    federation::{Catalogue, ToolPolicy},
    span::Span,
    tools::{Cache, Retry, Scope, kinds::mcp::double::offered},
};

/// A server with one tool that says this of itself.
fn with_tool(
    name: &str,
    more: Value,
    adjust: impl FnOnce(&mut crate::federation::Settings),
) -> Arc<Double> {
    let catalogue = Catalogue {
        tools: vec![offered(name, more)],
        ..Catalogue::default()
    };
    Double::new("crm", adjust, catalogue, |_| {
        Box::pin(std::future::pending())
    })
}

#[test]
fn a_tool_is_offered_as_its_server_describes_it() {
    let schema =
        json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]});
    let more = json!({
        "title": "Search",
        "description": "Finds customers.",
        "inputSchema": schema,
        "outputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": true, "destructiveHint": false},
    });
    let server = with_tool("search", more, |_| ());
    let tools = tools_of(&server, Common::default());
    let tool = &tools[0];
    assert_eq!(
        (tool.id.as_str(), tool.wire.as_str()),
        ("crm.search", "crm__search")
    );
    assert_eq!(tool.common.description, "Finds customers.");
    assert_eq!(Value::Object((*tool.input_schema).clone()), schema);
    assert!(tool.output_schema.is_some() && tool.common.untrusted && tool.is_federated());
    assert_eq!(tool.annotations().read_only, Some(true));
    assert_eq!(tool.annotations().destructive, Some(false));
}

#[test]
fn what_a_server_says_of_its_tools_widens_nothing() {
    let more = json!({"annotations": {"readOnlyHint": true, "idempotentHint": true}});
    let cache = Some(Cache {
        ttl: Span::secs(60),
        scope: Scope::Everyone,
    });
    let retry = Retry {
        attempts: 3,
        ..Retry::default()
    };
    let common = || Common {
        retry,
        cache,
        ..Common::default()
    };
    let rights = |idempotent, common: Common| {
        let policy = ToolPolicy {
            idempotent,
            ..ToolPolicy::default()
        };
        let server = with_tool("t", more.clone(), |it| {
            it.policy.insert("t".to_owned(), policy);
        });
        let tool = tools_of(&server, common).remove(0);
        (tool.common.retry.attempts, tool.common.cache.is_some())
    };
    assert_eq!(rights(None, common()), (1, false), "the server's word");
    assert_eq!(rights(Some(true), common()), (3, true), "the operator's");
    let mut for_all = common();
    for_all.annotations.read_only = Some(true);
    assert_eq!(rights(None, for_all.clone()), (3, true), "for all tools");
    assert_eq!(rights(Some(false), for_all), (1, false), "but this one");
}

#[test]
fn policy_is_the_operators_for_each_tool() {
    let policy = ToolPolicy {
        sends_out: Some(true),
        scopes: Some(vec!["mail".to_owned()]),
        timeout: Some(Span::secs(3)),
        rpm: Some(7),
        idempotent: None,
    };
    let server = with_tool("send", json!({}), |it| {
        it.policy.insert("send".to_owned(), policy);
        it.trust = Trust::Trusted;
    });
    let tool = tools_of(&server, Common::default()).remove(0);
    assert!(tool.common.sends_out && !tool.common.untrusted);
    assert_eq!(tool.common.scopes, ["mail"]);
    assert_eq!(
        (tool.common.timeout, tool.common.rpm),
        (Span::secs(3), Some(7))
    );
}

#[test]
fn results_for_one_user_are_kept_for_that_user_alone() {
    let credentials = crate::federation::Credentials::TokenExchange {
        token_url: "https://idp.example/token".to_owned(),
        client_id: "waypost".to_owned(),
        client_secret: "env:X".to_owned(),
        resource: None,
        scopes: Vec::new(),
    };
    let server = with_tool("t", json!({}), |it| it.credentials = credentials);
    let mut common = Common {
        cache: Some(Cache {
            ttl: Span::secs(60),
            scope: Scope::Everyone,
        }),
        ..Common::default()
    };
    common.annotations.read_only = Some(true);
    let tool = tools_of(&server, common).remove(0);
    assert_eq!(tool.common.cache.map(|cache| cache.scope), Some(Scope::Key));
}

#[test]
fn what_cannot_be_held_to_is_not_offered_and_costs_no_other_tool() {
    let catalogue = Catalogue {
        tools: vec![
            offered(
                "remote",
                json!({"inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1/s"}}}}),
            ),
            offered(
                "deep",
                json!({"inputSchema": {"type": "object", "pattern": "(a{1000}){1000}"}}),
            ),
            offered("a/b", json!({})),
            offered(&"x".repeat(80), json!({})),
            offered("hidden", json!({"description": "reads\u{202E} files"})),
            offered("mute", json!({"description": ""})),
            offered("good", json!({})),
        ],
        ..Catalogue::default()
    };
    let server = Double::new(
        "crm",
        |_| (),
        catalogue,
        |_| Box::pin(std::future::pending()),
    );
    let tools = tools_of(&server, Common::default());
    let ids: Vec<&str> = tools.iter().map(|tool| tool.id.as_str()).collect();
    assert_eq!(ids, ["crm.mute", "crm.good"]);
    assert!(!tools[0].common.description.is_empty());
}

#[test]
fn a_name_that_is_taken_is_not_offered_again() {
    let bare = |name: &str| {
        let catalogue = Catalogue {
            tools: vec![offered("search", json!({"description": name}))],
            ..Catalogue::default()
        };
        Double::new(
            name,
            |it| it.bare_names = true,
            catalogue,
            |_| Box::pin(std::future::pending()),
        )
    };
    let (first, second) = (bare("a"), bare("b"));
    let servers = [(&first, Entry::default()), (&second, Entry::default())];
    let toolbox = toolbox(&servers, &Arc::default());
    let described: Vec<&str> = toolbox
        .all()
        .map(|tool| tool.common.description.as_str())
        .collect();
    assert_eq!(described, ["a"]);
    // A tool of the configuration is there first, whatever comes later.
    let own = crate::tools::Tool::built_in(
        "search",
        "search",
        crate::tools::stage::common(),
        Box::new(Quiet),
    )
    .unwrap();
    let toolbox = toolbox_of(vec![own], &Ledger::start(None), &Arc::default());
    let toolbox = toolbox.with_federated(tools_of(&first, Common::default()));
    assert!(!toolbox.get("search").unwrap().is_federated());
    assert_eq!(toolbox.with_federated(Vec::new()).all().count(), 1);
}

#[test]
fn a_bare_name_that_could_be_another_servers_keeps_its_prefix() {
    let names = ["search", "crm.search", "crm__export"];
    let catalogue = Catalogue {
        tools: names.map(|name| offered(name, json!({}))).into(),
        ..Catalogue::default()
    };
    let server = Double::new(
        "bare",
        |it| it.bare_names = true,
        catalogue,
        |_| Box::pin(std::future::pending()),
    );
    let tools = tools_of(&server, Common::default());
    let ids: Vec<&str> = tools.iter().map(|tool| tool.id.as_str()).collect();
    assert_eq!(ids, ["search", "bare.crm.search", "bare.crm__export"]);
}

#[test]
fn limits_are_kept_when_the_list_changes_and_forgotten_with_the_tool() {
    let memory = Arc::new(Memory::default());
    let server = with_tool("t", json!({}), |it| it.trust = Trust::Trusted);
    let before = toolbox(&[(&server, Entry::default())], &memory);
    before.get("crm__t").unwrap().standing.count();
    let after = before.with_federated(tools_of(&server, Common::default()));
    assert_eq!(after.get("crm__t").unwrap().standing.calls(), 1);
    let gone = after.with_federated(Vec::new());
    let back = gone.with_federated(tools_of(&server, Common::default()));
    assert_eq!(back.get("crm__t").unwrap().standing.calls(), 0);
}

#[derive(Debug)]
struct Quiet;

impl crate::tools::Kind for Quiet {
    fn run<'a>(
        &'a self,
        _: crate::tools::Run<'a>,
    ) -> futures_util::future::BoxFuture<'a, Result<crate::tools::Output, crate::tools::Stop>> {
        Box::pin(std::future::ready(Ok(crate::tools::Output::default())))
    }
}
