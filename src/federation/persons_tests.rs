use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::{sync::Notify, time::advance};

use super::*;
use crate::federation::Failed;

/// Something that is kept, and counted while it is.
#[derive(Debug)]
struct Double {
    purse: Purse,
    is_over: AtomicBool,
    alive: Arc<AtomicUsize>,
}

impl Kept for Double {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What opens them.
#[derive(Default)]
struct Opener {
    opened: AtomicUsize,
    alive: Arc<AtomicUsize>,
    /// Openings wait for it, where there is one.
    gate: Option<Arc<Notify>>,
}

impl Opener {
    fn open(&self, purse: Purse) -> BoxFuture<'static, Result<Double, Unconnected>> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let (alive, gate) = (self.alive.clone(), self.gate.clone());
        async move {
            if let Some(gate) = gate {
                gate.notified().await;
            }
            alive.fetch_add(1, Ordering::SeqCst);
            Ok(Double {
                purse,
                is_over: AtomicBool::new(false),
                alive,
            })
        }
        .boxed()
    }

    fn counts(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.opened), count(&self.alive))
    }
}

fn person(number: u8) -> Person {
    Person([number; 32])
}

fn token(text: &str) -> Secret {
    Secret::new(text)
}

/// One request of a person, from its beginning to its end.
async fn use_once(persons: &Persons<Double>, opener: &Opener, number: u8) {
    let seat = persons.seat(person(number), &token("t"), |purse| opener.open(purse));
    seat.unwrap().connection().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_uses_is_closed_after_a_while_and_what_is_used_is_not() {
    let (persons, opener) = (Persons::new(10), Opener::default());
    let busy = persons.seat(person(1), &token("t"), |purse| opener.open(purse));
    let busy = busy.unwrap();
    busy.connection().await.unwrap();
    use_once(&persons, &opener, 2).await;
    let living = async {
        advance(IDLE - LOOK).await;
        tokio::task::yield_now().await;
        assert_eq!(opener.counts(), (2, 2));
        use_once(&persons, &opener, 2).await;
        sleep(IDLE - LOOK).await;
        assert_eq!(opener.counts(), (2, 2), "it was used meanwhile");
        sleep(LOOK * 3).await;
        assert_eq!(opener.counts(), (2, 1), "nobody used it");
        sleep(IDLE * 10).await;
        use_once(&persons, &opener, 1).await;
        assert_eq!(opener.counts(), (2, 1), "its request takes long");
        drop(busy);
        sleep(IDLE + LOOK * 2).await;
        assert_eq!((opener.counts(), persons.count()), ((2, 0), 0));
    };
    tokio::select! {
        never = persons.close_idle() => match never {},
        () = living => {}
    }
}

#[tokio::test]
async fn the_one_used_least_recently_goes_and_none_that_is_in_use() {
    let (persons, opener) = (Persons::new(2), Opener::default());
    for number in [1, 2, 1, 3] {
        use_once(&persons, &opener, number).await;
    }
    assert_eq!(opener.counts(), (3, 2));
    use_once(&persons, &opener, 1).await;
    assert_eq!(opener.counts(), (3, 2), "2 went, and 1 was kept");
    let seats =
        [1, 3].map(|number| persons.seat(person(number), &token("t"), |it| opener.open(it)));
    assert!(seats.iter().all(Option::is_some));
    let full = persons.seat(person(4), &token("t"), |purse| opener.open(purse));
    assert!(full.is_none());
    drop(seats);
    use_once(&persons, &opener, 4).await;
    assert_eq!(persons.count(), 2);
}

#[tokio::test]
async fn who_comes_meanwhile_waits_with_the_first_who_may_leave() {
    let gate = Arc::new(Notify::new());
    let opener = Opener {
        gate: Some(gate.clone()),
        ..Opener::default()
    };
    let persons = Persons::new(2);
    let seat = |text| {
        let seat = persons.seat(person(1), &token(text), |purse| opener.open(purse));
        seat.unwrap()
    };
    let (first, second) = (seat("old"), seat("new"));
    assert!(first.connection().now_or_never().is_none());
    drop(first);
    gate.notify_one();
    let connection = second.connection().await.unwrap();
    assert_eq!(opener.counts(), (1, 1));
    let newest = connection.purse.token("s").await.unwrap().unwrap();
    assert_eq!(newest.reveal(), "new");
}

#[tokio::test]
async fn what_is_over_or_was_not_opened_is_made_anew() {
    let (persons, opener) = (Persons::new(2), Opener::default());
    let seat = persons.seat(person(1), &token("t"), |purse| opener.open(purse));
    let seat = seat.unwrap();
    let connection = seat.connection().await.unwrap();
    connection.is_over.store(true, Ordering::SeqCst);
    use_once(&persons, &opener, 1).await;
    assert_eq!(opener.counts().0, 2);
    // The end of a request on the one before does not end the one behind.
    drop((seat, connection));
    use_once(&persons, &opener, 1).await;
    assert_eq!(opener.counts(), (2, 1));

    let failed = Failed::Late {
        server: "s".to_owned(),
    };
    let unconnected = Unconnected::new("", failed);
    let fails = |_| std::future::ready(Err(unconnected)).boxed();
    let seat = persons.seat(person(2), &token("t"), fails).unwrap();
    seat.connection().await.unwrap_err();
    use_once(&persons, &opener, 2).await;
    drop(seat);
    assert_eq!(persons.count(), 2);
}

#[tokio::test]
async fn what_is_let_go_ends_with_its_last_request() {
    let (persons, opener) = (Persons::new(2), Opener::default());
    let seat = persons.seat(person(1), &token("t"), |purse| opener.open(purse));
    let seat = seat.unwrap();
    seat.connection().await.unwrap();
    use_once(&persons, &opener, 2).await;
    persons.let_go();
    assert_eq!((opener.counts(), persons.count()), ((2, 1), 0));
    drop(seat);
    assert_eq!(opener.counts(), (2, 0));
}
