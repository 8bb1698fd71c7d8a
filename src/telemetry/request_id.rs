//! The id a request runs under, in logs, records and answers.

use http::{HeaderMap, HeaderName};

/// The header that carries it, both ways. Made once: a name made from text is checked each time.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's id, if it is one that can stand in logs and headers; else a new one.
pub fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        (1..=128).contains(&id.len()) && id.bytes().all(plain)
    };
    let theirs = headers
        .get(&REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(sane);
    match theirs {
        Some(id) => id.to_owned(),
        None => {
            let mut digits = uuid::Uuid::encode_buffer();
            [
                "req_",
                uuid::Uuid::now_v7().simple().encode_lower(&mut digits),
            ]
            .concat()
        }
    }
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
    fn keeps_a_sane_request_id_and_replaces_any_other() {
        let id = |value: &str| request_id(&headers(&[("x-request-id", value)]));
        assert_eq!(id("trace-1.a_b:c"), "trace-1.a_b:c");
        for odd in ["", "a b", "a\"b", &"x".repeat(129)] {
            assert!(id(odd).starts_with("req_"), "{odd}");
        }
    }
}
