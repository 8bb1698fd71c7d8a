//! The way to a server, with the credentials it wants.

use std::sync::Arc;

use serde_json::Map;
use tokio::time::Instant;

use super::{Lent, Unanswered};
use crate::{
    access::Caller,
    federation::{
        Answer, Bearer, Credentials, Failed, Federated, Outgoing, Person, Question, Relay, Serving,
        Where,
    },
    identity::{Broker, NoToken, Wanted},
    secret::Secret,
};

/// The way to a server.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// The server.
    pub(crate) server: Arc<dyn Federated>,
    /// The token that each request carries, where the server wants one.
    pub(crate) credentials: Option<Wanted>,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Request<'a> {
    /// What is asked.
    pub(crate) question: Question,
    /// On whose behalf.
    pub(crate) caller: &'a Caller,
    /// Who relays what the server says and asks meanwhile.
    pub(crate) relay: &'a dyn Relay,
    /// When the answer must be here.
    pub(crate) deadline: Instant,
    /// Whether asking twice does no harm.
    pub(crate) is_repeatable: bool,
    /// What the server is lent for it.
    pub(crate) lent: Option<&'a Lent>,
}

impl Door {
    /// Asks the server on behalf of a caller. A token that it would not take is fetched anew, once.
    pub(crate) async fn ask(
        &self,
        broker: &Broker,
        request: Request<'_>,
    ) -> Result<Answer, Unanswered> {
        let Some(wanted) = &self.credentials else {
            return self.ask_with_token(broker, request).await;
        };
        let again = request.clone();
        match self.ask_with_token(broker, request).await {
            Err(Unanswered::Failed(Failed::Unauthorized { .. })) => {
                broker.forget(wanted, again.caller.identity.as_deref());
                self.ask_with_token(broker, again).await
            }
            answer => answer,
        }
    }

    async fn ask_with_token(
        &self,
        broker: &Broker,
        request: Request<'_>,
    ) -> Result<Answer, Unanswered> {
        let token = self.token(broker, &request).await?;
        let identity = request.caller.identity.as_deref();
        let wanted = self.credentials.as_ref();
        let person = wanted.and_then(|wanted| wanted.person(identity));
        let person = person.map(Person);
        let mut meta = Map::new();
        if let Some(lent) = request.lent {
            lent.tell(&mut meta);
        }
        let runs_here = matches!(self.server.spec().place, Where::Stdio { .. });
        let lent = request.lent.filter(|_| runs_here);
        let serve = lent.map(|lent| move |process| lent.serve(process));
        let outgoing = Outgoing {
            question: request.question,
            relay: request.relay,
            bearer: token.as_ref().map(|token| Bearer { token, person }),
            meta,
            deadline: request.deadline,
            repeatable: request.is_repeatable,
            serving: serve.as_ref().map(|serve| serve as &Serving<'_>),
        };
        let answer = self.server.ask(outgoing).await;
        answer.map_err(Unanswered::Failed)
    }

    /// The token of a request; none where the server wants none. The caller's own never is one.
    async fn token(
        &self,
        broker: &Broker,
        request: &Request<'_>,
    ) -> Result<Option<Secret>, NoToken> {
        let Some(wanted) = &self.credentials else {
            // Better not asked at all than asked by nobody.
            let wants_none = self.server.spec().settings.credentials == Credentials::None;
            return wants_none.then_some(None).ok_or(NoToken::Unavailable);
        };
        let identity = request.caller.identity.as_deref();
        let token = broker.token(wanted, identity, request.deadline).await?;
        if identity.is_some_and(|identity| identity.token == token) {
            // An authorization server that gives back what it was given exchanges nothing.
            let code = "the same token came back".to_owned();
            return Err(NoToken::Refused { code });
        }
        Ok(Some(token))
    }
}
