//! Answers with an error status (F01 to F06), and connections that break before any answer (F07, F11 to F13).

use super::{
    Expect::{FallsOver, Stops},
    Fault,
};
use crate::support::faulty::{
    Stance, Step,
    script::{head, json, say, whole},
};

pub(super) fn faults() -> Vec<Fault> {
    let mut faults = statuses();
    faults.extend(limits());
    faults.extend(connections());
    faults
}

fn statuses() -> Vec<Fault> {
    let by_status = [
        (400, Stops("invalid_request", 400)),
        (401, FallsOver("auth")),
        (402, FallsOver("quota")),
        (403, FallsOver("permission")),
        (404, FallsOver("not_found")),
        (408, FallsOver("timeout")),
        (413, FallsOver("too_large")),
        (422, Stops("invalid_request", 422)),
        (429, FallsOver("rate_limit")),
        (500, FallsOver("server_error")),
        (502, FallsOver("server_error")),
        (503, FallsOver("overloaded")),
        (504, FallsOver("timeout")),
        (529, FallsOver("overloaded")),
    ];
    let status = |(status, expect)| {
        Fault::new(format!("HTTP {status}"), expect, move |scene| {
            vec![say(json(status, &scene.voice.error(status)))]
        })
    };
    let mut faults: Vec<Fault> = by_status.map(status).into();
    faults.push(Fault::new(
        "HTTP 502 with a page",
        FallsOver("server_error"),
        |_| {
            let page = [("content-type", "text/html")];
            vec![say(whole(502, &page, "<html>Bad gateway</html>"))]
        },
    ));
    faults.push(Fault::new(
        "HTTP 302 to somewhere",
        FallsOver("server_error"),
        |_| {
            let there = [("location", "http://127.0.0.1:1/")];
            vec![say(whole(302, &there, ""))]
        },
    ));
    faults.push(Fault::new(
        "HTTP 429 because the money is gone",
        FallsOver("quota"),
        |_| {
            let body = r#"{"type":"error","error":{"type":"rate_limit_error","code":"insufficient_quota","message":"insufficient_quota","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
            vec![say(json(429, body))]
        },
    ));
    faults
}

/// Every way to say when to come back, the hostile ones too.
fn limits() -> Vec<Fault> {
    const DATE: (&str, &str) = ("date", "Sun, 22 Nov 2026 15:04:00 GMT");
    const NONE_LEFT: (&str, &str) = ("x-ratelimit-remaining-requests", "0");
    let waits: [&[(&str, &str)]; 14] = [
        &[("retry-after", "1")],
        &[("retry-after", "0")],
        &[DATE, ("retry-after", "Sun, 22 Nov 2026 15:04:05 GMT")],
        &[DATE, ("retry-after", "Sun, 22 Nov 2020 15:04:05 GMT")],
        &[("retry-after-ms", "1250")],
        &[NONE_LEFT, ("x-ratelimit-reset-requests", "6m0s")],
        &[
            NONE_LEFT,
            ("x-ratelimit-reset-requests", "99999999999999999999d"),
        ],
        &[("retry-after", "-1")],
        &[("retry-after", "NaN")],
        &[("retry-after", "1e999")],
        &[("retry-after", "18446744073709551615")],
        &[("retry-after-ms", "18446744073709551615")],
        &[("retry-after", "")],
        &[("retry-after", "soon"), ("retry-after", "7")],
    ];
    let limit = |headers: &'static [(&str, &str)]| {
        Fault::new(
            format!("HTTP 429 with {headers:?}"),
            FallsOver("rate_limit"),
            move |scene| vec![say(whole(429, headers, &scene.voice.error(429)))],
        )
    };
    waits.map(limit).into()
}

fn connections() -> Vec<Fault> {
    let after = |name: &str, script: fn() -> Vec<Step>| {
        Fault::new(name, FallsOver("server_error"), move |_| script())
    };
    vec![
        Fault::stance("refused", FallsOver("unreachable"), |_| Stance::Refuses),
        // Whether the reset is seen before the request is written is the kernel's secret.
        Fault::stance(
            "reset unread",
            FallsOver("unreachable|server_error"),
            |_| Stance::Rude,
        ),
        after("reset before headers", || vec![Step::Reset]),
        after("closed before headers", || vec![Step::Close]),
        after("reset within headers", || {
            vec![say("HTTP/1.1 200 OK\r\ncontent-ty"), Step::Reset]
        }),
        after("closed within headers", || {
            vec![say("HTTP/1.1 200 OK\r\ncontent-ty"), Step::Close]
        }),
        after("garbage for a head", || {
            vec![say("SSH-2.0-OpenSSH_9.2\r\n\r\n"), Step::Close]
        }),
        after("a head without end", || {
            let line = format!("x: {}\r\n", "x".repeat(1000));
            vec![
                say("HTTP/1.1 200 OK\r\n"),
                Step::Forever(line.into(), std::time::Duration::ZERO),
            ]
        }),
        after("reset after headers", || {
            let json = [
                ("content-type", "application/json"),
                ("content-length", "9"),
            ];
            vec![say(head(200, &json)), Step::Reset]
        }),
    ]
}
