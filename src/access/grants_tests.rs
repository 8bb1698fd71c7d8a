use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::*;
use crate::{
    access::{Access, KeySettings, Mint},
    secret::Secret,
};

/// Knows one token, and counts how often it is asked.
#[derive(Debug, Default)]
struct One {
    asked: AtomicUsize,
    identity: Option<Arc<Identity>>,
}

impl Tokens for One {
    fn identify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Arc<Identity>, Denied>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let known = self.identity.clone().filter(|_| token == "good");
        Box::pin(std::future::ready(
            known.ok_or(Denied::BadToken("it is another")),
        ))
    }
}

fn identity(issuer: &str, scopes: &[&str], seconds: i64) -> Arc<Identity> {
    Arc::new(Identity {
        issuer: issuer.into(),
        subject: "ann".into(),
        client: None,
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires: jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds),
        token: Secret::new("good"),
    })
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn settings(issuers: &[&str]) -> OAuth {
    let issuer = |&name: &&str| Issuer {
        issuer: format!("https://{name}.example"),
        name: Some(name.to_owned()),
        ..Issuer::default()
    };
    let read = Grant {
        tools: list(&["docs.*"]),
        routes: list(&["chat"]),
        ..Grant::default()
    };
    let write = Grant {
        tools: list(&["crm.add"]),
        models: list(&["a/*"]),
        ..Grant::default()
    };
    OAuth {
        resource: "https://gw.example/mcp".into(),
        issuers: issuers.iter().map(issuer).collect(),
        scopes: BTreeMap::from([("read".into(), read), ("write".into(), write)]),
        rpm: Some(7),
        ..OAuth::default()
    }
}

fn access(tokens: Arc<One>, settings: OAuth) -> Access {
    let key = KeySettings {
        name: "ci".into(),
        ..KeySettings::default()
    };
    let access = Access::with_keys(vec![(key, Secret::new("wp-0123456789abcdef"))]);
    access.unwrap().with_tokens(tokens, settings)
}

fn with(identity: Arc<Identity>) -> (Arc<One>, Access) {
    let one = Arc::new(One {
        identity: Some(identity),
        ..One::default()
    });
    (one.clone(), access(one, settings(&["corp", "labs"])))
}

#[tokio::test]
async fn scopes_add_up_and_take_nothing_from_each_other() {
    let (_, access) = with(identity("corp", &["read", "write", "unknown"], 60));
    let caller = access.admit(Some(" good ")).await.unwrap();
    assert_eq!((&*caller.name, caller.rpm), ("corp/ann", Some(7)));
    assert!(caller.may_use_tool("docs.search") && caller.may_use_tool("crm.add"));
    assert!(!caller.may_use_tool("crm.drop") && !caller.may_use_prompt("review"));
    assert!(caller.may_use_route("chat") && !caller.may_use_route("other"));
    assert!(caller.may_name_target("a/m") && !caller.may_name_target("b/m"));
    assert!(caller.may_use_target("b/m"), "a target of a route");
    assert!(caller.lacks(&list(&["read", "admin"])) && !caller.lacks(&list(&["read", "unknown"])));
    let (_, access) = with(identity("corp", &["read"], 60));
    let reader = access.admit(Some("good")).await.unwrap();
    assert!(!reader.may_name_target("a/m") && !reader.may_use_tool("crm.add"));
}

#[tokio::test]
async fn a_challenge_keeps_what_shows_the_tool_and_adds_what_it_lacks() {
    let (_, access) = with(identity("corp", &["read", "write"], 60));
    let caller = access.admit(Some("good")).await.unwrap();
    let lacking = |own: &[&str]| access.lacking(&caller, "docs.search", &list(own));
    assert_eq!(lacking(&["read"]), None);
    assert_eq!(lacking(&["admin"]).as_deref(), Some("read admin"));
    assert_eq!(
        lacking(&["read", "a", "b"]).as_deref(),
        Some("read a b"),
        "each once"
    );
    let key = access.admit(Some("wp-0123456789abcdef")).await.unwrap();
    assert_eq!(access.lacking(&key, "docs.search", &list(&["admin"])), None);
}

#[tokio::test]
async fn only_what_may_be_a_token_is_shown_to_those_who_judge() {
    let (one, access) = with(identity("corp", &["read"], 60));
    let key = access.admit(Some("wp-0123456789abcdef")).await.unwrap();
    assert_eq!(&*key.name, "ci");
    let mint = Arc::new(Mint::default());
    let access = access.with_mint(mint.clone());
    let made = mint.make((*key).clone());
    let dead = made.key.reveal().to_owned();
    assert!(access.admit(Some(&dead)).await.is_ok());
    drop(made);
    assert_eq!(access.admit(Some(&dead)).await, Err(Denied::Over));
    for none in [
        "Basic dXNlcjpwYXNzd29yZA==",
        "two words",
        "a=b",
        "==",
        "\u{e4}",
        "a\u{0}b",
    ] {
        assert_eq!(
            access.admit(Some(none)).await,
            Err(Denied::WrongKey),
            "{none}"
        );
    }
    for none in [None, Some(""), Some(" ")] {
        assert_eq!(access.admit(none).await, Err(Denied::NoKey));
    }
    assert_eq!(one.asked.load(Ordering::SeqCst), 0);
    assert!(matches!(
        access.admit(Some("other.token~+/==")).await,
        Err(Denied::BadToken(_))
    ));
    assert_eq!(one.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_opens_while_it_lasts_and_its_issuer_and_scopes_count() {
    for (issuer, scopes, seconds, denied) in [
        ("corp", &["read"][..], -1, Some(Denied::Expired)),
        ("corp", &["unknown"], 60, Some(Denied::NoScope)),
        ("corp", &[], 60, Some(Denied::NoScope)),
        ("labs", &["read"], 60, None),
    ] {
        let (_, access) = with(identity(issuer, scopes, seconds));
        let admitted = access.admit(Some("good")).await;
        assert_eq!(admitted.err(), denied, "{issuer} {scopes:?}");
    }
    let (_, access) = with(identity("gone", &["read"], 60));
    let admitted = access.admit(Some("good")).await;
    assert!(matches!(admitted, Err(Denied::BadToken(_))));
}

#[tokio::test]
async fn a_caller_stays_while_its_token_and_issuer_do() {
    let (one, before) = with(identity("corp", &["read"], 60));
    let caller = before.admit(Some("good")).await.unwrap();
    assert_eq!(before.renew(&caller).as_ref(), Some(&caller));
    let mut other = settings(&["corp"]);
    other.scopes.get_mut("read").unwrap().tools = list(&["crm.*"]);
    let now = access(one.clone(), other).renew(&caller).unwrap();
    assert!(now.may_use_tool("crm.add") && !now.may_use_tool("docs.search"));
    let mut without = settings(&["corp"]);
    without.scopes.remove("read");
    for gone in [
        access(one.clone(), settings(&["labs"])),
        access(one.clone(), without),
        Access::open(),
    ] {
        assert_eq!(gone.renew(&caller), None);
        assert_eq!(gone.compared(&caller), None);
    }
    assert_eq!(one.asked.load(Ordering::SeqCst), 1, "nobody is asked again");
    let (_, access) = with(identity("corp", &["read"], 60));
    let over = Caller {
        identity: Some(identity("corp", &["read"], -1)),
        ..(*caller).clone()
    };
    assert_eq!(access.renew(&over), None);
    assert_eq!(access.gone(&over), Denied::Expired);
    assert!(access.compared(&over).is_some(), "it lets nobody in");
    assert_eq!(over.identity.unwrap().left(), Duration::ZERO);
}
