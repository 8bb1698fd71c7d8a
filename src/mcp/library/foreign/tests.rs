//! What callers see and read of other servers' prompts and resources.

use std::sync::Arc;

use rmcp::model::{
    ArgumentInfo, CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptResult, Prompt,
    PromptMessage, ReadResourceResult, Reference, Resource, ResourceContents, ResourceTemplate,
    Role,
};
use serde_json::Map;

use super::*;
use crate::{
    access::{Access, KeySettings},
    federation::{Answer, Catalogue, Federated, Question, Trust},
    limit::PerCaller,
    mcp::{
        Settings,
        library::{Got, Library},
    },
    secret::Secret,
    telemetry::Ledger,
    tools::{
        Common, Conversation, Memory, Nobody, Reader, Surface, UNTRUSTED,
        kinds::mcp::double::Double,
    },
};

/// A server with a prompt, a resource and a template, which answers with what it was asked.
fn server(name: &str, trust: Trust) -> Arc<Double> {
    let catalogue = Catalogue {
        prompts: vec![Prompt::new("review", Some("Reviews."), None)],
        resources: vec![Resource::new("note://1", "first")],
        templates: vec![ResourceTemplate::new("note://{id}/text", "each")],
        ..Catalogue::default()
    };
    let adjust = |it: &mut crate::federation::Settings| it.trust = trust;
    Double::new(name, adjust, catalogue, |outgoing| {
        let answer = match outgoing.question {
            Question::Prompt(params) => {
                let message = PromptMessage::new_text(Role::User, params.name);
                Answer::Prompt(GetPromptResult::new(vec![message]).into())
            }
            Question::Read(params) => {
                let contents = ResourceContents::text("a\u{202E}b", params.uri);
                Answer::Read(ReadResourceResult::new(vec![contents]).into())
            }
            Question::Complete(params) => {
                let values = vec![format!("{:?}", params.r#ref)];
                Answer::Complete(CompleteResult::new(CompletionInfo::new(values).unwrap()))
            }
            other => panic!("{other:?}"),
        };
        Box::pin(std::future::ready(Ok(answer)))
    })
}

/// The library of a configuration that has `note://1/text` itself, beside these servers.
fn library(servers: &[&Arc<Double>]) -> Library {
    library_of(servers, &Entry::default())
}

/// The same, with this said of each server.
fn library_of(servers: &[&Arc<Double>], entry: &Entry) -> Library {
    let settings: Settings = serde_json::from_value(serde_json::json!({
        "resources": {"own": {"uri": "note://1/text", "text": "mine"}},
        "templates": {"each": {"uri": "own://{id}", "text": "mine"}},
        "prompts": {"a.review": {"messages": [{"text": "mine"}]}},
    }))
    .unwrap();
    let own = Library::build(&settings, &|_| Err("no files".into())).unwrap();
    let doors: Vec<(Door, Entry)> = servers
        .iter()
        .map(|server| {
            let server: Arc<dyn Federated> = (**server).clone();
            let door = Door {
                server,
                credentials: None,
            };
            (door, entry.clone())
        })
        .collect();
    own.with_federated(&doors)
}

fn caller(prompts: &[&str], resources: &[&str]) -> Arc<Caller> {
    let own = |list: &[&str]| Some(list.iter().map(|&it| it.to_owned()).collect());
    let settings = KeySettings {
        name: "alice".into(),
        prompts: own(prompts),
        resources: own(resources),
        ..KeySettings::default()
    };
    let key = "wp-0123456789abcdef";
    let access = Access::with_keys(vec![(settings, Secret::new(key))]).unwrap();
    access.identify(Some(key)).unwrap()
}

struct Scene {
    caller: Arc<Caller>,
    conversation: Conversation,
    memory: Memory,
    limits: PerCaller,
    ledger: Arc<Ledger>,
}

impl Scene {
    fn of(caller: Arc<Caller>) -> Self {
        Self {
            caller,
            conversation: Conversation::default(),
            memory: Memory::default(),
            limits: PerCaller::default(),
            ledger: Ledger::start(None),
        }
    }

    fn visit(&self) -> Visit<'_> {
        Visit {
            caller: &self.caller,
            request: "req_1",
            reader: self.reader(),
            memory: &self.memory,
            limits: &self.limits,
            ledger: &self.ledger,
            line: &Nobody,
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader {
            caller: &self.caller.name,
            conversation: &self.conversation,
            surface: Surface::Session,
        }
    }

    fn is_held(&self) -> bool {
        let held = self.memory.taints.holds(self.reader(), Duration::MAX);
        held.is_some()
    }
}

#[tokio::test]
async fn everything_is_listed_once_with_the_configurations_first() {
    let (a, b) = (server("a", Trust::Trusted), server("b", Trust::Trusted));
    let library = library(&[&a, &b]);
    let all = caller(&["*"], &["*"]);
    let prompts = library.list_prompts(&all, None, 10).unwrap().prompts;
    let names: Vec<String> = prompts.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["a.review", "b.review"]);
    let resources = library.list_resources(&all, None, 10).unwrap().resources;
    let uris: Vec<String> = resources.into_iter().map(|it| it.uri).collect();
    assert_eq!(uris, ["note://1", "note://1/text"]);
    let templates = library.list_templates(&all, None, 10).unwrap();
    assert_eq!(templates.resource_templates.len(), 2);

    let scene = Scene::of(all);
    let read = library.read("note://1/text", scene.visit()).await.unwrap();
    assert!(format!("{read:?}").contains("mine"));
    library.read("note://1", scene.visit()).await.unwrap();
    library.read("note://7/text", scene.visit()).await.unwrap();
    assert_eq!((a.asked().len(), b.asked().len()), (2, 0));
    library
        .prompt("a.review", Map::new(), scene.visit())
        .await
        .unwrap();
    assert_eq!(a.asked().len(), 2, "the configuration's");
}

#[tokio::test]
async fn whose_an_address_is_does_not_depend_on_who_asks() {
    let (a, b) = (server("a", Trust::Trusted), server("b", Trust::Trusted));
    // What an earlier one's template has, and what the configuration has.
    b.offer(Catalogue {
        resources: vec![
            Resource::new("note://9/text", "taken"),
            Resource::new("own://1", "taken"),
        ],
        templates: vec![
            ResourceTemplate::new("{+any}", "all"),
            ResourceTemplate::new("note://{id}/{part}", "wider"),
        ],
        ..Catalogue::default()
    });
    let library = library(&[&a, &b]);
    let scene = Scene::of(caller(&[], &["*"]));
    let list = library.list_resources(&scene.caller, None, 10).unwrap();
    let uris: Vec<String> = list.resources.into_iter().map(|it| it.uri).collect();
    assert_eq!(uris, ["note://1", "note://1/text"]);
    library.read("note://9/text", scene.visit()).await.unwrap();
    assert_eq!((a.asked().len(), b.asked().len()), (1, 0));
    // Those that may not read what is there are given nothing else.
    let scene = Scene::of(caller(&[], &["b"]));
    for uri in ["note://1", "note://1/text", "note://9/text", "own://1"] {
        let read = library.read(uri, scene.visit()).await;
        assert!(read.is_err(), "{uri}");
    }
    assert_eq!((a.asked().len(), b.asked().len()), (1, 0));
    library.read("other://1", scene.visit()).await.unwrap();
    assert_eq!(b.asked().len(), 1);
}

#[tokio::test]
async fn patterns_name_the_entry_or_one_thing_of_it() {
    let (a, b) = (server("a", Trust::Trusted), server("b", Trust::Trusted));
    let library = library(&[&a, &b]);
    for (patterns, listed, template) in [
        (&["a"][..], true, true),
        (&["a.first"], true, false),
        (&["a.each"], false, true),
        (&["b"], false, false),
        (&[], false, false),
    ] {
        let scene = Scene::of(caller(&[], patterns));
        let list = library.list_resources(&scene.caller, None, 10).unwrap();
        assert_eq!(list.resources.len(), usize::from(listed), "{patterns:?}");
        let reads = library.read("note://1", scene.visit()).await.is_ok();
        assert_eq!(reads, listed, "{patterns:?}");
        let reads = library.read("note://7/text", scene.visit()).await.is_ok();
        assert_eq!(reads, template, "{patterns:?}");
        assert!(
            library
                .read("file:///etc/passwd", scene.visit())
                .await
                .is_err()
        );
        let prompt = library.prompt("b.review", Map::new(), scene.visit()).await;
        assert!(prompt.is_err());
    }
}

#[tokio::test]
async fn what_strangers_write_is_clean_marked_and_remembered() {
    for (trust, entry_says, untrusted) in [
        (Trust::Untrusted, false, true),
        (Trust::Trusted, false, false),
        (Trust::Trusted, true, true),
    ] {
        let b = server("b", trust);
        let common = Common {
            untrusted: entry_says,
            ..Common::default()
        };
        let entry = Entry {
            common,
            ..Entry::default()
        };
        let library = library_of(&[&b], &entry);
        let scene = Scene::of(caller(&["*"], &["*"]));
        let Ok(Got::This(read)) = library.read("note://1", scene.visit()).await else {
            panic!("it cannot be read");
        };
        assert!(format!("{:?}", read.contents).contains(r#""ab""#));
        assert_eq!(scene.is_held(), untrusted);
        let marked = read.meta.is_some_and(|meta| meta.0.contains_key(UNTRUSTED));
        assert_eq!(marked, untrusted);

        let scene = Scene::of(caller(&["*"], &["*"]));
        let got = library.prompt("b.review", Map::new(), scene.visit()).await;
        let Ok(Got::This(prompt)) = got else {
            panic!("{got:?}");
        };
        assert!(format!("{:?}", prompt.messages).contains(r#""review""#));
        assert_eq!(
            (scene.is_held(), prompt.meta.is_some()),
            (untrusted, untrusted)
        );
    }
}

#[tokio::test]
async fn what_is_typed_is_completed_by_its_server() {
    let b = server("b", Trust::Trusted);
    let library = library(&[&b]);
    let complete = async |reference, prompts: &[&str]| {
        let request = CompleteRequestParams::new(reference, ArgumentInfo::new("id", "1"));
        let scene = Scene::of(caller(prompts, prompts));
        library.complete(&request, scene.visit()).await
    };
    let completed = complete(Reference::for_prompt("b.review"), &["*"]).await;
    assert!(completed.unwrap().completion.values[0].contains(r#"name: "review""#));
    let template = || Reference::for_resource("note://{id}/text");
    assert!(complete(template(), &["b"]).await.is_ok());
    assert!(complete(template(), &["c"]).await.is_err());
    assert!(
        complete(Reference::for_prompt("b.review"), &[])
            .await
            .is_err()
    );
}

#[test]
fn changes_are_seen_by_those_who_see_the_thing() {
    let b = server("b", Trust::Trusted);
    let (before, now) = (library(&[]), library(&[&b]));
    let (all, none) = (caller(&["*"], &["*"]), caller(&["c.*"], &["c"]));
    assert!(!now.prompts_alike(&before, (&all, &all)));
    assert!(!now.resources_alike(&before, (&all, &all)));
    assert!(now.prompts_alike(&before, (&none, &none)));
    assert!(now.resources_alike(&before, (&none, &none)));
    b.offer(Catalogue::default());
    assert!(library(&[&b]).prompts_alike(&before, (&all, &all)));
}
