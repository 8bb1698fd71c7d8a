//! Results page by page: nothing is lost, nothing is cut within a character, and nobody gets another's.

use serde_json::json;
use tokio::time::advance;

use super::*;
use crate::tools::{
    Common, Outcome, Refusal, Surface,
    stage::{Stage, call_of, caller, common, fault, output},
};

fn paging() -> Common {
    Common {
        max_result: Some(1024),
        paging: true,
        ..common()
    }
}

/// A call of the tool that gives the next page.
fn next_of(handle: &str) -> Call {
    let handle = json!({ "handle": handle });
    Call {
        tool: NEXT_TOOL.to_owned(),
        ..call_of(handle)
    }
}

fn handle(page: &Output) -> Option<String> {
    Some(page.meta.get(NEXT)?.as_str()?.to_owned())
}

/// The texts of a page without its note.
fn texts(page: &Output) -> Vec<String> {
    let notes = usize::from(page.meta.contains_key(NEXT));
    let content = &page.content[..page.content.len() - notes];
    content
        .iter()
        .map(|content| match content {
            Content::Text(text) => text.clone(),
            other => format!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn all_pages_together_are_the_result() {
    // Four bytes each, so that a kilobyte of them ends with one only by chance.
    let long = format!("a{}", "🦀".repeat(1_000));
    let whole = long.clone();
    let stage = Stage::new(paging(), move |_, _| Ok(Output::text(long.clone())));
    let mut page = output(stage.call(json!({})).await);
    assert!(stage.record("req_1").paged);
    let mut together = texts(&page).concat();
    let mut pages = 1;
    while let Some(next) = handle(&page) {
        let Some(Content::Text(note)) = page.content.last() else {
            panic!("no note: {page:?}");
        };
        let expected = format!(
            "Result cut after {} of {} bytes. Call `result__next` with {{\"handle\": \"{next}\"}} for more.",
            together.len(),
            whole.len()
        );
        assert_eq!(*note, expected);
        page = output(stage.make(next_of(&next)).await);
        // The same handle gives the same page: an answer may have been lost.
        assert_eq!(page, output(stage.make(next_of(&next)).await));
        together += &texts(&page).concat();
        pages += 1;
    }
    assert_eq!(together, whole);
    assert_eq!(pages, 4);
    assert_eq!(
        stage.metric(r#"waypost_tool_pages_total{tool="t"}"#),
        Some(1.0)
    );
}

#[tokio::test]
async fn pieces_that_cannot_be_cut_begin_the_next_page() {
    let image = |bytes: usize| Content::Image {
        data: "x".repeat(bytes),
        mime: "image/png".to_owned(),
    };
    let given = move |size| Output {
        content: vec![
            Content::Text("a".repeat(600)),
            image(size),
            Content::Text("b".repeat(600)),
        ],
        ..Output::default()
    };
    let stage = Stage::new(paging(), move |run, _| {
        Ok(given(if run == 0 { 600 } else { 1_025 }))
    });
    let first = output(stage.call(json!({})).await);
    assert_eq!(texts(&first), ["a".repeat(600)]);
    let second = output(stage.make(next_of(&handle(&first).unwrap())).await);
    assert_eq!(second.content[0], image(600));
    assert_eq!(second.content[1], Content::Text("b".repeat(424)));
    let third = output(stage.make(next_of(&handle(&second).unwrap())).await);
    assert_eq!(third.content, [Content::Text("b".repeat(176))]);
    let refused = fault(stage.call(json!({})).await);
    assert_eq!(refused.class, FaultClass::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_worth_nothing_to_others_elsewhere_or_later() {
    let stage = Stage::new(paging(), |_, _| Ok(Output::text("x".repeat(3_000))));
    let session = Call {
        surface: Surface::Session,
        ..call_of(json!({}))
    };
    let conversation = session.conversation.clone();
    let page = output(stage.make(session).await);
    let found = handle(&page).unwrap();
    let within = |handle: &str| Call {
        surface: Surface::Session,
        conversation: conversation.clone(),
        ..next_of(handle)
    };
    let unknown = async |call: Call| {
        let refused = fault(stage.make(call).await);
        assert_eq!(refused.class, FaultClass::InvalidArguments);
        assert!(
            refused.message.starts_with("Unknown handle"),
            "{}",
            refused.message
        );
        refused.message
    };
    output(stage.make(within(&found)).await);
    let mut told = vec![
        unknown(Call {
            caller: caller("bob"),
            ..within(&found)
        })
        .await,
        unknown(Call {
            surface: Surface::Session,
            ..next_of(&found)
        })
        .await,
    ];
    for made_up in [
        "",
        ".",
        "x.1",
        "0.18446744073709551616",
        &format!("{:032x}.1024", 7),
    ] {
        told.push(unknown(within(made_up)).await);
    }
    let token = found.split('.').next().unwrap();
    for place in ["3000", "99999", "-1", ""] {
        told.push(unknown(within(&format!("{token}.{place}"))).await);
    }
    advance(Duration::from_secs(600)).await;
    told.push(unknown(within(&found)).await);
    assert!(
        told.windows(2).all(|pair| pair[0] == pair[1]),
        "all are told alike"
    );
}

#[tokio::test]
async fn what_must_fit_a_schema_is_refused_and_other_data_becomes_text() {
    let rows = json!({"rows": vec!["x".repeat(100); 30]});
    let given = Output::structured(rows.clone());
    let schema = json!({"type": "object"});
    let strict = Common {
        output_schema: schema.as_object().cloned(),
        paging: false,
        ..paging()
    };
    let stage = Stage::new(strict, {
        let given = given.clone();
        move |_, _| Ok(given.clone())
    });
    let refused = fault(stage.call(json!({})).await);
    assert_eq!(refused.class, FaultClass::TooLarge);
    let stage = Stage::new(paging(), move |_, _| {
        Ok(Output {
            content: Vec::new(),
            ..given.clone()
        })
    });
    let page = output(stage.call(json!({})).await);
    assert_eq!(page.structured, None);
    assert!(rows.to_string().starts_with(&texts(&page).concat()));
}

#[tokio::test]
async fn without_paging_the_rest_is_not_kept_and_the_tool_is_not_offered() {
    let settings = Common {
        paging: false,
        ..paging()
    };
    let mut stage = Stage::new(settings, |_, _| Ok(Output::text("x".repeat(3_000))));
    let cut = output(stage.call(json!({})).await);
    assert_eq!(handle(&cut), None);
    assert_eq!(
        cut.content[1],
        Content::Text(
            "Result cut after 1024 of 3000 bytes. Ask for less, or for a part of it.".to_owned()
        )
    );
    let names = |stage: &Stage| {
        let alice = caller("alice");
        let visible = stage.toolbox.visible(&alice);
        visible.map(|tool| tool.wire.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&stage), ["t"]);
    let unknown = stage.make(next_of("x.1")).await;
    assert_eq!(unknown, Err(Refusal::UnknownTool));
    stage.reload(paging());
    assert_eq!(names(&stage), [NEXT_TOOL, "t"]);
}

#[tokio::test]
async fn what_a_caller_keeps_is_bounded() {
    let settings = Common {
        max_result: Some(1024),
        ..paging()
    };
    let huge = Stage::new(settings.clone(), |_, _| {
        Ok(Output::text("x".repeat(9 << 20)))
    });
    assert_eq!(
        fault(huge.call(json!({})).await).class,
        FaultClass::TooLarge
    );
    let stage = Stage::new(settings, |_, _| Ok(Output::text("x".repeat(3 << 20))));
    let mut handles = Vec::new();
    for _ in 0..3 {
        handles.extend(handle(&output(stage.call(json!({})).await)));
    }
    let bobs = Call {
        caller: caller("bob"),
        ..call_of(json!({}))
    };
    output(stage.make(bobs).await);
    let held =
        async |handle: &str| matches!(stage.make(next_of(handle)).await, Ok(Outcome::Done(_)));
    assert!(!held(&handles[0]).await, "the oldest made room");
    assert!(held(&handles[1]).await && held(&handles[2]).await);
}
