//! The URL of a request: a literal origin, and a path and query with arguments in them.

use serde_json::Value;
use url::Url;

use super::values::{Unfit, template};
use crate::{
    expr::Template,
    problem::Problem,
    tools::input::Input,
    upstream::guarded::{Allow, judge},
};

/// Where requests go.
#[derive(Debug)]
pub(super) struct Address {
    /// Scheme, host and port.
    origin: Url,
    /// Path and query.
    rest: Template,
}

impl Address {
    /// Reads a URL with templates behind its host.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let wrong = |message: &str| {
            let problem = Problem::new(["url"], message);
            problem.expected("a URL like `https://api.example.com/customers/${input.id}`")
        };
        if text.is_empty() {
            return Err(wrong("there is no URL"));
        }
        let start = text.find("://").ok_or_else(|| wrong("it is no URL"))? + 3;
        let end = text[start..].find(['/', '\\', '?', '#']);
        let (origin, rest) = text.split_at(end.map_or(text.len(), |end| start + end));
        if origin.contains(['$', '{', '}']) {
            return Err(wrong(
                "scheme and host must be literal: no argument chooses who is called",
            ));
        }
        if climbs(rest) {
            return Err(wrong(
                "its path has a segment of dots, which would not be sent",
            ));
        }
        let origin = Url::parse(origin).map_err(|_| wrong("it is no URL"))?;
        let rest = template(rest, &["url"])?;
        Ok(Self { origin, rest })
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &Url {
        &self.origin
    }

    /// Whether it may be called at all, as far as can be told without looking its host up.
    pub(super) fn judge(&self, allow: &Allow) -> Result<(), Problem> {
        let refused = |why: &str| Problem::new(["url"], format!("it may not be called: {why}"));
        judge(&self.origin, allow).map_err(refused)
    }

    /// The URL with these arguments.
    pub(super) fn url(&self, input: &Input<'_>) -> Result<Url, Unfit> {
        let rest = self.rest.write(input, component)?;
        // Literal dots and an argument may make one together.
        if climbs(&rest) {
            return Err(unfit("would lead to another path"));
        }
        let base = self.origin.as_str().trim_end_matches('/');
        let url = Url::parse(&[base, &rest].concat()).ok();
        let mut url = url
            .filter(|url| url.origin() == self.origin.origin())
            .ok_or_else(|| unfit("makes no URL"))?;
        url.set_fragment(None);
        Ok(url)
    }
}

fn unfit(why: &str) -> Unfit {
    Unfit(format!("An argument that stands in the address {why}"))
}

/// Whether a path and query lead elsewhere than they say. URLs of the web take `\` for `/`, and leave out line ends and
/// tabs wherever they stand.
fn climbs(rest: &str) -> bool {
    let path = rest.split(['?', '#']).next().unwrap_or("");
    let path = path.replace(['\t', '\r', '\n'], "");
    path.split(['/', '\\']).any(is_dots)
}

/// Whether a path segment means "here" or "up", in any spelling.
fn is_dots(segment: &str) -> bool {
    matches!(
        segment.to_ascii_lowercase().replace("%2e", ".").as_str(),
        "." | ".."
    )
}

/// Writes a value as one component: everything but RFC 3986's unreserved characters is percent-encoded.
///
/// Some servers decode `%2F` before they split paths, so what would climb then is refused and not only encoded. So is
/// what is empty: `/customers/` is another resource than `/customers/7`.
fn component(value: &Value, text: &mut String) -> Result<(), Unfit> {
    let value = match value {
        Value::Null => return Err(unfit("is missing")),
        Value::Array(_) | Value::Object(_) => return Err(unfit("is a list or an object")),
        Value::String(value) if value.is_empty() => return Err(unfit("is empty")),
        Value::String(value) => value.clone(),
        other => other.to_string(),
    };
    if value.chars().any(char::is_control) {
        return Err(unfit("has a control character in it"));
    }
    if value.split(['/', '\\']).any(is_dots) {
        return Err(unfit("would lead to another path"));
    }
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn url(template: &str, value: Value) -> Result<String, String> {
        let arguments = json!({ "x": value });
        let input = Input {
            arguments: &arguments,
            caller: "",
        };
        let address = Address::read(template).unwrap();
        let url = address.url(&input);
        url.map(|url| url.to_string()).map_err(|unfit| unfit.0)
    }

    #[test]
    fn a_value_stays_one_component() {
        for (value, written) in [
            (json!("a b"), "a%20b"),
            (json!("a/b"), "a%2Fb"),
            (json!("a\\b"), "a%5Cb"),
            (json!("a?b=c&d#e"), "a%3Fb%3Dc%26d%23e"),
            (json!("@evil.example:80"), "%40evil.example%3A80"),
            (json!("//evil.example"), "%2F%2Fevil.example"),
            (json!("https://evil.example"), "https%3A%2F%2Fevil.example"),
            (json!("%2e%2E%2f"), "%252e%252E%252f"),
            (json!("..;"), "..%3B"),
            (json!("...."), "...."),
            (json!("é\u{202e}"), "%C3%A9%E2%80%AE"),
            (json!("${input.x}"), "%24%7Binput.x%7D"),
            (json!(7), "7"),
            (json!(-1.5), "-1.5"),
            (json!(true), "true"),
        ] {
            let path = url("https://a.example/c/${input.x}/d", value.clone());
            assert_eq!(path.unwrap(), format!("https://a.example/c/{written}/d"));
            let query = url("https://a.example/c?q=${input.x}&r=1", value);
            assert_eq!(
                query.unwrap(),
                format!("https://a.example/c?q={written}&r=1")
            );
        }
    }

    #[test]
    fn what_would_climb_or_is_missing_is_refused() {
        for value in [
            json!(".."),
            json!("."),
            json!("%2e%2e"),
            json!("%2E."),
            json!("../admin"),
            json!("a/../../b"),
            json!("..\\..\\x"),
            json!("a/%2e%2e/b"),
            json!("../"),
            json!("x\0"),
            json!("x\r\ny: z"),
            json!("\u{85}"),
            json!(""),
            json!(null),
            json!([]),
            json!({}),
            json!(["a"]),
        ] {
            for template in [
                "https://a.example/${input.x}",
                "https://a.example/c/${input.x}/d",
            ] {
                let refused = url(template, value.clone());
                assert!(refused.is_err(), "{value}: {refused:?}");
            }
        }
        // Dots that an argument completes.
        assert!(url("https://a.example/.${input.x}/b", json!(".")).is_err());
        assert!(url("https://a.example/%2e${input.x}", json!(".")).is_err());
    }

    #[test]
    fn hosts_are_literal() {
        for bad in [
            "",
            "/path",
            "a.example/x",
            "https://${input.x}/",
            "https://a.${input.x}.example/",
            "${input.x}",
            "${input.x}://a.example/",
            "https://a.example:${input.x}/",
            "https://${input.x}@a.example/",
            "https://",
            "https://a.example/../x",
            "https://a.example/./x",
            r"https://a.example/b\..\..\c",
            r"https://a.example/b\../c",
            "https://a.example/b/%2e%2E/c",
            "https://a.example/b/%2e/c",
            "https://a.example/b/.\t./c",
            "https://a b/",
            "https://a.example/${",
            "https://[::1/",
        ] {
            assert_eq!(Address::read(bad).unwrap_err().path, ["url"], "{bad}");
        }
    }

    #[test]
    fn an_expression_may_choose_and_a_fragment_is_not_sent() {
        let choice = "https://a.example/${input.x == 'y' ? 'yes?' : 'no#'}";
        assert_eq!(url(choice, json!("y")).unwrap(), "https://a.example/yes%3F");
        assert_eq!(
            url("https://a.example/b#c", json!(1)).unwrap(),
            "https://a.example/b"
        );
        assert_eq!(
            url("https://a.example", json!(1)).unwrap(),
            "https://a.example/"
        );
        assert_eq!(
            url("https://a.example?q=${input.x}", json!(1)).unwrap(),
            "https://a.example/?q=1"
        );
    }

    #[test]
    fn what_may_not_be_called_is_a_problem() {
        let judged = |text: &str| Address::read(text).unwrap().judge(&Allow::default());
        assert_eq!(judged("https://a.example/"), Ok(()));
        for bad in [
            "http://a.example/",
            "https://127.0.0.1/",
            "https://169.254.169.254/x",
            "https://u:p@a.example/",
            "ftp://a.example/",
            "https://[::1]/",
        ] {
            assert!(judged(bad).is_err(), "{bad}");
        }
    }
}
