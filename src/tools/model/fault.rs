//! Why the router has no answer, as a fault of the tool that asked it.
//!
//! A tool's caller did not choose its models: it learns whether to change its arguments, to come back later or to
//! tell the operator, and the id under which the operator finds the rest. Providers' own words stay on our side.

use crate::{
    outcome::{ErrorClass, Failure},
    relay::Refused,
    route::NoPlan,
    schema::shown_text,
    tools::{Fault, FaultClass},
};

/// The most routes that are told to who named none of them: a model reads the list.
const MOST_ROUTES: usize = 20;

/// The most characters of a name that are quoted.
const LONGEST_NAME: usize = 80;

/// The fault of a refusal; `id` is the completion's.
pub(super) fn of(refused: &Refused, id: &str) -> Fault {
    match refused {
        Refused::Limited(limited) => {
            Fault::new(FaultClass::RateLimited, limited.to_string()).after(limited.retry_after)
        }
        Refused::NoPlan(reason) => match reason.class() {
            Some(class) => Fault {
                retry_after: wait(reason),
                ..fault(class, id)
            },
            None => fault(ErrorClass::Permission, id),
        },
        Refused::Spent(spent) => Fault::new(FaultClass::Declined, spent.to_string()),
        Refused::Exhausted(failure, _) => failed(failure, id),
    }
}

/// The fault of a failure that ended a completion.
pub(super) fn failed(failure: &Failure, id: &str) -> Fault {
    Fault {
        retry_after: failure.retry_after,
        ..fault(failure.class, id)
    }
}

/// The model named by the caller is none it may name; these are the routes it may.
pub(super) fn not_to_be_named(reason: &NoPlan, routes: &[String]) -> Fault {
    let mut message = match reason {
        NoPlan::UnknownModel(name) | NoPlan::Forbidden(name) => {
            let name = shown_text(name, LONGEST_NAME);
            format!("There is no route `{name}` that you may use")
        }
        _ => "You may use none of the targets of this route".to_owned(),
    };
    let more = routes.len().saturating_sub(MOST_ROUTES);
    let told = routes
        .iter()
        .take(MOST_ROUTES)
        .map(|name| format!("`{name}`"));
    let told: Vec<String> = told.collect();
    match (told.is_empty(), more) {
        (true, _) => message.push_str(", nor any other"),
        (false, 0) => message += &format!("; you may use {}", told.join(", ")),
        (false, more) => message += &format!("; you may use {} and {more} more", told.join(", ")),
    }
    Fault::new(FaultClass::InvalidArguments, message)
}

/// The model, or a filter behind it, declined.
pub(super) fn declined() -> Fault {
    Fault::new(
        FaultClass::Declined,
        "The model declined to answer: a content policy, or its own judgement, does not allow this request",
    )
}

fn wait(reason: &NoPlan) -> Option<std::time::Duration> {
    match reason {
        NoPlan::NobodyReady { retry_after, .. } => *retry_after,
        _ => None,
    }
}

fn fault(class: ErrorClass, id: &str) -> Fault {
    use ErrorClass::*;
    let (ours, what) = match class {
        ContentPolicy => return declined(),
        ContextLength | TooLarge => (
            FaultClass::InvalidArguments,
            "The arguments make a longer prompt than any model of this tool takes: send less",
        ),
        InvalidAnswer => (
            FaultClass::InvalidOutput,
            "No model of this tool gave an answer of the form that was asked for",
        ),
        RateLimit | Overloaded | Saturated => (
            FaultClass::Unavailable,
            "The models of this tool are busy: try again later",
        ),
        Unreachable | ServerError => (
            FaultClass::Unavailable,
            "The models of this tool could not be reached, or failed: try again later",
        ),
        Timeout => (
            FaultClass::Timeout,
            "The models of this tool took too long to answer",
        ),
        Cancelled => (FaultClass::Cancelled, "The call was cancelled"),
        Unsupported => (
            FaultClass::Declined,
            "No model of this tool can do what the call needs, within the limits of its route",
        ),
        InvalidRequest => (
            FaultClass::Declined,
            "The models of this tool do not take what was made of these arguments: change them",
        ),
        Auth | Permission | NotFound | Quota => (
            FaultClass::Failed,
            "The models of this tool cannot be used as it is set up: tell its operator",
        ),
    };
    Fault {
        // Targets have circuits, and refused keys are put aside. That an answer takes too long, or has another form,
        // may be for what the tool asks.
        watched_elsewhere: matches!(ours, FaultClass::Unavailable | FaultClass::Failed),
        ..Fault::new(ours, format!("{what} (request {id}, {})", class.label()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_fault_says_what_to_do_and_repeats_nothing_of_the_provider() {
        let check = |class: ErrorClass, expected: FaultClass, told: &str| {
            let failure = Failure {
                retry_after: Some(Duration::from_secs(3)),
                ..Failure::new(class, "canary sk-secret /etc/waypost")
            };
            let fault = of(&Refused::Exhausted(failure, Box::default()), "req_1.1");
            assert_eq!(fault.class, expected, "{class:?}");
            assert!(fault.message.contains(told), "{}", fault.message);
            assert!(!fault.message.contains("canary"), "{}", fault.message);
        };
        check(ErrorClass::RateLimit, FaultClass::Unavailable, "later");
        check(ErrorClass::ServerError, FaultClass::Unavailable, "req_1.1");
        check(ErrorClass::Timeout, FaultClass::Timeout, "too long");
        check(
            ErrorClass::ContextLength,
            FaultClass::InvalidArguments,
            "less",
        );
        check(ErrorClass::InvalidAnswer, FaultClass::InvalidOutput, "form");
        check(ErrorClass::ContentPolicy, FaultClass::Declined, "declined");
        check(ErrorClass::InvalidRequest, FaultClass::Declined, "change");
        check(ErrorClass::Unsupported, FaultClass::Declined, "needs");
        check(ErrorClass::Auth, FaultClass::Failed, "operator");
        check(ErrorClass::Cancelled, FaultClass::Cancelled, "cancelled");
    }

    #[test]
    fn what_targets_are_watched_for_is_not_held_against_the_tool() {
        use ErrorClass::*;
        let speaks = |class| {
            let failure = Failure::new(class, "it failed");
            let fault = of(&Refused::Exhausted(failure, Box::default()), "req_1.1");
            fault.speaks_against_the_tool()
        };
        for class in [
            RateLimit,
            Overloaded,
            Saturated,
            Unreachable,
            ServerError,
            Auth,
            Permission,
            NotFound,
            Quota,
        ] {
            assert!(!speaks(class), "{class:?}");
        }
        for class in [Timeout, InvalidAnswer] {
            assert!(speaks(class), "{class:?}");
        }
    }

    #[test]
    fn who_must_wait_learns_how_long() {
        let failure = Failure {
            retry_after: Some(Duration::from_secs(3)),
            ..Failure::new(ErrorClass::Overloaded, "busy")
        };
        assert_eq!(
            failed(&failure, "a").retry_after,
            Some(Duration::from_secs(3))
        );
    }
}
