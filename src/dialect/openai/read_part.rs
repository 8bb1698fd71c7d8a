//! The content of a caller's message: a string, or parts.

use super::{
    outline::wrong_type,
    read_request::{cache, missing, object_at, take},
};
use crate::{
    chat::{CacheMark, Content, Media, Part},
    dialect::Malformed,
    json::{Object, Raw},
};

/// Reads the content of the message at `path`. `mark` is a cache mark on the message as a whole.
pub(super) fn content(
    path: &str,
    raw: Option<Raw>,
    mark: Option<CacheMark>,
) -> Result<Content, Malformed> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else {
        return Ok(Content::Empty);
    };
    let path = format!("{path}.content");
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Ok(match mark {
            None => Content::Text(text),
            cache => Content::Parts(vec![Part::Text { text, cache }]),
        });
    }
    let parts: Vec<Raw> = serde_json::from_str(raw.get())
        .map_err(|_| wrong_type(&path, "a string or an array of objects", &raw))?;
    let part = |(at, raw)| part(&format!("{path}[{at}]"), raw);
    let mut parts = parts
        .iter()
        .enumerate()
        .map(part)
        .collect::<Result<Vec<_>, _>>()?;
    if let (Some(mark), Some(last)) = (mark, parts.last_mut()) {
        match last {
            Part::Text { cache, .. } | Part::Image { cache, .. } | Part::File { cache, .. } => {
                cache.get_or_insert(mark);
            }
            Part::Audio { .. } | Part::Other(_) => {}
        }
    }
    Ok(Content::Parts(parts))
}

fn part(path: &str, raw: &Raw) -> Result<Part, Malformed> {
    let mut object = object_at(path, raw)?;
    let cache = cache(&object);
    let kind: String = needed(&mut object, path, "type")?;
    let inside = |object: &mut Object<'static>| {
        let path = format!("{path}.{kind}");
        let raw: Option<Raw> = object.remove(&kind);
        let raw = raw.ok_or_else(|| missing(path.clone()))?;
        Ok::<_, Malformed>((object_at(&path, &raw)?, path))
    };
    match kind.as_str() {
        "text" => Ok(Part::Text {
            text: needed(&mut object, path, "text")?,
            cache,
        }),
        "image_url" => {
            let (mut image, path) = inside(&mut object)?;
            let url: String = needed(&mut image, &path, "url")?;
            Ok(Part::Image {
                source: media(&url).ok_or_else(|| bad_data_url(&format!("{path}.url")))?,
                detail: image.peek("detail"),
                cache,
            })
        }
        "input_audio" => {
            let (mut audio, path) = inside(&mut object)?;
            Ok(Part::Audio {
                data: needed(&mut audio, &path, "data")?,
                format: needed(&mut audio, &path, "format")?,
            })
        }
        "file" => {
            let (mut file, path) = inside(&mut object)?;
            let name: Option<String> = take(&mut file, &path, "filename", "a string")?;
            let source = match take::<String>(&mut file, &path, "file_data", "a string")? {
                Some(data) => {
                    media(&data).ok_or_else(|| bad_data_url(&format!("{path}.file_data")))?
                }
                None => Media::FileId(needed(&mut file, &path, "file_id")?),
            };
            Ok(Part::File {
                source,
                name,
                cache,
            })
        }
        _ => Ok(Part::Other(raw.clone())),
    }
}

/// A data URL, or an address. `None` for a data URL that is none.
fn media(url: &str) -> Option<Media> {
    let Some(rest) = url.strip_prefix("data:") else {
        return Some(Media::Url(url.to_owned()));
    };
    let (head, data) = rest.split_once(',')?;
    let kind = head.strip_suffix(";base64")?;
    let mime = kind.split(';').next().filter(|mime| mime.contains('/'))?;
    Some(Media::Inline {
        mime: mime.to_owned(),
        data: data.to_owned(),
    })
}

fn needed(object: &mut Object<'static>, path: &str, key: &str) -> Result<String, Malformed> {
    let value = take(object, path, key, "a string")?;
    value.ok_or_else(|| missing(format!("{path}.{key}")))
}

fn bad_data_url(path: &str) -> Malformed {
    let message = format!(
        "Invalid '{path}': expected a URL, or base64 data as 'data:<media type>;base64,<data>'."
    );
    Malformed::at(path, message)
}
