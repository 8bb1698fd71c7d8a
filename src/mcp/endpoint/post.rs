//! One message, posted: read, judged, and answered by whom it is for.

use axum::response::Response;
use bytes::Bytes;
use rmcp::model::RequestId;
use tokio::time::Instant;

use super::{
    Endpoint, Entered, Refused, body, challenge, is_json, missing_session, plain, services::Era,
    session_id, with,
};
use crate::{
    mcp::{
        Guest, Offer,
        message::Message,
        plain::Plain,
        sessions::{LARGEST_HANDSHAKE, Opening, Visit},
    },
    tools::{self, Surface},
};

impl Endpoint {
    /// Answers one message.
    pub(super) async fn post(
        &self,
        mut entered: Entered,
        body: axum::body::Body,
    ) -> Result<Response, Refused> {
        if !is_json(&entered.head.headers) {
            return Err(Refused::not_json());
        }
        let most = self.gate.offer().settings.max_body;
        let bytes = body::read(body, most).await?;
        // A body takes its time, and a reload does not wait for it.
        let caller = entered.pass.renewed(&self.gate);
        let offer = self.gate.offer();
        entered.guest.caller = caller.map_err(|why| challenge::denied(why, &offer.access))?;
        let message = Message::read(&bytes)?;
        self.in_scope(&entered, &offer, &message)?;
        let answered = match entered.era {
            Era::Stateless => {
                self.stateless(entered, &offer, &message, bytes.clone())
                    .await
            }
            Era::Sessions => {
                self.in_session(entered, &offer, &message, bytes.clone())
                    .await
            }
        };
        answered.map_err(|refused| refused.for_request(message.id()).read())
    }

    /// Refuses a call that the caller's scopes do not allow. That there is no such session comes first: a client begins a
    /// new one then, and signing in again would not help it.
    fn in_scope(
        &self,
        entered: &Entered,
        offer: &Offer,
        message: &Message<'_>,
    ) -> Result<(), Refused> {
        let arrived = Instant::now();
        let Guest {
            caller, request, ..
        } = &entered.guest;
        let Some((tool, lacking)) = challenge::lacking(offer, caller, message) else {
            return Ok(());
        };
        if entered.era == Era::Sessions {
            let session = session_id(&entered.head.headers)?.ok_or_else(missing_session)?;
            if !self.sessions.has(&session, &caller.name) {
                return Err(Refused::no_session().for_request(message.id()));
            }
        }
        let refused = tools::Refused {
            request,
            caller,
            surface: match entered.era {
                Era::Sessions => Surface::Session,
                Era::Stateless => Surface::Http,
            },
            arrived,
            tool: Ok(tool),
        };
        tools::out_of_scope(&offer.toolbox, refused);
        Err(challenge::out_of_scope(&offer.access, &lacking).for_request(message.id()))
    }

    async fn stateless(
        &self,
        entered: Entered,
        offer: &Offer,
        message: &Message<'_>,
        bytes: Bytes,
    ) -> Result<Response, Refused> {
        let Entered { head, guest, .. } = entered;
        if let Some(plain) = Plain::modern(message, &head.headers, &guest, offer) {
            return Ok(plain::answer(&self.gate, plain, guest).await);
        }
        let caller = guest.caller.clone();
        let request = with(head, guest, bytes);
        let response = self.services.stateless(caller, request).await;
        // Calls end by themselves, and who listens is told when the key goes.
        self.passed_on(response, None, None).await
    }

    async fn in_session(
        &self,
        entered: Entered,
        offer: &Offer,
        message: &Message<'_>,
        bytes: Bytes,
    ) -> Result<Response, Refused> {
        let Entered { head, guest, .. } = entered;
        let session = session_id(&head.headers)?;
        let request = match message {
            Message::Request { id, .. } => Some(id.clone()),
            Message::Notification { .. } | Message::Answer => None,
        };
        let (opening, mut visit) = match (session, request, message.asks_for("initialize")) {
            (None, Some(_), true) if bytes.len() > LARGEST_HANDSHAKE => {
                let message = format!(
                    "An `initialize` of {} bytes is too large: {LARGEST_HANDSHAKE} are taken",
                    bytes.len()
                );
                return Err(Refused::invalid_params(message));
            }
            (None, Some(request), true) => self.open(&guest, request).await?,
            (Some(_), _, true) => {
                return Err(Refused::invalid("This session is initialized already"));
            }
            (Some(session), request, false) => {
                let caller = &guest.caller.name;
                let visit = self.sessions.enter(&session, caller, request).await?;
                let plain = Plain::in_session(message, &head.headers, &guest, offer);
                if let Some(plain) = plain.filter(|_| visit.state.is_open()) {
                    let guest = guest.in_session(visit.state.clone());
                    let answer =
                        plain::answer_in_session(&self.gate, plain, guest, &session, visit);
                    return Ok(answer.await);
                }
                (None, visit)
            }
            (None, ..) => {
                let message = "The header Mcp-Session-Id is missing; begin with `initialize`";
                return Err(Refused::invalid(message));
            }
        };
        let request = with(head, guest.in_session(visit.state.clone()), bytes);
        let (response, visit) = match &opening {
            // If its client leaves, it comes to nothing: nobody else knows its id.
            Some(opening) => {
                let response = opening.through(self.services.sessions(request)).await;
                visit.taken_up(response.status());
                (response, visit)
            }
            None => self.carry_out(request, visit, message.cancels()).await?,
        };
        self.passed_on(response, Some(visit), None).await
    }

    async fn open(
        &self,
        guest: &Guest,
        request: RequestId,
    ) -> Result<(Option<Opening>, Visit), Refused> {
        let owner = guest.caller.name.clone();
        let (opening, visit) = Opening::admit(self.sessions.clone(), owner, request).await?;
        Ok((Some(opening), visit))
    }
}
