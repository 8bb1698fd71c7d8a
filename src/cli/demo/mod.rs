//! `waypost demo`: the gateway on simulated providers, with traffic and a live view of where it goes and why.
//!
//! Nothing here is special to the gateway: it serves an embedded configuration as `serve` would, the traffic
//! comes over HTTP, and what is shown is read from the ledger's records and from how the targets are.

mod board;
mod line;
mod screen;
mod state;
mod table;
mod traffic;
mod watch;
mod way;

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, time::Duration};

use clap::Args;
use owo_colors::Style;
use tokio::{
    sync::oneshot,
    task::{JoinError, JoinHandle},
};
use tokio_util::sync::CancellationToken;

use self::{board::Board, line::Line};
use super::{
    Outcome,
    private::keep_to_itself,
    serve::{block_on, finish, log_to_stderr},
    style,
};
use crate::{
    app::{self, Failed, Started},
    config::Source,
    http::Hall,
};

/// The configuration.
const CONFIG: Source = Source::Embedded("demo.yaml", include_str!("../../../config/demo.yaml"));

/// Three to six requests a second: enough to fill the view within seconds, few enough to read along.
const GAP: std::ops::Range<Duration> = Duration::from_millis(160)..Duration::from_millis(330);

/// Seed of the traffic. With it every route is asked, and a fall-over is seen, within a few seconds.
const SEED: u64 = 50;

/// Options of `demo`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The public listener.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,
    /// The admin listener.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    admin_listen: String,
    /// Send no sample traffic; only serve and show.
    #[arg(long)]
    no_traffic: bool,
}

/// Serves and shows until Ctrl-C, SIGTERM, or the end of the reader.
pub(super) fn run(options: Options) -> Outcome {
    // The terminal is the table's; what somebody should act on is said all the same.
    log_to_stderr("error");
    keep_to_itself();
    match block_on(demonstrate(options)) {
        Ok(Err(failed)) => Outcome::Failed(explained(&failed)),
        result => finish(result),
    }
}

async fn demonstrate(options: Options) -> Result<(), Failed> {
    let stop = CancellationToken::new();
    let (serving, started) = start(options.listen, options.admin_listen, stop.clone());
    if let Ok(started) = started.await {
        let url = address(started.public);
        let traffic = (!options.no_traffic).then(|| tokio::spawn(traffic(url.clone(), &stop)));
        let greeting = greeting(&url, &address(started.admin));
        let board = Board::of(targets(&started.hall));
        // Whatever ended the view (an ended reader included), it is time to go.
        let _ = screen::show(&started.hall, board, &greeting, &stop).await;
        stop.cancel();
        if let Some(traffic) = traffic {
            let _ = traffic.await;
        }
    }
    match serving.await.map_err(JoinError::try_into_panic) {
        Ok(served) => served,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // Nobody aborts it; if the runtime does, all is over anyway.
        Err(Err(_)) => Ok(()),
    }
}

/// Starts the gateway; the second part says that it listens.
fn start(
    listen: String,
    admin_listen: String,
    stop: CancellationToken,
) -> (JoinHandle<Result<(), Failed>>, oneshot::Receiver<Started>) {
    let (ready, started) = oneshot::channel();
    let options = app::Options {
        source: CONFIG,
        listen: Some(listen),
        admin_listen: Some(admin_listen),
        output: Box::new(io::sink()),
        colour: style::colour_errors(),
        ready: Box::new(|hall| drop(ready.send(hall))),
        stop,
    };
    (tokio::spawn(app::run(options)), started)
}

/// Sends traffic without end, and leaves in the middle of it when the gateway stops.
fn traffic(url: String, stop: &CancellationToken) -> impl Future<Output = ()> + use<> {
    let plan = traffic::Plan {
        url,
        seed: SEED,
        gap: GAP,
        count: usize::MAX,
    };
    let sent = stop.clone().run_until_cancelled_owned(traffic::send(plan));
    async move {
        if let Some(Err(error)) = sent.await {
            tracing::error!(%error, "no sample traffic can be sent");
        }
    }
}

/// Every model on a card, as a target.
fn targets(hall: &Hall) -> Vec<String> {
    let face = hall.face();
    let cards = face.desk.router.catalog().cards();
    let of = |card: &std::sync::Arc<crate::catalog::Card>| {
        let names = card.models.keys();
        let names = names.map(|model| format!("{}/{model}", card.name));
        names.collect::<Vec<_>>()
    };
    cards.flat_map(of).collect()
}

/// Where a listener is found from this machine: one on all addresses is found on loopback.
fn address(mut bound: SocketAddr) -> String {
    if bound.ip().is_unspecified() {
        bound.set_ip(match bound {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{bound}")
}

/// How to be a caller, and where to ask why. The first two lines will do where there is little room.
fn greeting(url: &str, admin: &str) -> Vec<Line> {
    let command = |text: String| Line::default().then(text, Style::new().cyan());
    let message = r#"{"role":"user","content":"Hello"}"#;
    let title = Line::default().then("waypost demo", Style::new().bold());
    vec![
        title.plain(": five simulated providers, no key, no network. Ctrl-C ends it."),
        command(format!(
            "  export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=any"
        )),
        command(format!(
            "  curl {url}/v1/chat/completions -d '{{\"model\":\"chat\","
        )),
        command(format!("    \"messages\":[{message}]}}'")),
        command(format!("  curl {admin}/admin/requests"))
            .then("   # why each went where it went", Style::new().dimmed()),
    ]
}

/// What failed, and what to do about a port that is taken.
fn explained(failed: &Failed) -> String {
    match failed {
        Failed::Bind(_, error) if error.kind() == io::ErrorKind::AddrInUse => format!(
            "{failed}\nChoose other ports: waypost demo --listen 127.0.0.1:8081 --admin-listen 127.0.0.1:9091"
        ),
        _ => failed.to_string(),
    }
}
