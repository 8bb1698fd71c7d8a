//! What a server lists: all pages of it, within bounds.

use std::{
    collections::{BTreeSet, HashSet},
    io,
    time::Duration,
};

use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest,
    ListToolsRequest, PaginatedRequestParams, Prompt, Resource, ResourceTemplate, ServerResult,
    Tool,
};
use serde::Serialize;
use tokio::time::Instant;

use super::{Failed, connection::Connection};

/// How long all lists of a server together may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The most pages of one list.
const PAGES: usize = 100;

/// The most items of one list. No model reads a tenth of so many tools.
const ITEMS: usize = 2_000;

/// The most bytes of one list, as JSON.
const BYTES: usize = 8 * 1024 * 1024;

/// What a server lists, as it says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Its tools.
    pub tools: Vec<Tool>,
    /// Its prompts.
    pub prompts: Vec<Prompt>,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// Templates of more addresses.
    pub templates: Vec<ResourceTemplate>,
    /// What replicas of the server do not agree on, by what it is approved by.
    pub disputed: BTreeSet<String>,
}

/// One page: its items and what is behind it.
type Page<T> = (Vec<T>, Option<String>);

impl Listing {
    /// Reads all lists the server says it has.
    pub(super) async fn read(connection: &Connection) -> Result<Self, Failed> {
        let has = connection.capabilities();
        let deadline = Instant::now() + PATIENCE;
        let reader = Reader {
            connection,
            deadline,
        };
        let mut listing = Self::default();
        if has.tools.is_some() {
            listing.tools = reader.all("tools", tools_from, tools_in).await?;
        }
        if has.prompts.is_some() {
            listing.prompts = reader.all("prompts", prompts_from, prompts_in).await?;
        }
        if has.resources.is_some() {
            listing.resources = reader
                .all("resources", resources_from, resources_in)
                .await?;
            listing.templates = match reader.all("templates", templates_from, templates_in).await {
                // Servers that have none often do not know the question.
                Err(Failed::Error { .. }) => Vec::new(),
                listed => listed?,
            };
        }
        Ok(listing)
    }
}

struct Reader<'a> {
    connection: &'a Connection,
    deadline: Instant,
}

impl Reader<'_> {
    /// All pages of one list.
    async fn all<T: Serialize>(
        &self,
        what: &str,
        from: fn(PaginatedRequestParams) -> ClientRequest,
        page: fn(ServerResult) -> Option<Page<T>>,
    ) -> Result<Vec<T>, Failed> {
        let mut gathered = Gathered::default();
        let mut cursor = None;
        loop {
            let params = PaginatedRequestParams::default().with_cursor(cursor);
            let asking = self.connection.inquire(from(params), self.deadline);
            let page = page(asking.await?);
            let page = page.ok_or_else(|| self.unfit(format!("it is no list of {what}")))?;
            cursor = match gathered.take(page) {
                Ok(Some(next)) => Some(next),
                Ok(None) => return Ok(gathered.items),
                Err(why) => return Err(self.unfit(format!("its list of {what} {why}"))),
            };
        }
    }

    fn unfit(&self, why: String) -> Failed {
        Failed::Unfit {
            server: self.connection.name().to_owned(),
            why,
        }
    }
}

/// The pages of one list so far.
#[derive(Debug)]
struct Gathered<T> {
    items: Vec<T>,
    bytes: usize,
    seen: HashSet<String>,
}

impl<T> Default for Gathered<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            bytes: 0,
            seen: HashSet::new(),
        }
    }
}

impl<T: Serialize> Gathered<T> {
    /// Takes a page: where the next one is, or what is wrong with the list.
    fn take(&mut self, (items, next): Page<T>) -> Result<Option<String>, String> {
        let mut count = Count(0);
        // Counting cannot fail, and what was read can be written.
        let _ = serde_json::to_writer(&mut count, &items);
        self.bytes = self.bytes.saturating_add(count.0);
        self.items.extend(items);
        if self.items.len() > ITEMS {
            return Err(format!("has more than {ITEMS} items"));
        }
        if self.bytes > BYTES {
            return Err(format!("has more than {BYTES} bytes"));
        }
        let Some(next) = next else { return Ok(None) };
        if !self.seen.insert(next.clone()) {
            return Err("leads in a circle".to_owned());
        }
        if self.seen.len() >= PAGES {
            return Err(format!("has more than {PAGES} pages"));
        }
        Ok(Some(next))
    }
}

/// Counts what is written.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tools_from(params: PaginatedRequestParams) -> ClientRequest {
    ListToolsRequest::with_param(params).into()
}

fn tools_in(result: ServerResult) -> Option<Page<Tool>> {
    match result {
        ServerResult::ListToolsResult(list) => Some((list.tools, list.next_cursor)),
        _ => None,
    }
}

fn prompts_from(params: PaginatedRequestParams) -> ClientRequest {
    ListPromptsRequest::with_param(params).into()
}

fn prompts_in(result: ServerResult) -> Option<Page<Prompt>> {
    match result {
        ServerResult::ListPromptsResult(list) => Some((list.prompts, list.next_cursor)),
        _ => None,
    }
}

fn resources_from(params: PaginatedRequestParams) -> ClientRequest {
    ListResourcesRequest::with_param(params).into()
}

fn resources_in(result: ServerResult) -> Option<Page<Resource>> {
    match result {
        ServerResult::ListResourcesResult(list) => Some((list.resources, list.next_cursor)),
        _ => None,
    }
}

fn templates_from(params: PaginatedRequestParams) -> ClientRequest {
    ListResourceTemplatesRequest::with_param(params).into()
}

fn templates_in(result: ServerResult) -> Option<Page<ResourceTemplate>> {
    match result {
        ServerResult::ListResourceTemplatesResult(list) => {
            Some((list.resource_templates, list.next_cursor))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: usize, next: &str) -> Page<String> {
        let next = (!next.is_empty()).then(|| next.to_owned());
        (vec!["x".to_owned(); items], next)
    }

    #[test]
    fn lists_end_and_are_bounded() {
        let mut good = Gathered::default();
        assert_eq!(good.take(page(3, "b")), Ok(Some("b".to_owned())));
        assert_eq!(good.take(page(3, "")), Ok(None));
        assert_eq!(good.items.len(), 6);

        let mut circle = Gathered::default();
        circle.take(page(1, "a")).unwrap();
        circle.take(page(1, "b")).unwrap();
        assert!(circle.take(page(1, "a")).unwrap_err().contains("circle"));

        let mut endless = Gathered::default();
        let end = (0..).find_map(|at| endless.take(page(1, &at.to_string())).err());
        assert!(end.unwrap().contains("100 pages"));

        assert!(Gathered::default().take(page(ITEMS + 1, "")).is_err());
        let large = (vec!["x".repeat(BYTES)], None);
        assert!(Gathered::default().take(large).is_err());
    }
}
