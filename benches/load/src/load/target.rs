//! What is asked: address, key, model, and the bytes of a request.

/// Options that name a target.
#[derive(clap::Args)]
pub(crate) struct Target {
    /// http://127.0.0.1:PORT/v1/chat/completions
    #[arg(long, value_parser = without_scheme)]
    url: String,
    /// What the target is called in the results
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// The key sent as bearer
    #[arg(long, default_value = "sk-test")]
    key: String,
    /// The model asked for
    #[arg(long, default_value = "gpt-4o-mini")]
    pub(crate) model: String,
}

fn without_scheme(url: &str) -> Result<String, &'static str> {
    let rest = url
        .strip_prefix("http://")
        .ok_or("only http:// is spoken")?;
    Ok(rest.to_owned())
}

impl Target {
    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        self.url.split('/').next().unwrap_or(&self.url)
    }

    /// A whole request, head and body. `headers` are further lines of the head.
    pub(crate) fn request(&self, body: &str, headers: &str) -> Vec<u8> {
        let address = self.address();
        let path = &self.url[address.len()..];
        let (key, length) = (&self.key, body.len());
        format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\naccept: application/json\r\nuser-agent: waypost-load/0.1\r\nauthorization: Bearer {key}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
    }
}

const WORDS: &[&str] = &[
    "routing",
    "the",
    "gateway",
    "latency",
    "of",
    "provider",
    "a",
    "\"quoted\"",
    "token",
    "is",
    "cost",
    "and",
    "fallback",
    "caf\u{e9}",
    "circuit",
    "breaker,\n",
    "model",
    "to",
    "stream",
    "budget.",
];

/// A prompt of at least `length` bytes: always the same words, with the escapes that real prompts have.
pub(super) fn prose(length: usize) -> String {
    let mut prose =
        String::from("Summarise in two sentences what a reverse proxy does for an application. ");
    let mut chance = 88_172_645_463_325_252_u64;
    while prose.len() < length {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        prose.push_str(WORDS[(chance % WORDS.len() as u64) as usize]);
        prose.push(' ');
    }
    prose
}
