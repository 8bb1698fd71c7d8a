//! What of a server's entry is refused before anything is asked, and in which words.

use super::specs;

#[track_caller]
fn wrong(settings: &str, expected: &str) {
    let problems = specs(&format!("  s: {{ kind: mcp, {settings} }}\n"));
    let problems = problems.map(|_| ()).unwrap_err();
    assert!(problems.contains(expected), "{settings}: {problems}");
}

#[test]
fn entries_that_cannot_work_are_refused() {
    wrong(
        "approve: by_hand",
        "exactly one of `url`, `urls` and `command`",
    );
    wrong(
        "url: 'https://a.example/mcp', command: [sh]",
        "exactly one of `url`, `urls` and `command`",
    );
    wrong("url: 'http://a.example/mcp'", "it is http");
    wrong("url: 'https://10.0.0.1/mcp'", "its address is not public");
    wrong("url: 'ftp://a.example/mcp'", "neither https nor http");
    wrong("url: nonsense", "`nonsense` is no URL");
    wrong(
        "command: [no-such-program]",
        "there is no program `no-such-program`",
    );
    wrong("command: [bin/sh]", "there is no program `bin/sh`");
    wrong("command: [sh], processes: 0", "`processes` does not fit");
    wrong("command: [sh], cwd: nowhere", "`cwd` does not fit");
    wrong(
        "command: [sh], headers: { a: b }",
        "`headers` means nothing here",
    );
    wrong(
        "url: 'https://a.example/mcp', env: { A: b }",
        "`env` means nothing here",
    );
    wrong(
        "command: [sh], max_message: 1",
        "`max_message` does not fit",
    );
    wrong(
        "command: [sh], output_schema: {}",
        "each tool of a server has its own",
    );
    for name in ["LD_PRELOAD", "NODE_OPTIONS", "PYTHONSTARTUP", "BASH_ENV"] {
        wrong(
            &format!("command: [sh], env: {{ {name}: x }}"),
            "it makes other code run in the program than its own",
        );
    }
    let headers = |header: &str| format!("url: 'https://a.example/mcp', headers: {{ {header} }}");
    wrong(
        &headers("authorization: secret"),
        "this header holds a secret",
    );
    wrong(&headers("mcp-session-id: x"), "follows from the request");
    wrong(&headers("authorization: env:NOT_SET"), "NOT_SET");
}

#[test]
fn this_machine_needs_no_leave_and_a_program_is_found_once() {
    let good = [
        "url: 'http://127.0.0.1:9/mcp'",
        "url: 'http://localhost:9/mcp'",
        "urls: ['https://a.example/mcp', 'https://b.example/mcp']",
        "url: 'http://10.0.0.1:9/mcp', allow_private: [10.0.0.1]",
        "command: [sh, -c, 'exit 1'], env: { TOKEN: env:TOKEN, PLAIN: x }",
    ];
    for settings in good {
        specs(&format!("  s: {{ kind: mcp, {settings} }}\n")).unwrap();
    }
}
