//! Servers that are programs of this machine.

use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use waypost::federation::{Failed, Fleet, Server};

use super::{Ask, Caller, empty, fleet, later, specs, until};

/// A server of 2025-11-25 in a shell, with tools that misbehave.
const SHELL: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
text() { answer "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"method":"server/discover"'*)
      printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}\n' "$id" ;;
    *'"method":"initialize"'*)
      answer '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"shell","version":"1"}}' ;;
    *'"method":"tools/list"'*) answer '{"tools":[]}' ;;
    *'"method":"notifications/cancelled"'*) : > cancelled ;;
    *'"name":"pid"'*) text "$$" ;;
    *'"name":"family"'*) sleep 1000 & text "$!" ;;
    *'"name":"environment"'*) text "$(env | grep -v '^_=' | grep -v '^PWD=' | sort | tr '\n' ' ')" ;;
    *'"name":"die"'*) exit 3 ;;
    *'"name":"hang"'*) ;;
    *'"name":"long"'*) head -c 1000000 /dev/zero | tr '\0' x; echo; text done ;;
    *'"name":"complain"'*) echo out of cheese >&2; exit 5 ;;
    *'"name":"nested"'*) answer "$(printf '[%.0s' $(seq 200))$(printf ']%.0s' $(seq 200))" ;;
    *'"name":"bytes"'*) text "$(printf '\377')" ;;
    *'"name":"half"'*) printf '{"jsonrpc":"2.0","id":%s,"resu' "$id"; text done ;;
    *'"name":"numberless"'*) echo '{"jsonrpc":"2.0","result":{}' ;;
    *'"name":"noise"'*) head -c 3000000 /dev/zero | tr '\0' x >&2; echo "no message"; text done ;;
    *'"name":"ask"'*)
      mine=$id
      printf '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{}}}}\n'
      read -r reply
      id=$mine
      case "$reply" in *Ada*) text Ada ;; *) text refused ;; esac ;;
  esac
done
"#;

/// A server of 2026-07-28 that is slow to begin: whoever loses patience and asks the old way is refused.
const SLOW: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"method":"server/discover"'*)
      echo >> asked
      if [ "$(wc -l < asked)" -gt 1 ]; then
        while [ ! -e go ]; do sleep 0.02; done
        answer '{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}'
      fi ;;
    *'"method":"initialize"'*)
      printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32022,"message":"It is new","data":{"requested":"2025-11-25","supported":["2026-07-28"]}}}\n' "$id" ;;
    *'"method":"tools/list"'*) answer '{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}' ;;
  esac
done
"#;

/// The shell's server, with a folder of its own.
pub(super) fn shell(more: &str) -> (Fleet, std::sync::Arc<Server>, TempDir) {
    scripted(SHELL, more)
}

/// A server in a shell, with a folder of its own.
pub(super) fn scripted(script: &str, more: &str) -> (Fleet, std::sync::Arc<Server>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (written, script) = (script, folder.path().join("server.sh"));
    std::fs::write(&script, written).unwrap();
    let settings = json!({
        "kind": "mcp", "command": ["sh", script], "cwd": folder.path(), "env": { "GREETING": "hello" },
    });
    let entry = settings.to_string();
    let entry = entry.trim_end_matches('}');
    let fleet = empty();
    let all = if more.is_empty() {
        format!("  s: {entry}}}\n")
    } else {
        format!("  s: {entry}, {more}}}\n")
    };
    fleet.settle(specs(&all).unwrap());
    let server = fleet.server("s").unwrap();
    (fleet, server, folder)
}

fn is_there(pid: &str) -> bool {
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    test_kill_process(pid).is_ok()
}

#[tokio::test]
async fn the_gateway_itself_is_a_server_in_either_revision() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "tools: { count: { kind: fixture, does: count, description: Counts., input_schema: { additionalProperties: true } } }";
    std::fs::write(folder.path().join("waypost.yaml"), yaml).unwrap();
    let program = env!("CARGO_BIN_EXE_waypost");
    for revision in ["auto", "2025-11-25", "2026-07-28"] {
        let cwd = folder.path().display();
        let (_fleet, server) = fleet(&format!(
            "command: ['{program}', mcp], cwd: '{cwd}', revision: '{revision}'"
        ));
        let caller = Caller::default();
        let ask = Ask::new(&server, &caller);
        let arguments = json!({ "n": 3, "ms": 0 });
        let counted = ask.call("count", arguments).await;
        assert!(counted.is_ok(), "{revision}: {counted:?}");
        let spoken = server.standing().replicas.remove(0).revision;
        let expected = if revision == "auto" {
            "2026-07-28"
        } else {
            revision
        };
        assert_eq!(spoken.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_new_program_that_begins_slowly_is_given_its_time_once_it_said_what_it_is() {
    let (_fleet, server, folder) = scripted(SLOW, "");
    let asked = || std::fs::read(folder.path().join("asked")).map_or(0, |lines| lines.len());
    for times in 1..=2 {
        until("it is asked whether it is new", || asked() == times).await;
        // As long as nobody waits who does not know.
        later(Duration::from_secs(10)).await;
    }
    std::fs::write(folder.path().join("go"), "").unwrap();
    until("it is ready", || {
        server.standing().replicas[0].state == "ready"
    })
    .await;
    let spoken = server.standing().replicas.remove(0).revision;
    assert_eq!(spoken.as_deref(), Some("2026-07-28"));
    assert_eq!(asked(), 2, "it was started twice");
}

#[tokio::test]
async fn a_program_gets_its_own_environment_and_nothing_of_the_gateways() {
    let (_fleet, server, _folder) = shell("");
    let caller = Caller::default();
    let text = Ask::new(&server, &caller)
        .text("environment", json!({}))
        .await;
    let text = text.unwrap();
    assert_eq!(
        text.trim(),
        "GREETING=hello PATH=/usr/local/bin:/usr/bin:/bin"
    );
}

#[tokio::test]
async fn a_program_that_dies_is_started_again_and_only_its_call_is_lost() {
    let (_fleet, server, _folder) = shell("");
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    let first = ask.text("pid", json!({})).await.unwrap();
    let lost = ask.text("die", json!({})).await.unwrap_err();
    assert!(
        matches!(lost, Failed::Broken { unsent: false, .. }),
        "{lost:?}"
    );
    let second = ask.text("pid", json!({})).await.unwrap();
    assert_ne!(first, second);
    assert!(!is_there(&first));
    assert_eq!(server.standing().replicas[0].reconnects, 1);
}

#[tokio::test]
async fn many_calls_lost_with_one_program_are_one_failure() {
    // Two would open the circuit.
    let breaker =
        r#""breaker": { "consecutive": 2, "min_calls": 1000, "open_for": "1h", "open_max": "1h" }"#;
    let (_fleet, server, folder) = shell(breaker);
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    ask.text("pid", json!({})).await.unwrap();
    let hang = async |_| ask.text("hang", json!({})).await;
    let lost = join_all((0..10).map(hang));
    let dies = async {
        until("all ten are under way", || {
            server.standing().replicas[0].running == 10
        })
        .await;
        ask.text("die", json!({})).await
    };
    let (lost, died) = tokio::join!(lost, dies);
    for lost in lost.into_iter().chain([died]) {
        assert!(matches!(lost, Err(Failed::Broken { .. })), "{lost:?}");
    }
    ask.text("pid", json!({})).await.unwrap();
    drop(folder);
}

#[tokio::test]
async fn a_program_that_hangs_costs_its_own_calls_and_hears_that_they_are_over() {
    let (_fleet, server, folder) = shell("");
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    let hanging = Ask {
        within: Duration::from_millis(200),
        ..Ask::new(&server, &caller)
    };
    ask.text("pid", json!({})).await.unwrap();
    let (late, other) = tokio::join!(hanging.text("hang", json!({})), ask.text("pid", json!({})));
    assert!(matches!(late, Err(Failed::Late { .. })), "{late:?}");
    other.unwrap();
    until("it is told", || folder.path().join("cancelled").exists()).await;
}

#[tokio::test]
async fn what_a_program_has_started_ends_with_its_server() {
    let (fleet, server, _folder) = shell("");
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    let own = ask.text("pid", json!({})).await.unwrap();
    let child = ask.text("family", json!({})).await.unwrap();
    assert!(is_there(&own) && is_there(&child));
    fleet.settle(Vec::new());
    drop(server);
    until("all of it is gone", || !is_there(&own) && !is_there(&child)).await;
}

#[tokio::test]
async fn noise_is_read_over_and_a_line_without_end_is_the_end() {
    let (_fleet, server, _folder) = shell("\"max_message\": 65536");
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    assert_eq!(ask.text("noise", json!({})).await.unwrap(), "done");
    let long = ask.text("long", json!({})).await.unwrap_err();
    assert!(matches!(long, Failed::TooLarge { .. }), "{long:?}");
    ask.text("pid", json!({})).await.unwrap();
}

#[tokio::test]
async fn a_question_that_could_be_anybodys_is_nobodys() {
    let (_fleet, server, _folder) = shell("");
    let (asked, other) = (Caller::default(), Caller::default());
    let ask = Ask::new(&server, &asked);
    assert_eq!(ask.text("ask", json!({})).await.unwrap(), "Ada");
    assert_eq!(asked.told(), ["elicitation/create"]);
    let hanging = Ask {
        within: Duration::from_secs(2),
        ..Ask::new(&server, &other)
    };
    let (late, refused) = tokio::join!(hanging.text("hang", json!({})), ask.text("ask", json!({})));
    assert!(late.is_err());
    assert_eq!(refused.unwrap(), "refused");
    assert!(other.told().is_empty());
}

#[tokio::test]
async fn processes_that_may_ask_models_serve_one_call_each() {
    let (_fleet, server, _folder) = shell("\"processes\": 2, \"model\": {}");
    until("both are there", || {
        let standing = server.standing();
        standing.replicas.len() == 2 && standing.replicas.iter().all(|it| it.state == "ready")
    })
    .await;
    let callers: Vec<Caller> = (0..3).map(|_| Caller::default()).collect();
    let hanging = |caller| Ask {
        within: Duration::from_millis(500),
        ..Ask::new(&server, caller)
    };
    let third = async {
        until("both are busy", || {
            server.standing().replicas.iter().all(|it| it.running == 1)
        })
        .await;
        Ask::new(&server, &callers[2]).text("pid", json!({})).await
    };
    let (first, second) = (hanging(&callers[0]), hanging(&callers[1]));
    let (a, b, third) = tokio::join!(
        first.text("hang", Value::Null),
        second.text("hang", Value::Null),
        third,
    );
    assert!(a.is_err() && b.is_err());
    assert!(third.is_ok(), "it waited for a place: {third:?}");
}
