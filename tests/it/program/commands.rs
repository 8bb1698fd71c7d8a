//! Programs as tools: what reaches them, what comes back, and that nothing of them stays.
//!
//! The gateway runs as a process of its own, for it starts programs through its own file.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{folder, process::Process, program, run};
use crate::support::gateway::PATIENCE;

/// A gateway with tools that are programs.
struct Programs {
    process: Process,
    folder: TempDir,
}

/// A provider, without which there is nothing to serve.
const PROVIDER: &str =
    "server: { drain: 200ms }\nproviders: { s: { dialect: simulated, models: { m: {} } } }\n";

impl Programs {
    /// A gateway with one tool, `run`, that takes anything. `FOLDER` in its keys is a folder with these scripts in it.
    fn start(keys: &str, scripts: &[(&str, &str)]) -> Self {
        Self::start_by(&[], keys, scripts)
    }

    /// The same, the gateway being started by this command.
    fn start_by(by: &[&str], keys: &str, scripts: &[(&str, &str)]) -> Self {
        let folder = folder("");
        // Whoever it is started as may read it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        for (name, text) in scripts {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let keys = keys.replace("FOLDER", &path);
        let tool = format!(
            "tools: {{ run: {{ kind: command, description: Runs., input_schema: {{ additionalProperties: true }}, {keys} }} }}\n"
        );
        fs::write(
            folder.path().join("waypost.yaml"),
            format!("{PROVIDER}{tool}"),
        )
        .unwrap();
        let environment = [("CANARY", "sings"), ("SECRET", "sk-canary-0123456789")];
        let process = Process::start_by(by, folder.path(), &environment);
        Self { process, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn post(&self, body: &Value, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let client = &self.process.client;
        let mut request = client.post(format!("{}/mcp", self.process.url));
        request = request.header("content-type", "application/json");
        request = request.header("accept", "application/json, text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.to_string())
    }

    /// A call by the revision without sessions.
    fn request(&self, arguments: &Value) -> reqwest::RequestBuilder {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" },
        });
        let params = json!({ "name": "run", "arguments": arguments, "_meta": meta });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "run"),
        ];
        self.post(&body, &headers)
    }

    /// Its result.
    async fn call(&self, arguments: Value) -> Value {
        let answer = timeout(PATIENCE, self.request(&arguments).send());
        let text = answer.await.unwrap().unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    /// The first text of its result, which is good.
    async fn says(&self, arguments: Value) -> String {
        let result = self.call(arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The first text of its result, which is a failure.
    async fn fails(&self, arguments: Value) -> String {
        let result = self.call(arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// A session of the revision that has them: its headers.
    async fn session(&self) -> String {
        let client = json!({ "name": "test", "version": "0" });
        let params =
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let answer = self.post(&hello, &[]).send().await.unwrap();
        let session = answer.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        answer.text().await.unwrap();
        self.tell(&session, "notifications/initialized", json!({}))
            .await;
        session
    }

    async fn tell(&self, session: &str, method: &str, params: Value) {
        let told = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let request = self.post(&told, &[("mcp-session-id", session)]);
        assert_eq!(request.send().await.unwrap().status(), 202);
    }

    /// A call in a session that wants progress: the stream of its answer.
    async fn stream(&self, session: &str) -> Events {
        let meta = json!({ "progressToken": "p" });
        let params = json!({ "name": "run", "arguments": {}, "_meta": meta });
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
        let request = self.post(&body, &[("mcp-session-id", session)]);
        Events {
            response: request.send().await.unwrap(),
            unread: String::new(),
        }
    }

    /// The processes a script has noted.
    async fn noted(&self, count: usize) -> Vec<u32> {
        let file = self.path("pids");
        until("the script's note", || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let pids: Vec<u32> = text.lines().map_while(|line| line.parse().ok()).collect();
            (pids.len() == count && text.ends_with('\n')).then_some(pids)
        })
        .await
    }

    /// Its process's open files.
    fn open_files(&self) -> usize {
        let pid = self.process.child.id();
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
    }

    /// Its process's children, zombies too.
    fn children(&self) -> Vec<u32> {
        let parent = self.process.child.id().to_string();
        let processes = fs::read_dir("/proc").unwrap();
        let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &u32| stat(*pid).is_some_and(|stat| stat[1] == parent))
            .collect()
    }
}

/// The state of a process and its parent, as /proc tells them behind its name; none if there is no such process.
fn stat(pid: u32) -> Option<[String; 2]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = stat[stat.rfind(')')? + 2..].split(' ').map(str::to_owned);
    Some([words.next()?, words.next()?])
}

/// Whether a process runs; a zombie does not.
fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|[state, _]| state != "Z" && state != "X")
}

async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("waited for: {what}"))
}

async fn gone(pids: &[u32]) {
    let none_runs = || (!pids.iter().any(|pid| runs(*pid))).then_some(());
    until("the end of the program's processes", none_runs).await;
}

/// The events of one answer.
struct Events {
    response: reqwest::Response,
    unread: String,
}

impl Events {
    /// The next message, if there is one.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                let message = data.and_then(|data| serde_json::from_str(data.trim()).ok());
                self.unread = rest.to_owned();
                if message.is_some() {
                    return message;
                }
                continue;
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.unwrap();
            let text = String::from_utf8(chunk.unwrap()?.to_vec()).unwrap();
            self.unread.push_str(&text);
        }
    }
}

/// Notes itself and a child that never ends, and waits for it.
const FAMILY: &str = "sleep 1000 & echo $$ >> $1/pids; echo $! >> $1/pids; wait";

const RUN_FAMILY: &str = "program: /bin/sh, args: [FOLDER/family, FOLDER]";

#[tokio::test]
async fn what_a_caller_sends_stays_one_argument() {
    let keys = r#"program: /usr/bin/printf, args: ["<%s>", "--", "${input.text}", "end"]"#;
    let programs = Programs::start(keys, &[]);
    for hostile in [
        "; id",
        "$(id)",
        "`id`",
        "a\nb",
        "a b",
        "*",
        "~",
        "'",
        "\"",
        "\\",
        "&& id",
        "| id",
        "> /tmp/x",
        "--help",
        "-n",
        "%s",
        "${input.secret}",
        "",
        "é 火",
    ] {
        let said = programs.says(json!({ "text": hostile })).await;
        assert_eq!(said, format!("<--><{hostile}><end>"), "{hostile:?}");
    }
    for unseen in ["a\0b", "\u{1b}[31m"] {
        let refused = programs.fails(json!({ "text": unseen })).await;
        assert!(refused.contains("control character"), "{refused}");
    }
}

#[tokio::test]
async fn what_a_caller_sends_is_no_option() {
    let keys = r#"program: /bin/echo, args: ["--x=${input.text}", "${input.text}"]"#;
    let programs = Programs::start(keys, &[]);
    assert_eq!(programs.says(json!({ "text": "a" })).await, "--x=a a\n");
    for text in ["-n", "--help", "-"] {
        let refused = programs.fails(json!({ "text": text })).await;
        assert!(refused.contains("argument 2 begins with `-`"), "{refused}");
    }
    let missing = programs.fails(json!({})).await;
    assert!(missing.contains("argument 1 is missing"), "{missing}");
}

#[tokio::test]
async fn a_list_becomes_several_arguments_only_where_it_says_so() {
    let keys = r#"program: /usr/bin/printf, args: ["<%s>", "${input.list}", {each: "${input.list}", prefix: "-f"}, {each: "${input.left_out}"}]"#;
    let programs = Programs::start(keys, &[]);
    let said = programs.says(json!({ "list": ["a b", "-c", 3] })).await;
    assert_eq!(said, r#"<["a b","-c",3]><-fa b><-f-c><-f3>"#);
}

#[tokio::test]
async fn a_program_has_the_environment_that_is_written_and_no_other() {
    let programs = Programs::start("program: /usr/bin/env", &[]);
    assert_eq!(programs.says(json!({})).await, "");
    let keys = r#"program: /usr/bin/env, env: { KEY: "env:SECRET", B: plain }"#;
    let programs = Programs::start(keys, &[]);
    let said = programs.says(json!({})).await;
    assert_eq!(said, "B=plain\nKEY=[redacted]\n");
}

#[tokio::test]
async fn a_program_starts_with_its_limits_and_nothing_of_ours() {
    let keys = "program: /bin/cat, args: [/proc/self/limits, /proc/self/status], cpu: 7s, memory: 100000000, files: 33, file_size: 44, processes: 4000";
    let programs = Programs::start(keys, &[]);
    let said = programs.says(json!({})).await;
    let line = |start: &str| {
        let line = said
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("Max cpu time"), "Max cpu time 7 8 seconds");
    assert_eq!(
        line("Max data size"),
        "Max data size 100000000 100000000 bytes"
    );
    assert_eq!(line("Max open files"), "Max open files 33 33 files");
    assert_eq!(line("Max processes"), "Max processes 4000 4000 processes");
    assert_eq!(line("Max file size"), "Max file size 44 44 bytes");
    assert_eq!(line("Max core file"), "Max core file size 0 0 bytes");
    assert_eq!(line("NoNewPrivs"), "NoNewPrivs: 1");
    assert_eq!(line("SigBlk"), "SigBlk: 0000000000000000");
    // SIGPIPE is number 13, and programs of Rust ignore it.
    let ignored = line("SigIgn").split_off("SigIgn: ".len());
    let ignored = u64::from_str_radix(&ignored, 16).unwrap();
    assert_eq!(ignored & (1 << 12), 0, "{ignored:x}");
}

#[tokio::test]
async fn a_program_reads_all_of_its_input_while_it_writes() {
    let programs = Programs::start(
        r#"program: /bin/cat, stdin: "${input.text}", max_result: 2000000"#,
        &[],
    );
    // Many times what pipes hold.
    let text = "0123456789abcde\n".repeat(60_000);
    assert!(programs.says(json!({ "text": text })).await == text);
    // One that does not read is no failure.
    let programs = Programs::start(r#"program: /bin/true, stdin: "${input.text}""#, &[]);
    assert_eq!(programs.says(json!({ "text": text })).await, "");
}

#[tokio::test]
async fn output_is_data_where_it_is_said_to_be() {
    let keys = r#"program: /bin/echo, output: json, args: ["${input.text}"]"#;
    let programs = Programs::start(keys, &[]);
    let result = programs.call(json!({ "text": r#"{"a":[1]}"# })).await;
    assert_eq!(result["structuredContent"], json!({ "a": [1] }));
    let result = programs.call(json!({ "text": "[1,2]" })).await;
    assert_eq!(result["structuredContent"], json!({ "result": [1, 2] }));
    let failed = programs.fails(json!({ "text": "{\"a\":" })).await;
    assert!(failed.contains("no JSON, by line"), "{failed}");
}

#[tokio::test]
async fn a_failure_tells_its_code_its_last_words_and_what_was_said() {
    let script = "echo half; echo first >&2; printf 'no \\033[31mluck\\n' >&2; exit 3";
    let programs = Programs::start(
        "program: /bin/sh, args: [FOLDER/script]",
        &[("script", script)],
    );
    let result = programs.call(json!({})).await;
    assert_eq!(result["isError"], true);
    let told = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(
        told,
        r"The program failed with exit code 3: no \u{1b}[31mluck"
    );
    assert_eq!(result["content"][1]["text"], "half\n");

    let programs = Programs::start(
        "program: /bin/sh, args: [FOLDER/script]",
        &[("script", "kill -SEGV $$")],
    );
    let told = programs.fails(json!({})).await;
    assert!(
        told.starts_with("The program was ended by signal 11"),
        "{told}"
    );
}

#[tokio::test]
async fn a_program_that_says_no_closes_to_nobody_and_one_that_breaks_rests() {
    let keys = r#"program: /bin/sh, args: [FOLDER/script, "${input.text}"]"#;
    let programs = Programs::start(keys, &[("script", "$1")]);
    for _ in 0..30 {
        let told = programs.fails(json!({ "text": "exit 1" })).await;
        assert!(told.contains("exit code 1"), "{told}");
    }
    assert_eq!(programs.says(json!({ "text": "echo hi" })).await, "hi\n");

    for _ in 0..5 {
        let told = programs.fails(json!({ "text": "no-such-program" })).await;
        assert!(told.contains("exit code 127"), "{told}");
    }
    let rests = programs.fails(json!({ "text": "echo hi" })).await;
    assert!(rests.contains("failed too often"), "{rests}");
}

#[tokio::test]
async fn a_program_that_goes_away_is_a_failure_without_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("program");
    fs::copy("/bin/true", &copy).unwrap();
    let programs = Programs::start(&format!("program: {}", copy.display()), &[]);
    assert_eq!(programs.says(json!({})).await, "");
    fs::remove_file(&copy).unwrap();
    let told = programs.fails(json!({})).await;
    assert!(told.contains("the program cannot be started"), "{told}");
    assert!(!told.contains(copy.to_str().unwrap()), "{told}");
}

#[tokio::test]
async fn a_program_that_takes_too_long_ends_with_all_it_started() {
    let keys = format!("{RUN_FAMILY}, timeout: 300ms");
    let programs = Programs::start(&keys, &[("family", FAMILY)]);
    let told = programs.fails(json!({})).await;
    assert!(told.contains("did not finish within 300ms"), "{told}");
    gone(&programs.noted(2).await).await;
    until("no zombie", || programs.children().is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_program_that_will_not_listen_is_killed() {
    let deaf = format!("trap '' TERM; {FAMILY}; while :; do sleep 1; done");
    let keys = format!("{RUN_FAMILY}, timeout: 300ms");
    let programs = Programs::start(&keys, &[("family", &deaf)]);
    programs.fails(json!({})).await;
    gone(&programs.noted(2).await).await;
    until("no zombie", || programs.children().is_empty().then_some(())).await;
}

#[tokio::test]
async fn what_a_program_leaves_running_ends_with_it() {
    let script = "sleep 1000 & echo $! >> $1/pids; echo done";
    let programs = Programs::start(RUN_FAMILY, &[("family", script)]);
    // Its child holds the pipes open, and nobody waits for that.
    assert_eq!(programs.says(json!({})).await, "done\n");
    gone(&programs.noted(1).await).await;
}

/// Leaves a process in a session of its own, whose parent is gone, which does not listen and which never falls silent.
const RUNAWAY: &str =
    "setsid sh -c 'trap : TERM PIPE; echo $$ >> $0/pids; while :; do echo x; sleep 0.1; done' $1 &
while [ ! -s $1/pids ]; do sleep 0.01; done";

#[tokio::test]
async fn one_that_leaves_the_group_is_not_waited_for_and_ends_too() {
    let script = format!("{RUNAWAY}; echo done");
    let keys = format!("{RUN_FAMILY}, timeout: 15s");
    let programs = Programs::start(&keys, &[("family", &script)]);
    let said = programs.says(json!({})).await;
    assert!(said.contains("done\n"), "{said}");
    gone(&programs.noted(1).await).await;
    until("no zombie", || programs.children().is_empty().then_some(())).await;
}

#[tokio::test]
async fn one_that_leaves_the_group_ends_when_time_is_over() {
    let script = format!("{RUNAWAY}; trap : TERM; while :; do sleep 1; done");
    let keys = format!("{RUN_FAMILY}, timeout: 500ms");
    let programs = Programs::start(&keys, &[("family", &script)]);
    let told = programs.fails(json!({})).await;
    assert!(told.contains("did not finish within"), "{told}");
    gone(&programs.noted(1).await).await;
    until("no zombie", || programs.children().is_empty().then_some(())).await;
}

#[tokio::test]
async fn one_that_leaves_the_group_ends_with_a_killed_gateway() {
    let script = format!("{RUNAWAY}; echo $$ >> $1/pids; trap : TERM; while :; do sleep 1; done");
    let programs = Programs::start(RUN_FAMILY, &[("family", &script)]);
    let asked = tokio::spawn(programs.request(&json!({})).send());
    let pids = programs.noted(2).await;
    programs.process.signal("-KILL");
    gone(&pids).await;
    asked.abort();
}

#[tokio::test]
async fn a_program_that_kills_its_supervisor_ends_all_the_same() {
    let script =
        format!("{FAMILY} & while [ ! -s $1/pids ]; do sleep 0.01; done; kill -9 $PPID; wait");
    let programs = Programs::start(RUN_FAMILY, &[("family", &script)]);
    let told = programs.fails(json!({})).await;
    assert!(told.starts_with("The program was killed"), "{told}");
    gone(&programs.noted(2).await).await;
}

#[tokio::test]
async fn a_call_that_is_called_off_ends_its_program() {
    let programs = Programs::start(RUN_FAMILY, &[("family", FAMILY)]);
    let session = programs.session().await;
    let _events = programs.stream(&session).await;
    let pids = programs.noted(2).await;
    assert!(pids.iter().all(|pid| runs(*pid)), "{pids:?}");
    programs
        .tell(
            &session,
            "notifications/cancelled",
            json!({ "requestId": 7 }),
        )
        .await;
    gone(&pids).await;
    until("no zombie", || programs.children().is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_gateway_that_is_killed_leaves_no_program() {
    let programs = Programs::start(
        "program: /bin/sh, args: [FOLDER/script, FOLDER]",
        &[("script", "echo $$ >> $1/pids; while :; do sleep 0.01; done")],
    );
    let request = programs.request(&json!({}));
    let asked = tokio::spawn(request.send());
    let pids = programs.noted(1).await;
    programs.process.signal("-KILL");
    gone(&pids).await;
    asked.abort();
}

#[tokio::test]
async fn a_gateway_that_ends_takes_its_programs_along() {
    let programs = Programs::start(RUN_FAMILY, &[("family", FAMILY)]);
    let asked = tokio::spawn(programs.request(&json!({})).send());
    let pids = programs.noted(2).await;
    programs.process.signal("-TERM");
    gone(&pids).await;
    asked.abort();
}

#[tokio::test]
async fn a_flood_is_cut_and_its_source_ended() {
    let script = "echo $$ >> $1/pids; exec yes";
    let keys = format!("{RUN_FAMILY}, max_output: 100000");
    let programs = Programs::start(&keys, &[("family", script)]);
    let told = programs.fails(json!({})).await;
    assert_eq!(
        told,
        "The program wrote more than 100000 bytes and was ended"
    );
    gone(&programs.noted(1).await).await;
}

#[tokio::test]
async fn complaints_without_end_fill_no_memory() {
    let script = "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo last >&2; exit 1";
    let keys = "program: /bin/sh, args: [FOLDER/script], env: { PATH: /usr/bin:/bin }";
    let programs = Programs::start(keys, &[("script", script)]);
    let told = programs.fails(json!({})).await;
    assert_eq!(told, "The program failed with exit code 1: last");
}

#[tokio::test]
async fn memory_and_processor_time_have_their_limits() {
    // It keeps the last line, and there is no end of a line.
    let keys = "program: /usr/bin/tail, args: [-n, '1', /dev/zero], memory: 67108864, cpu: 10s, timeout: 15s";
    let programs = Programs::start(keys, &[]);
    let told = programs.fails(json!({})).await;
    assert!(told.contains("memory exhausted"), "{told}");

    let keys = "program: /bin/sh, args: [FOLDER/script], cpu: 1s, timeout: 15s";
    let programs = Programs::start(keys, &[("script", "while :; do :; done")]);
    let told = programs.fails(json!({})).await;
    assert_eq!(told, "The program used up its 1 s of processor time");
}

#[tokio::test]
async fn a_file_has_its_limit() {
    let keys = "program: /bin/sh, args: [FOLDER/script, FOLDER], env: { PATH: /usr/bin:/bin }, file_size: 100000";
    let script = "exec head -c 100001 /dev/zero > $1/file";
    let programs = Programs::start(keys, &[("script", script)]);
    let told = programs.fails(json!({})).await;
    assert_eq!(told, "The program wrote a file of more than 100000 bytes");
    assert_eq!(fs::metadata(programs.path("file")).unwrap().len(), 100_000);
}

#[tokio::test]
async fn files_the_gateway_was_given_are_not_handed_on() {
    // As whoever starts the gateway may leave it one.
    let keys = "program: /bin/ls, args: [/proc/self/fd]";
    let programs = Programs::start_by(&["sh", "-c", "exec \"$@\" 7</dev/null", "sh"], keys, &[]);
    let given = format!("/proc/{}/fd/7", programs.process.child.id());
    assert!(fs::symlink_metadata(given).is_ok(), "the gateway has it");
    // Its three, and the folder it lists.
    assert_eq!(programs.says(json!({})).await, "0\n1\n2\n3\n");
}

#[tokio::test]
async fn a_secret_that_is_written_is_hidden_wherever_a_caller_could_read_it() {
    let script = "echo a $KEY b; echo $KEY >&2; [ -z \"$1\" ] || exit $1";
    let keys = |more: &str| {
        let (program, env) = ("program: /bin/sh", "env: { KEY: 'env:SECRET' }");
        format!("{program}, args: [FOLDER/script, {{each: \"${{input.code}}\"}}], {env}{more}")
    };
    for more in ["", ", output: lines"] {
        let programs = Programs::start(&keys(more), &[("script", script)]);
        let session = programs.session().await;
        let mut events = programs.stream(&session).await;
        let mut heard = String::new();
        while let Some(event) = events.next().await {
            heard += &event.to_string();
        }
        heard += &programs.call(json!({ "code": "3" })).await.to_string();
        let log = programs.process.heard.lock().unwrap().clone();
        assert!(heard.matches("[redacted]").count() >= 4, "{heard}");
        assert!(heard.contains("exit code 3: [redacted]"), "{heard}");
        assert!(
            !heard.contains("canary") && !log.contains("canary"),
            "{heard}{log}"
        );
    }
    let json = r#"printf '{"a":["sk-\\u0063anary-0123456789"]}'"#;
    let programs = Programs::start(&keys(", output: json"), &[("script", json)]);
    let result = programs.call(json!({})).await;
    assert_eq!(result["structuredContent"], json!({ "a": ["[redacted]"] }));
}

/// Before a command: it runs as nobody in particular, where the tests are root's.
fn as_nobody() -> &'static [&'static str] {
    if is_root() {
        &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ]
    } else {
        &[]
    }
}

/// Whether these tests run as root.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

#[tokio::test]
async fn a_program_cannot_look_into_the_gateway() {
    let script = "parent() { while read -r key value; do [ $key = PPid: ] && echo $value; done < /proc/$1/status; }
of=$(parent $PPID); read -r name < /proc/$of/comm; echo $name
cat /proc/$PPID/environ; cat /proc/$of/environ || cat /proc/$of/mem || ls /proc/$of/fd || echo closed";
    let keys = "program: /bin/sh, args: [FOLDER/script], env: { PATH: /usr/bin:/bin }";
    let programs = Programs::start_by(as_nobody(), keys, &[("script", script)]);
    let said = programs.says(json!({})).await;
    assert!(
        said.starts_with("waypost\n") && said.ends_with("closed\n"),
        "{said}"
    );
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test]
async fn nothing_to_read_is_nothing() {
    let programs = Programs::start(r#"program: /bin/cat, stdin: "${input.text}""#, &[]);
    assert_eq!(programs.says(json!({})).await, "");
    assert_eq!(programs.says(json!({ "text": null })).await, "");
    let keys = r#"program: /bin/cat, stdin: "a ${input.text}""#;
    let programs = Programs::start(keys, &[]);
    let told = programs.fails(json!({})).await;
    assert!(
        told.contains("standard input") && told.contains("missing"),
        "{told}"
    );
}

#[tokio::test]
async fn lines_are_told_while_the_program_runs() {
    let script =
        "echo one; while [ ! -e $1/go ]; do sleep 0.01; done; printf 'two\\r\\n\\nth\\033ree'";
    let programs = Programs::start(RUN_FAMILY, &[("family", script)]);
    let session = programs.session().await;
    let mut events = programs.stream(&session).await;
    let first = events.next().await.unwrap();
    assert_eq!(first["method"], "notifications/progress");
    assert_eq!(first["params"]["progress"], 1.0);
    assert_eq!(first["params"]["message"], "one");
    fs::write(programs.path("go"), "").unwrap();
    let mut told = Vec::new();
    let result = loop {
        let message = events.next().await.unwrap();
        if message["id"] == 7 {
            break message["result"].clone();
        }
        let params = &message["params"];
        told.push((params["progress"].clone(), params["message"].clone()));
    };
    let expected = [(2.0, "two"), (3.0, ""), (4.0, "three")];
    let expected = expected.map(|(at, line)| (json!(at), json!(line)));
    assert_eq!(told, expected);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("one\ntwo"), "{text:?}");
}

#[tokio::test]
async fn two_hundred_calls_leave_neither_process_nor_file() {
    let programs = Programs::start("program: /bin/echo, args: [hi]", &[]);
    programs.says(json!({})).await;
    let before = programs.open_files();
    for _ in 0..50 {
        let call = || programs.says(json!({}));
        let said = tokio::join!(call(), call(), call(), call());
        assert_eq!(said.0, "hi\n");
    }
    until("no child", || programs.children().is_empty().then_some(())).await;
    // Connections of this test may stay open: four at once.
    until("no more files", || {
        (programs.open_files() <= before + 4).then_some(())
    })
    .await;
}

/// What `waypost check` says of a tool.
fn check(keys: &str) -> (i32, String) {
    let yaml =
        format!("{PROVIDER}tools: {{ run: {{ kind: command, description: Runs., {keys} }} }}\n");
    let folder: TempDir = folder(&yaml);
    let (code, out, err) = run(program(folder.path()).arg("check"));
    (code, out + &err)
}

#[test]
fn what_cannot_be_run_is_told_when_it_is_read() {
    let plain = tempfile::NamedTempFile::new().unwrap();
    let plain: &Path = plain.path();
    for (keys, expected) in [
        ("args: [a]", "no absolute path"),
        ("program: echo", "no absolute path"),
        ("program: /nonexistent/x", "there is no file"),
        ("program: /usr/bin", "there is no file"),
        (
            &format!("program: {}", plain.display()),
            "may not be executed",
        ),
        ("program: /bin/echo, cwd: tmp", "no folder"),
        (
            r#"program: /bin/echo, args: ["${x}"]"#,
            "`x` is not known here",
        ),
        (r#"program: /bin/echo, args: ["${1 +"]"#, "has no end"),
        (
            r#"program: /bin/echo, args: [{each: "x"}]"#,
            "no list to go through",
        ),
        ("program: /bin/echo, cpu: 10ms", "`cpu` is too small"),
        ("program: /bin/echo, memory: 1", "`memory` is too small"),
        (r#"program: /bin/echo, env: { "A=B": c }"#, "cannot be set"),
        (
            r#"program: /bin/echo, env: { A: "env:NOWHERE" }"#,
            "NOWHERE is not set",
        ),
        ("program: /bin/echo, shell: true", "shell"),
    ] {
        let (code, told) = check(keys);
        assert_eq!(code, 2, "{keys}: {told}");
        assert!(told.contains(expected), "{keys}: {told}");
    }
}
