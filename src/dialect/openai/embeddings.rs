//! stub
use crate::{
    chat::Outline,
    dialect::{Malformed, Tidy},
    outcome::Failure,
};
use bytes::Bytes;
/// x
pub fn outline(_: &[u8]) -> Result<Outline, Malformed> {
    unimplemented!()
}
/// x
pub fn tidy(_: Bytes) -> Result<Tidy, Failure> {
    unimplemented!()
}
