//! The key in a request's head.

use http::{HeaderMap, HeaderName, header};

/// A key that is no bearer token. Made once: a name made from text is checked each time.
static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The key a caller presents. Two different ones are refused: which one counts must not be a guess.
pub fn presented(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    const UNREADABLE: &str = "The key or token holds characters that no header may hold.";
    let mut found: Option<&str> = None;
    let bearer = headers.get_all(header::AUTHORIZATION).iter().map(|value| {
        let text = value.to_str().map_err(|_| UNREADABLE)?;
        let (scheme, key) = text.split_once(' ').unwrap_or((text, ""));
        // Another scheme is no key of ours; it counts as a wrong one.
        Ok(if scheme.eq_ignore_ascii_case("bearer") {
            key.trim()
        } else {
            text
        })
    });
    let plain = headers
        .get_all(&API_KEY)
        .iter()
        .map(|value| value.to_str().map_err(|_| UNREADABLE));
    for key in bearer.chain(plain) {
        let key = key?;
        match found {
            Some(other) if other != key => {
                return Err("Two different keys or tokens were sent; send one.");
            }
            _ => found = Some(key),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn finds_the_one_key_and_refuses_two() {
        let check = |list: &[(&'static str, &str)], expected: Result<Option<&str>, ()>| {
            assert_eq!(
                presented(&headers(list)).map_err(|_| ()),
                expected,
                "{list:?}"
            );
        };
        check(&[], Ok(None));
        check(&[("authorization", "Bearer k")], Ok(Some("k")));
        check(&[("authorization", "bearer  k ")], Ok(Some("k")));
        check(&[("x-api-key", "k")], Ok(Some("k")));
        check(&[("authorization", "Basic k")], Ok(Some("Basic k")));
        check(
            &[("authorization", "Bearer k"), ("x-api-key", "k")],
            Ok(Some("k")),
        );
        check(
            &[("authorization", "Bearer k"), ("x-api-key", "j")],
            Err(()),
        );
        check(
            &[("authorization", "Bearer k"), ("authorization", "Bearer j")],
            Err(()),
        );
    }
}
