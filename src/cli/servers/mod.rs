//! `waypost servers`: other MCP servers of a running gateway, what of them waits, and approving it.

mod answer;
mod draw;

use std::io::{self, BufRead};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use url::Url;

use super::{Outcome, admin, say, style};
use crate::federation::{Change, Held};
use answer::{Shown, Summary};

/// Options of `servers`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The admin listener of the running gateway.
    #[arg(
        long,
        value_name = "ADMIN",
        default_value = "http://127.0.0.1:9090",
        global = true
    )]
    url: String,
    /// The admin listener's key, which approving needs.
    #[arg(
        long,
        value_name = "KEY",
        env = "WAYPOST_ADMIN_KEY",
        hide_env_values = true,
        global = true
    )]
    admin_key: Option<String>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Show one server: its replicas, its tools, and what waits with what is different.
    Show {
        /// The server's name.
        name: String,
    },
    /// Approve what waits: these tools, or all.
    Approve {
        /// The server's name.
        name: String,
        /// The tools, by the server's names for them.
        tools: Vec<String>,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Take approvals back: of these tools, or with --all of every tool.
    Revoke {
        /// The server's name.
        name: String,
        /// The tools, by the server's names for them.
        #[arg(required_unless_present = "all")]
        tools: Vec<String>,
        /// Every tool of the server.
        #[arg(long, conflicts_with = "tools")]
        all: bool,
    },
}

/// Does what is asked.
pub(super) fn run(options: &Options) -> Outcome {
    let done = match &options.act {
        None => list(options),
        Some(Act::Show { name }) => show(options, name),
        Some(Act::Approve { name, tools, yes }) => approve(options, name, tools, *yes),
        Some(Act::Revoke { name, tools, all }) => revoke(options, name, tools, *all),
    };
    done.unwrap_or_else(|outcome| outcome)
}

fn list(options: &Options) -> Result<Outcome, Outcome> {
    let body = options.get(&[])?;
    if options.json {
        return Ok(say::json(&options.read::<Value>(&body)?, Outcome::Good));
    }
    let servers: Vec<Summary> = options.read(&body)?;
    Ok(say::say(&draw::table(&servers), Outcome::Good))
}

fn show(options: &Options, name: &str) -> Result<Outcome, Outcome> {
    let body = options.get(&[name])?;
    if options.json {
        return Ok(say::json(&options.read::<Value>(&body)?, Outcome::Good));
    }
    let shown: Shown = options.read(&body)?;
    let text = draw::server(&shown, style::colour_output());
    Ok(say::say(&text, Outcome::Good))
}

fn approve(options: &Options, name: &str, tools: &[String], yes: bool) -> Result<Outcome, Outcome> {
    let shown: Shown = options.read(&options.get(&[name])?)?;
    let chosen = choose(&shown, tools).map_err(Outcome::Failed)?;
    if chosen.is_empty() {
        let text = format!("nothing of {name} waits that could be approved\n");
        return Ok(say::say(&text, Outcome::Good));
    }
    if !yes {
        let colour = style::colour_output();
        let waiting: String = chosen.iter().map(|held| draw::held(held, colour)).collect();
        let count = draw::things(chosen.iter().map(|held| held.tool.as_str()));
        let question = format!("{waiting}Approve {count} of {name}? [y/N] ");
        if let Outcome::Failed(reason) = say::say(&question, Outcome::Good) {
            return Err(Outcome::Failed(reason));
        }
        if !confirmed() {
            return Err(Outcome::Failed("nothing was approved".to_owned()));
        }
    }
    let seen = chosen.iter();
    let seen: Vec<Value> = seen
        .map(|held| json!({"tool": held.tool, "digest": held.digest}))
        .collect();
    let wish = json!({"tools": seen, "by": "cli"});
    let body = options.post(&[name, "approve"], &wish)?;
    Ok(options.told(&body, "approved"))
}

fn revoke(options: &Options, name: &str, tools: &[String], all: bool) -> Result<Outcome, Outcome> {
    let wish = json!({"tools": tools, "all": all});
    let body = options.post(&[name, "revoke"], &wish)?;
    Ok(options.told(&body, "revoked"))
}

/// What of a server is to be approved. What is unfit is left out where no tool is named; the gateway refuses it.
fn choose<'a>(shown: &'a Shown, tools: &[String]) -> Result<Vec<&'a Held>, String> {
    if tools.is_empty() {
        let held = shown.held.iter();
        return Ok(held
            .filter(|held| !matches!(held.change, Change::Unfit { .. }))
            .collect());
    }
    let choose = |tool: &String| {
        let held = shown.held.iter().find(|held| held.tool == *tool);
        held.ok_or_else(|| format!("`{tool}` of {} does not wait", shown.name))
    };
    tools.iter().map(choose).collect()
}

/// Whether somebody says yes. No answer is none.
fn confirmed() -> bool {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
}

impl Options {
    fn get(&self, path: &[&str]) -> Result<Vec<u8>, Outcome> {
        let url = self.address(path)?;
        admin::ask(&self.url, self.admin_key.as_deref(), |client| {
            client.get(url)
        })
    }

    fn post(&self, path: &[&str], wish: &Value) -> Result<Vec<u8>, Outcome> {
        let url = self.address(path)?;
        admin::ask(&self.url, self.admin_key.as_deref(), |client| {
            let request = client.post(url).body(wish.to_string());
            request.header("content-type", "application/json")
        })
    }

    fn address(&self, path: &[&str]) -> Result<Url, Outcome> {
        let bad = || Outcome::Bad(format!("`{}` is no address of an admin listener", self.url));
        let mut url = Url::parse(&self.url).map_err(|_| bad())?;
        {
            let mut segments = url.path_segments_mut().map_err(|()| bad())?;
            segments.pop_if_empty().extend(["admin", "servers"]);
            segments.extend(path);
        }
        Ok(url)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, body: &[u8]) -> Result<T, Outcome> {
        serde_json::from_slice(body)
            .map_err(|error| Outcome::Failed(format!("{}: no answer came back: {error}", self.url)))
    }

    /// Says what was done: the gateway tells the names.
    fn told(&self, body: &[u8], done: &str) -> Outcome {
        let answer: Value = match self.read(body) {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        if self.json {
            return say::json(&answer, Outcome::Good);
        }
        let names = answer[done].as_array().into_iter().flatten();
        let lines = names.filter_map(|name| Some(format!("{done} {}\n", name.as_str()?)));
        say::say(&lines.collect::<String>(), Outcome::Good)
    }
}
