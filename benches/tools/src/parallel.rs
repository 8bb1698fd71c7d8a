//! Many calls at once on one session: none may wait for another.

use std::{io, rc::Rc};

use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::client::{Server, call};

/// Options of the parallel calls.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: Server,
    /// Calls at once
    #[arg(long, default_value_t = 64)]
    calls: u64,
    /// How long each takes, in milliseconds
    #[arg(long, default_value_t = 100)]
    millis: u64,
}

/// Makes the calls and prints how long all of them took together.
pub(crate) async fn run(args: Args) -> io::Result<()> {
    let mut first = args.server.connect().await?;
    let session: Rc<str> = args.server.session(&mut first).await?.into();
    let mut connections = Vec::new();
    for _ in 0..args.calls {
        connections.push(args.server.connect().await?);
    }
    let start = Instant::now();
    let mut asked = JoinSet::new();
    for (mut connection, id) in connections.into_iter().zip(1..) {
        let session = session.clone();
        let body = call(id, "count", &json!({ "n": 1, "ms": args.millis }), false);
        asked.spawn_local(async move {
            connection.send("POST", &session, &body).await?;
            let (status, answer) = connection.answer().await?;
            let good = status == 200 && memchr::memmem::find(answer, b"content").is_some();
            io::Result::Ok(good)
        });
    }
    let mut good = 0;
    while let Some(done) = asked.join_next().await {
        good += u64::from(done.map_err(io::Error::other)??);
    }
    let result = json!({
        "name": args.server.name,
        "test": "parallel",
        "calls": args.calls,
        "good": good,
        "all_ms": start.elapsed().as_secs_f64() * 1e3,
    });
    println!("{result}");
    Ok(())
}
