//! The program itself: what each command prints, and how it exits.

mod commands;
mod process;
mod serving;

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The program in an empty folder with an empty environment.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.env_clear().current_dir(folder);
    command.stdin(Stdio::null());
    command
}

/// A folder with a configuration in it.
fn folder(yaml: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("waypost.yaml"), yaml).unwrap();
    folder
}

/// Runs a command to its end: exit code, standard output, standard error.
fn run(command: &mut Command) -> (i32, String, String) {
    told(&command.output().unwrap())
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().expect("an exit, not a signal");
    (code, text(&output.stdout), text(&output.stderr))
}

/// Runs a command with this input.
fn feed(command: &mut Command, input: &str) -> (i32, String, String) {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    told(&child.wait_with_output().unwrap())
}

const GOOD: &str = "
providers: { s: { dialect: simulated, models: { fast: { price: { input: 1, output: 2 } } } } }
routes: { chat: { targets: [s/fast, s/other], strategy: weighted } }
";

const BAD: &str = "providers:
  s: { dialect: simulated }
  o: { card: opnai }
routes:
  r: { targets: [s/fast], stratgy: weighted }
  q: { targets: [t/fast] }
  p: { targets: [o/m], fallback: [o/n], fallback_on: { rate_limt: [] } }
";

#[test]
fn check_says_that_a_good_file_is_good() {
    let folder = folder(GOOD);
    for arguments in [&["check"][..], &["check", "--config", "waypost.yaml"]] {
        let (code, out, error) = run(program(folder.path()).args(arguments));
        assert_eq!((code, error.as_str()), (0, ""), "{out}");
        assert!(
            out.contains("waypost.yaml is good: 1 provider, 1 route"),
            "{out}"
        );
    }
    let (code, out, _) = run(program(folder.path()).args(["check", "--json"]));
    assert_eq!((code, out.trim()), (0, "[]"));
}

#[test]
fn check_names_the_place_of_every_problem() {
    let folder = folder(BAD);
    let (code, out, error) = run(program(folder.path()).arg("check"));
    assert_eq!((code, out.as_str()), (2, ""));
    for expected in [
        "waypost.yaml:3:8: error: there is no shipped card `opnai`",
        "did you mean `openai`?",
        "waypost.yaml:5:27: error: unknown key `stratgy`",
        "did you mean `strategy`?",
        "waypost.yaml:6:18: error: there is no provider `t`",
        "waypost.yaml:7:56: error: unknown key `rate_limt`",
        "did you mean `rate_limit`?",
        "4 problems found",
    ] {
        assert!(error.contains(expected), "{expected:?} in {error}");
    }
    assert!(
        !error.contains('\u{1b}'),
        "no colours without a terminal: {error}"
    );

    let (code, out, error) = run(program(folder.path()).args(["check", "--json"]));
    assert_eq!((code, error.as_str()), (2, ""));
    let problems: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(problems[1]["line"], 5);
    assert_eq!(problems[1]["nearest"], "strategy");
}

#[test]
fn check_names_the_place_of_a_bad_rule() {
    let folder = folder(
        "providers: { s: { dialect: simulated } }
routes:
  extract: { targets: [s/m] }
rules:
  - { when: 'request.modle == \"auto\"', route: extract }
  - when: request.model ==
    route: extrac
",
    );
    let (code, out, error) = run(program(folder.path()).arg("check"));
    assert_eq!((code, out.as_str()), (2, ""));
    for expected in [
        "waypost.yaml:5:7: error: at column 1: there is no value `request.modle`",
        "did you mean `request.model`?",
        "waypost.yaml:6:5: error: at column 17: mismatched input the end",
        "= expected: a value",
        "waypost.yaml:7:5: error: there is no route `extrac`",
        "did you mean `extract`?",
        "3 problems found",
    ] {
        assert!(error.contains(expected), "{expected:?} in {error}");
    }
}

#[test]
fn check_warns_of_secrets_in_the_file_and_never_shows_them() {
    let folder = folder("providers: { a: { card: openai, api_key: sk-canary-0123456789 } }");
    let (code, out, error) = run(program(folder.path()).arg("check"));
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("warning"), "{error}");
    assert!(
        !error.contains("canary") && !out.contains("canary"),
        "{error}"
    );
}

#[test]
fn commands_without_a_configuration_name_the_demo() {
    let empty = tempfile::tempdir().unwrap();
    for arguments in [&["serve"][..], &["check"], &["explain", "--request", "-"]] {
        let (code, _, error) = run(program(empty.path()).args(arguments));
        assert_eq!(code, 2, "{arguments:?}");
        assert!(error.contains("waypost demo"), "{error}");
    }
    let (code, _, error) = run(program(empty.path()).args(["serve", "--config", "none.yaml"]));
    assert_eq!(code, 2);
    assert!(error.contains("none.yaml"), "{error}");
}

#[test]
fn schema_and_models_are_for_machines_too() {
    let empty = tempfile::tempdir().unwrap();
    let (code, out, _) = run(program(empty.path()).arg("schema"));
    let schema: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, schema["type"].as_str()), (0, Some("object")));
    assert!(schema["properties"]["routes"].is_object());

    let (code, out, _) = run(program(empty.path()).args(["models", "anthropic", "--json"]));
    let models: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    let haiku = models
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["id"] == "claude-haiku-4-5");
    assert_eq!(haiku.unwrap()["provider"], "anthropic");
    let (code, out, _) = run(program(empty.path()).args(["models", "claude-haiku"]));
    assert_eq!(code, 0);
    assert!(
        out.starts_with("MODEL") && out.contains("anthropic/claude-haiku-4-5"),
        "{out}"
    );
    let (code, _, error) = run(program(empty.path()).args(["models", "nobody-has-this"]));
    assert_eq!(code, 1, "{error}");
}

#[test]
fn explain_shows_the_plan_and_calls_nobody() {
    let folder = folder(GOOD);
    let explain = || {
        let mut command = program(folder.path());
        command.args(["explain", "--request", "-"]);
        command
    };
    let body = r#"{"model":"chat","messages":[]}"#;
    let (code, out, _) = feed(&mut explain(), body);
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("model chat → route chat, strategy weighted, seed 0"),
        "{out}"
    );
    assert!(
        out.contains("s/fast") && out.contains("s/other") && out.contains("weight_drawn"),
        "{out}"
    );

    let (code, out, _) = feed(explain().args(["--json", "--seed", "7"]), body);
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, plan["seed"].as_u64()), (0, Some(7)));
    assert_eq!(plan["candidates"].as_array().unwrap().len(), 2);
    assert!(plan["candidates"][0]["reason"].is_string());
    assert_eq!(
        feed(explain().args(["--json", "--seed", "7"]), body).1,
        out,
        "the same seed, the same plan"
    );

    for (body, expected) in [
        (r#"{"model":"nobody"}"#, "nobody would be asked"),
        (r#"{"messages":[]}"#, "you must provide a model"),
        ("[]", "could not parse the JSON body"),
    ] {
        let (code, _, error) = feed(&mut explain(), body);
        assert_eq!(code, 2);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn explain_shows_where_the_completion_of_a_tool_would_go() {
    let tools = r#"
tools:
  text.sum: { kind: completion, description: d, route: chat, strategy: cheapest, prompt: "${input.text}", input_schema: { required: [text], properties: { text: { type: string } } } }
  docs.search: { kind: search, description: d, manual: true }
"#;
    let folder = folder(&format!("{GOOD}{tools}"));
    let explain = |name: &str, arguments: &str| {
        let mut command = program(folder.path());
        command.args(["explain", "--request", "-"]);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
        );
        feed(&mut command, &body)
    };
    let text = r#"{"text":"a"}"#;
    for name in ["text__sum", "text.sum"] {
        let (code, out, error) = explain(name, text);
        assert_eq!(code, 0, "{error}");
        assert!(
            out.contains("model chat → route chat, strategy cheapest"),
            "{out}"
        );
    }
    let (code, out, _) = explain("llm__complete", r#"{"prompt":"a"}"#);
    assert_eq!(code, 0);
    assert!(out.contains("route chat, strategy weighted"), "{out}");
    for (name, arguments, expected) in [
        (
            "docs.search",
            r#"{"query":"a"}"#,
            "makes no completion: its kind is `search`",
        ),
        ("text__sun", text, "did you mean `text__sum`?"),
        ("text__sum", "{}", "the call would be refused: "),
    ] {
        let (code, _, error) = explain(name, arguments);
        assert_eq!(code, 2);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_page_shows_what_explain_prints() {
    let root = env!("CARGO_MANIFEST_DIR");
    let page = std::fs::read_to_string(format!("{root}/docs/operating.md")).unwrap();
    let body = r#"{"model":"canary"}"#;
    let example =
        format!("$ echo '{body}' | waypost explain --config config/demo.yaml --request -\n");
    let mut explain = program(Path::new(root));
    explain.args(["explain", "--config", "config/demo.yaml", "--request", "-"]);
    let (code, out, error) = feed(&mut explain, body);
    assert_eq!(code, 0, "{error}");
    assert!(page.contains(&(example + &out + "```")), "{out}");
}

#[test]
fn usage_is_explained() {
    let empty = tempfile::tempdir().unwrap();
    let (code, out, _) = run(program(empty.path()).arg("--version"));
    assert_eq!(
        (code, out),
        (0, format!("waypost {}\n", env!("CARGO_PKG_VERSION")))
    );
    for command in ["serve", "demo", "check", "explain", "models", "servers"] {
        let (code, out, _) = run(program(empty.path()).args([command, "--help"]));
        assert_eq!(code, 0);
        assert!(out.contains("Example:"), "{out}");
    }
    for wrong in [&["serv"][..], &["serve", "--port", "1"], &[]] {
        let (code, _, error) = run(program(empty.path()).args(wrong));
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("Usage"), "{error}");
    }
}

#[test]
fn a_reader_who_leaves_early_is_no_failure() {
    let empty = tempfile::tempdir().unwrap();
    for arguments in ["models", "models --json", "schema"] {
        let script = format!("{} {arguments} | head -c 1", env!("CARGO_BIN_EXE_waypost"));
        let mut shell = Command::new("/bin/sh");
        let (_, _, error) = run(shell
            .env("RUST_BACKTRACE", "0")
            .current_dir(empty.path())
            .args(["-c", &script]));
        assert_eq!(error, "", "{arguments}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn colours_are_for_terminals_that_want_them() {
    let folder = folder(BAD);
    let check = format!("{} check", env!("CARGO_BIN_EXE_waypost"));
    for (no_color, coloured) in [("", true), ("1", false)] {
        // `script` gives it a terminal.
        let mut script = Command::new("script");
        script
            .args(["-qec", &check, "/dev/null"])
            .env("NO_COLOR", no_color)
            .env("TERM", "xterm");
        let (code, out, _) = run(script.current_dir(folder.path()).stdin(Stdio::null()));
        assert_eq!(code, 2);
        assert_eq!(
            out.contains('\u{1b}'),
            coloured,
            "NO_COLOR={no_color} {out}"
        );
    }
}
