//! What servers say of their lists: that they are others now.
//!
//! What is offered here may still be the same, because what is new waits for approval, or because the server only says
//! so. Clients that listen are told all the same, as they would be by the server itself.

/// Which lists are others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// The tools.
    pub tools: bool,
    /// The prompts.
    pub prompts: bool,
    /// The resources, or the templates of addresses.
    pub resources: bool,
}

impl Announced {
    /// Adds what another says.
    pub(super) fn add(&mut self, other: Self) {
        self.tools |= other.tools;
        self.prompts |= other.prompts;
        self.resources |= other.resources;
    }
}
