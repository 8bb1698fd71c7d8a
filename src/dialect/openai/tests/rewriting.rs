//! Requests for providers with quirks, and for models that lack something.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    catalog::{
        Ability, CardSettings, EffortStyle, MaxTokensField, Model, Quirks, ReasoningHistory,
        StreamUsage, Target, ToolIds, resolve,
    },
    chat::Effort,
    dialect::openai::rewrite::rewrite,
    json::Object,
    outcome::ErrorClass,
};

fn target(quirks: Quirks, facts: Model) -> Target {
    let settings = CardSettings {
        base_url: Some("http://host.test/v1".to_owned()),
        quirks: Some(quirks),
        ..CardSettings::default()
    };
    let card = resolve("home", &settings, None).unwrap();
    Target {
        card: Arc::new(card),
        model: "m".into(),
        facts: Some(Arc::new(facts)),
    }
}

/// Rewrites `{"model":"x", …}`; what became of the members behind the model, and what was left out.
fn rewritten(quirks: Quirks, facts: Model, members: &str) -> (String, Vec<String>) {
    let body = format!(r#"{{"model":"x",{members}}}"#);
    let mut object = Object::parse(body.as_bytes()).unwrap();
    let dropped = rewrite(&mut object, &target(quirks, facts)).unwrap();
    let text = String::from_utf8(object.to_bytes().to_vec()).unwrap();
    let text = text.strip_prefix(r#"{"model":"m","#).unwrap();
    (text.strip_suffix('}').unwrap().to_owned(), dropped)
}

fn check(quirks: &Quirks, facts: &Model, members: &str, expected: &str, dropped: &[&str]) {
    let (text, left_out) = rewritten(quirks.clone(), facts.clone(), members);
    assert_eq!(text, expected, "{members}");
    assert_eq!(left_out, dropped, "{members}");
}

fn plain() -> Quirks {
    Quirks {
        stream_usage: StreamUsage::AsSent,
        ..Quirks::default()
    }
}

#[test]
fn a_request_that_needs_nothing_keeps_every_byte() {
    let members = r#""messages": [ {"role":"user", "content":"\u00e9 \"cache_control\"", "x":1.0} ], "zz":{"b":1,"a":2},"temperature":0.50"#;
    let expected = members
        .replace("\"messages\": ", "\"messages\":")
        .replace(" ], \"zz\"", " ],\"zz\"");
    check(&plain(), &Model::default(), members, &expected, &[]);
}

#[test]
fn limits_take_the_name_the_provider_knows() {
    let none = Model::default();
    let old = Quirks {
        max_tokens_field: MaxTokensField::MaxTokens,
        ..plain()
    };
    let new = Quirks {
        max_tokens_field: MaxTokensField::MaxCompletionTokens,
        ..plain()
    };
    check(
        &old,
        &none,
        r#""max_completion_tokens":5,"max_tokens":7"#,
        r#""max_tokens":5"#,
        &[],
    );
    check(
        &old,
        &none,
        r#""max_completion_tokens":null,"max_tokens":7"#,
        r#""max_tokens":7"#,
        &[],
    );
    check(
        &new,
        &none,
        r#""max_tokens":7"#,
        r#""max_completion_tokens":7"#,
        &[],
    );
    check(
        &plain(),
        &none,
        r#""max_tokens":7"#,
        r#""max_tokens":7"#,
        &[],
    );
}

#[test]
fn usage_is_asked_for_only_where_that_is_known() {
    let none = Model::default();
    let ask = Quirks::default();
    let unasked = Quirks {
        stream_usage: StreamUsage::Unasked,
        ..plain()
    };
    check(
        &ask,
        &none,
        r#""stream":true,"stream_options":{"include_usage":false,"x":1}"#,
        r#""stream":true,"stream_options":{"include_usage":true,"x":1}"#,
        &[],
    );
    check(&ask, &none, r#""stream":false"#, r#""stream":false"#, &[]);
    check(
        &unasked,
        &none,
        r#""stream":true,"stream_options":{"include_usage":true}"#,
        r#""stream":true"#,
        &[],
    );
}

#[test]
fn efforts_move_to_the_nearest_and_losses_are_told() {
    let facts = Model {
        efforts: vec![Effort::Low, Effort::High],
        ..Model::default()
    };
    let effort = |word: &str| format!(r#""reasoning_effort":"{word}""#);
    let moves = |from: &str, to: &str, dropped: &[&str]| {
        check(&plain(), &facts, &effort(from), &effort(to), dropped);
    };
    moves("minimal", "low", &[]);
    moves("medium", "high", &[]);
    moves("high", "high", &[]);
    moves("max", "high", &["reasoning_effort"]);
    moves("none", "low", &["reasoning_effort"]);
    check(
        &plain(),
        &Model::default(),
        &effort("max"),
        &effort("max"),
        &[],
    );
    check(
        &plain(),
        &facts,
        r#""reasoning_effort":512"#,
        r#""reasoning_effort":512"#,
        &[],
    );
    let switch = Quirks {
        effort: EffortStyle::EnableThinking,
        ..plain()
    };
    check(
        &switch,
        &facts,
        &effort("none"),
        r#""enable_thinking":false"#,
        &[],
    );
    let both = Quirks {
        effort: EffortStyle::ThinkingAndEffort,
        ..plain()
    };
    check(
        &both,
        &facts,
        &effort("none"),
        r#""thinking":{"type":"disabled"}"#,
        &[],
    );
}

#[test]
fn what_is_refused_is_left_out_and_told_unless_it_changes_nothing() {
    let facts = Model {
        cannot: [Ability::Sampling, Ability::ForcedToolChoice].into(),
        ..Model::default()
    };
    check(
        &plain(),
        &facts,
        r#""temperature":0.1,"top_p":1,"seed":3"#,
        r#""seed":3"#,
        &["temperature"],
    );
    check(
        &plain(),
        &facts,
        r#""tool_choice":"required""#,
        r#""tool_choice":"auto""#,
        &["tool_choice"],
    );
    let quirks = Quirks {
        rename: BTreeMap::from([("seed".to_owned(), "random_seed".to_owned())]),
        drop: vec!["user".to_owned(), "logprobs".to_owned(), "n".to_owned()],
        tool_choice: BTreeMap::from([("required".to_owned(), "any".to_owned())]),
        stop_as_list: true,
        max_temperature: Some(1.0),
        no_sampling_while_thinking: true,
        ..plain()
    };
    check(
        &quirks,
        &Model::default(),
        r#""seed":3,"user":"u","logprobs":false,"n":1,"tool_choice":"required","stop":"x","temperature":2"#,
        r#""tool_choice":"any","stop":["x"],"temperature":1.0,"random_seed":3"#,
        &["user"],
    );
    let thinking = r#""reasoning_effort":"low","top_p":0.5"#;
    check(
        &quirks,
        &Model::default(),
        thinking,
        r#""reasoning_effort":"low""#,
        &["top_p"],
    );
}

#[test]
fn what_the_model_lacks_is_left_out_where_that_can_be() {
    let check = |lacks: Ability, members: &str, expected: &str, dropped: &[&str]| {
        let facts = Model {
            cannot: [lacks].into(),
            ..Model::default()
        };
        assert!(lacks.may_be_left_out());
        check(&plain(), &facts, members, expected, dropped);
    };
    let forced = r#""tool_choice":"required""#;
    let auto = r#""tool_choice":"auto""#;
    check(Ability::ToolChoice, forced, auto, &["tool_choice"]);
    check(Ability::ForcedToolChoice, forced, auto, &["tool_choice"]);
    let effort = |wanted: &str| format!(r#""reasoning_effort":"{wanted}","seed":3"#);
    let seed = r#""seed":3"#;
    check(
        Ability::Reasoning,
        &effort("high"),
        seed,
        &["reasoning_effort"],
    );
    // Who asks for none gets what it asks for.
    check(Ability::Reasoning, &effort("none"), seed, &[]);
    let parallel = r#""parallel_tool_calls":true,"seed":3"#;
    check(Ability::ParallelTools, parallel, seed, &[]);
}

#[test]
fn what_cannot_be_left_out_makes_the_target_unsupported() {
    let facts = Model {
        cannot: [Ability::Vision, Ability::Tools].into(),
        ..Model::default()
    };
    let quirks = Quirks {
        drop: vec!["n".to_owned()],
        ..plain()
    };
    let target = target(quirks, facts);
    let check = |members: &str, param: &str| {
        let body = format!(r#"{{"model":"x",{members}}}"#);
        let failure = rewrite(&mut Object::parse(body.as_bytes()).unwrap(), &target).unwrap_err();
        assert_eq!(
            (failure.class, failure.param.as_deref()),
            (ErrorClass::Unsupported, Some(param))
        );
    };
    check(r#""n":2"#, "n");
    check(r#""tools":[{}]"#, "tools");
    check(
        r#""messages":[{"role":"user","content":"\"image_url\""},{"role":"user","content":[{"type":"text"},{"type":"image_url"}]}]"#,
        "messages[1].content[1]",
    );
}

#[test]
fn messages_are_rewritten_where_the_card_asks_for_it() {
    let none = Model::default();
    let quirks = Quirks {
        roles: BTreeMap::from([("developer".to_owned(), "system".to_owned())]),
        reasoning_history: ReasoningHistory::RequiredWithToolCalls,
        ..plain()
    };
    check(
        &quirks,
        &none,
        r#""messages":[{"role":"developer","content":"developer"},{"role":"assistant","tool_calls":[{"id":"a","extra_content":{}}],"x":1}]"#,
        r#""messages":[{"role":"system","content":"developer"},{"role":"assistant","tool_calls":[{"id":"a"}],"x":1,"reasoning_content":" "}]"#,
        &[],
    );
    // A text that mentions an extension is only a text.
    let text = r#""messages":[{"role":"user","content":"cache_control"},{"role":"user","content":[{"type":"text","text":"cache_control"}]}],"tools":[{"type":"function","cache_control":{}}]"#;
    check(
        &plain(),
        &none,
        text,
        &text.replace(r#","cache_control":{}"#, ""),
        &[],
    );
    let keeps = Quirks {
        keep_extensions: vec!["cache_control".to_owned()],
        ..plain()
    };
    check(&keeps, &none, text, text, &[]);
}

#[test]
fn what_was_said_to_the_gateway_stays_there_unless_the_card_keeps_it() {
    let none = Model::default();
    let hints = r#""messages":[],"models":["a/b"],"provider":{"order":["x"]},"metadata":{"provider":"kept"}"#;
    let bare = r#""messages":[],"metadata":{"provider":"kept"}"#;
    check(&plain(), &none, hints, bare, &[]);
    let keeps = Quirks {
        keep_extensions: vec!["models".to_owned(), "provider".to_owned()],
        ..plain()
    };
    check(&keeps, &none, hints, hints, &[]);
    let shipped = crate::catalog::shipped("openrouter").unwrap();
    let kept = shipped.quirks.unwrap().keep_extensions;
    assert!(
        ["models", "provider"]
            .iter()
            .all(|key| kept.iter().any(|it| it == key))
    );
}

#[test]
fn tool_call_ids_map_one_to_one_and_always_alike() {
    let quirks = Quirks {
        tool_ids: ToolIds::NineAlphanumerics,
        ..plain()
    };
    let messages = r#""messages":[{"tool_calls":[{"id":"call_1"},{"id":"call_2"},{"id":"abcDEF123"}]},{"tool_call_id":"call_1"}]"#;
    let (text, _) = rewritten(quirks.clone(), Model::default(), messages);
    assert_eq!(text, rewritten(quirks, Model::default(), messages).0);
    let json: Value = serde_json::from_str(&format!("{{{text}}}")).unwrap();
    let id = |at: usize| {
        json["messages"][0]["tool_calls"][at]["id"]
            .as_str()
            .unwrap()
    };
    assert_eq!(id(0), json["messages"][1]["tool_call_id"]);
    assert_eq!(id(2), "abcDEF123");
    assert!(id(0) != id(1) && id(0).len() == 9 && id(1).len() == 9);
}

#[test]
fn messages_that_are_none_are_the_callers_fault() {
    let target = target(
        Quirks {
            reasoning_history: ReasoningHistory::Required,
            ..plain()
        },
        Model::default(),
    );
    for messages in ["7", "[7]", "[[]]", "\"assistant\""] {
        let body = format!(r#"{{"messages":{messages}}}"#);
        let failure = rewrite(&mut Object::parse(body.as_bytes()).unwrap(), &target).unwrap_err();
        assert_eq!(failure.class, ErrorClass::InvalidRequest, "{messages}");
    }
}
