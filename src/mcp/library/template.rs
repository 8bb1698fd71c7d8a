//! A text for each address of one form.
//!
//! Forms are URI templates of level 1 (RFC 6570): `{name}` and nothing more. A part that is free has at least one
//! character and no slash, question mark or hash; percent-encoding is undone. It fills the text and names nothing.

use rmcp::{
    ErrorData,
    model::{ResourceContents, ResourceTemplate as WireTemplate},
};
use serde_json::{Map, Value};

use super::{
    TemplateSettings,
    resource::address_problem,
    text::{compile, is_json, render},
};
use crate::{access::Caller, expr, problem::Problem};

/// One template.
#[derive(Debug)]
pub(super) struct Template {
    /// As clients see it in lists.
    pub(super) wire: WireTemplate,
    form: Form,
    text: expr::Template,
    settings: TemplateSettings,
}

impl Template {
    pub(super) fn build(name: &str, settings: &TemplateSettings) -> Result<Self, Vec<Problem>> {
        if let Some(problem) = address_problem(&settings.uri) {
            return Err(vec![problem]);
        }
        let form = Form::read(&settings.uri).map_err(|message| {
            let problem = Problem::new(["uri"], message);
            vec![problem.expected("parts like `{id}`, with something between two of them")]
        })?;
        let names: Vec<&str> = form.names().collect();
        let mut problems = Vec::new();
        for name in settings.complete.keys() {
            if !names.contains(&name.as_str()) {
                let message = format!("the address has no part `{name}`");
                let problem = Problem::new(["complete", name], message);
                problems.push(problem.suggest(name, names.iter().copied()));
            }
        }
        let text = compile(&settings.text, &names).map_err(|it| problems.push(it.under(["text"])));
        let (Ok(text), true) = (text, problems.is_empty()) else {
            return Err(problems);
        };
        let mut wire = WireTemplate::new(&settings.uri, name);
        wire.title.clone_from(&settings.title);
        wire.description.clone_from(&settings.description);
        wire.mime_type.clone_from(&settings.mime);
        Ok(Self {
            wire,
            form,
            text,
            settings: settings.clone(),
        })
    }

    /// What stands at an address, if it has the form.
    pub(super) fn contents(
        &self,
        caller: &Caller,
        uri: &str,
    ) -> Result<Option<ResourceContents>, ErrorData> {
        let Some(parts) = self.form.parts(uri) else {
            return Ok(None);
        };
        let mime = self.wire.mime_type.as_deref();
        let text = render(&self.text, &parts.into(), caller, is_json(mime))?;
        let contents = ResourceContents::text(text, uri);
        Ok(Some(match mime {
            Some(mime) => contents.with_mime_type(mime),
            None => contents,
        }))
    }

    /// Whether an address has the form.
    pub(super) fn has(&self, uri: &str) -> bool {
        self.form.parts(uri).is_some()
    }

    /// The values to offer for a part; `None` if there is no such part.
    pub(super) fn offers(&self, part: &str) -> Option<&[String]> {
        let known = self.form.names().any(|name| name == part);
        let values = self.settings.complete.get(part);
        known.then(|| values.map_or(&[][..], Vec::as_slice))
    }
}

/// A form of addresses: what stands before the first free part, and each part with what stands behind it.
#[derive(Debug)]
struct Form {
    start: String,
    parts: Vec<(String, String)>,
}

impl Form {
    fn read(uri: &str) -> Result<Self, String> {
        let (start, mut rest) = uri.split_at(uri.find('{').unwrap_or(uri.len()));
        let mut parts: Vec<(String, String)> = Vec::new();
        while let Some(part) = rest.strip_prefix('{') {
            let (name, behind) = part
                .split_once('}')
                .ok_or_else(|| "a `{` has no end".to_owned())?;
            let plain = |it: char| it.is_ascii_alphanumeric() || it == '_';
            if name.is_empty() || !name.chars().all(plain) {
                return Err(format!("`{{{name}}}` is no part of an address"));
            }
            if parts.iter().any(|(other, _)| other == name) {
                return Err(format!("`{{{name}}}` is there twice"));
            }
            let (between, next) = behind.split_at(behind.find('{').unwrap_or(behind.len()));
            if between.is_empty() && !next.is_empty() {
                return Err(format!("nothing parts `{{{name}}}` from what follows"));
            }
            parts.push((name.to_owned(), between.to_owned()));
            rest = next;
        }
        let plain = parts
            .iter()
            .map(|(_, behind)| behind)
            .chain([&start.to_owned()])
            .all(|text| !text.contains('}'));
        match parts.is_empty() {
            _ if !plain => Err("a `}` has no beginning".to_owned()),
            true => Err("there is no free part in it".to_owned()),
            false => Ok(Self {
                start: start.to_owned(),
                parts,
            }),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|(name, _)| name.as_str())
    }

    /// The free parts of an address of this form. Each is as short as it can be, the last one ends the address.
    fn parts(&self, uri: &str) -> Option<Map<String, Value>> {
        let mut rest = uri.strip_prefix(self.start.as_str())?;
        let mut parts = Map::new();
        for (at, (name, behind)) in self.parts.iter().enumerate() {
            let is_last = at + 1 == self.parts.len();
            let (part, next) = match is_last {
                true => (rest.strip_suffix(behind.as_str())?, ""),
                // A part has at least one character, so what ends it stands behind that.
                false => {
                    let first = rest.chars().next()?.len_utf8();
                    let end = first + rest[first..].find(behind.as_str())?;
                    (&rest[..end], &rest[end + behind.len()..])
                }
            };
            if part.is_empty() || part.contains(['/', '?', '#']) {
                return None;
            }
            parts.insert(name.clone(), decoded(part)?.into());
            rest = next;
        }
        Some(parts)
    }
}

/// A part with its percent-encoding undone; `None` if it is none, or no text.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(form: &str, uri: &str, expected: Value) {
        let parts = Form::read(form).unwrap().parts(uri);
        assert_eq!(
            parts.map_or(Value::Null, Value::from),
            expected,
            "{form} {uri}"
        );
    }

    #[test]
    fn parts_are_read_from_addresses_of_the_form_and_no_others() {
        check("t://{id}/data", "t://123/data", json!({"id": "123"}));
        check(
            "t://{id}/data",
            "t://a%20b%2Fc/data",
            json!({"id": "a b/c"}),
        );
        check("t://{a}-{b}", "t://x-y-z", json!({"a": "x", "b": "y-z"}));
        check("t://{a}-end", "t://x-end-end", json!({"a": "x-end"}));
        check("t://{a}-{b}", "t://--b", json!({"a": "-", "b": "b"}));
        check("t://{a}/{b}", "t://é/ü", json!({"a": "é", "b": "ü"}));
        for other in [
            "t:///data",
            "t://123",
            "t://123/data/",
            "t://1/2/data",
            "t://../data/../x",
            "x://1/data",
            "t://1?/data",
            "t://1#/data",
            "t://%/data",
            "t://%zz/data",
            "t://%ff/data",
            "t://%2/data",
            "",
        ] {
            check("t://{id}/data", other, Value::Null);
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for bad in [
            "t://x",
            "t://{",
            "t://{}",
            "t://{a",
            "t://a}",
            "t://{a}}",
            "t://{a}{b}",
            "t://{a}/{a}",
            "t://{+a}",
            "t://{a,b}",
            "t://{a*}",
            "t://{a:3}",
        ] {
            assert!(Form::read(bad).is_err(), "{bad}");
        }
    }
}
