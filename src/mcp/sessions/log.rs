//! What a session sent of late: a client that lost a stream asks for what it missed.
//!
//! Kept by bytes, number and age, because who stays away must not fill our memory. What is no longer kept was still
//! sent once; only a client that lost the stream as well has lost it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rmcp::model::ServerJsonRpcMessage;
use tokio::{sync::Notify, time::Instant};

use super::event_id::Place;

/// How long an event can be asked for. rmcp's own ring keeps a minute; a laptop's lid is closed for longer.
const AGE: Duration = Duration::from_secs(5 * 60);

/// The most events kept for one session.
const MOST: usize = 256;

/// The most bytes kept for one session: one answer of the largest size there may be.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The most bytes kept for all sessions.
const MOST_BYTES_IN_ALL: usize = 64 * 1024 * 1024;

/// The stream of messages that belong to no request.
pub(super) const COMMON: u64 = 0;

/// The bytes all sessions keep.
#[derive(Debug, Default)]
pub(super) struct Budget(AtomicUsize);

/// What one session sent of late.
#[derive(Debug)]
pub(super) struct Log {
    kept: Mutex<Kept>,
    budget: Arc<Budget>,
    /// Told when something was added, or a stream ended.
    pub(super) changed: Notify,
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
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        // From the time in milliseconds: ids of an earlier process are then all smaller, and name no stream of this one.
        let first = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(1);
        let kept = Kept {
            last_number: first,
            first,
            ..Kept::default()
        };
        Self {
            kept: Mutex::new(kept),
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
        let mut kept = self.kept();
        let number = kept.number(stream);
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
        if let Some(message) = message {
            let bytes = size(&message);
            let event = Event {
                place,
                message,
                bytes,
                at: Instant::now(),
            };
            self.keep(&mut kept, event);
        }
        drop(kept);
        self.changed.notify_waiters();
        place
    }

    fn keep(&self, kept: &mut Kept, event: Event) {
        let total = &self.budget.0;
        while !kept.events.is_empty()
            && (kept.events.len() >= MOST
                || kept.bytes + event.bytes > MOST_BYTES
                || total.load(Ordering::Relaxed) + event.bytes > MOST_BYTES_IN_ALL)
        {
            self.drop_oldest(kept);
        }
        let room = total.load(Ordering::Relaxed) + event.bytes <= MOST_BYTES_IN_ALL;
        if room && event.bytes <= MOST_BYTES {
            kept.bytes += event.bytes;
            total.fetch_add(event.bytes, Ordering::Relaxed);
            kept.events.push_back(event);
        }
    }

    fn drop_oldest(&self, kept: &mut Kept) {
        if let Some(event) = kept.events.pop_front() {
            kept.bytes -= event.bytes;
            self.budget.0.fetch_sub(event.bytes, Ordering::Relaxed);
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
            self.drop_oldest(&mut kept);
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
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let bytes = self.kept().bytes;
        self.budget.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Kept {
    /// The number of the stream with this name. rmcp calls the common one `…:common`.
    fn number(&mut self, stream: &str) -> u64 {
        if stream.ends_with(":common") {
            return COMMON;
        }
        if let Some(number) = self.numbers.get(stream) {
            return *number;
        }
        self.last_number = self.last_number.saturating_add(1);
        self.numbers.insert(stream.to_owned(), self.last_number);
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
        let log = Log::new(budget.clone());
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
        assert!(budget.0.load(Ordering::Relaxed) <= MOST_BYTES);
        log.add("a", message(&"x".repeat(MOST_BYTES)), true);
        assert!(
            matches!(log.after(first), Next::End),
            "what is too large is not kept"
        );
        log.add("b", message("small"), true);
        advance(AGE).await;
        log.sweep(Instant::now());
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
        let kept = log.kept();
        assert_eq!((kept.streams.len(), kept.numbers.len()), (0, 0));
    }

    #[test]
    fn all_logs_together_are_bounded_and_a_dropped_one_gives_back() {
        let budget = Arc::new(Budget::default());
        let large = "x".repeat(MOST_BYTES - 1000);
        let mut logs = Vec::new();
        for _ in 0..20 {
            let log = Log::new(budget.clone());
            log.add("a", message(&large), true);
            logs.push(log);
        }
        let kept = budget.0.load(Ordering::Relaxed);
        assert!(
            (MOST_BYTES_IN_ALL - MOST_BYTES..=MOST_BYTES_IN_ALL).contains(&kept),
            "{kept}"
        );
        drop(logs);
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn streams_of_an_earlier_process_are_none_of_this_one() {
        let log = Log::new(Arc::default());
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
