//! Calls of a tool that does nothing, one after another on each connection.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    time::Duration,
};

use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    client::{STATELESS, Server, call},
    procstat::{busy_pct, cores, snapshot},
};

/// Options of the load.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: Server,
    /// Connections
    #[arg(long)]
    conns: usize,
    /// Seconds that are measured, after a half of them to warm up
    #[arg(long, default_value_t = 4.0)]
    secs: f64,
    /// One session of 2025-11-25 instead of 2026-07-28
    #[arg(long)]
    session: bool,
}

/// What all connections share.
struct Shared {
    server: Server,
    session: Option<String>,
    next: Cell<u64>,
    measuring: Cell<bool>,
    errors: Cell<u64>,
    micros: RefCell<Vec<u32>>,
}

/// Loads the server and prints what came of it.
pub(crate) async fn run(args: Args) -> io::Result<()> {
    let session = match args.session {
        true => Some(
            args.server
                .session(&mut args.server.connect().await?)
                .await?,
        ),
        false => None,
    };
    let shared = Rc::new(Shared {
        server: args.server.clone(),
        session,
        next: Cell::new(1),
        measuring: Cell::new(false),
        errors: Cell::new(0),
        micros: RefCell::default(),
    });
    let mut connections = JoinSet::new();
    for _ in 0..args.conns {
        connections.spawn_local(ask(shared.clone()));
    }
    tokio::time::sleep(Duration::from_secs_f64(args.secs / 2.0)).await;
    let pid = args.server.pid;
    let (before, own_before, cores_before) = (snapshot(pid), snapshot(std::process::id()), cores());
    shared.measuring.set(true);
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs_f64(args.secs)).await;
    let secs = start.elapsed().as_secs_f64();
    shared.measuring.set(false);
    let (after, own_after, cores_after) = (snapshot(pid), snapshot(std::process::id()), cores());
    connections.abort_all();
    let mut micros = shared.micros.take();
    micros.sort_unstable();
    let calls = micros.len();
    let cpu = after.cpu_us - before.cpu_us;
    let own = own_after.cpu_us - own_before.cpu_us;
    let noise = busy_pct(&cores_before, &cores_after) - (cpu + own) as f64 / secs / 1e4;
    let at = |share: f64| micros.get((calls as f64 * share) as usize).copied();
    let era = if args.session { "session" } else { "stateless" };
    let result = json!({
        "name": args.server.name,
        "test": format!("{era} c={}", args.conns),
        "calls": calls,
        "errors": shared.errors.get(),
        "calls_per_sec": calls as f64 / secs,
        "cpu_us_per_call": cpu as f64 / calls.max(1) as f64,
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "noise_pct": noise.max(0.0),
    });
    println!("{result}");
    Ok(())
}

async fn ask(shared: Rc<Shared>) -> io::Result<()> {
    let mut connection = shared.server.connect().await?;
    let headers = shared.session.as_deref().unwrap_or(STATELESS);
    let arguments = json!({ "text": "hello" });
    loop {
        let id = shared.next.replace(shared.next.get() + 1);
        let body = call(id, "echo", &arguments, shared.session.is_none());
        let start = Instant::now();
        connection.send("POST", headers, &body).await?;
        let (status, answer) = connection.answer().await?;
        let good = status == 200 && memchr::memmem::find(answer, b"structuredContent").is_some();
        if !good && shared.errors.get() == 0 {
            eprintln!("{status}: {}", String::from_utf8_lossy(answer));
        }
        if !shared.measuring.get() {
            continue;
        }
        if good {
            let micros = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
            shared.micros.borrow_mut().push(micros);
        } else {
            shared.errors.set(shared.errors.get() + 1);
        }
    }
}
