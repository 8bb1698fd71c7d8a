//! What a caller may use.

use super::Caller;
use crate::telemetry;

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

    /// Whether some of these scopes are missing. Holders of keys need none.
    pub fn lacks(&self, scopes: &[String]) -> bool {
        let identity = self.identity.as_ref();
        identity.is_some_and(|identity| scopes.iter().any(|it| !identity.scopes.contains(it)))
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
    use super::*;

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
}
