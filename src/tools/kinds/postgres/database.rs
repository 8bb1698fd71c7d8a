//! A database, and the few connections to it.
//!
//! A statement runs alone in a read-only transaction that is always rolled back. A connection is used again only
//! when everything on it ended in order, and after `DISCARD ALL`, so that nothing a statement left behind meets the
//! next caller. One that is given up in the middle is cancelled on the server and closed, whether the statement ran
//! out of time or whoever waited for it has left.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{
    address::{Address, Opened},
    columns, fault,
    gate::Statement,
    role,
    rows::{self, Table},
    settings::Settings,
};
use crate::{
    secret::Secret,
    tools::{Fault, FaultClass},
};

/// How much longer than the statement's own limit on the server the whole exchange may take: connecting, and the
/// way there and back.
const GRACE: Duration = Duration::from_millis(400);

/// How long a statement may wait for a lock. Reading waits only for changes of the tables themselves.
const LOCKS: Duration = Duration::from_secs(1);

/// How long a slot is kept for a statement that was cancelled, and of whose end the server says nothing. Its own limit
/// has ended it long before, or the server is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// What one statement may take.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// The most rows.
    pub rows: u32,
    /// The most bytes of values.
    pub bytes: usize,
    /// The largest result, in bytes as a tool's result is measured.
    pub result: usize,
    /// The longest it may run.
    pub time: Duration,
    /// When it must be over in any case.
    pub deadline: Instant,
}

impl Allowance {
    /// The same, with no more time than there is from now on: what runs out should be the statement's.
    fn within_the_deadline(self) -> Self {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // None at all would mean no limit to the server.
        let time = self.time.min(left.saturating_sub(2 * GRACE));
        Self {
            time: time.max(Duration::from_millis(1)),
            ..self
        }
    }
}

/// A database.
#[derive(Debug)]
pub struct Database {
    address: Arc<Address>,
    slots: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Session>>>,
    role_check: bool,
    keep_functions: bool,
}

/// One connection.
struct Session(Opened);

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Session")
    }
}

impl Database {
    /// The database at an address, which is not called yet. The error says what is wrong with the address, and nothing
    /// of what it is.
    pub fn at(url: &Secret, settings: &Settings) -> Result<Self, String> {
        let address = Address::new(url, settings.tls, settings.max_bytes as usize)?;
        Ok(Self {
            address: Arc::new(address),
            slots: Arc::new(Semaphore::new(settings.connections as usize)),
            idle: Arc::default(),
            role_check: settings.role_check,
            keep_functions: settings.keep_functions,
        })
    }

    /// Runs a statement. Dropping the future cancels it on the server.
    pub async fn run(&self, statement: &Statement, allowed: Allowance) -> Result<Table, Fault> {
        let patience = within(allowed.time, allowed.deadline);
        let permit = timeout_at(patience, self.slots.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            let message = "All connections to the database are in use. Try again later";
            return Err(Fault::new(FaultClass::Busy, message));
        };
        let allowed = allowed.within_the_deadline();
        let patience = within(allowed.time + GRACE, allowed.deadline);
        let lease = timeout_at(patience, self.begin(permit, &opening(allowed.time))).await;
        let lease = lease.unwrap_or_else(|_| Err(fault::deaf()))?;
        let ran = timeout_at(patience, self.run_on(lease, statement, allowed)).await;
        // It answered a moment ago: the statement is what is slow.
        ran.unwrap_or_else(|_| Err(fault::stopped(allowed.time)))
    }

    async fn run_on(
        &self,
        lease: Lease,
        statement: &Statement,
        allowed: Allowance,
    ) -> Result<Table, Fault> {
        let Some(Session(opened)) = &lease.session else {
            return Err(fault::unreachable());
        };
        let read = match columns::check(&opened.client, statement).await {
            Ok(Ok(())) => rows::read(&opened.client, statement, &allowed).await,
            Ok(Err(refused)) => {
                let refused = Fault::new(FaultClass::InvalidArguments, refused.to_string());
                return lease.end(&self.idle, Err(refused)).await;
            }
            Err(error) => Err(error),
        };
        if opened.overflow.happened() {
            return Err(fault::too_large(allowed.bytes));
        }
        let (read, in_order) = match read {
            Ok(read) => (read.table, read.in_order),
            Err(error) => (Err(fault::of_statement(&error, allowed.time)), true),
        };
        if in_order {
            return lease.end(&self.idle, read).await;
        }
        read
    }

    /// A connection with an open transaction: an idle one, or a new one where those have been closed meanwhile.
    async fn begin(&self, permit: OwnedSemaphorePermit, opening: &str) -> Result<Lease, Fault> {
        let mut lease = Lease {
            address: self.address.clone(),
            session: None,
            permit: Some(permit),
        };
        while let Some(session) = self.take_idle() {
            if fixed(&session.0.client, opening).await.is_ok() {
                lease.session = Some(session);
                return Ok(lease);
            }
        }
        let unreachable = |error: String| {
            tracing::warn!(error, "a tool cannot reach its database: {error}");
            fault::unreachable()
        };
        let opened = self.address.open().await.map_err(unreachable)?;
        let Session(opened) = lease.session.insert(Session(opened));
        if self.role_check {
            role::check(&opened.client, self.keep_functions).await?;
        }
        let began = fixed(&opened.client, opening).await;
        began.map_err(|error| unreachable(fault::whole(&error)))?;
        Ok(lease)
    }

    fn take_idle(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }
}

/// A connection in use. Dropped before it was given back, it is cancelled and closed.
struct Lease {
    address: Arc<Address>,
    session: Option<Session>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Ends the transaction in order, and keeps the connection for the next statement.
    async fn end<T>(mut self, idle: &Mutex<Vec<Session>>, read: T) -> T {
        let Some(Session(opened)) = &self.session else {
            return read;
        };
        // One after the other: the second cannot be within a transaction.
        for text in ["ROLLBACK", "DISCARD ALL"] {
            if fixed(&opened.client, text).await.is_err() {
                return read;
            }
        }
        let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.session.take());
        read
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(session), permit) = (self.session.take(), self.permit.take()) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let address = self.address.clone();
        let token = session.0.client.cancel_token();
        // Nobody waits for it: it ends by itself. The slot is free only when the server has ended the statement, which
        // is when the driver has its answer and takes leave, so that giving up statements runs no more of them at once
        // than are allowed.
        runtime.spawn(async move {
            address.cancel(token).await;
            let Session(Opened { client, driver, .. }) = session;
            drop(client);
            if !driver.ends_within(SILENCE).await {
                tracing::warn!("a database has not ended a statement that was cancelled");
            }
            drop(permit);
        });
    }
}

/// Opens the transaction. Everything in it is ours: numbers and constants.
fn opening(time: Duration) -> String {
    let millis = time.as_millis();
    let idle = millis + GRACE.as_millis();
    let locks = LOCKS.as_millis().min(millis);
    format!(
        "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY;\
         SET LOCAL statement_timeout = {millis};\
         SET LOCAL lock_timeout = {locks};\
         SET LOCAL idle_in_transaction_session_timeout = {idle};\
         SET LOCAL max_parallel_workers_per_gather = 0;\
         SET LOCAL standard_conforming_strings = on;\
         SET LOCAL datestyle = 'ISO, YMD';\
         SET LOCAL intervalstyle = 'postgres';\
         SET LOCAL bytea_output = 'hex';\
         SET LOCAL extra_float_digits = 1"
    )
}

/// Sends text of ours that needs no answer.
#[expect(
    clippy::disallowed_methods,
    reason = "the simple protocol, for texts in which no word is a caller's"
)]
async fn fixed(client: &tokio_postgres::Client, text: &str) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(text).await
}

fn within(span: Duration, deadline: Instant) -> Instant {
    let now = Instant::now();
    now.checked_add(span)
        .map_or(deadline, |end| end.min(deadline))
}
