//! `waypost models`.

use clap::Args;
use serde::Serialize;

use super::{Outcome, print::print};
use crate::catalog::{Model, Price, shipped, shipped_names};

/// Options of `models`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Only providers or models whose name holds this.
    filter: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    provider: &'static str,
    id: String,
    #[serde(flatten)]
    model: Model,
}

/// Prints the shipped catalogue.
pub(super) fn run(options: &Options) -> Outcome {
    let rows: Vec<Row> = rows(options.filter.as_deref().unwrap_or(""));
    if options.json {
        return match serde_json::to_string_pretty(&rows) {
            Ok(json) => print(&format!("{json}\n")),
            Err(error) => Outcome::Failed(error.to_string()),
        };
    }
    if rows.is_empty() {
        return Outcome::Failed(
            "no shipped model has that in its name; see `waypost models`".into(),
        );
    }
    let width = rows
        .iter()
        .map(|row| row.provider.len() + row.id.len() + 1)
        .max()
        .unwrap_or(0);
    let mut table = format!(
        "{:width$}  {:>9}  {:>8}  {:>20}  {:>10}\n",
        "MODEL", "CONTEXT", "OUTPUT", "USD/MTOK IN OUT", "RETIRES"
    );
    for row in &rows {
        let name = format!("{}/{}", row.provider, row.id);
        let number =
            |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
        table += &format!(
            "{name:width$}  {:>9}  {:>8}  {:>20}  {:>10}\n",
            number(row.model.context),
            number(row.model.max_output),
            row.model.price.as_ref().map_or("?".to_owned(), price),
            row.model.retires.as_deref().unwrap_or(""),
        );
    }
    print(&table)
}

fn rows(filter: &str) -> Vec<Row> {
    let of = |provider: &'static str| {
        let models = shipped(provider)
            .map(|card| card.models)
            .unwrap_or_default();
        models.into_iter().map(move |(id, model)| Row {
            provider,
            id,
            model,
        })
    };
    let mut rows: Vec<Row> = shipped_names().flat_map(of).collect();
    rows.retain(|row| row.provider.contains(filter) || row.id.contains(filter));
    rows
}

fn price(price: &Price) -> String {
    let input = f64::from(price.input);
    let output = price
        .output
        .map_or("-".to_owned(), |output| f64::from(output).to_string());
    let tiered = if price.tiers.is_empty() { "" } else { "+" };
    format!("{input} {output}{tiered}")
}
