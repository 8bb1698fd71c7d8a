//! stub
use super::Outcome;
/// x
#[derive(Debug, clap::Args)]
pub(super) struct Options {}
/// x
pub(super) fn run(_: Options) -> Outcome {
    Outcome::Good
}
