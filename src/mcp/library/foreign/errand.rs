//! One request for something of another server: counted against its caller's limits, asked with the caller's
//! credentials, and recorded once, however it ends. One that is dropped was cancelled.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{ErrorCode, MetaObject},
};
use tokio::time::Instant;

use super::{Source, Visit};
use crate::{
    federation::{Answer, Question, Trust},
    mcp::convert,
    telemetry::{Cost, Notes, ToolRecord, What},
    tools::{
        Fault, FaultClass, Tool, UNTRUSTED, admit,
        kinds::mcp::{LineRelay, Request, handed_on},
    },
};

/// JSON-RPC's first code for servers' own errors: refused for now.
const REFUSED: ErrorCode = ErrorCode(-32000);

/// One request.
pub(super) struct Errand<'a> {
    pub(super) source: &'a Source,
    pub(super) visit: Visit<'a>,
    what: What,
    pub(super) notes: Notes,
    at: jiff::Timestamp,
    arrived: Instant,
    /// Whether the server was asked.
    ran: bool,
    open: bool,
}

impl<'a> Errand<'a> {
    /// A request that has come.
    pub(super) fn new(source: &'a Source, what: What, visit: Visit<'a>) -> Self {
        Self {
            source,
            visit,
            what,
            notes: Notes::default(),
            at: jiff::Timestamp::now(),
            arrived: Instant::now(),
            ran: false,
            open: true,
        }
    }

    /// Takes it from what its caller may use, as a call of a tool is, and takes note of who reads what a stranger says:
    /// before it is asked, because what it says meanwhile is read even if its answer is not.
    pub(super) fn admit(&mut self) -> Result<(), Fault> {
        let Visit {
            caller,
            reader,
            memory,
            ..
        } = self.visit;
        admit(&self.visit.limits.of(&caller.name), self.visit.ledger)?;
        self.ran = true;
        if self.source.is_untrusted {
            memory.taints.note(reader, &self.source.names.1);
        }
        Ok(())
    }

    /// Asks what no server may ask anything back for.
    pub(super) async fn ask_once(
        &mut self,
        time: Duration,
        question: Question,
    ) -> Result<Answer, Fault> {
        self.admit()?;
        let relay = self.relay();
        self.ask_within(time, &relay, question).await
    }

    /// The caller's end, as the server has it.
    pub(super) fn relay(&self) -> LineRelay<'_> {
        LineRelay::new(self.visit.line, &*self.source.door.server).noting(&self.notes)
    }

    /// Sends one request.
    pub(super) async fn ask_within(
        &self,
        time: Duration,
        relay: &LineRelay<'_>,
        question: Question,
    ) -> Result<Answer, Fault> {
        let now = Instant::now();
        let request = Request {
            question,
            caller: self.visit.caller,
            relay,
            deadline: now.checked_add(time).unwrap_or(now),
            // A prompt or a resource that changes something when it is read is none.
            is_repeatable: true,
            lent: None,
        };
        let answer = self.source.door.ask(&self.visit.memory.broker, request);
        let answer = tokio::time::timeout(time, answer).await;
        let answer = answer.map_err(|_| {
            let message = format!("The server {} did not answer in time", self.source.names.0);
            Fault::new(FaultClass::Timeout, message)
        })?;
        answer.map_err(Fault::from)
    }

    /// Closes it with what came of it, as the protocol tells that.
    pub(super) fn close<T>(
        mut self,
        came: Result<T, Fault>,
        outcome: fn(&T) -> &'static str,
    ) -> Result<T, ErrorData> {
        self.shut(match &came {
            Ok(it) => outcome(it),
            Err(fault) => fault.class.label(),
        });
        came.map_err(error)
    }

    fn shut(&mut self, outcome: &'static str) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let Visit {
            caller,
            request,
            reader,
            ledger,
            ..
        } = self.visit;
        let (server, name) = &self.source.names;
        let identity = caller.told();
        ledger.take_tool_call(ToolRecord {
            id: request.to_owned(),
            at: self.at,
            what: self.what,
            tool: name.clone(),
            kind: Tool::FEDERATED,
            server: Some(server.as_str().into()),
            caller: caller.name.to_string(),
            upstream: self.notes.upstreams(identity.as_ref()),
            identity,
            surface: reader.surface.label(),
            outcome,
            runs: self.ran.into(),
            cache: None,
            shared: None,
            paged: false,
            completions: Vec::new(),
            input_tokens: 0,
            output_tokens: 0,
            cost: Cost::Nothing,
            queued: None,
            total: Some(self.arrived.elapsed()),
        });
    }
}

impl Drop for Errand<'_> {
    fn drop(&mut self) {
        self.shut(FaultClass::Cancelled.label());
    }
}

impl Source {
    /// How far what it says of itself is trusted.
    pub(super) fn trust(&self) -> Trust {
        self.door.server.spec().settings.trust
    }

    /// What of a server's `_meta` goes on, with the mark of what is data.
    pub(super) fn marked(&self, meta: Option<MetaObject>) -> Option<MetaObject> {
        let mut members = meta.map(handed_on).unwrap_or_default();
        if self.is_untrusted {
            members.insert(UNTRUSTED.to_owned(), true.into());
        }
        (!members.is_empty()).then_some(MetaObject(members))
    }
}

/// Why there is no answer, in the protocol's words.
fn error(fault: Fault) -> ErrorData {
    if let Some(error) = fault.protocol.filter(|error| error.is_for_the_client) {
        return convert::protocol(&fault.message, &error);
    }
    match fault.class {
        FaultClass::InvalidArguments => ErrorData::invalid_params(fault.message, None),
        FaultClass::RateLimited => ErrorData::new(REFUSED, fault.message, None),
        _ => ErrorData::internal_error(fault.message, None),
    }
}
