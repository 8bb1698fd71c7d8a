//! What a caller may use.

use std::sync::Arc;

use super::{Caller, Denied, Serving, resource::is_asked_for};
use crate::telemetry;

/// A token lacks scopes for a tool. Challenges and tools' results tell it alike.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Your token lacks scopes that this tool needs. Sign in again and ask for all of these: `{scopes}`"
)]
pub struct Lacking {
    /// All that the next token should have: what this one has, so that nothing is lost by the step, and what it lacks.
    pub scopes: String,
}

impl Caller {
    /// Whether this route may be named.
    pub fn may_use_route(&self, route: &str) -> bool {
        self.routes
            .as_ref()
            .is_none_or(|routes| routes.iter().any(|allowed| allowed == route))
    }

    /// Whether this target may be named directly. A key that lists routes and no models is meant for its
    /// routes alone.
    pub fn may_name_target(&self, target: &str) -> bool {
        if self
            .serves
            .as_ref()
            .is_some_and(|it| it.terms.route.is_some())
        {
            return false;
        }
        match (&self.routes, &self.models) {
            (Some(_), None) => false,
            (_, models) => allows(models.as_deref(), target),
        }
    }

    /// Whether this target may answer on a route. A key's list narrows its routes; scopes only ever add, so what one of
    /// them lets be named takes nothing from another's routes.
    pub fn may_use_target(&self, target: &str) -> bool {
        self.identity.is_some() || allows(self.models.as_deref(), target)
    }

    /// Whether this tool may be seen and called, by its name in the configuration.
    pub fn may_use_tool(&self, tool: &str) -> bool {
        allows(self.tools.as_deref(), tool)
    }

    /// Whether this MCP prompt may be seen and used.
    pub fn may_use_prompt(&self, prompt: &str) -> bool {
        allows(self.prompts.as_deref(), prompt)
    }

    /// Whether this MCP resource or template may be seen and read, by its name in the configuration.
    pub fn may_read_resource(&self, resource: &str) -> bool {
        allows(self.resources.as_deref(), resource)
    }

    /// Whose token they came with, as records tell.
    pub fn told(&self) -> Option<telemetry::Identity> {
        self.identity.as_ref().map(|identity| identity.told())
    }

    /// What they came with, in a sentence told to them.
    pub fn came_with(&self) -> &'static str {
        match (&self.identity, &self.serves) {
            (Some(_), None) => "token",
            _ => "key",
        }
    }

    /// What the caller's token lacks for a tool that needs these scopes; nothing where it has them all. Holders of keys
    /// need none.
    pub fn lacking(&self, needed: &[String]) -> Option<Lacking> {
        let own = &self.identity.as_ref()?.scopes;
        let implied = |scope: &str| self.scopes.contains(scope);
        let needed = needed.iter().map(String::as_str);
        let mut missing = needed.filter(|scope| !own.contains(*scope) && !implied(scope));
        let first = missing.next()?;
        // What those it has imply need not be asked for, and those that are not known here are of no use.
        let kept = own.iter().map(String::as_str);
        let kept = kept.filter(|scope| implied(scope) && is_asked_for(scope));
        let mut scopes: Vec<&str> = kept.chain([first]).collect();
        for scope in missing {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Some(Lacking {
            scopes: scopes.join(" "),
        })
    }

    /// Whether MCP may be spoken at all. A server that called tools in its caller's name could approve what its own call
    /// is asked about, and do elsewhere what is held back in it.
    ///
    /// # Errors
    /// The key was made for completions alone.
    pub fn may_call_tools(&self) -> Result<(), Denied> {
        match self.serves {
            None => Ok(()),
            Some(_) => Err(Denied::Completions),
        }
    }

    /// The same caller as the server of one call may speak for it: with the models that the call's terms allow of those
    /// the caller may use, and nothing else.
    pub fn lend(&self, serving: &Arc<Serving>) -> Self {
        let terms = &serving.terms;
        let routes = match &terms.route {
            Some(route) if self.may_use_route(route) => Some(vec![route.to_string()]),
            Some(_) => Some(Vec::new()),
            None => self.routes.clone(),
        };
        Self {
            routes,
            tools: Some(Vec::new()),
            prompts: Some(Vec::new()),
            resources: Some(Vec::new()),
            key: None,
            serves: Some(serving.clone()),
            ..self.clone()
        }
    }
}

/// Whether a list has the name; without a list everything is allowed.
fn allows(list: Option<&[String]>, name: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|pattern| matches(pattern, name)))
}

/// The name itself, or its beginning and `*`: `provider/model`, `provider/*`, `docs.*`, `*`.
pub(super) fn matches(pattern: &str, target: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => target.starts_with(prefix),
        None => pattern == target,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{access::Terms, telemetry::Serves};

    fn caller(routes: Option<&[&str]>, models: Option<&[&str]>) -> Caller {
        let own =
            |list: Option<&[&str]>| list.map(|list| list.iter().map(|&name| name.into()).collect());
        Caller {
            name: "k".into(),
            routes: own(routes),
            models: own(models),
            tools: None,
            prompts: None,
            resources: None,
            rpm: None,
            tpm: None,
            key: None,
            identity: None,
            scopes: Default::default(),
            serves: None,
        }
    }

    #[test]
    fn lists_narrow_and_never_widen() {
        let all = caller(None, None);
        assert!(all.may_use_route("r") && all.may_name_target("a/1") && all.may_use_target("a/1"));

        let routes_only = caller(Some(&["r"]), None);
        assert!(routes_only.may_use_route("r") && !routes_only.may_use_route("s"));
        assert!(!routes_only.may_name_target("a/1") && routes_only.may_use_target("a/1"));

        let models_only = caller(None, Some(&["a/*", "b/1"]));
        assert!(models_only.may_name_target("a/x/y") && models_only.may_name_target("b/1"));
        assert!(!models_only.may_name_target("b/12") && !models_only.may_use_target("ab/1"));
    }

    #[test]
    fn tools_are_allowed_by_name_or_beginning() {
        let mut some = caller(None, None);
        assert!(some.may_use_tool("docs.search"));
        some.tools = Some(vec!["docs.*".into(), "llm.complete".into()]);
        assert!(some.may_use_tool("docs.search") && some.may_use_tool("llm.complete"));
        assert!(!some.may_use_tool("docs") && !some.may_use_tool("llm.completes"));
        some.tools = Some(Vec::new());
        assert!(!some.may_use_tool("docs.search"));
        assert!(some.may_use_prompt("review") && some.may_read_resource("handbook"));
        (some.prompts, some.resources) = (Some(vec!["r*".into()]), Some(vec!["hand".into()]));
        assert!(some.may_use_prompt("review") && !some.may_read_resource("handbook"));
    }

    /// Lists of names and beginnings over a small alphabet, so that many of them meet.
    fn lists() -> impl Strategy<Value = Option<Vec<String>>> {
        proptest::option::of(proptest::collection::vec("[ab]{0,3}\\*?", 0..4))
    }

    proptest! {
        #[test]
        fn what_is_lent_is_never_more_than_there_is(
            (routes, models, tools) in (lists(), lists(), lists()),
            route in proptest::option::of("[ab]{0,3}"),
            names in proptest::collection::vec("[ab]{0,4}", 1..8),
        ) {
            let parent = Caller { routes, models, tools, ..caller(None, None) };
            let serves = Serves {
                server: "s".into(),
                tool: "s.t".into(),
                request: String::new(),
                notes: Arc::default(),
            };
            let terms = Terms {
                route: route.as_deref().map(Into::into),
                ..Terms::default()
            };
            let child = parent.lend(&Serving::open(serves, terms));
            for name in &names {
                let routed = route.as_ref().is_none_or(|route| route == name);
                prop_assert_eq!(child.may_use_route(name), parent.may_use_route(name) && routed);
                prop_assert_eq!(child.may_use_target(name), parent.may_use_target(name));
                prop_assert_eq!(
                    child.may_name_target(name),
                    parent.may_name_target(name) && route.is_none()
                );
                prop_assert!(!child.may_use_tool(name));
                prop_assert!(!child.may_use_prompt(name) && !child.may_read_resource(name));
            }
            prop_assert_eq!(child.may_call_tools(), Err(Denied::Completions));
            prop_assert_eq!((child.name, child.rpm, child.tpm), (parent.name, parent.rpm, parent.tpm));
        }
    }
}
