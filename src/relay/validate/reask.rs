//! Asking the same model once more, with what was wrong.

use super::fault::{Fault, FaultKind};
use crate::chat::{Answer, Content, Message, Request, Role};

/// The request once more, with the bad answer and what is wrong with it at its end. The model's thoughts are not
/// given back: what was wrong is in what it said.
pub fn reask(request: &Request, answers: &[Answer], fault: &Fault) -> Request {
    let mut again = request.clone();
    let said = answers
        .iter()
        .find(|answer| answer.choice == fault.choice)
        .filter(|answer| fault.kind != FaultKind::Empty && !answer.is_silent());
    match said {
        Some(answer) if !answer.calls.is_empty() => calls(&mut again, answer, fault),
        said => {
            // A turn that says nothing is one no provider takes.
            let text = said.map(|answer| answer.text.clone());
            let turn = |text| Message::new(Role::Assistant, Content::Text(text));
            again
                .messages
                .extend(text.filter(|text| !text.is_empty()).map(turn));
            let message = format!("{}. Answer again, in full.", fault.message);
            again
                .messages
                .push(Message::new(Role::User, Content::Text(message)));
        }
    }
    again
}

/// The turn that called, and a result for each call: providers insist on both.
fn calls(again: &mut Request, answer: &Answer, fault: &Fault) {
    let content = match answer.text.as_str() {
        "" => Content::Empty,
        text => Content::Text(text.to_owned()),
    };
    let mut turn = Message::new(Role::Assistant, content);
    turn.tool_calls.clone_from(&answer.calls);
    for call in &mut turn.tool_calls {
        // Servers parse the arguments of earlier turns, and fail on those that are no object.
        let is_object = serde_json::from_str::<serde_json::Map<_, _>>(&call.arguments).is_ok();
        if !is_object {
            call.arguments = "{}".to_owned();
        }
    }
    let results = answer.calls.iter().enumerate().map(|(at, call)| {
        let text = if fault.call == Some(at) {
            format!("{}. Call again.", fault.message)
        } else {
            "Not run, because another call of this turn is invalid. Call again.".to_owned()
        };
        Message {
            tool_call_id: Some(call.id.clone()),
            is_error: true,
            ..Message::new(Role::Tool, Content::Text(text))
        }
    });
    let results: Vec<Message> = results.collect();
    again.messages.push(turn);
    again.messages.extend(results);
}
