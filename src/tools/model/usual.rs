//! The route of completions that name none.

use super::talks;
use crate::{
    access::Caller,
    relay::{self, Desk},
};

/// Its name, where there is such a route.
const USUAL: &str = "auto";

/// The usual route, else the first by name, of those that this caller may use and that have models to talk to.
pub(in crate::tools) fn usual_route(desk: &Desk, caller: &Caller) -> Option<String> {
    let usable = |name: &&str| talks(desk, name) && relay::would_ask(desk, name, caller);
    let names = || desk.router.names().map(|name| &**name);
    let usual = names().find(|name| *name == USUAL).filter(usable);
    usual.or_else(|| names().find(usable)).map(str::to_owned)
}
