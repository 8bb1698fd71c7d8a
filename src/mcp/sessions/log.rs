//! What a session sent of late: a client that lost a stream asks for what it missed.
//!
//! Kept by bytes, number and age, because who stays away must not fill our memory. What is no longer kept was still
//! sent once; only a client that lost the stream as well has lost it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rmcp::model::ServerJsonRpcMessage;
use tokio::{sync::Notify, time::Instant};

use super::{budget::Budget, event_id::Place};

/// How long an event can be asked for. rmcp's own ring keeps a minute; a laptop's lid is closed for longer.
const AGE: Duration = Duration::from_secs(5 * 60);

/// The most events kept for one session.
const MOST: usize = 256;

/// The most bytes kept for one session: one answer of the largest size there may be.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The stream of messages that belong to no request.
pub(super) const COMMON: u64 = 0;

/// What one session sent of late.
#[derive(Debug)]
pub(super) struct Log {
    shelf: Arc<Shelf>,
    /// The shelf's number in the budget.
    number: u64,
    budget: Arc<Budget>,
    /// Told when something was added, or a stream ended.
    pub(super) changed: Notify,
}

/// Where a session keeps what it sent. The budget takes from it, too.
#[derive(Debug)]
pub(super) struct Shelf {
    /// The name of the key the session belongs to.
    pub(super) owner: Arc<str>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Event>,
    bytes: usize,
    streams: HashMap<u64, Stream>,
    /// Numbers of streams by rmcp's names for them.
    numbers: HashMap<String, u64>,
    last_number: u64,
    /// Where events are counted from.
    first: u64,
}

#[derive(Debug)]
struct Stream {
    events: u64,
    over: bool,
}

#[derive(Debug)]
struct Event {
    place: Place,
    message: Arc<ServerJsonRpcMessage>,
    bytes: usize,
    at: Instant,
}

/// What follows an event.
pub(super) enum Next {
    /// This event.
    Event(Place, Arc<ServerJsonRpcMessage>),
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    End,
}

impl Log {
    pub(super) fn new(owner: Arc<str>, budget: Arc<Budget>) -> Self {
        // From the time in milliseconds: ids of an earlier process are then all smaller, and name no stream of this one.
        let first = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(1);
        let kept = Kept {
            last_number: first,
            first,
            ..Kept::default()
        };
        let kept = Mutex::new(kept);
        let shelf = Arc::new(Shelf { owner, kept });
        Self {
            number: budget.enter(shelf.clone()),
            shelf,
            budget,
            changed: Notify::new(),
        }
    }

    /// Gives the next event of a stream its place, and keeps its message if there is one. `last` ends the stream.
    pub(super) fn add(
        &self,
        stream: &str,
        message: Option<Arc<ServerJsonRpcMessage>>,
        last: bool,
    ) -> Place {
        let number = self.kept().number(stream);
        let message = message.map(|message| {
            let bytes = size(&message);
            (message, bytes)
        });
        self.put(number, message, last)
    }

    /// Opens a stream that rmcp knows nothing of, and gives the place of its first event.
    pub(super) fn open(&self) -> Place {
        let number = self.kept().new_number();
        self.put(number, None, false)
    }

    /// Gives the next event of a stream its place, by the stream's number, and keeps its message with the bytes it
    /// takes on the wire. `last` ends the stream.
    pub(super) fn put(
        &self,
        number: u64,
        message: Option<(Arc<ServerJsonRpcMessage>, usize)>,
        last: bool,
    ) -> Place {
        let mut kept = self.kept();
        let first = kept.first;
        let stream = kept.streams.entry(number).or_insert(Stream {
            events: first,
            over: false,
        });
        stream.events = stream.events.saturating_add(1);
        stream.over |= last && number != COMMON;
        let place = Place {
            stream: number,
            event: stream.events,
        };
        if let Some((message, bytes)) = message {
            let event = Event {
                place,
                message,
                bytes,
                at: Instant::now(),
            };
            self.keep(&mut kept, event);
        }
        drop(kept);
        self.budget.keep();
        self.changed.notify_waiters();
        place
    }

    fn keep(&self, kept: &mut Kept, event: Event) {
        while !kept.events.is_empty()
            && (kept.events.len() >= MOST || kept.bytes + event.bytes > MOST_BYTES)
        {
            kept.drop_oldest(&self.budget);
        }
        if event.bytes <= MOST_BYTES {
            kept.bytes += event.bytes;
            self.budget.take(event.bytes);
            kept.events.push_back(event);
        }
    }

    /// What follows an event in its stream.
    pub(super) fn after(&self, place: Place) -> Next {
        let kept = self.kept();
        let of_stream =
            |event: &&Event| event.place.stream == place.stream && event.place.event > place.event;
        if let Some(event) = kept.events.iter().find(of_stream) {
            return Next::Event(event.place, event.message.clone());
        }
        let stream = kept.streams.get(&place.stream);
        if place.stream == COMMON || stream.is_some_and(|stream| !stream.over) {
            Next::Wait
        } else {
            Next::End
        }
    }

    /// Ends one stream: nothing follows on it.
    pub(super) fn end(&self, number: u64) {
        if let Some(stream) = self.kept().streams.get_mut(&number) {
            stream.over |= number != COMMON;
        }
        self.changed.notify_waiters();
    }

    /// Ends the streams of requests: none is being answered any more.
    pub(super) fn end_streams(&self) {
        for (number, stream) in &mut self.kept().streams {
            stream.over |= *number != COMMON;
        }
        self.changed.notify_waiters();
    }

    /// Forgets what is too old, and streams of which nothing is left.
    pub(super) fn sweep(&self, now: Instant) {
        let mut kept = self.kept();
        let is_old = |event: &Event| now.duration_since(event.at) >= AGE;
        while kept.events.front().is_some_and(is_old) {
            kept.drop_oldest(&self.budget);
        }
        let Kept {
            events,
            streams,
            numbers,
            ..
        } = &mut *kept;
        streams.retain(|number, stream| {
            !stream.over || events.iter().any(|event| event.place.stream == *number)
        });
        numbers.retain(|_, number| streams.contains_key(number));
        if events.is_empty() {
            events.shrink_to_fit();
            numbers.shrink_to_fit();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shelf.kept()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.shelf.bytes()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.budget.leave(self.number);
        let mut kept = self.kept();
        kept.events.clear();
        self.budget.give_back(std::mem::take(&mut kept.bytes));
    }
}

impl Shelf {
    /// The bytes of what is kept here.
    pub(super) fn bytes(&self) -> usize {
        self.kept().bytes
    }

    /// Lets the oldest go, until the budget is kept or nothing is left.
    pub(super) fn give_way(&self, budget: &Budget) {
        let mut kept = self.kept();
        while budget.is_exceeded() && !kept.events.is_empty() {
            kept.drop_oldest(budget);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn drop_oldest(&mut self, budget: &Budget) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= event.bytes;
            budget.give_back(event.bytes);
        }
    }

    /// The number of the stream with this name. rmcp calls the common one `…:common`.
    fn number(&mut self, stream: &str) -> u64 {
        if stream.ends_with(":common") {
            return COMMON;
        }
        if let Some(number) = self.numbers.get(stream) {
            return *number;
        }
        let number = self.new_number();
        self.numbers.insert(stream.to_owned(), number);
        number
    }

    fn new_number(&mut self) -> u64 {
        self.last_number = self.last_number.saturating_add(1);
        self.last_number
    }
}

/// What a message takes on the wire, which is about what it takes in memory.
fn size(message: &ServerJsonRpcMessage) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, message) {
        Ok(()) => count.0,
        // It cannot be sent either.
        Err(_) => usize::MAX / 2,
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{JsonRpcError, RequestId};
    use tokio::time::advance;

    use super::*;

    fn message(text: &str) -> Option<Arc<ServerJsonRpcMessage>> {
        let error = rmcp::ErrorData::internal_error(text.to_owned(), None);
        let error = JsonRpcError::new(Some(RequestId::Number(1)), error);
        Some(Arc::new(ServerJsonRpcMessage::Error(error)))
    }

    /// How many events follow a place.
    fn rest(log: &Log, mut place: Place) -> usize {
        let mut count = 0;
        while let Next::Event(next, _) = log.after(place) {
            (place, count) = (next, count + 1);
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_bounded_by_number_bytes_and_age() {
        let budget = Arc::new(Budget::default());
        let log = Log::new("alice".into(), budget.clone());
        let first = log.add("a", None, false);
        for _ in 0..300 {
            log.add("a", message("small"), false);
        }
        assert_eq!(rest(&log, first), MOST);
        let large = "x".repeat(MOST_BYTES / 4);
        for _ in 0..5 {
            log.add("a", message(&large), false);
        }
        assert_eq!(rest(&log, first), 3);
        assert!(budget.bytes() <= MOST_BYTES);
        log.add("a", message(&"x".repeat(MOST_BYTES)), true);
        assert!(
            matches!(log.after(first), Next::End),
            "what is too large is not kept"
        );
        log.add("b", message("small"), true);
        advance(AGE).await;
        log.sweep(Instant::now());
        assert_eq!(budget.bytes(), 0);
        let kept = log.kept();
        assert_eq!((kept.streams.len(), kept.numbers.len()), (0, 0));
    }

    #[test]
    fn streams_of_an_earlier_process_are_none_of_this_one() {
        let log = Log::new("alice".into(), Arc::default());
        log.add("a", message("new"), true);
        let old = Place {
            stream: 1,
            event: 1,
        };
        assert!(matches!(log.after(old), Next::End));
        log.add("s:common", message("told"), false);
        let old = Place {
            stream: COMMON,
            event: 1,
        };
        assert_eq!(rest(&log, old), 1, "the common stream goes on");
    }
}
