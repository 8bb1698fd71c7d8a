//! The SQLite file, and the one thread that writes to it.
//!
//! SQLite has one writer at a time, so there is one: what comes while it writes goes into its next transaction. The
//! write-ahead log with `synchronous = NORMAL` keeps what was committed when the process is killed; when the machine
//! dies, the last moments may be lost, and the file is whole.

use std::{
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::session::{self, Digest, Session};

/// The shape of the file, one step at a time. A step that was released never changes.
const STEPS: &[&str] = &[include_str!("1.sql")];

/// The shape after all of them.
const SHAPE: u32 = STEPS.len() as u32;

/// The most that waits to be written. Beyond it what nobody waits for is left out, and told.
const WAITING: usize = 4096;

/// The most in one transaction, so that whoever waits for an early one does not wait for all.
const TOGETHER: usize = 1000;

/// How long another process may hold the file, such as a backup or a shell.
const BUSY: Duration = Duration::from_secs(5);

/// The SQLite file.
#[derive(Debug)]
pub struct Store {
    /// Gone only while it is dropped.
    work: Option<mpsc::Sender<Work>>,
    writer: Option<JoinHandle<()>>,
    sessions: Mutex<Vec<Session>>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// SQLite says so.
    #[error("the store {0} cannot be used: {1}")]
    Unusable(String, rusqlite::Error),
    /// A later version wrote it.
    #[error(
        "the store {0} was written by a later version of waypost (its shape is {1}, this one knows {2})"
    )]
    Newer(String, u32, u32),
    /// There is no thread to be had.
    #[error("the store {0} has no writer: {1}")]
    NoThread(String, std::io::Error),
}

/// One change, and whom to tell when it is safe.
#[derive(Debug)]
struct Work {
    change: Change,
    done: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
enum Change {
    Insert(Session),
    Update(Session),
    Delete(Digest),
}

impl Store {
    /// Opens the file, makes it if it is not there, and reads what it holds.
    pub fn open(path: &str) -> Result<Self, Failed> {
        let unusable = |error| Failed::Unusable(path.to_owned(), error);
        let mut connection = Connection::open(path).map_err(unusable)?;
        prepare(&connection).map_err(unusable)?;
        let shape = shape(&connection).map_err(unusable)?;
        if shape > SHAPE {
            return Err(Failed::Newer(path.to_owned(), shape, SHAPE));
        }
        migrate(&mut connection, shape).map_err(unusable)?;
        let sessions = session::all(&connection).map_err(unusable)?;
        let (work, waiting) = mpsc::channel(WAITING);
        let writer = std::thread::Builder::new().name("store".to_owned());
        let writer = writer.spawn(move || write(connection, waiting));
        let writer = writer.map_err(|error| Failed::NoThread(path.to_owned(), error))?;
        Ok(Self {
            work: Some(work),
            writer: Some(writer),
            sessions: Mutex::new(sessions),
        })
    }

    /// The sessions there were when it was opened. They are given once.
    pub fn sessions(&self) -> Vec<Session> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *sessions)
    }

    /// Keeps a new session, and comes back when it is safe, or when it is sure that it is not; that is logged.
    pub async fn save(&self, session: Session) {
        self.wait(Change::Insert(session)).await;
    }

    /// Changes a session, without waiting.
    pub fn note(&self, session: Session) {
        self.later(Change::Update(session));
    }

    /// Forgets a session, and comes back when it is gone.
    pub async fn forget(&self, digest: [u8; 32]) {
        self.wait(Change::Delete(digest)).await;
    }

    /// Forgets a session, without waiting.
    pub fn forget_later(&self, digest: [u8; 32]) {
        self.later(Change::Delete(digest));
    }

    async fn wait(&self, change: Change) {
        let (done, told) = oneshot::channel();
        let done = Some(done);
        if let Some(work) = &self.work {
            let _ = work.send(Work { change, done }).await;
        }
        let _ = told.await;
    }

    fn later(&self, change: Change) {
        let done = None;
        let lost = |work: &mpsc::Sender<Work>| work.try_send(Work { change, done }).is_err();
        if self.work.as_ref().is_some_and(lost) {
            tracing::warn!("the store is behind; a change to it is left out");
        }
    }
}

impl Drop for Store {
    /// Writes what waits. The writer ends once nothing more can come.
    fn drop(&mut self) {
        self.work = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // The log of writes is cut back to this after each checkpoint, or it would keep its largest size.
    connection.pragma_update(None, "journal_size_limit", 8 * 1024 * 1024)
}

/// How many steps the file has taken.
fn shape(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Takes the steps that are missing: all of them or none.
fn migrate(connection: &mut Connection, shape: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for step in STEPS.iter().skip(shape as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", SHAPE)?;
    transaction.commit()
}

/// Writes until nobody can send any more.
fn write(mut connection: Connection, mut waiting: mpsc::Receiver<Work>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut together = vec![first];
        while together.len() < TOGETHER
            && let Ok(more) = waiting.try_recv()
        {
            together.push(more);
        }
        if let Err(error) = commit(&mut connection, &together) {
            tracing::error!(%error, changes = together.len(), "the store could not be written");
        }
        for done in together.into_iter().filter_map(|work| work.done) {
            let _ = done.send(());
        }
    }
}

fn commit(connection: &mut Connection, together: &[Work]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for work in together {
        match &work.change {
            Change::Insert(session) => session::insert(&transaction, session)?,
            Change::Update(session) => session::update(&transaction, session)?,
            Change::Delete(digest) => session::delete(&transaction, digest)?,
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u8) -> Session {
        Session {
            digest: [number; 32],
            owner: "ci".into(),
            handshake: "{}".into(),
            log_level: None,
            subscribed: vec!["test://it's".into()],
            used: 7,
        }
    }

    fn path(folder: &tempfile::TempDir) -> String {
        let path = folder.path().join("store.db");
        path.into_os_string().into_string().unwrap()
    }

    #[tokio::test]
    async fn what_was_saved_is_there_when_it_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&path(&folder)).unwrap();
        assert_eq!(store.sessions(), []);
        store.save(session(1)).await;
        store.save(session(2)).await;
        store.forget(session(2).digest).await;
        let mut changed = session(1);
        changed.log_level = Some("info".into());
        changed.used = 8;
        store.note(changed.clone());
        // One that was forgotten stays so.
        store.note(session(2));
        // A second process may look while this one writes.
        assert_eq!(Store::open(&path(&folder)).unwrap().sessions().len(), 1);
        drop(store);
        let again = Store::open(&path(&folder)).unwrap();
        assert_eq!(again.sessions(), [changed]);
        assert_eq!(again.sessions(), []);
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        drop(Store::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 9).unwrap();
        drop(connection);
        assert!(matches!(Store::open(&path), Err(Failed::Newer(_, 9, 1))));
        let text = folder.path().join("text");
        std::fs::write(
            &text,
            "no database, but longer than the head of one: ".repeat(100),
        )
        .unwrap();
        let failed = Store::open(text.to_str().unwrap()).unwrap_err();
        assert!(failed.to_string().contains("not a database"), "{failed}");
        assert!(Store::open("/nowhere/at/all.db").is_err());
    }
}
