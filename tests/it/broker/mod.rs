//! Tokens for servers, from authorization servers of this machine that say what a test has them say.

mod assertion;
mod attacks;
mod settings;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::{Url, form_urlencoded};
use waypost::{
    access::Identity,
    identity::{Broker, Client, NoToken, Wanted},
    secret::Secret,
    upstream::guarded::{Allow, Guarded},
};

use crate::support::web::{self, Web};

/// What tokens are for.
const RESOURCE: &str = "https://crm.example/mcp";

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An authorization server of one answer after the other, of which the last stays.
struct Server {
    web: Web,
}

impl Server {
    async fn saying(answers: Vec<(u16, Value)>) -> Self {
        let answers = answers.into_iter();
        let answers = answers.map(|(status, body)| web::json(status, &body.to_string()));
        Self::answering(answers.collect()).await
    }

    async fn answering(mut answers: Vec<String>) -> Self {
        answers.reverse();
        let answers = Mutex::new(answers);
        let says = move |_: &str| {
            let mut answers = answers.lock().unwrap();
            let last = answers.len() == 1;
            if last {
                answers[0].clone()
            } else {
                answers.pop().unwrap()
            }
        };
        let web = Web::start("127.0.0.1:0", says).await;
        Self { web }
    }

    /// The gateway at it.
    fn client(&self, id: &str) -> Client {
        let token_url: Url = format!("http://{}/token", self.web.address)
            .parse()
            .unwrap();
        let allow = Allow::read(&["127.0.0.1".to_owned()]).unwrap();
        Client {
            allow: allow.with_port_of(&token_url),
            token_url,
            id: id.to_owned(),
            secret: Secret::new("a secret/of+ours"),
        }
    }

    /// How often it was asked.
    fn count(&self) -> usize {
        self.web.asked().len()
    }

    /// The forms it was sent.
    fn forms(&self) -> Vec<BTreeMap<String, String>> {
        let asked = self.web.asked();
        let form = |request: &String| {
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            let pairs = form_urlencoded::parse(body.as_bytes()).into_owned();
            let form: Vec<_> = pairs.collect();
            let count = form.len();
            let form: BTreeMap<_, _> = form.into_iter().collect();
            assert_eq!(form.len(), count, "a member is there twice: {body}");
            form
        };
        asked.iter().map(form).collect()
    }
}

fn exchange(server: &Server, scopes: &[&str]) -> Wanted {
    Wanted::TokenExchange {
        at: server.client("gateway"),
        resource: RESOURCE.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    }
}

/// A caller with a token of its own that is good for five minutes.
fn caller(subject: &str) -> Identity {
    caller_for(subject, 300)
}

fn caller_for(subject: &str, seconds: u64) -> Identity {
    Identity {
        issuer: "login".into(),
        judged_by: Default::default(),
        subject: subject.into(),
        client: None,
        audiences: Default::default(),
        scopes: Default::default(),
        expires: jiff::Timestamp::now() + Duration::from_secs(seconds),
        token: Secret::new(format!("canary-token-of-{subject}")),
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A JWT of this header and these claims. Nobody here checks its signature.
fn signed(header: &Value, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    [part(&header.to_string()), part(claims), part("a signature")].join(".")
}

/// A token for the resource, with these claims in place of usual ones; `null` leaves one out.
fn token(claims: Value) -> String {
    let mut all =
        json!({"aud": RESOURCE, "sub": "alice", "exp": now() + 300, "act": {"sub": "gateway"}});
    for (name, value) in claims.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
    signed(&json!({"alg": "RS256", "typ": "at+jwt"}), &all.to_string())
}

/// The answer of an exchange.
fn exchanged(token: &str) -> Value {
    json!({
        "access_token": token,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
    })
}

fn broker() -> Broker {
    Broker::new(Arc::new(Guarded::default()))
}

async fn get(
    broker: &Broker,
    wanted: &Wanted,
    caller: Option<&Identity>,
) -> Result<String, NoToken> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let token = broker.token(wanted, caller, deadline).await?;
    Ok(token.reveal().to_owned())
}

#[tokio::test]
async fn the_gateways_own_token_is_asked_for_as_the_standards_say_and_kept() {
    let good = json!({"access_token": "opaque", "token_type": "bearer", "expires_in": "300"});
    let server = Server::saying(vec![(200, good)]).await;
    let wanted = Wanted::ClientCredentials {
        at: server.client("gate:way"),
        resource: RESOURCE.to_owned(),
        scopes: vec!["crm:read".to_owned(), "crm:list".to_owned()],
    };
    let broker = broker();
    for _ in 0..3 {
        // Whoever calls: it is the gateway's.
        for caller in [None, Some(&caller("alice")), Some(&caller_for("bob", 0))] {
            assert_eq!(get(&broker, &wanted, caller).await.unwrap(), "opaque");
        }
    }
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", RESOURCE),
        ("scope", "crm:read crm:list"),
    ];
    let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(server.forms(), [form.into()]);
    // `gate%3Away:a+secret%2Fof%2Bours`
    let basic = "authorization: Basic Z2F0ZSUzQXdheTphK3NlY3JldCUyRm9mJTJCb3Vycw==";
    assert!(server.web.last().contains(basic), "{}", server.web.last());
}

#[tokio::test]
async fn a_callers_token_is_exchanged_for_one_that_is_for_the_server_alone() {
    let issued = token(json!({"scope": "crm:read"}));
    let server = Server::saying(vec![(200, exchanged(&issued))]).await;
    let (broker, alice) = (broker(), caller("alice"));
    let wanted = exchange(&server, &["crm:read"]);
    assert_eq!(get(&broker, &wanted, Some(&alice)).await.unwrap(), issued);
    let form = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", "canary-token-of-alice"),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
        ("audience", RESOURCE),
        ("resource", RESOURCE),
        ("scope", "crm:read"),
    ];
    let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(server.forms(), [form.into()]);
    let head = server.web.last();
    let (head, _) = head.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("canary"), "{head}");
}

#[tokio::test]
async fn a_token_is_for_its_caller_its_token_its_server_and_its_scopes() {
    let answers = (0..8).map(|number| (200, exchanged(&format!("opaque-{number}"))));
    let server = Server::saying(answers.collect()).await;
    let broker = broker();
    let wanted = exchange(&server, &["crm:read"]);
    let other_resource = Wanted::TokenExchange {
        at: server.client("gateway"),
        resource: "https://mail.example/mcp".to_owned(),
        scopes: vec!["crm:read".to_owned()],
    };
    let alice = caller("alice");
    let renewed = Identity {
        token: Secret::new("another-token-of-alice"),
        ..alice.clone()
    };
    let namesake = Identity {
        issuer: "elsewhere".into(),
        ..alice.clone()
    };
    // As if a token had come back to somebody else.
    let thief = Identity {
        token: alice.token.clone(),
        ..caller("bob")
    };
    let all = [
        (&wanted, &alice),
        (&wanted, &caller("bob")),
        (&wanted, &renewed),
        (&wanted, &namesake),
        (&wanted, &thief),
        (&other_resource, &alice),
        (&exchange(&server, &[]), &alice),
        (&exchange(&server, &["crm:write"]), &alice),
    ];
    for _ in 0..2 {
        for (number, (wanted, caller)) in all.iter().enumerate() {
            let got = get(&broker, wanted, Some(caller)).await.unwrap();
            assert_eq!(got, format!("opaque-{number}"));
        }
    }
    assert_eq!(server.count(), all.len());
}

#[tokio::test]
async fn whom_a_token_is_for_stays_the_same_when_it_is_renewed_and_is_nobody_elses() {
    let server = Server::saying(vec![(500, json!({}))]).await;
    let wanted = exchange(&server, &["crm:read"]);
    let alice = caller("alice");
    let person = wanted.person(Some(&alice)).unwrap();
    let renewed = Identity {
        token: Secret::new("another-token-of-alice"),
        ..caller_for("alice", 3_000)
    };
    assert_eq!(wanted.person(Some(&renewed)), Some(person));
    let others = [
        caller("bob"),
        Identity {
            issuer: "elsewhere".into(),
            ..alice.clone()
        },
        Identity {
            client: Some("another program".into()),
            ..alice.clone()
        },
    ];
    let mut all: Vec<_> = others.iter().map(|it| wanted.person(Some(it))).collect();
    all.push(exchange(&server, &["crm:write"]).person(Some(&alice)));
    assert!(
        all.iter()
            .all(|other| other.is_some_and(|other| other != person))
    );
    let nobody = [wanted.person(None), wanted.own().person(Some(&alice))];
    assert_eq!(nobody, [None, None]);
}

#[tokio::test]
async fn many_who_ask_at_once_ask_once() {
    let server = Server::saying(vec![(200, exchanged("opaque"))]).await;
    let (broker, alice) = (broker(), caller("alice"));
    let wanted = exchange(&server, &[]);
    let all = (0..50).map(|_| get(&broker, &wanted, Some(&alice)));
    for got in futures_util::future::join_all(all).await {
        assert_eq!(got.unwrap(), "opaque");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn nothing_is_kept_beyond_the_callers_own_token_or_its_own_end() {
    let server = Server::saying(vec![(200, exchanged("opaque"))]).await;
    let (broker, wanted) = (broker(), exchange(&server, &[]));
    for count in 1..=2 {
        get(&broker, &wanted, Some(&caller_for("alice", 20)))
            .await
            .unwrap();
        assert_eq!(server.count(), count);
    }
    for lasts in [
        json!(30),
        json!(0),
        json!(-5),
        json!("soon"),
        json!(1e308),
        json!("nan"),
    ] {
        let mut answer = exchanged(&token(json!({"exp": now() + 25})));
        answer["expires_in"] = lasts.clone();
        let server = Server::saying(vec![(200, answer)]).await;
        let wanted = exchange(&server, &[]);
        for count in 1..=2 {
            get(&broker, &wanted, Some(&caller("alice"))).await.unwrap();
            assert_eq!(server.count(), count, "{lasts}");
        }
    }
}

#[tokio::test]
async fn who_has_no_token_or_none_any_more_is_told_to_sign_in() {
    let server = Server::saying(vec![(200, exchanged("opaque"))]).await;
    let (broker, wanted) = (broker(), exchange(&server, &[]));
    let none = get(&broker, &wanted, None).await.unwrap_err();
    assert!(none.to_string().contains("needs a sign-in"), "{none}");
    let late = get(&broker, &wanted, Some(&caller_for("alice", 0)))
        .await
        .unwrap_err();
    assert!(late.to_string().contains("sign in again"), "{late}");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn what_is_asked_for_nobody_goes_with_the_gateways_own_token() {
    let (idp, crm) = (
        Server::saying(vec![(500, json!({}))]).await,
        Server::saying(vec![(200, exchanged("own"))]).await,
    );
    let wanted = Wanted::IdJag {
        idp: Box::new(idp.client("gateway")),
        at: crm.client("gateway-at-crm"),
        audience: "https://login.crm.example".to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: Vec::new(),
    };
    assert_eq!(get(&broker(), &wanted.own(), None).await.unwrap(), "own");
    let form = &crm.forms()[0];
    assert_eq!(
        (&*form["grant_type"], &*form["resource"]),
        ("client_credentials", RESOURCE)
    );
    assert_eq!(idp.count(), 0);
}
