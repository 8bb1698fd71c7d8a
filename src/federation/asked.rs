//! One time of asking a replica: over which connection, and what is learned of the replica from what came of it.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, timeout_at};

use super::{
    Answer, Bearer, Failed, Outgoing, Question, Where,
    choosing::Chosen,
    connecting::{Learned, Unconnected, connect},
    connection::Connection,
    persons::Seat,
    proof::Noted,
    purse::Purse,
    quoted::on_one_line,
    replica::Replica,
    server::Inner,
    signs::{Over, Signs},
};
use crate::health::Change;

/// How much the log has of why there is no answer, in characters.
const TOLD: usize = 300;

/// What came of asking once.
#[derive(Debug)]
pub(super) struct Asked {
    answer: Result<Answer, Failed>,
    way: Way,
    begun: Instant,
    /// What the connection showed of itself.
    signs: Arc<Signs>,
}

/// A connection of a person, or why there is none.
type Opened = Result<Connection, Unconnected>;

/// Over which connection it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The one for all.
    Shared,
    /// The person's own.
    Persons,
    /// The person's own, which there is not.
    Unopened,
}

impl Asked {
    /// Whether it may be asked again, where that does no harm or where it surely was not sent.
    pub(super) fn may_be_repeated(&self, repeatable: bool) -> bool {
        matches!(self.answer, Err(Failed::Broken { unsent, .. }) if unsent || repeatable)
    }

    /// Whether it was sent, or about to be, in a session of its person.
    pub(super) fn was_in_a_persons_session(&self) -> bool {
        self.way == Way::Persons
    }
}

impl Inner {
    /// Asks a replica once. What has a user's token goes over a connection of that user's where there are sessions: a
    /// server may bind them to who opened them, and everything that is sent in one is then on its user's behalf.
    pub(super) async fn ask_chosen(
        &self,
        chosen: &Chosen<'_>,
        question: &Question,
        outgoing: &Outgoing<'_>,
    ) -> Asked {
        let begun = Instant::now();
        let shared = &chosen.connection;
        let is_elsewhere = matches!(self.spec.place, Where::Http { .. });
        let has_person = outgoing.bearer.is_some_and(|it| it.person.is_some());
        if !has_person || !is_elsewhere || shared.is_stateless() {
            return Asked {
                answer: self
                    .ask_over(shared, chosen.replica, question, outgoing)
                    .await,
                way: Way::Shared,
                begun,
                signs: shared.signs.clone(),
            };
        }
        let unopened = |failed, signs| Asked {
            answer: Err(failed),
            way: Way::Unopened,
            begun,
            signs,
        };
        let Some(seat) = self.seat(chosen, outgoing).await else {
            let (server, retry_after) = (self.spec.name.to_string(), None);
            let limited = Failed::Limited {
                server,
                retry_after,
            };
            return unopened(limited, Arc::default());
        };
        match timeout_at(outgoing.deadline, seat.connection()).await {
            Ok(Ok(connection)) => Asked {
                answer: self
                    .ask_over(&connection, chosen.replica, question, outgoing)
                    .await,
                way: Way::Persons,
                begun,
                signs: connection.signs.clone(),
            },
            Ok(Err(Unconnected { failed, signs, .. })) => unopened(failed, signs),
            Err(_) => {
                let server = self.spec.name.to_string();
                unopened(Failed::Late { server }, Arc::default())
            }
        }
    }

    /// Asks over this connection, and has it noted whose token reached which replica.
    async fn ask_over(
        &self,
        connection: &Connection,
        replica: &Replica,
        question: &Question,
        outgoing: &Outgoing<'_>,
    ) -> Result<Answer, Failed> {
        let noted = Noted::sent(outgoing, &self.spec.settings, &replica.place);
        let answer = connection.ask(question, outgoing).await;
        if let Some(noted) = noted {
            noted.ended(&answer);
        }
        answer
    }

    /// A place on the connection of the request's person; waits until there is room for one.
    async fn seat<'a>(
        &self,
        chosen: &'a Chosen<'_>,
        outgoing: &Outgoing<'_>,
    ) -> Option<Seat<'a, Connection>> {
        let Bearer { token, person } = outgoing.bearer?;
        let person = person?;
        let mut moves = self.moved.subscribe();
        loop {
            moves.mark_unchanged();
            let persons = &chosen.replica.persons;
            let number = chosen.replica.number;
            let seat = persons.seat(person, token, |purse| self.open(number, purse));
            if seat.is_some() {
                return seat;
            }
            timeout_at(outgoing.deadline, moves.changed())
                .await
                .ok()?
                .ok()?;
        }
    }

    /// Opens a connection that has these tokens. It is opened to its end, whoever leaves meanwhile: a session of which
    /// nobody has heard the id would never be closed.
    fn open(&self, number: usize, purse: Purse) -> BoxFuture<'static, Opened> {
        let (spec, ground) = (self.spec.clone(), self.ground.clone());
        let server = spec.name.to_string();
        // It ends by itself: `connect_timeout` is the longest it takes.
        let opening =
            tokio::spawn(async move { connect(&spec, number, &ground, purse, Learned::Old).await });
        let opened = opening.map(|opened| {
            opened.unwrap_or_else(|_| {
                let failed = Failed::Broken {
                    server,
                    unsent: true,
                };
                Err(Unconnected::new("its making broke down", failed))
            })
        });
        opened.boxed()
    }

    /// Takes note of how a replica did, and gives its answer.
    pub(super) fn learn(&self, chosen: Chosen<'_>, asked: Asked) -> Result<Answer, Failed> {
        let now = Instant::now();
        let Chosen {
            replica,
            connection,
            passage,
            ..
        } = chosen;
        let changed = match &asked.answer {
            Ok(_)
            | Err(Failed::Error { .. } | Failed::Unauthorized { .. } | Failed::Forbidden { .. }) => {
                replica.answers();
                passage.succeeded(now)
            }
            // It was there to say so, and may be well with everybody else.
            Err(Failed::Limited { .. } | Failed::TooLarge { .. }) => {
                replica.answers();
                None
            }
            // Likewise: a session is opened or refused to one person.
            Err(Failed::Unfit { .. }) if asked.way == Way::Unopened => {
                replica.answers();
                None
            }
            // One that answers others meanwhile does not hang: this request was too much for its time.
            Err(Failed::Late { .. }) if replica.answered_since(asked.begun) => None,
            // A connection breaks once, however many requests are lost with it.
            Err(Failed::Broken { .. })
                if asked.signs.gone.is_cancelled() && asked.signs.were_held_against() =>
            {
                None
            }
            Err(_) => passage.failed(now),
        };
        if let Some(change) = changed {
            let place = &replica.place;
            let server = &*self.spec.name;
            tracing::warn!(server, "the circuit of {place} has {}", change.label());
            // What hangs is put in order by starting anew, and costs nothing else.
            if matches!(change, Change::Opened { .. }) {
                connection.signs.end(Over::Failing);
                replica.persons.let_go();
            }
        }
        if let Err(failed) = &asked.answer {
            self.tell(&replica.place, failed);
        }
        asked.answer
    }

    /// Has the log say why a replica gave no answer.
    fn tell(&self, replica: &str, failed: &Failed) {
        if !self.told.allows() {
            return;
        }
        let (server, outcome) = (&*self.spec.name, failed.label());
        let why: String = on_one_line(&failed.to_string())
            .chars()
            .take(TOLD)
            .collect();
        let is_its_word = matches!(
            failed,
            Failed::Error { .. } | Failed::Unauthorized { .. } | Failed::Forbidden { .. }
        );
        if is_its_word {
            tracing::info!(server, replica, outcome, "a request was refused: {why}");
        } else {
            tracing::warn!(
                server,
                replica,
                outcome,
                "a request was not answered: {why}"
            );
        }
    }
}
