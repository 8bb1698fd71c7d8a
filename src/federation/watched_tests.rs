use std::io;

use serde_json::{Value, json};

use super::*;

/// A server that answers the question whether it is new only after it was asked the old way.
struct Late(Vec<Value>);

impl Transport<RoleClient> for Late {
    type Error = io::Error;

    fn send(
        &mut self,
        _: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        std::future::ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let next = self.0.pop()?;
        Some(serde_json::from_value(next).unwrap())
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_late_answer_to_the_new_question_is_not_taken_for_that_to_the_old() {
    let initialized = json!({
        "jsonrpc": "2.0", "id": 1, "result": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "serverInfo": { "name": "late", "version": "1" },
        },
    });
    let error = json!({ "code": -32601, "message": "Method not found" });
    let unknown = json!({ "jsonrpc": "2.0", "id": 0, "error": error });
    let empty = json!({ "jsonrpc": "2.0", "id": 0, "result": {} });
    for late in [unknown, empty] {
        let inner = Late(vec![initialized.clone(), late]);
        let watching = (Arc::default(), Arc::default());
        let mut watched = Watched::new(inner, |_| Cut::Closed, watching, "s".into());
        let ask = |id: i64, method: &str| -> TxJsonRpcMessage<RoleClient> {
            let params = json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": { "name": "c", "version": "1" },
            });
            let asked = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
            serde_json::from_value(asked).unwrap()
        };
        watched.send(ask(0, "server/discover")).await.unwrap();
        watched.send(ask(1, "initialize")).await.unwrap();
        let JsonRpcMessage::Response(answer) = watched.receive().await.unwrap() else {
            panic!("the late answer came through");
        };
        assert_eq!(answer.id, RequestId::Number(1));
    }
}

#[test]
fn a_second_has_room_for_so_much_and_the_next_one_again() {
    let start = Instant::now();
    let mut flood = Flood {
        since: start,
        count: 0,
    };
    let fates: Vec<Fate> = (0..=HEARD).map(|_| flood.count(start)).collect();
    assert_eq!(fates.last(), Some(&Fate::LeftOut));
    assert_eq!(
        fates.iter().filter(|fate| **fate == Fate::Heard).count(),
        HEARD as usize
    );
    let later = start + Duration::from_secs(1);
    assert_eq!(flood.count(later), Fate::Heard);
    flood.count = BORNE;
    assert_eq!(flood.count(later), Fate::Unbearable);
}
