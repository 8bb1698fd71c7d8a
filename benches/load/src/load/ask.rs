//! Three ways to ask: in a loop, at a rate, as streams. Each gives the tasks that are to be awaited.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    rc::Rc,
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::{JoinHandle, spawn_local},
    time::sleep,
};

use super::{
    Run,
    connection::{Connection, Streamed},
};
use crate::clock::{self, Timer, sleep_until};

/// Over how many seconds the streams of a run begin.
const RAMP: f64 = 1.0;

/// Every connection asks again as soon as it is answered.
pub(super) fn in_loop(run: &Rc<Run>) -> Vec<JoinHandle<()>> {
    let connection = |_| {
        let run = run.clone();
        spawn_local(async move {
            sleep_until(run.window.start).await;
            let mut connection = Connection::new();
            loop {
                let begun = clock::now();
                if begun >= run.window.to {
                    return;
                }
                let result = connection.exchange(&run).await;
                if !matches!(result, Ok(200)) {
                    sleep(Duration::from_millis(2)).await;
                }
                run.note(&connection, result, begun);
            }
        })
    };
    (0..run.args.conns).map(connection).collect()
}

/// Requests that are due, and whether more will come.
#[derive(Default)]
struct Timetable {
    due: RefCell<VecDeque<u64>>,
    wake: Notify,
    over: Cell<bool>,
}

/// Requests leave when they are due, on whichever connection is free; latency counts from that instant.
pub(super) fn at_rate(run: &Rc<Run>, rate: f64) -> io::Result<Vec<JoinHandle<()>>> {
    let table = Rc::new(Timetable::default());
    let connection = |_| {
        let (run, table) = (run.clone(), table.clone());
        spawn_local(async move {
            let mut connection = Connection::new();
            loop {
                let next = table.due.borrow_mut().pop_front();
                match next {
                    Some(due) => {
                        let result = connection.exchange(&run).await;
                        run.note(&connection, result, due);
                    }
                    None if table.over.get() => {
                        // Whoever waits beside this one must see the end, too.
                        table.wake.notify_one();
                        return;
                    }
                    None => table.wake.notified().await,
                }
            }
        })
    };
    let mut tasks: Vec<_> = (0..run.args.conns).map(connection).collect();
    let (timer, window) = (Timer::new()?, run.window);
    tasks.push(spawn_local(async move {
        for number in 0_u32.. {
            let due = window.start + clock::nanos(f64::from(number) / rate);
            if due >= window.to || (clock::now() < due && timer.until(due).await.is_err()) {
                break;
            }
            table.due.borrow_mut().push_back(due);
            table.wake.notify_one();
        }
        table.over.set(true);
        table.wake.notify_one();
    }));
    Ok(tasks)
}

/// One stream on each connection, begun one after the other over [`RAMP`].
pub(super) fn streams(run: &Rc<Run>, streams: usize) -> Vec<JoinHandle<()>> {
    let stream = |number| {
        let run = run.clone();
        let begin = run.window.start + clock::nanos(RAMP * number as f64 / streams as f64);
        spawn_local(async move {
            sleep_until(begin).await;
            run.stats.borrow_mut().open();
            let begun = clock::now();
            let mut connection = Connection::new();
            let result = connection.stream(&run).await;
            let mut stats = run.stats.borrow_mut();
            stats.active -= 1;
            match result {
                Ok(Streamed::Complete { usage }) => {
                    stats.answered(clock::now() - begun);
                    stats.usage_seen += u64::from(usage);
                }
                Ok(Streamed::Short) => stats.short += 1,
                Ok(Streamed::Refused(status)) => stats.refused(status, &connection.body),
                Err(error) => stats.error(name(&error)),
            }
        })
    };
    (0..streams).map(stream).collect()
}

impl Run {
    /// Notes how a plain exchange went that began, or was due, at `begun`.
    fn note(&self, connection: &Connection, result: io::Result<u16>, begun: u64) {
        let mut stats = self.stats.borrow_mut();
        match result {
            Ok(200) if self.window.measures(begun) => stats.answered(clock::now() - begun),
            Ok(200) => {}
            Ok(status) => stats.refused(status, &connection.body),
            Err(error) => stats.error(name(&error)),
        }
    }
}

fn name(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => error.to_string(),
        kind => format!("{kind:?}"),
    }
}
