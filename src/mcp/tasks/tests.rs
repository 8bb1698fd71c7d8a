//! Tasks without a client: what becomes of their work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rmcp::model::{TaskPayload, TaskStatus};
use serde_json::json;
use tokio::time::advance;
use tokio_util::sync::CancellationToken;

use super::{Board, Settings};
use crate::tools::Question;

/// Says when it is dropped.
struct Work(Arc<AtomicBool>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A board with one task that would work for ever, and whether its work was dropped.
fn endless(closing: CancellationToken) -> (Board, String, Arc<AtomicBool>) {
    let board = Board::new(closing);
    let dropped = Arc::new(AtomicBool::new(false));
    let work = Work(dropped.clone());
    let begun = board.begin(
        &Settings::default(),
        &"alice".into(),
        Duration::from_secs(60),
        None,
        |_| {
            Box::pin(async move {
                let _work = work;
                std::future::pending().await
            })
        },
    );
    (board, begun.unwrap().task_id, dropped)
}

async fn until_dropped(dropped: &AtomicBool) {
    let dropped = async {
        while !dropped.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), dropped)
        .await
        .expect("the work is dropped");
}

#[tokio::test]
async fn cancelling_drops_the_work() {
    let (board, id, dropped) = endless(CancellationToken::new());
    assert_eq!(
        board.look("alice", &id).unwrap().task.status(),
        TaskStatus::Working
    );
    assert_eq!(board.cancel("bob", &id), None);
    assert!(!dropped.load(Ordering::SeqCst));
    assert_eq!(board.cancel("alice", &id), Some(()));
    until_dropped(&dropped).await;
    assert_eq!(
        board.look("alice", &id).unwrap().task.status(),
        TaskStatus::Cancelled
    );
}

#[tokio::test]
async fn closing_drops_the_work() {
    let closing = CancellationToken::new();
    let (board, id, dropped) = endless(closing.clone());
    closing.cancel();
    until_dropped(&dropped).await;
    assert!(board.look("alice", &id).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_task_is_forgotten_in_time_and_not_before() {
    let (board, id, dropped) = endless(CancellationToken::new());
    // A minute that its tool may take, and five that its result is kept.
    advance(Duration::from_secs(6 * 60 - 1)).await;
    assert!(board.look("alice", &id).is_some());
    advance(Duration::from_secs(1)).await;
    assert!(board.look("alice", &id).is_none());
    until_dropped(&dropped).await;
}

#[tokio::test]
async fn work_that_panics_has_failed() {
    let board = Board::new(CancellationToken::new());
    let begun = board.begin(
        &Settings::default(),
        &"alice".into(),
        Duration::ZERO,
        None,
        |_| Box::pin(async { panic!("on purpose") }),
    );
    let id = begun.unwrap().task_id;
    let failed = async {
        while board.look("alice", &id).unwrap().task.status() == TaskStatus::Working {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), failed)
        .await
        .unwrap();
    let task = board.look("alice", &id).unwrap().task;
    let TaskPayload::Failed { error } = task.payload else {
        panic!("{task:?}");
    };
    assert!(!error["message"].to_string().contains("on purpose"));
}

#[tokio::test]
async fn two_questions_by_one_name_do_not_take_each_others_answer() {
    let board = Board::new(CancellationToken::new());
    let begun = board.begin(
        &Settings::default(),
        &"alice".into(),
        Duration::from_secs(60),
        None,
        |handle| {
            Box::pin(async move {
                let ask = || handle.ask("q".to_owned(), Question::Roots);
                let (first, second) = tokio::join!(ask(), ask());
                let said = json!({"first": first.is_ok(), "second": format!("{second:?}")});
                let result = said.as_object().cloned().unwrap_or_default();
                TaskPayload::Completed { result }
            })
        },
    );
    let id = begun.unwrap().task_id;
    let until = async |status| {
        let reached = async {
            while board.look("alice", &id).unwrap().task.status() != status {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached)
            .await
            .unwrap();
    };
    until(TaskStatus::InputRequired).await;
    let answers = json!({"q": {"roots": []}});
    let answers = serde_json::from_value(answers).unwrap();
    assert_eq!(board.answer("alice", &id, answers), Some(()));
    until(TaskStatus::Completed).await;
    let TaskPayload::Completed { result } = board.look("alice", &id).unwrap().task.payload else {
        panic!("it has a result");
    };
    assert_eq!(result["first"], true);
    assert!(
        result["second"].to_string().contains("by one name"),
        "{result:?}"
    );
}
