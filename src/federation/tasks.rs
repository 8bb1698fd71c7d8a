//! Tasks belong to the replica that began them: the others do not know them.
//!
//! So a task's id has the replica's number before it while it is ours. Nothing has to be remembered, and no task is
//! lost for want of room.

use std::borrow::Cow;

use rmcp::model::CallToolResponse;

use super::{Answer, Question};

/// What stands between the number and the server's own id.
const BETWEEN: char = ':';

/// An answer whose task, if it has begun one, is this replica's.
pub(super) fn of_replica(number: usize, mut answer: Answer) -> Answer {
    if let Answer::Call(CallToolResponse::Task(created)) = &mut answer {
        let id = &mut created.task.task_id;
        *id = format!("{number}{BETWEEN}{id}");
    }
    answer
}

/// A question as the server understands it, and the replica that alone can answer it. Only what is asked about a task is
/// another there.
pub(super) fn at_replica(question: &Question) -> (Cow<'_, Question>, Option<usize>) {
    let mut asked = match question {
        Question::Task(_) | Question::Update(_) | Question::Cancel(_) => question.clone(),
        _ => return (Cow::Borrowed(question), None),
    };
    let number = task_id(&mut asked).and_then(|id| {
        let (number, own) = id.split_once(BETWEEN)?;
        let number = number.parse().ok();
        *id = own.to_owned();
        number
    });
    (Cow::Owned(asked), number)
}

fn task_id(question: &mut Question) -> Option<&mut String> {
    match question {
        Question::Task(params) => Some(&mut params.task_id),
        Question::Update(params) => Some(&mut params.task_id),
        Question::Cancel(params) => Some(&mut params.task_id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CancelTaskParams, CreateTaskResult, GetTaskParams, Task, TaskStatus};

    use super::*;

    #[test]
    fn a_task_is_asked_for_where_it_began_by_the_id_it_has_there() {
        let task = Task::new("a:b", TaskStatus::Working, "", "");
        let created = Answer::Call(CallToolResponse::Task(CreateTaskResult::new(task)));
        let Answer::Call(CallToolResponse::Task(created)) = of_replica(3, created) else {
            panic!("it is no task any more");
        };
        let asked = Question::Task(GetTaskParams::new(created.task.task_id));
        let (asked, Some(3)) = at_replica(&asked) else {
            panic!("it is asked for elsewhere");
        };
        let Question::Task(asked) = asked.into_owned() else {
            panic!("it is another question");
        };
        assert_eq!(asked.task_id, "a:b");
        let Some(3) = at_replica(&Question::Cancel(CancelTaskParams::new("3:a"))).1 else {
            panic!("it is told to end elsewhere");
        };
    }
}
