//! Whom a tool asks: the route or the target its operator named.

use crate::{problem::Problem, tools::Materials};

/// Whom a tool asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tools) struct Whom(String);

impl Whom {
    /// Whom these settings name. They must name one.
    pub(in crate::tools) fn named(
        route: Option<&str>,
        target: Option<&str>,
        materials: &Materials<'_>,
    ) -> Result<Self, Problem> {
        match (route, target) {
            (Some(route), None) if (materials.is_route)(route) => Ok(Self(route.to_owned())),
            (Some(route), None) => {
                let problem = Problem::new(["route"], format!("there is no route `{route}`"));
                Err(problem.suggest(route, materials.routes.iter().copied()))
            }
            (None, Some(target)) => match (materials.not_a_target)(target) {
                None => Ok(Self(target.to_owned())),
                Some(message) => Err(Problem::new(["target"], message)),
            },
            (None, None) => {
                let problem = Problem::new(["route"], "nobody is named who answers");
                Err(problem.expected("`route: NAME`, or `target: provider/model`"))
            }
            (Some(_), Some(_)) => {
                let problem = Problem::new(["target"], "both a route and a target are named");
                Err(problem.expected("one of them"))
            }
        }
    }

    /// The name, as a request's `model` has it.
    pub(in crate::tools) fn model(&self) -> &str {
        &self.0
    }
}
