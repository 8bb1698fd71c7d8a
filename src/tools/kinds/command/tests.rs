//! What can be told of a program without the gateway's own file: how it is heard, and that it ends.

use std::time::Duration;

use rustix::process::{Pid, test_kill_process_group};
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

use super::{
    Argument,
    arguments::Arguments,
    listen::{Heard, Unheard, listen},
};
use crate::{
    process::Running,
    tools::{Input, Line, Nobody, ear::Ear, redact::Redactor},
};

/// How long anything a test waits for may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .stdin(std::process::Stdio::null());
    command
}

async fn hear(command: Command, most: usize, line: &dyn Line) -> Result<Heard, Unheard> {
    let (running, pipes) = Running::start(command).unwrap();
    let redactor = Redactor::default();
    let heard = listen(running, pipes, Vec::new(), most, line, &redactor);
    timeout(PATIENCE, heard).await.unwrap()
}

#[tokio::test]
async fn every_line_is_told_once_and_in_order() {
    let ear = Ear::default();
    let heard = hear(shell("seq 1 5000"), 1 << 20, &ear).await.unwrap();
    let told = ear.0.lock().unwrap();
    let expected: Vec<(f64, String)> = (1..=5000)
        .map(|at| (f64::from(at), at.to_string()))
        .collect();
    assert_eq!(*told, expected);
    assert_eq!(heard.said.len(), 23_893);
}

#[tokio::test]
async fn long_lines_are_cut_where_a_character_ends() {
    let ear = Ear::default();
    let script =
        "printf '%0600d\\n' 0; i=0; while [ $i -lt 600 ]; do printf '火'; i=$((i+1)); done";
    hear(shell(script), 1 << 20, &ear).await.unwrap();
    let told = ear.0.lock().unwrap();
    let cut = |letter: &str| format!("{}…", letter.repeat(500));
    assert_eq!(*told, [(1.0, cut("0")), (2.0, cut("火"))]);
}

#[tokio::test]
async fn the_end_of_a_long_complaint_is_kept() {
    let script = "head -c 100000 /dev/zero | tr '\\0' x >&2; echo the end >&2";
    let heard = hear(shell(script), 10, &Nobody).await.unwrap();
    assert_eq!(heard.complaint.len(), 4096);
    assert!(heard.complaint.ends_with(b"xthe end\n"));
}

#[tokio::test]
async fn as_much_as_allowed_is_heard_and_no_more() {
    assert!(hear(shell("printf 0123456789"), 10, &Nobody).await.is_ok());
    let heard = hear(shell("printf 0123456789a"), 10, &Nobody).await;
    assert!(matches!(heard, Err(Unheard::TooMuch)), "{heard:?}");
}

#[tokio::test]
async fn what_is_said_after_the_end_has_its_time() {
    // It ends when nobody reads it any more.
    let script = "setsid sh -c 'while :; do echo x; sleep 0.1; done' & echo done";
    let heard = hear(shell(script), 1 << 20, &Nobody).await.unwrap();
    assert!(String::from_utf8_lossy(&heard.said).contains("done"));
}

/// Starts a shell with a child, and waits until both run: the number of their group.
async fn family() -> (Running, Pid) {
    use tokio::io::AsyncReadExt;
    let (running, pipes) = Running::start(shell("sleep 1000 & echo $$; wait")).unwrap();
    let mut stdout = pipes.stdout.unwrap();
    let mut said = String::new();
    while !said.ends_with('\n') {
        let byte = timeout(PATIENCE, stdout.read_u8()).await.unwrap().unwrap();
        said.push(byte.into());
    }
    let leader = Pid::from_raw(said.trim().parse().unwrap()).unwrap();
    assert!(test_kill_process_group(leader).is_ok());
    (running, leader)
}

/// Waits until no member of the group is left, not even a zombie of ours.
async fn gone(group: Pid) {
    let gone = async {
        while test_kill_process_group(group).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn dropping_it_ends_the_whole_group() {
    let (running, group) = family().await;
    drop(running);
    gone(group).await;
}

#[test]
fn the_end_of_the_runtime_ends_it_too() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let first = runtime();
    let (running, group) = first.block_on(family());
    // A task of its own holds it, as a call does.
    first.spawn(async move {
        std::future::pending::<()>().await;
        drop(running);
    });
    drop(first);
    // Another runtime takes over what is left to be waited for.
    runtime().block_on(gone(group));
}

#[test]
fn without_a_runtime_it_is_killed() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (running, group) = runtime.block_on(family());
    drop(running);
    runtime.block_on(gone(group));
}

/// The arguments of a call whose `text` and `list` are these, or why there are none.
fn arguments(written: &[&str], text: &str, list: &Value) -> Result<Vec<String>, String> {
    let written: Vec<_> = written
        .iter()
        .map(|text| Argument::One((*text).to_owned()))
        .collect();
    let mut problems = Vec::new();
    let arguments = Arguments::build(&written, &mut problems);
    assert_eq!(problems, []);
    let input = json!({ "text": text, "list": list });
    let roots = Input {
        arguments: &input,
        caller: "ci",
    };
    arguments.of(&roots).map_err(|fault| fault.message)
}

#[test]
fn only_a_literal_keeps_a_value_from_being_an_option() {
    let made = |written: &[&str]| arguments(written, "-x", &json!(-5));
    for options in [
        &["${input.text}"][..],
        &["a", "${input.text}"],
        &["${''}${input.text}"],
        &["${'--'}", "${input.text}"],
        &["a--", "${input.text}"],
        &["${input.list}"],
        &["${input.text}", "--"],
    ] {
        let refused = made(options).unwrap_err();
        assert!(refused.contains("for an option"), "{options:?}: {refused}");
    }
    assert_eq!(made(&["--", "${input.text}"]).unwrap(), ["--", "-x"]);
    assert_eq!(made(&["-o${input.text}"]).unwrap(), ["-o-x"]);
    assert_eq!(made(&["$${input.text}"]).unwrap(), ["${input.text}"]);
    assert_eq!(made(&["by ${caller.name}"]).unwrap(), ["by ci"]);
}

#[test]
fn what_was_left_out_does_not_become_a_word() {
    for (written, told) in [
        ("${input.gone}", "argument 1 is missing"),
        ("--x=${input.gone}", "argument 1 is missing"),
        ("${input.text}${input.list}", "argument 1 is missing"),
    ] {
        let refused = arguments(&[written], "", &Value::Null).unwrap_err();
        assert!(refused.contains(told), "{written}: {refused}");
    }
    let whole = arguments(&["--x=${input.gone == null}"], "", &Value::Null);
    assert_eq!(whole.unwrap(), ["--x=true"]);
}

#[test]
fn arguments_that_no_system_takes_are_refused() {
    let none = Value::Null;
    let longest = "a".repeat(128 * 1024 - 1);
    assert!(arguments(&["${input.text}"], &longest, &none).is_ok());
    let refused = arguments(&["${input.text}a"], &longest, &none).unwrap_err();
    assert!(refused.contains("longer than 128 KiB"), "{refused}");
    let refused = arguments(&["${input.text}"; 9], &longest, &none).unwrap_err();
    assert!(refused.contains("too much for a program"), "{refused}");
    let refused = arguments(&["a"; 4097], "", &none).unwrap_err();
    assert!(refused.contains("too much for a program"), "{refused}");
}
