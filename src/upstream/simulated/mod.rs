//! stub
use bytes::Bytes;
use std::time::Duration;
/// x
#[derive(Debug)]
pub struct Simulator;
/// x
#[derive(Debug)]
pub struct Script {
    /// x
    pub delay: Duration,
    /// x
    pub status: u16,
    /// x
    pub headers: Vec<(&'static str, String)>,
    /// x
    pub body: Vec<Step>,
}
/// x
#[derive(Debug)]
pub enum Step {
    /// x
    Wait(Duration),
    /// x
    Bytes(Bytes),
    /// x
    Cut,
    /// x
    Hang,
}
impl Simulator {
    /// x
    pub fn new(_: crate::catalog::Simulation) -> Self {
        Self
    }
    /// x
    pub fn answer(&self, _: &str, _: &[u8], _: u64) -> Script {
        Script {
            delay: Duration::ZERO,
            status: 500,
            headers: vec![],
            body: vec![],
        }
    }
}
