//! A request for a prompt or a resource, which may have to ask its client first.

use std::{future::Future, sync::Arc};

use rmcp::{
    ErrorData,
    model::{InputRequiredResult, InputResponses},
};
use tokio::time::timeout;

use super::{
    Gate, Guest, Offer, handle,
    incoming::Incoming,
    library::{Got, Visit},
    line::ClientLine,
    questions,
    round::{LIFE, Round, Subject},
    sessions,
    stamp::{Stamped, stamped_in},
};
use crate::tools::{Conversation, Line, Reader};

/// One such request, read.
pub(super) struct Inquiry<'a> {
    gate: &'a Gate,
    incoming: &'a Incoming,
    what: &'static str,
    round: Option<Arc<Round>>,
    line: ClientLine,
    conversation: Arc<Conversation>,
    pub(super) offer: Arc<Offer>,
}

impl<'a> Inquiry<'a> {
    /// Reads what a client brought: nothing at first, its state and answers when it comes back. `what` it wants is a
    /// word for sentences.
    pub(super) fn of(
        gate: &'a Arc<Gate>,
        incoming: &'a Incoming,
        what: &'static str,
        subject: impl FnOnce() -> Subject,
        brought: (Option<&str>, Option<InputResponses>),
    ) -> Result<Self, ErrorData> {
        let round = Round::of(gate, incoming.is_modern, subject, brought)?;
        Ok(Self {
            gate,
            incoming,
            what,
            line: ClientLine::new(gate.clone(), incoming, None, round.clone()),
            round,
            conversation: handle::conversation(gate, &incoming.guest, &incoming.meta)?,
            offer: gate.offer(),
        })
    }

    /// Who asks, and where.
    pub(super) fn visit(&self) -> Visit<'_> {
        let guest = &self.incoming.guest;
        visit(guest, &self.conversation, &self.offer, &self.line)
    }

    /// What comes of it, as long as somebody waits for it: the answer, or what the client has to answer first.
    pub(super) async fn answer<T, R>(
        &self,
        got: impl Future<Output = Result<Got<T>, ErrorData>>,
    ) -> Result<R, ErrorData>
    where
        T: Stamped,
        R: From<T> + From<InputRequiredResult>,
    {
        let incoming = self.incoming;
        let got = tokio::select! {
            got = timeout(LIFE, got) => got.map_err(|_| too_late(self.what))?,
            () = sessions::over(incoming.guest.session.as_deref()) => {
                return Err(ErrorData::internal_error("The session is over", None));
            }
            () = incoming.called_off.cancelled() => {
                // Nobody reads it: rmcp drops the answer to a request that was called off.
                return Err(ErrorData::internal_error("The request was cancelled", None));
            }
        };
        match (got?, &self.round) {
            (Got::This(answer), _) => Ok(stamped_in(incoming.is_modern, answer).into()),
            (Got::Asks(questions), Some(round)) => {
                let abilities = questions::abilities(&incoming.declared);
                let result = round.come_back(&self.gate.sealer, abilities, &questions)?;
                Ok(stamped_in(incoming.is_modern, result).into())
            }
            (Got::Asks(_), None) => Err(ErrorData::invalid_params(
                format!(
                    "What the user answered does not fit what the {} asks",
                    self.what
                ),
                None,
            )),
        }
    }
}

/// Who asks under this offer, and where.
pub(super) fn visit<'a>(
    guest: &'a Guest,
    conversation: &'a Conversation,
    offer: &'a Offer,
    line: &'a dyn Line,
) -> Visit<'a> {
    Visit {
        caller: &guest.caller,
        request: &guest.request,
        reader: Reader {
            caller: &guest.caller.name,
            conversation,
            surface: guest.surface,
        },
        memory: &offer.toolbox.memory,
        limits: &offer.limits,
        ledger: &offer.toolbox.ledger,
        line,
    }
}

/// A person is asked, who may never answer: without an end the request would be open for as long as its client.
fn too_late(what: &str) -> ErrorData {
    let message = format!(
        "The {what} asked its user, who did not answer within {} s",
        LIFE.as_secs()
    );
    ErrorData::internal_error(message, None)
}
