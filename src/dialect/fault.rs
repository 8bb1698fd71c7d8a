//! What every dialect shares when it reads an error: the class of a status, the texts that give a class away,
//! the time to wait, and how a class is named to callers.
//!
//! One table for all providers, so that a class means the same whoever answered. Everything read here was
//! written by a provider: nothing panics, nothing overflows, and no wait is longer than [`LONGEST_WAIT`].

use std::time::Duration;

use http::HeaderMap;

use crate::{
    facts::Allowance,
    outcome::{ErrorClass, Failure, Fate},
};

/// The longest wait believed. What takes longer is not waited for anyway, and hostile numbers end here.
pub const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The longest message passed on, in bytes: errors that quote half the request would fill logs with prompts.
const LONGEST_MESSAGE: usize = 2000;

/// The class of an HTTP status, where the body says nothing better.
///
/// 409 and 425 are passing conflicts (SDKs repeat them); 446 is a guardrail's refusal; 498 is an invalid token.
pub fn class_of_status(status: u16) -> ErrorClass {
    match status {
        401 | 498 => ErrorClass::Auth,
        402 => ErrorClass::Quota,
        403 => ErrorClass::Permission,
        404 => ErrorClass::NotFound,
        408 | 504 => ErrorClass::Timeout,
        413 => ErrorClass::TooLarge,
        429 => ErrorClass::RateLimit,
        446 => ErrorClass::ContentPolicy,
        503 | 529 => ErrorClass::Overloaded,
        409 | 424 | 425 | 499 => ErrorClass::ServerError,
        400..=499 => ErrorClass::InvalidRequest,
        _ => ErrorClass::ServerError,
    }
}

/// Texts that are the only mark of a class at some provider, in lower case; the first that fits wins.
const MARKS: [(&str, ErrorClass); 16] = [
    ("maximum context length", ErrorClass::ContextLength),
    ("prompt is too long", ErrorClass::ContextLength),
    ("input is too long", ErrorClass::ContextLength),
    (
        "exceeds the available context size",
        ErrorClass::ContextLength,
    ),
    ("exceed context limit", ErrorClass::ContextLength),
    ("too many tokens in the prompt", ErrorClass::ContextLength),
    ("context_length_exceeded", ErrorClass::ContextLength),
    ("credit balance is too low", ErrorClass::Quota),
    ("insufficient_quota", ErrorClass::Quota),
    ("insufficient balance", ErrorClass::Quota),
    ("tokens per day", ErrorClass::Quota),
    ("requests per day", ErrorClass::Quota),
    ("incorrect api key", ErrorClass::Auth),
    ("invalid api key", ErrorClass::Auth),
    ("api key not valid", ErrorClass::Auth),
    ("content management policy", ErrorClass::ContentPolicy),
];

/// The class an error's text gives away, where there is no other mark of it.
pub fn class_of_text(message: &str) -> Option<ErrorClass> {
    let message = message.to_ascii_lowercase();
    let counted = || message.contains("input token count") && message.contains("exceeds");
    MARKS
        .iter()
        .find(|(mark, _)| message.contains(mark))
        .map(|&(_, class)| class)
        .or_else(|| counted().then_some(ErrorClass::ContextLength))
}

/// OpenAI's type and code of an error of this class, as callers see it.
pub fn outward(class: ErrorClass) -> (&'static str, Option<&'static str>) {
    const INVALID: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    match class {
        ErrorClass::Auth => ("authentication_error", Some("invalid_api_key")),
        ErrorClass::Permission => ("permission_error", Some("permission_denied")),
        ErrorClass::NotFound => (INVALID, Some("model_not_found")),
        ErrorClass::InvalidRequest => (INVALID, None),
        ErrorClass::TooLarge => (INVALID, Some("request_too_large")),
        ErrorClass::ContextLength => (INVALID, Some("context_length_exceeded")),
        ErrorClass::ContentPolicy => (INVALID, Some("content_filter")),
        ErrorClass::Quota => ("insufficient_quota", Some("insufficient_quota")),
        ErrorClass::RateLimit => ("rate_limit_error", Some("rate_limit_exceeded")),
        ErrorClass::Overloaded | ErrorClass::Unreachable | ErrorClass::Saturated => {
            (SERVER, Some("overloaded"))
        }
        ErrorClass::Timeout => (SERVER, Some("timeout")),
        ErrorClass::ServerError => (SERVER, Some("server_error")),
        ErrorClass::InvalidAnswer => (SERVER, Some("invalid_answer")),
        ErrorClass::Unsupported => (INVALID, Some("unsupported_parameter")),
        // Nobody is there to read it.
        ErrorClass::Cancelled => (SERVER, None),
    }
}

/// The parameter to blame where the provider named none.
pub fn usual_param(class: ErrorClass) -> Option<&'static str> {
    match class {
        ErrorClass::ContextLength => Some("messages"),
        ErrorClass::NotFound => Some("model"),
        _ => None,
    }
}

/// A failure read from an error answer: class and message from its dialect; status, wait and the provider's
/// own wish about repeating from here. `body` is the text of the answer.
pub fn failure(
    class: ErrorClass,
    message: impl Into<String>,
    status: u16,
    headers: &HeaderMap,
    body: Option<&str>,
) -> Failure {
    let mut failure = Failure::new(class, shortened(message.into())).with_status(status);
    if failure.fate != Fate::Stop {
        failure.retry_after = retry_after(headers, body);
        failure.fate = match text(headers, "x-should-retry") {
            Some("true") => Fate::RetryHere,
            Some("false") => failure.fate.min(Fate::TryElsewhere),
            _ => failure.fate,
        };
    }
    failure
}

/// What is said where a provider's error has no words that can be passed on.
pub fn without_words(status: u16) -> String {
    format!("The provider answered HTTP {status} without a JSON error")
}

/// How long the provider asks to wait, in its headers or in the body of its answer. The clock is the answer's
/// own `date`: a point in time without one is not understood.
pub fn retry_after(headers: &HeaderMap, body: Option<&str>) -> Option<Duration> {
    let millis = || {
        text(headers, "retry-after-ms")
            .and_then(number)
            .and_then(|ms| wait(ms / 1e3))
    };
    let plain = || {
        let value = text(headers, "retry-after")?;
        number(value).map_or_else(|| until(value, headers), wait)
    };
    millis()
        .or_else(plain)
        .or_else(|| retry_delay(body?))
        .or_else(|| exhausted(headers))
}

/// `"retryDelay": "34.07s"` anywhere in the body.
fn retry_delay(body: &str) -> Option<Duration> {
    const KEY: &str = "\"retryDelay\"";
    let rest = &body[body.find(KEY)? + KEY.len()..];
    let rest = rest
        .trim_start()
        .strip_prefix(':')?
        .trim_start()
        .strip_prefix('"')?;
    duration(rest.split('"').next()?)
}

/// The longest reset among the limits of which nothing remains.
fn exhausted(headers: &HeaderMap) -> Option<Duration> {
    remaining(headers)
        .filter(|(_, left)| *left <= 0.0)
        .filter_map(|(name, _)| reset(headers, name))
        .max()
}

/// What is left of the provider's rate limit, by any of its answers: `x-ratelimit-{limit,remaining,reset}-…` and
/// `anthropic-ratelimit-…-{limit,remaining,reset}`. Of several limits the one with the least left; of equals
/// the one with the longest reset.
pub fn allowance(headers: &HeaderMap) -> Option<Allowance> {
    let share = |(name, left): (&str, f64)| {
        let limit = number(text(headers, &name.replace("remaining", "limit"))?)?;
        // Some say 0 of 0 where there is no limit.
        (limit > 0.0).then(|| Allowance {
            share: (left / limit).clamp(0.0, 1.0),
            reset: reset(headers, name),
        })
    };
    remaining(headers).filter_map(share).min_by(|one, other| {
        let by_share = one.share.total_cmp(&other.share);
        by_share.then_with(|| other.reset.cmp(&one.reset))
    })
}

/// The `…ratelimit…remaining…` headers and what they say.
fn remaining(headers: &HeaderMap) -> impl Iterator<Item = (&str, f64)> {
    headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.contains("ratelimit") && name.contains("remaining"))
        .filter_map(|name| Some((name, text(headers, name).and_then(number)?)))
}

/// The reset that belongs to a header of what remains: the header with `reset` in its place.
fn reset(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let value = text(headers, &name.replace("remaining", "reset"))?;
    duration(value).or_else(|| until(value, headers))
}

/// A duration as written: seconds (`2.5`) or numbers with units (`1h`, `6m0s`, `1m2.5s`, `12ms`).
fn duration(value: &str) -> Option<Duration> {
    if let Some(seconds) = number(value) {
        // A number this large is a point in time.
        return if seconds < 1e9 { wait(seconds) } else { None };
    }
    let mut rest = value.trim();
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (count, tail) = rest.split_at(digits);
        let unit = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let size = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return None,
        };
        seconds += number(count)? * size;
        rest = tail;
    }
    wait(seconds)
}

/// The time from the answer's own `date` to a point in time: an HTTP date, RFC 3339, or seconds or
/// milliseconds since the Unix epoch.
fn until(value: &str, headers: &HeaderMap) -> Option<Duration> {
    let now = http_date(text(headers, "date")?)?;
    let then = match number(value) {
        Some(millis) if millis > 1e11 => millis / 1e3,
        Some(seconds) => seconds,
        None => match value.parse::<jiff::Timestamp>() {
            Ok(time) => time.as_millisecond() as f64 / 1e3,
            Err(_) => http_date(value)?,
        },
    };
    wait((then - now).max(0.0))
}

/// Seconds since the Unix epoch.
fn http_date(value: &str) -> Option<f64> {
    let time = jiff::fmt::rfc2822::parse(value.trim()).ok()?;
    Some(time.timestamp().as_second() as f64)
}

fn number(value: &str) -> Option<f64> {
    value
        .trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

/// Seconds as a wait; none that is negative, none longer than the longest.
fn wait(seconds: f64) -> Option<Duration> {
    let seconds = seconds.min(LONGEST_WAIT.as_secs_f64());
    // Rounded, so that 34.07 s are 34070 ms and not a hair less.
    let millis = (seconds * 1e3).round();
    (millis >= 0.0).then(|| Duration::from_millis(millis as u64))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn shortened(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE)
            .rev()
            .find(|&at| message.is_char_boundary(at));
        message.truncate(end.unwrap_or(0));
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn check(pairs: &[(&'static str, &'static str)], expected_ms: Option<u64>) {
        let wait = retry_after(&headers(pairs), None);
        assert_eq!(wait, expected_ms.map(Duration::from_millis), "{pairs:?}");
    }

    #[test]
    fn hostile_waits_are_none_or_ten_minutes() {
        for value in ["-1", "NaN", "1e999", "", "soon", "-inf"] {
            check(&[("retry-after", value)], None);
            check(&[("retry-after-ms", value)], None);
            check(
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", value)],
                None,
            );
        }
        check(&[("retry-after", "18446744073709551615")], Some(600_000));
        check(&[("retry-after-ms", "18446744073709551615")], Some(600_000));
        assert_eq!(retry_after(&HeaderMap::new(), Some("\"retryDelay\"")), None);
        assert_eq!(
            retry_after(&HeaderMap::new(), Some("\"retryDelay\":\"é\"")),
            None
        );
    }

    #[test]
    fn a_wait_is_read_in_every_spelling_and_the_exact_one_wins() {
        check(
            &[("retry-after", "2"), ("retry-after-ms", "1250")],
            Some(1250),
        );
        check(&[("retry-after", "0.5")], Some(500));
        check(&[("retry-after", "0")], Some(0));
        let tokens = |reset| {
            [
                ("x-ratelimit-remaining-requests", "9"),
                ("x-ratelimit-reset-requests", "9h"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", reset),
            ]
        };
        check(&tokens("1m2.5s"), Some(62_500));
        check(&tokens("6m0s"), Some(360_000));
        check(&tokens("12ms"), Some(12));
        check(&tokens("33.1"), Some(33_100));
        check(&tokens("1790000000000"), None);
        let body = r#"{"error":{"details":[{"retryDelay": "34.07s"}]}}"#;
        assert_eq!(
            retry_after(&HeaderMap::new(), Some(body)),
            Some(Duration::from_millis(34_070))
        );
    }

    #[test]
    fn a_point_in_time_counts_from_the_answers_own_date() {
        let date = ("date", "Sun, 22 Nov 2026 15:04:00 GMT");
        let later = ("retry-after", "Sun, 22 Nov 2026 15:04:05 GMT");
        check(&[later], None);
        check(&[date, later], Some(5_000));
        check(
            &[date, ("retry-after", "Sun, 22 Nov 2026 15:00:00 GMT")],
            Some(0),
        );
        let limit = |reset| [date, ("anthropic-ratelimit-tokens-remaining", "0"), reset];
        check(
            &limit(("anthropic-ratelimit-tokens-reset", "2026-11-22T15:04:09Z")),
            Some(9_000),
        );
        check(
            &[
                date,
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1795359842000"),
            ],
            Some(2_000),
        );
    }

    #[test]
    fn the_tightest_limit_is_the_allowance() {
        let check = |pairs: &[(&'static str, &'static str)],
                     expected: Option<(f64, Option<u64>)>| {
            let found = allowance(&headers(pairs));
            let expected = expected.map(|(share, secs)| Allowance {
                share,
                reset: secs.map(Duration::from_secs),
            });
            assert_eq!(found, expected, "{pairs:?}");
        };
        let openai = [
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-tokens", "37500"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ];
        check(&openai, Some((0.25, Some(360))));
        let anthropic = [
            ("date", "Sun, 22 Nov 2026 15:04:00 GMT"),
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-22T15:04:09Z"),
            ("anthropic-ratelimit-input-tokens-limit", "50000"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "2026-11-22T15:04:30Z",
            ),
        ];
        check(&anthropic, Some((0.0, Some(30))));
        check(&[], None);
        let hostile = |limit, left| {
            [
                ("x-ratelimit-limit", limit),
                ("x-ratelimit-remaining", left),
            ]
        };
        check(&hostile("0", "0"), None);
        check(&hostile("-5", "3"), None);
        check(&hostile("NaN", "3"), None);
        check(&hostile("10", "1e999"), None);
        check(&hostile("10", "-3"), Some((0.0, None)));
        check(&hostile("10", "99"), Some((1.0, None)));
        check(&[("x-ratelimit-remaining", "3")], None);
    }

    #[test]
    fn the_providers_wish_about_repeating_is_obeyed_within_reason() {
        let fate =
            |class, wish| failure(class, "", 500, &headers(&[("x-should-retry", wish)]), None).fate;
        assert_eq!(fate(ErrorClass::ServerError, "false"), Fate::TryElsewhere);
        assert_eq!(fate(ErrorClass::Quota, "true"), Fate::RetryHere);
        assert_eq!(fate(ErrorClass::InvalidRequest, "true"), Fate::Stop);
        assert_eq!(fate(ErrorClass::ServerError, "maybe"), Fate::RetryHere);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let failure = failure(
            ErrorClass::Auth,
            "é".repeat(5000),
            401,
            &HeaderMap::new(),
            None,
        );
        assert!(failure.message.len() <= LONGEST_MESSAGE + '…'.len_utf8());
    }
}
