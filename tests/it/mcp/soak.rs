//! Clients that come and never say that they leave.

use reqwest::Method;
use waypost::mcp;

use super::stage::{ALICE, INITIALIZE, Stage, call};

/// A few hundred are enough to see a leak of one thing for each; `benches/sessions.py` has ten thousand.
const CLIENTS: usize = 500;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[tokio::test]
async fn abandoned_sessions_leave_nothing_behind() {
    let mut settings = mcp::Settings::default();
    settings.sessions.max = 20;
    settings.sessions.park_after = "100ms".parse().unwrap();
    let stage = Stage::with(settings, None).await;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let (mut first_tasks, mut first_descriptors) = (0, 0);
    for client in 0..CLIENTS {
        let session = stage.session(ALICE).await;
        match client % 4 {
            0 => drop(
                stage
                    .open(stage.request(Method::GET, ALICE, Some(&session)))
                    .await,
            ),
            1 => drop(
                stage
                    .open(stage.post(ALICE, Some(&session), call(1, "echo", "")))
                    .await,
            ),
            2 => drop(stage.open(stage.post(ALICE, None, INITIALIZE)).await),
            _ => {}
        }
        if client == 100 {
            stage
                .until("rest", || {
                    stage.streams() == 0 && stage.sessions("active") == 0
                })
                .await;
            (first_tasks, first_descriptors) = (tasks(), descriptors());
        }
    }
    stage
        .until("rest", || {
            stage.streams() == 0 && stage.sessions("active") == 0
        })
        .await;
    assert_eq!(stage.sessions("parked"), 20);
    assert!(
        tasks() <= first_tasks + 10,
        "{} tasks after {first_tasks}",
        tasks()
    );
    let now = descriptors();
    assert!(
        now <= first_descriptors + 40,
        "{now} descriptors after {first_descriptors}"
    );
}
