//! From names to addresses, of which only judged ones come out.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Allow;

/// Looks names up.
pub trait Names: Send + Sync + fmt::Debug {
    /// All addresses of a name.
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The system's way of looking names up.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Gives the addresses of names whose addresses may all be connected to. They are what is connected to: nobody looks
/// the name up again behind it.
pub(super) struct Filter {
    names: Arc<dyn Names>,
    allow: Arc<Allow>,
}

/// A name has an address that may not be connected to. One is enough: a name with addresses on both sides of the wall
/// is an attempt to get over it, or a mistake that should be seen.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to an address that is not public")]
pub(super) struct NotPublic;

impl Filter {
    pub(super) fn new(names: Arc<dyn Names>, allow: Allow) -> Arc<Self> {
        let allow = Arc::new(allow);
        Arc::new(Self { names, allow })
    }
}

impl Resolve for Filter {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let looking = self.names.addresses(name.clone());
        let allow = self.allow.clone();
        Box::pin(async move {
            let found = looking.await?;
            if !found
                .iter()
                .all(|address| allow.lets(Some(&name), *address))
            {
                return Err(NotPublic.into());
            }
            // Port 0 stands for the URL's own.
            let addresses = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
