//! Other servers where operators look: the admin listener, and the command that asks it.
//!
//! What a server lists is handed to the pins as its connection would hand it, so that no server is needed.

mod admin;
mod command;

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use waypost::federation::{Approve, Fleet, Listing, Settings, Spec, Where};

use crate::support::{Answer, Gateway};

const KEY: &str = "adm-key-0123456789";

/// A gateway that knows a server `crm`, which cannot be reached.
struct Scene {
    gateway: Gateway,
    pins: PathBuf,
    _folder: TempDir,
}

impl Scene {
    async fn start() -> Self {
        Self::with(&format!("server: {{ admin_key: {KEY} }}")).await
    }

    async fn with(server: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pins = folder.path().join("pins.json");
        let yaml = format!(
            "{server}\nproviders: {{ s: {{ dialect: simulated }} }}\nmcp: {{ pins: {pins:?} }}\n"
        );
        let gateway = Gateway::start(&yaml).await;
        let spec = Spec {
            name: "crm".into(),
            settings: Settings::default(),
            place: Where::Http {
                urls: vec!["http://127.0.0.1:1/mcp".parse().unwrap()],
                headers: vec![Vec::new()],
                allow: Default::default(),
            },
            breaker: Default::default(),
        };
        let scene = Self {
            gateway,
            pins,
            _folder: folder,
        };
        scene.fleet().settle(vec![spec]);
        scene
    }

    fn fleet(&self) -> std::sync::Arc<Fleet> {
        self.gateway.hall.face().fleet.clone()
    }

    /// The server lists these tools, each with a description. Gives the names of those that are offered.
    fn lists(&self, tools: &[(&str, &str)]) -> Vec<String> {
        let tools = tools.iter().map(|(name, description)| {
            let tool = json!({"name": name, "description": description, "inputSchema": {"type": "object"}});
            serde_json::from_value(tool).unwrap()
        });
        let fleet = self.fleet();
        let listing = Listing {
            tools: tools.collect(),
            ..Listing::default()
        };
        let (offered, _) = fleet.pins().judge("crm", Approve::ByHand, listing);
        offered.names()
    }

    async fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.gateway.admin);
        let request = self.gateway.client.get(url).bearer_auth(KEY);
        self.gateway.send(request).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.gateway.admin);
        let request = self.gateway.client.post(url).bearer_auth(KEY);
        self.gateway.send(request.body(body.to_string())).await
    }

    /// What waits.
    async fn held(&self) -> Vec<Value> {
        let shown = self.get("/admin/servers/crm").await.json();
        shown["held"].as_array().unwrap().clone()
    }
}
