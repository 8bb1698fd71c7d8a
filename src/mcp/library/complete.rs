//! What the user may be about to type: values of the configuration that begin like it.

use rmcp::{
    ErrorData,
    model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference},
};

use super::{Library, SHOWN};
use crate::{access::Caller, schema::shown_text};

/// The values to offer.
pub(super) fn complete(
    library: &Library,
    caller: &Caller,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let argument = &request.argument;
    let offers = match &request.r#ref {
        Reference::Prompt(prompt) => {
            let name = &prompt.name;
            let prompt = library.prompts.get(name);
            let prompt = prompt.filter(|_| caller.may_use_prompt(name));
            let prompt = prompt.ok_or_else(|| unknown("prompt", name))?;
            prompt.offers(&argument.name)
        }
        Reference::Resource(template) => {
            let mut known = library.templates.iter();
            let known = known.find(|(name, it)| {
                it.wire.uri_template == template.uri && caller.may_read_resource(name)
            });
            let (_, template) = known.ok_or_else(|| unknown("resource template", &template.uri))?;
            template.offers(&argument.name)
        }
        _ => return Err(ErrorData::invalid_params("Unknown kind of reference", None)),
    };
    let offers = offers.ok_or_else(|| unknown("argument", &argument.name))?;
    let typed = argument.value.to_lowercase();
    let mut fitting = offers
        .iter()
        .filter(|value| value.to_lowercase().starts_with(&typed));
    let values: Vec<String> = fitting
        .by_ref()
        .take(CompletionInfo::MAX_VALUES)
        .cloned()
        .collect();
    let more = fitting.count();
    let total = u32::try_from(values.len() + more).ok();
    let info = CompletionInfo::with_pagination(values, total, more > 0);
    info.map(CompleteResult::new)
        .map_err(|error| ErrorData::internal_error(error, None))
}

fn unknown(what: &str, name: &str) -> ErrorData {
    let name = shown_text(name, SHOWN);
    ErrorData::invalid_params(format!("Unknown {what}: {name}"), None)
}
