//! Providers and models as values: who there is, what a model can do and what it costs.
//!
//! A provider is a [`Card`]: data, read from `providers/*.yaml` or from the operator's `providers:`, in the
//! same shape. Nothing here knows how any API is spelled, reads a file or looks at the clock.

mod address;
mod card;
mod check;
mod model;
mod overlay;
mod price;
mod quirks;
mod settings;
mod shipped;
mod target;

pub use card::{Auth, Card, Concurrency, Credential, DialectName, Paths, UnknownModels};
pub use model::{Ability, Mode, Model};
pub use overlay::resolve;
pub use price::{NanoDollars, Price, Rate, Tier};
pub use quirks::{EffortStyle, MaxTokensField, Quirks, ReasoningHistory, StreamUsage, ToolIds};
pub use settings::{Api, CardSettings, Fault, Outage, Simulation};
pub use shipped::{enabled_by, shipped, shipped_names};
pub use target::{Catalog, NoTarget, Target};
