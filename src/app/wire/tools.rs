//! Tools as written, those of imports, and those that are built in.

use super::{Wiring, is_loopback};
use crate::{
    app::pages,
    catalog::{Catalog, NoTarget},
    config::File,
    problem::Problem,
    tools::{KindSettings, Materials, Settings, Tool, builtin},
};

/// What tools are built on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) file: &'a File,
    pub(super) catalog: &'a Catalog,
}

impl Wiring<'_> {
    /// Every tool. Names that are taken are not given to built-in ones.
    pub(super) fn tools(&mut self, ground: Ground<'_>) -> Vec<Tool> {
        let file = ground.file;
        let mut tools: Vec<Tool> = Vec::with_capacity(file.tools.len());
        for (id, settings) in &file.tools {
            // A server is no tool: it has some, which are known once it was asked.
            if matches!(settings.kind, KindSettings::Mcp(_)) {
                continue;
            }
            let path = ["tools", id.as_str()];
            for problem in self.tool(ground, &path, id, settings, &mut tools) {
                self.problems.push(problem.under(path));
            }
        }
        self.imports(ground, &mut tools);
        if file.mcp.builtin {
            for tool in self.under("mcp", builtin::tools()).into_iter().flatten() {
                if tools.iter().all(|other| other.wire != tool.wire) {
                    tools.push(tool);
                }
            }
        }
        tools
    }

    /// Adds a tool whose settings stand at `path`, or tells what is wrong; paths of problems start at its keys.
    pub(super) fn tool(
        &mut self,
        Ground { file, catalog }: Ground<'_>,
        path: &[&str],
        id: &str,
        settings: &Settings,
        tools: &mut Vec<Tool>,
    ) -> Vec<Problem> {
        let routes: Vec<&str> = file.routes.keys().map(String::as_str).collect();
        let not_a_target = |name: &str| match catalog.target(name) {
            // What is wrong with its provider was said.
            Ok(_) | Err(NoTarget::WrongProvider(_)) => None,
            Err(error) => Some(error.to_string()),
        };
        let mut secret = |written: &str, inner: &[&str]| {
            let path = [path, inner].concat();
            self.secret(written, &path)
        };
        let mut materials = Materials {
            secret: &mut secret,
            common: &settings.common,
            routes: &routes,
            is_route: &|name| file.routes.contains_key(name),
            not_a_target: &not_a_target,
            pages: &pages::read,
            loopback: is_loopback(&file.server.listen) == Some(true),
        };
        match Tool::build(id, settings, &mut materials) {
            Ok(tool) => match tools.iter().find(|other| other.wire == tool.wire) {
                None => {
                    tools.push(tool);
                    Vec::new()
                }
                Some(other) => {
                    let message = format!(
                        "`{id}` and `{}` are both `{}` on the wire",
                        other.id, tool.wire
                    );
                    vec![Problem::new(std::iter::empty::<String>(), message)]
                }
            },
            Err(problems) => problems,
        }
    }
}
