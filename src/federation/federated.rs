//! A server as those know it who ask it something.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

use super::{Answer, Catalogue, Failed, Outgoing, Server, Spec};

/// A server that can be asked.
pub trait Federated: fmt::Debug + Send + Sync {
    /// As it is run.
    fn spec(&self) -> &Spec;

    /// What of it may be offered now.
    fn offered(&self) -> Arc<Catalogue>;

    /// Asks it something. Dropping the future calls it off.
    fn ask<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<Answer, Failed>>;
}

impl Federated for Server {
    fn spec(&self) -> &Spec {
        self.spec()
    }

    fn offered(&self) -> Arc<Catalogue> {
        self.offered()
    }

    fn ask<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<Answer, Failed>> {
        Box::pin(self.ask(outgoing))
    }
}
