//! A completion through the router.

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    problem::Problem,
    tools::{Fault, FaultClass, Kind, Materials, Output, Run, Stop},
};

/// The settings of the kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {}

#[derive(Debug)]
struct Completion;

/// Builds the kind.
pub(crate) fn build(
    _settings: &Settings,
    _materials: &mut Materials<'_>,
) -> Result<Box<dyn Kind>, Vec<Problem>> {
    Ok(Box::new(Completion))
}

impl Kind for Completion {
    fn run<'a>(&'a self, _run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async { Err(Fault::new(FaultClass::Failed, "not built").into()) })
    }
}
