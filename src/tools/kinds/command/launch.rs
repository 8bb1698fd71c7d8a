//! What of a tool's settings its program is started with, and what is hidden of it.

use super::Settings;
use crate::{
    problem::Problem,
    process::{Limits, Program},
    secret::Secret,
    tools::{Materials, redact::Redactor},
};

/// A tool's program, and its secrets.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) program: Program,
    /// What is taken out of everything the program says.
    pub(super) redactor: Redactor,
}

impl Launch {
    /// Reads the program's environment; none where the gateway's own file, which starts programs, is not found.
    pub(super) fn build(
        settings: &Settings,
        materials: &mut Materials<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut environment = Vec::with_capacity(settings.env.len());
        let mut redactor = Redactor::default();
        for (name, value) in &settings.env {
            let value = if value.starts_with("env:") || value.starts_with("file:") {
                let secret = (materials.secret)(value, &["env", name]);
                secret.inspect(|secret| redactor.hide_lines(secret))
            } else {
                Some(Secret::new(value))
            };
            environment.extend(value.map(|value| (name.clone(), value)));
        }
        let span = settings.cpu.get();
        let limits = Limits {
            cpu: Some(span.as_secs() + u64::from(span.subsec_nanos() > 0)),
            memory: settings.memory,
            files: settings.files,
            file_size: settings.file_size,
            processes: settings.processes,
        };
        let program = settings.program.clone().into();
        match Program::new(program, settings.cwd.clone().into(), limits) {
            Ok(mut program) => {
                program.environment = environment;
                Some(Self { program, redactor })
            }
            Err(error) => {
                let message = format!("the gateway's own file, which starts programs: {error}");
                problems.push(Problem::new(["program"], message));
                None
            }
        }
    }
}
