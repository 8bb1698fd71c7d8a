//! Whether an answer is one: something is said, JSON is the JSON asked for, tools called are on offer and their
//! arguments fit.
//!
//! Pure: an [`Expected`] made from the request, [`Answer`]s read from a whole reply or collected from a stream, and
//! a [`Verdict`]. An answer that was cut at the token limit passes, because its caller sees that it was; so does a
//! refusal. What cannot be known (a schema that does not compile) is not checked.
//!
//! ```text
//! let expected = Expected::of(conversation, &schemas, policy).unwrap_or_else(|| Expected::something(&schemas));
//!
//! // whole
//! let mut whole = bridge::Whole::read(ask, target, body, now)?;
//! if whole.is_silent() || expected.wants_more() {
//!     match check(&expected, &whole.answers()?) {
//!         Verdict::Pass => {}
//!         Verdict::Repaired(fixes) => whole.fix(&fixes)?,
//!         Verdict::Invalid(fault) => return Err(fault.failure()),
//!     }
//! }
//! whole.into_tidy()
//!
//! // streamed: `Stream::with_check(expected.watch())`, and see the head of `bridge::stream`
//! ```

mod expected;
mod fault;
mod judge;
mod reask;
mod repair;
#[cfg(test)]
mod tests;

pub use expected::Expected;
pub use fault::{Fault, FaultKind};
pub use judge::{Verdict, check};
pub use reask::reask;
