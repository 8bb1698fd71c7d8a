//! What tests share.

pub(crate) mod accumulate;
pub(crate) mod anthropic;
pub(crate) mod faulty;
pub(crate) mod gateway;
pub(crate) mod matcher;
pub(crate) mod metrics;
pub(crate) mod provider;
pub(crate) mod raw;
pub(crate) mod vector;
pub(crate) mod web;

pub(crate) use gateway::{Answer, Gateway, chat};
pub(crate) use provider::{Act, Provider, completion, done, error, role, streamed, text};
