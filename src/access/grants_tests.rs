use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::*;
use crate::{
    access::{Access, Algorithm, Introspection, KeySettings, Mint, TokenType},
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

fn issuer(name: &str) -> Issuer {
    Issuer {
        issuer: format!("https://{name}.example"),
        name: Some(name.to_owned()),
        ..Issuer::default()
    }
}

fn identity(name: &str, scopes: &[&str], seconds: i64) -> Arc<Identity> {
    Arc::new(Identity {
        issuer: name.into(),
        judged_by: Arc::new(issuer(name)),
        subject: "ann".into(),
        client: None,
        audiences: ["https://gw.example/mcp".to_owned()].into(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires: jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds),
        token: Secret::new("good"),
    })
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn settings(issuers: &[&str]) -> OAuth {
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
        issuers: issuers.iter().map(|name| issuer(name)).collect(),
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
    assert!(caller.lacking(&list(&["read", "admin"])).is_some());
    assert_eq!(caller.lacking(&list(&["read", "unknown"])), None);
    let (_, access) = with(identity("corp", &["read"], 60));
    let reader = access.admit(Some("good")).await.unwrap();
    assert!(!reader.may_name_target("a/m") && !reader.may_use_tool("crm.add"));
}

#[tokio::test]
async fn a_step_keeps_the_scopes_there_are_and_adds_what_is_lacking() {
    let mut settings = settings(&["corp"]);
    let write = settings.scopes.get_mut("write").unwrap();
    write.implies = list(&["add", "drop"]);
    for (name, implies) in [
        ("add", &[][..]),
        ("drop", &["add"]),
        ("offline_access", &[]),
    ] {
        let grant = Grant {
            implies: list(implies),
            ..Grant::default()
        };
        settings.scopes.insert(name.to_owned(), grant);
    }
    for (held, own, expected) in [
        (&["read"][..], &["read"][..], None),
        (&["read"], &[], None),
        (&["read"], &["admin"], Some("read admin")),
        (&["read"], &["read", "b", "a", "b"], Some("read b a")),
        // What is implied is there, and need not be asked for.
        (&["write"], &["add", "drop"], None),
        (
            &["write", "read"],
            &["drop", "admin"],
            Some("read write admin"),
        ),
        (&["read"], &["add"], Some("read add")),
        // What nobody knows here is a scope all the same, and of no use.
        (&["read", "mail"], &["mail"], None),
        (&["read", "mail"], &["admin"], Some("read admin")),
        // Refresh tokens are between a client and its authorization server.
        (&["offline_access", "read"], &["admin"], Some("read admin")),
    ] {
        let one = Arc::new(One {
            identity: Some(identity("corp", held, 60)),
            ..One::default()
        });
        let caller = access(one, settings.clone()).admit(Some("good")).await;
        let lacking = caller.unwrap().lacking(&list(own));
        let scopes = lacking.as_ref().map(|it| it.scopes.as_str());
        assert_eq!(scopes, expected, "{held:?} {own:?}");
    }
    let (_, access) = with(identity("corp", &["read"], 60));
    let key = access.admit(Some("wp-0123456789abcdef")).await.unwrap();
    assert_eq!(key.lacking(&list(&["admin"])), None);
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
    assert_eq!(access.left(&over), Some(Duration::ZERO));
}

#[tokio::test]
async fn a_caller_stays_while_the_rules_it_was_judged_by_do() {
    type Change = fn(&mut OAuth);
    let (one, before) = with(identity("corp", &["write"], 60));
    let caller = before.admit(Some("good")).await.unwrap();
    let after = |change: Change| {
        let mut settings = settings(&["corp", "labs"]);
        change(&mut settings);
        let access = access(one.clone(), settings);
        match access.renew(&caller) {
            Some(_) => Ok(()),
            None => Err(access.gone(&caller).to_string()),
        }
    };
    let stay: [Change; 5] = [
        |_| {},
        |it| it.issuers.reverse(),
        |it| drop(it.issuers.pop()),
        |it| it.rpm = None,
        |it| {
            it.audiences = vec![std::mem::replace(
                &mut it.resource,
                "https://b.example/mcp".into(),
            )]
        },
    ];
    for (at, change) in stay.into_iter().enumerate() {
        assert_eq!(after(change), Ok(()), "{at}");
    }
    let changed = "the settings of its issuer have changed since it was judged";
    let go: [(Change, &str); 7] = [
        (|it| it.issuers[0].issuer.push('x'), changed),
        (
            |it| it.issuers[0].algorithms = vec![Algorithm::EdDsa],
            changed,
        ),
        (|it| it.issuers[0].token_type = TokenType::Any, changed),
        (
            |it| it.issuers[0].jwks = Some("https://corp.example/keys".into()),
            changed,
        ),
        (
            |it| it.issuers[0].introspection = Some(Introspection::default()),
            changed,
        ),
        (
            |it| it.issuers[0].name = Some("corps".into()),
            "its issuer is not known here",
        ),
        (
            |it| it.resource.push('x'),
            "it was made for another audience",
        ),
    ];
    for (at, (change, why)) in go.into_iter().enumerate() {
        let why = format!("The access token is not good here: {why}");
        assert_eq!(after(change), Err(why), "{at}");
    }
}

#[tokio::test]
async fn what_scopes_imply_is_as_it_is_now() {
    let mut wide = settings(&["corp"]);
    wide.scopes.get_mut("read").unwrap().implies = list(&["write"]);
    let one = Arc::new(One {
        identity: Some(identity("corp", &["read"], 60)),
        ..One::default()
    });
    let access = |settings: &OAuth| access(one.clone(), settings.clone());
    let before = access(&wide).admit(Some("good")).await.unwrap();
    assert!(before.may_use_tool("crm.add"));
    assert_eq!(before.lacking(&list(&["write"])), None);
    let now = access(&settings(&["corp"])).renew(&before).unwrap();
    assert!(!now.may_use_tool("crm.add") && now.may_use_tool("docs.search"));
    assert!(now.lacking(&list(&["write"])).is_some());
    assert_eq!(access(&wide).renew(&now).as_ref(), Some(&before));
}
