//! Asking a running gateway at its admin listener.

use std::time::Duration;

use serde_json::Value;

use super::{Outcome, serve::block_on};

/// How long a running gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the gateway at `url`, and gives the body of its answer if that is a good one.
pub(super) fn ask(
    url: &str,
    key: Option<&str>,
    request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
) -> Result<Vec<u8>, Outcome> {
    let failed = |error: String| Outcome::Failed(format!("{url}: {error}"));
    let asked = async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        let request = request(&client);
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let response = request.send().await?;
        Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
    };
    let answered = block_on(asked).map_err(|error| failed(error.to_string()))?;
    let (status, body) = answered.map_err(|error| failed(error.to_string()))?;
    if !status.is_success() {
        return Err(failed(format!("HTTP {status}: {}", message(&body))));
    }
    Ok(body.to_vec())
}

/// What a refusal says: the message in its envelope, or all of it where there is none.
fn message(body: &[u8]) -> String {
    let envelope: Option<Value> = serde_json::from_slice(body).ok();
    let message =
        envelope.and_then(|envelope| Some(envelope["error"]["message"].as_str()?.to_owned()));
    message.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}
