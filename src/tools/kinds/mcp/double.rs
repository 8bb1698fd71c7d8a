//! For tests: a server that answers by a script, and remembers what it was asked.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
};

use futures_util::future::BoxFuture;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, Tool};
use serde_json::{Value, json};

use crate::federation::{
    Answer, Catalogue, Failed, Federated, Offered, Outgoing, Question, Settings, Spec, Trust, Where,
};

/// What a server does with a question: asks the caller's end, and answers.
pub(crate) type Script =
    dyn for<'a> Fn(Outgoing<'a>) -> BoxFuture<'a, Result<Answer, Failed>> + Send + Sync;

/// A server that answers by a script.
pub(crate) struct Double {
    spec: Spec,
    offered: Mutex<Arc<Catalogue>>,
    script: Box<Script>,
    asked: Mutex<Vec<(Question, Option<String>)>>,
}

impl fmt::Debug for Double {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Double")
    }
}

impl Double {
    /// A server of this name, whose settings are adjusted.
    pub(crate) fn new(
        name: &str,
        adjust: impl FnOnce(&mut Settings),
        offered: Catalogue,
        script: impl for<'a> Fn(Outgoing<'a>) -> BoxFuture<'a, Result<Answer, Failed>>
        + Send
        + Sync
        + 'static,
    ) -> Arc<Self> {
        let mut settings = Settings::default();
        adjust(&mut settings);
        let place = Where::Stdio {
            command: Vec::new(),
            environment: Vec::new(),
            folder: "/".into(),
        };
        Arc::new(Self {
            spec: Spec {
                name: name.into(),
                settings,
                place,
                breaker: Default::default(),
            },
            offered: Mutex::new(Arc::new(offered)),
            script: Box::new(script),
            asked: Mutex::default(),
        })
    }

    /// A trusted or untrusted server with these tools, that gives these answers one after the other.
    pub(crate) fn answering(
        name: &str,
        trust: Trust,
        tools: &[&str],
        answers: Vec<Result<Answer, Failed>>,
    ) -> Arc<Self> {
        let answers = Mutex::new(VecDeque::from(answers));
        let catalogue = Catalogue {
            tools: tools.iter().map(|name| offered(name, json!({}))).collect(),
            ..Catalogue::default()
        };
        Self::new(
            name,
            |it| it.trust = trust,
            catalogue,
            move |_| {
                let answer = answers.lock().unwrap().pop_front();
                let answer = answer.unwrap_or_else(|| Ok(text("again")));
                Box::pin(std::future::ready(answer))
            },
        )
    }

    /// Offers something else from now on.
    pub(crate) fn offer(&self, offered: Catalogue) {
        *self.offered.lock().unwrap() = Arc::new(offered);
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Question> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(question, _)| question.clone()).collect()
    }

    /// The tokens that came with it.
    pub(crate) fn tokens(&self) -> Vec<Option<String>> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(_, token)| token.clone()).collect()
    }
}

impl Federated for Double {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn offered(&self) -> Arc<Catalogue> {
        self.offered.lock().unwrap().clone()
    }

    fn ask<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<Answer, Failed>> {
        let token = outgoing
            .bearer
            .map(|bearer| bearer.token.reveal().to_owned());
        let asked = (outgoing.question.clone(), token);
        self.asked.lock().unwrap().push(asked);
        (self.script)(outgoing)
    }
}

/// A tool that takes anything. `more` are members of its description.
pub(crate) fn offered(name: &str, more: Value) -> Offered {
    let mut tool =
        json!({"name": name, "description": "A test.", "inputSchema": {"type": "object"}});
    let members = tool.as_object_mut().unwrap();
    members.extend(more.as_object().cloned().unwrap_or_default());
    Offered {
        tool: serde_json::from_value::<Tool>(tool).unwrap(),
        digest: format!("digest of {name}"),
    }
}

/// The answer to a call that says so much.
pub(crate) fn text(text: &str) -> Answer {
    let result = CallToolResult::success(vec![ContentBlock::text(text)]);
    Answer::Call(CallToolResponse::Complete(result))
}
