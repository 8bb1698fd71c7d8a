//! Tool calls of one streamed answer: which call a piece belongs to, when servers leave out the index, repeat
//! ids and names, or number all calls zero.

use super::wire::{Call, Function};
use crate::{
    chat::Delta,
    outcome::{ErrorClass, Failure},
};

/// No answer has more calls: what goes on is broken.
const MOST_CALLS: usize = 1024;

/// The calls so far.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Known>);

#[derive(Debug)]
struct Known {
    /// The provider's index, if it gave one.
    index: Option<u64>,
    /// The id the provider gave it, which need not be the one we told.
    id: String,
    name: String,
    /// No byte of the arguments has come.
    empty: bool,
}

impl Calls {
    /// Whether no tool was called.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads one piece. Tells whether it is written just as it should be.
    pub(super) fn read(
        &mut self,
        answer_id: &str,
        choice: u64,
        piece: &Call<'_>,
        deltas: &mut Vec<Delta>,
    ) -> Result<bool, Failure> {
        let nothing = Function::default();
        let function = piece.function.as_ref().unwrap_or(&nothing);
        let (arguments, mut clean) = function.arguments();
        let at = match self.position(piece, function, clean) {
            Some(at) => {
                clean &= piece.id.is_empty() && piece.kind.is_empty() && function.name.is_empty();
                at
            }
            // A piece of nothing that ever began.
            None if function.name.is_empty() && piece.id.is_empty() => return Ok(false),
            None => {
                let id = self.fresh_id(answer_id, choice, piece.id.get());
                clean &= id == piece.id.get() && piece.kind.get() == "function";
                self.begin(piece, function)?;
                let call = (self.0.len() - 1) as u64;
                deltas.push(Delta::ToolCall {
                    choice,
                    call,
                    id,
                    name: function.name.get().to_owned(),
                });
                self.0.len() - 1
            }
        };
        if !arguments.is_empty() {
            self.0[at].empty = false;
            deltas.push(Delta::Arguments {
                choice,
                call: at as u64,
                fragment: arguments.into_owned(),
            });
        }
        Ok(clean && piece.index.0 == Some(at as u64))
    }

    /// At the end of the answer: calls without arguments get an empty object. Tells whether there were any.
    pub(super) fn fill(&mut self, choice: u64, deltas: &mut Vec<Delta>) -> bool {
        let before = deltas.len();
        for (at, known) in self
            .0
            .iter_mut()
            .enumerate()
            .filter(|(_, known)| known.empty)
        {
            known.empty = false;
            deltas.push(Delta::Arguments {
                choice,
                call: at as u64,
                fragment: "{}".to_owned(),
            });
        }
        deltas.len() > before
    }

    /// The known call a piece belongs to; the latest, where several fit.
    fn position(&self, piece: &Call<'_>, function: &Function<'_>, partial: bool) -> Option<usize> {
        let (id, name) = (piece.id.get(), function.name.get());
        if let Some(index) = piece.index.0 {
            let at = self
                .0
                .iter()
                .rposition(|known| known.index == Some(index))?;
            let another = !id.is_empty() && id != self.0[at].id && !name.is_empty();
            return (!another).then_some(at);
        }
        if !id.is_empty() {
            return self.0.iter().rposition(|known| known.id == id);
        }
        let last = self.0.last()?;
        // Arguments as an object are whole: each is a call of its own.
        let goes_on = partial && (name.is_empty() || name == last.name);
        goes_on.then(|| self.0.len() - 1)
    }

    fn begin(&mut self, piece: &Call<'_>, function: &Function<'_>) -> Result<(), Failure> {
        if self.0.len() == MOST_CALLS {
            let message = format!("The provider's answer has more than {MOST_CALLS} tool calls");
            return Err(Failure::new(ErrorClass::ServerError, message));
        }
        self.0.push(Known {
            index: piece.index.0,
            id: piece.id.get().to_owned(),
            name: function.name.get().to_owned(),
            empty: true,
        });
        Ok(())
    }

    fn fresh_id(&self, answer_id: &str, choice: u64, id: &str) -> String {
        if id.is_empty() || self.0.iter().any(|known| known.id == id) {
            made_id(answer_id, choice, self.0.len())
        } else {
            id.to_owned()
        }
    }
}

/// An id for a call that has none of its own: the same for the same place in the same answer, and different
/// in every other answer of the conversation.
pub(super) fn made_id(answer_id: &str, choice: u64, call: usize) -> String {
    let hash = blake3::hash(format!("{answer_id} {choice} {call}").as_bytes());
    format!("call_{}", &hash.to_hex()[..24])
}
