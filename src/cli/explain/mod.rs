//! `waypost explain`: where a request would go, by a file's configuration or by a running gateway.

mod table;

use std::{io::Read, sync::Arc};

use ::http::{HeaderMap, HeaderValue};
use clap::Args;

use super::{ConfigOption, Outcome, admin, say, source};
use crate::{
    access::Access,
    http,
    relay::{self, Desk, Explained},
    tools::Called,
    upstream::{self, Upstream},
};

/// The header that names the tool a completion is for.
const TOOL: &str = "x-waypost-tool";

/// Options of `explain`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigOption,
    /// The request: a file with a chat completion's body or an MCP `tools/call`, or `-` for standard input.
    #[arg(long, value_name = "FILE")]
    request: String,
    /// Ask a running gateway at its admin listener, like http://127.0.0.1:9090.
    #[arg(long, value_name = "ADMIN", conflicts_with = "config")]
    url: Option<String>,
    /// The admin listener's key.
    #[arg(
        long,
        value_name = "KEY",
        env = "WAYPOST_ADMIN_KEY",
        hide_env_values = true,
        requires = "url"
    )]
    admin_key: Option<String>,
    /// The tool on whose behalf the completion would be asked.
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The chance to draw with: the same seed gives the same plan.
    #[arg(long, default_value_t = 0, conflicts_with = "url")]
    seed: u64,
}

/// Explains one request.
pub(super) fn run(options: &Options) -> Outcome {
    let body = match request(&options.request) {
        Ok(body) => body,
        Err(reason) => return Outcome::Bad(reason),
    };
    let explained = match &options.url {
        Some(url) => ask(url, options, body),
        None => plan(options, &body),
    };
    match explained {
        Ok(explained) => show(&explained, options.json),
        Err(outcome) => outcome,
    }
}

fn request(name: &str) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let read = match name {
        "-" => std::io::stdin().read_to_end(&mut body).map(|_| body),
        path => std::fs::read(path),
    };
    read.map_err(|error| format!("the request {name} cannot be read: {error}"))
}

fn plan(options: &Options, body: &[u8]) -> Result<Explained, Outcome> {
    let checked = source::read(&options.config)?;
    let Some(wired) = &checked.wired else {
        return Err(Outcome::Bad(checked.report()));
    };
    // The operator asks, who may use everything.
    let operator = Access::open()
        .identify(None)
        .map_err(|denied| Outcome::Failed(denied.to_string()))?;
    let desk = Desk::new(
        wired.router.clone(),
        wired.rules.clone(),
        Arc::new(Upstream::new(upstream::Settings::default())),
        Arc::default(),
        Arc::default(),
    );
    if let Some(called) = Called::read(body) {
        let explained = called.explain(wired.tools.iter(), &desk, &operator, options.seed);
        return explained.map_err(|unexplained| Outcome::Bad(unexplained.to_string()));
    }
    let mut headers = HeaderMap::new();
    if let Some(tool) = &options.tool {
        let tool = HeaderValue::from_str(tool)
            .map_err(|_| Outcome::Bad(format!("`{tool}` is no name of a tool")))?;
        headers.insert(TOOL, tool);
    }
    http::wishes(&headers, body)
        .and_then(|(hints, tool)| {
            let wishes = (&hints, tool.as_deref());
            relay::explain(&desk, body, &operator, wishes, options.seed)
        })
        .map_err(|malformed| Outcome::Bad(format!("the request is none: {malformed}")))
}

fn ask(url: &str, options: &Options, body: Vec<u8>) -> Result<Explained, Outcome> {
    let body = admin::ask(url, options.admin_key.as_deref(), |client| {
        let request = client
            .post(format!("{}/admin/explain", url.trim_end_matches('/')))
            .body(body);
        match &options.tool {
            Some(tool) => request.header(TOOL, tool),
            None => request,
        }
    })?;
    serde_json::from_slice(&body)
        .map_err(|error| Outcome::Failed(format!("{url}: no explanation came back: {error}")))
}

fn show(explained: &Explained, json: bool) -> Outcome {
    if json {
        return say::json(explained, verdict(explained));
    }
    say::say(&table::draw(explained), verdict(explained))
}

fn verdict(explained: &Explained) -> Outcome {
    match &explained.error {
        None => Outcome::Good,
        Some(error) => Outcome::Bad(format!("nobody would be asked: {error}")),
    }
}
