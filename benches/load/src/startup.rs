//! Starts a command and times it to its first answered chat completion; then reads its idle memory.

use std::{io, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{clock, load::Target, procstat};

/// How long a command may take to its first answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of `startup`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Seconds from the first answer to the reading of the memory
    #[arg(long, default_value_t = 2.0)]
    settle: f64,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs the command to its first answer, and ends it.
pub(crate) async fn run(args: Args) -> io::Result<()> {
    let body =
        json!({"model": args.target.model, "messages": [{"role": "user", "content": "hello"}]});
    let request = args
        .target
        .request(&body.to_string(), "connection: close\r\n");
    let address = args.target.address();
    if answers(address, &request).await {
        return Err(io::Error::other(format!(
            "something answers on {address} already"
        )));
    }
    let started = clock::now();
    let mut child = tokio::process::Command::new(&args.command[0])
        .args(&args.command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().unwrap_or_default();
    let first_answer = async {
        while !answers(address, &request).await {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, first_answer).await?;
    let startup_ms = (clock::now() - started) as f64 / 1e6;
    sleep(Duration::from_secs_f64(args.settle)).await;
    let idle_mib = procstat::snapshot(pid).rss_kib as f64 / 1024.0;
    println!(
        "{}",
        json!({"name": args.target.name, "startup_ms": startup_ms, "rss_idle_mib": idle_mib})
    );
    if let Some(pid) = Pid::from_raw(pid as i32) {
        kill_process(pid, Signal::TERM)?;
    }
    let _ = timeout(Duration::from_secs(5), child.wait()).await;
    Ok(())
}

async fn answers(address: &str, request: &[u8]) -> bool {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(request).await?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    match timeout(Duration::from_secs(5), exchange).await {
        Ok(Ok(answer)) => answer.starts_with(b"HTTP/1.1 200"),
        _ => false,
    }
}
