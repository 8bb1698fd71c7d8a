//! A shelf on a clock that stands still.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::{advance, sleep, timeout};

use super::*;

/// A shelf whose tokens are numbered by their fetching.
#[derive(Default)]
struct Stage {
    shelf: Arc<Shelf>,
    fetched: Arc<AtomicUsize>,
}

impl Stage {
    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    /// The token under a key; where there is none, fetching takes 100 ms and brings one for `lasts`, or fails.
    async fn get(&self, name: &str, lasts: Option<Duration>) -> Result<String, NoToken> {
        let fetched = self.fetched.clone();
        let make = || {
            async move {
                let number = fetched.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(100)).await;
                let until = Instant::now() + lasts.ok_or(NoToken::Unavailable)?;
                let secret = Secret::new(number.to_string());
                Ok(Token { secret, until })
            }
            .boxed()
        };
        let token = self.shelf.get(key(&[name.to_owned()]), make).await?;
        Ok(token.reveal().to_owned())
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_token_lies_there_until_its_time_is_over() {
    let stage = Stage::default();
    for expected in ["0", "0"] {
        assert_eq!(stage.get("a", Some(MINUTE)).await.unwrap(), expected);
    }
    assert_eq!(stage.get("b", Some(MINUTE)).await.unwrap(), "1");
    advance(MINUTE).await;
    assert_eq!(stage.get("a", Some(MINUTE)).await.unwrap(), "2");
    assert_eq!(stage.get("c", Some(Duration::ZERO)).await.unwrap(), "3");
    assert_eq!(stage.get("c", Some(Duration::ZERO)).await.unwrap(), "4");
}

#[tokio::test(start_paused = true)]
async fn who_comes_meanwhile_waits_with_the_first_and_outlives_it() {
    let stage = Stage::default();
    let brief = timeout(Duration::from_millis(50), stage.get("a", Some(MINUTE)));
    let (brief, patient) = tokio::join!(brief, stage.get("a", Some(MINUTE)));
    assert!(brief.is_err());
    assert_eq!(patient.unwrap(), "0");
    assert_eq!(stage.fetched(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_to_leave_ends_the_work() {
    let stage = Stage::default();
    let left = timeout(Duration::from_millis(50), stage.get("a", Some(MINUTE))).await;
    assert!(left.is_err());
    advance(MINUTE).await;
    assert_eq!(stage.get("a", Some(MINUTE)).await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_and_not_kept() {
    let stage = Stage::default();
    let (left, right) = tokio::join!(stage.get("a", None), stage.get("a", None));
    assert_eq!(
        (left, right),
        (Err(NoToken::Unavailable), Err(NoToken::Unavailable))
    );
    assert_eq!(stage.fetched(), 1);
    assert_eq!(stage.get("a", Some(MINUTE)).await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_taken_is_forgotten_unless_it_is_new() {
    let stage = Stage::default();
    assert_eq!(stage.get("a", Some(MINUTE)).await.unwrap(), "0");
    stage.shelf.forget(&key(&["a".to_owned()]));
    assert_eq!(stage.get("a", Some(MINUTE)).await.unwrap(), "0");
    advance(NEW).await;
    stage.shelf.forget(&key(&["a".to_owned()]));
    assert_eq!(stage.get("a", Some(MINUTE)).await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn it_is_never_larger_than_it_may_be() {
    let stage = Stage::default();
    let now = Instant::now();
    for number in 0..MOST + 10 {
        let until = now + MINUTE + Duration::from_secs(number as u64);
        let secret = Secret::new(number.to_string());
        let fetch = || async move { Ok(Token { secret, until }) }.boxed();
        let name = key(&[number.to_string()]);
        stage.shelf.get(name, fetch).await.unwrap();
        assert!(stage.shelf.entries().len() <= MOST);
    }
    assert_eq!(
        stage.get("0", Some(MINUTE)).await.unwrap(),
        "0",
        "the first to end left first"
    );
    assert_eq!(stage.fetched(), 1);
    let last = (MOST + 9).to_string();
    assert_eq!(stage.get(&last, Some(MINUTE)).await.unwrap(), last);
    assert_eq!(stage.fetched(), 1);
}

#[test]
fn parts_of_a_key_do_not_run_together() {
    let of = |parts: &[&str]| {
        key(&parts
            .iter()
            .map(|part| (*part).to_owned())
            .collect::<Vec<_>>())
    };
    assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    assert_ne!(of(&["a", ""]), of(&["a"]));
}
