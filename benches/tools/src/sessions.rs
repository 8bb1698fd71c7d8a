//! What a session costs in memory: at rest, and with a stream that listens.

use std::io;

use serde_json::json;
use tokio::time::{Duration, sleep};

use crate::{client::Server, procstat::snapshot};

/// Options of the sessions.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: Server,
    /// How many
    #[arg(long, default_value_t = 5000)]
    sessions: u64,
    /// Each with a stream that listens for messages
    #[arg(long)]
    listening: bool,
    /// Seconds to wait before the memory is looked at, so that sessions may come to rest
    #[arg(long, default_value_t = 1.0)]
    settle: f64,
}

/// Sessions that are opened first and not counted: pools and tables grow with them.
const WARM_UP: u64 = 50;

/// Opens the sessions and prints what each costs.
pub(crate) async fn run(args: Args) -> io::Result<()> {
    let mut connection = args.server.connect().await?;
    let mut streams = Vec::new();
    let mut before = snapshot(args.server.pid);
    for at in 0..WARM_UP + args.sessions {
        if at == WARM_UP {
            before = snapshot(args.server.pid);
        }
        let session = args.server.session(&mut connection).await?;
        if args.listening {
            let mut stream = args.server.connect().await?;
            stream.send("GET", &session, "").await?;
            stream.opened().await?;
            streams.push(stream);
        }
    }
    sleep(Duration::from_secs_f64(args.settle)).await;
    let after = snapshot(args.server.pid);
    let grown = after.rss_kib.saturating_sub(before.rss_kib);
    let result = json!({
        "name": args.server.name,
        "test": if args.listening { "sessions listening" } else { "sessions at rest" },
        "sessions": args.sessions,
        "kib_each": grown as f64 / args.sessions as f64,
        "cpu_us_each": (after.cpu_us - before.cpu_us) as f64 / args.sessions as f64,
    });
    println!("{result}");
    Ok(())
}
