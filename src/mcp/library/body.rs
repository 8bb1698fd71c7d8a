//! What stands in a resource or message: text or bytes, from the configuration or a file it names.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{MediaSettings, Read, ResourceSettings};
use crate::problem::Problem;

/// What stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Text.
    Text(String),
    /// Bytes, in base64.
    Bytes(String),
}

/// Where it comes from.
enum Origin<'a> {
    Text(&'a str),
    File(&'a str),
    Base64(&'a str),
}

impl Body {
    /// The body of a resource.
    pub(super) fn of_resource(
        settings: &ResourceSettings,
        read: &Read<'_>,
    ) -> Result<Self, Problem> {
        let text = settings.text.as_deref().map(Origin::Text);
        let file = settings.file.as_deref().map(Origin::File);
        let base64 = settings.base64.as_deref().map(Origin::Base64);
        let origin = one([text, file, base64], "`text`, `file` or `base64`")?;
        let mime = settings.mime.as_deref().unwrap_or("text/plain");
        Self::from(&origin, is_text(mime), read)
    }

    fn from(origin: &Origin<'_>, as_text: bool, read: &Read<'_>) -> Result<Self, Problem> {
        match origin {
            Origin::Text(text) => Ok(Self::Text((*text).to_owned())),
            Origin::Base64(written) => {
                // Long ones are broken into lines in YAML.
                let written: String = written.split_ascii_whitespace().collect();
                let bytes = STANDARD.decode(written);
                let bytes = bytes.map_err(|error| {
                    Problem::new(["base64"], format!("this is no base64: {error}"))
                })?;
                Ok(Self::Bytes(STANDARD.encode(bytes)))
            }
            Origin::File(name) => {
                let problem =
                    |why: String| Problem::new(["file"], format!("the file {name} {why}"));
                let bytes = read(name).map_err(problem)?;
                if !as_text {
                    return Ok(Self::Bytes(STANDARD.encode(bytes)));
                }
                let text = String::from_utf8(bytes).map_err(|_| {
                    problem("is no UTF-8 text".to_owned())
                        .expected("text, or a `mime` that is none of text")
                })?;
                Ok(Self::Text(text))
            }
        }
    }
}

/// The bytes of an image or sound, in base64.
pub(super) fn media(settings: &MediaSettings, read: &Read<'_>) -> Result<String, Problem> {
    if !settings.mime.contains('/') {
        let problem = Problem::new(["mime"], "there is no MIME type");
        return Err(problem.expected("one like `image/png`"));
    }
    let file = settings.file.as_deref().map(Origin::File);
    let base64 = settings.base64.as_deref().map(Origin::Base64);
    let origin = one([file, base64], "`file` or `base64`")?;
    match Body::from(&origin, false, read)? {
        Body::Text(text) => Ok(STANDARD.encode(text)),
        Body::Bytes(base64) => Ok(base64),
    }
}

/// The one that is there.
pub(super) fn one<T>(
    these: impl IntoIterator<Item = Option<T>>,
    names: &str,
) -> Result<T, Problem> {
    let mut there = these.into_iter().flatten();
    let none: [&str; 0] = [];
    match (there.next(), there.next()) {
        (Some(it), None) => Ok(it),
        (None, _) => Err(Problem::new(none, "there is nothing in it").expected(names)),
        (Some(_), Some(_)) => {
            let problem = Problem::new(none, "there are two things in it");
            Err(problem.expected(format!("one of {names}")))
        }
    }
}

/// Whether a MIME type is one of text.
fn is_text(mime: &str) -> bool {
    let mime = mime.split(';').next().unwrap_or(mime).trim();
    let known = ["json", "xml", "yaml", "toml", "javascript", "sql"];
    let of_application = mime.strip_prefix("application/");
    mime.starts_with("text/")
        || ["+json", "+xml", "+yaml"]
            .iter()
            .any(|end| mime.ends_with(end))
        || of_application.is_some_and(|kind| known.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(yaml: &str, expected: Result<&str, &str>) {
        let settings: ResourceSettings = serde_saphyr::from_str(yaml).unwrap();
        let read = |name: &str| match name {
            "a" => Ok(b"abc".to_vec()),
            "png" => Ok(vec![0x89, b'P']),
            _ => Err("cannot be read: gone".to_owned()),
        };
        let body = Body::of_resource(&settings, &read);
        let body = body.map(|body| match body {
            Body::Text(text) => format!("text {text}"),
            Body::Bytes(bytes) => format!("bytes {bytes}"),
        });
        let body = body.map_err(|problem| problem.to_string());
        assert_eq!(
            body,
            expected.map(str::to_owned).map_err(str::to_owned),
            "{yaml}"
        );
    }

    #[test]
    fn a_body_has_one_origin_and_its_mime_type_says_what_a_file_is() {
        check("{text: abc}", Ok("text abc"));
        check("{file: a}", Ok("text abc"));
        check(
            "{file: a, mime: application/json; charset=utf-8}",
            Ok("text abc"),
        );
        check("{file: a, mime: application/pdf}", Ok("bytes YWJj"));
        check("{file: png, mime: image/png}", Ok("bytes iVA="));
        check("{base64: 'YW Jj'}", Ok("bytes YWJj"));
        check(
            "{}",
            Err(": there is nothing in it; expected `text`, `file` or `base64`"),
        );
        check(
            "{text: a, file: a}",
            Err(": there are two things in it; expected one of `text`, `file` or `base64`"),
        );
        check("{file: b}", Err("file: the file b cannot be read: gone"));
        check(
            "{file: png, mime: text/plain}",
            Err(
                "file: the file png is no UTF-8 text; expected text, or a `mime` that is none of text",
            ),
        );
        check(
            "{base64: '%'}",
            Err("base64: this is no base64: Invalid symbol 37, offset 0."),
        );
    }
}
