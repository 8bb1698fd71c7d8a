//! Dotting out what looks like a secret in a line of YAML that is about to be shown.
//!
//! It works on the text, since a file that cannot be parsed is shown too, and rather hides too much than too little.
//! The length of the line stays, so that carets point right.

/// `line`, for a diagnostic about `path`, without what looks like a secret.
pub(super) fn mask(line: &str, path: &[String]) -> String {
    let mut characters: Vec<char> = line.chars().collect();
    let mut found = false;
    let mut at = 0;
    while let Some(colon) = next_colon(&characters, at) {
        at = colon + 1;
        let word = word_before(&characters, colon);
        if word == LIST {
            found = true;
            at = dot_list(&mut characters, at);
        } else if is_secret(&word) {
            found = true;
            at = dot_value(&mut characters, at);
        }
    }
    // The value of a secret may stand on a line of its own.
    let inside = |key: &String| is_secret(key) || key == LIST;
    if !found && path.iter().rev().take(2).any(inside) {
        dot(&mut characters, 0, usize::MAX);
    }
    characters.into_iter().collect()
}

/// The key that holds a list of secrets.
const LIST: &str = "api_keys";

/// Whether a key of this name holds a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let endings = [
        "key",
        "secret",
        "password",
        "passwd",
        "credential",
        "credentials",
        "authorization",
        "cookie",
        "access_token",
        "api_token",
        "auth_token",
        "bearer_token",
        "session_token",
    ];
    matches!(name.as_str(), "token" | "bearer")
        || endings.iter().any(|ending| name.ends_with(ending))
}

/// The next colon that ends a key.
fn next_colon(characters: &[char], from: usize) -> Option<usize> {
    let ends_key = |at: &usize| {
        let next = characters.get(at + 1);
        characters.get(*at) == Some(&':')
            && next.is_none_or(|next| next.is_whitespace() || matches!(next, '"' | '\''))
    };
    (from..characters.len()).find(ends_key)
}

fn word_before(characters: &[char], colon: usize) -> String {
    let before = characters.iter().take(colon).rev();
    let word = before
        .skip_while(|character| character.is_whitespace() || matches!(character, '"' | '\''))
        .take_while(|character| character.is_alphanumeric() || matches!(character, '_' | '-'));
    let reversed: Vec<char> = word.copied().collect();
    reversed.into_iter().rev().collect()
}

/// Dots out the items of a list in one line that begins at or after `from`; says where it ends.
fn dot_list(characters: &mut [char], from: usize) -> usize {
    let close = |from: usize| {
        let rest = characters.iter().skip(from);
        from + rest.take_while(|character| **character != ']').count()
    };
    let end = close(from);
    let mut item = from;
    for at in from..=end.min(characters.len()) {
        if at == end || characters.get(at) == Some(&',') {
            let text: String = characters[item..at].iter().collect();
            let bare = text.trim_matches([' ', '[', '"', '\'']);
            if !bare.starts_with("env:") && !bare.starts_with("file:") && !bare.is_empty() {
                let lead = text.len() - text.trim_start_matches([' ', '[']).len();
                dot(characters, item + lead, at);
            }
            item = at + 1;
        }
    }
    end
}

/// Dots out the value that begins at or after `from`; says where it ends.
fn dot_value(characters: &mut [char], from: usize) -> usize {
    let rest = characters.iter().skip(from);
    let blanks = rest.take_while(|character| character.is_whitespace());
    let start = from + blanks.count();
    let value: String = characters.iter().skip(start).collect();
    let in_flow = characters
        .iter()
        .take(start)
        .any(|it| matches!(it, '{' | '['));
    let bare = value.trim_start_matches(['"', '\'']);
    if bare.starts_with("env:") || bare.starts_with("file:") || value.starts_with(['{', '[']) {
        return start;
    }
    let length = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inside = value.chars().skip(1);
            inside.take_while(|character| *character != quote).count() + 2
        }
        _ if in_flow => {
            let plain = value.chars();
            plain
                .take_while(|it| !matches!(it, ',' | '}' | ']'))
                .count()
        }
        _ => usize::MAX,
    };
    let end = start.saturating_add(length);
    dot(characters, start, end);
    end.min(characters.len())
}

fn dot(characters: &mut [char], start: usize, end: usize) {
    let length = end.saturating_sub(start);
    for character in characters.iter_mut().skip(start).take(length) {
        if !character.is_whitespace() {
            *character = '·';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_dotted_out() {
        for (line, expected) in [
            ("  api_key: sk-1, 2 # x", "  api_key: ····· · · ·"),
            ("a: { api_key: sk-1, b: c }", "a: { api_key: ····, b: c }"),
            (
                "a: { \"key\": \"s,}\", b: c }",
                "a: { \"key\": ·····, b: c }",
            ),
            ("key:sk", "key:sk"),
            ("api_key: env:NAME", "api_key: env:NAME"),
            ("api_key: 'file:/run/x'", "api_key: 'file:/run/x'"),
            (
                "keys: [ { name: ci, key: s } ]",
                "keys: [ { name: ci, key: · } ]",
            ),
            ("authorization: Bearer x", "authorization: ······ ·"),
            ("X-Api-Key: s", "X-Api-Key: ·"),
            ("auth: { bearer: s, b: c }", "auth: { bearer: ·, b: c }"),
            (
                "a: { api_keys: [sk-1, env:A, \"s\"], b: c }",
                "a: { api_keys: [····, env:A, ···], b: c }",
            ),
            ("first_token: 3", "first_token: 3"),
            ("max_tokens: 3", "max_tokens: 3"),
            ("key_env: NAME", "key_env: NAME"),
            ("api_key: \"open", "api_key: ·····"),
            ("", ""),
        ] {
            let masked = mask(line, &[]);
            assert_eq!(masked.chars().count(), line.chars().count(), "{line}");
            assert_eq!(masked, expected, "{line}");
        }
        assert_eq!(mask("  sk-1", &["api_key".to_owned()]), "  ····");
        let item = ["api_keys", "0"].map(str::to_owned);
        assert_eq!(mask("  - sk-1", &item), "  · ····");
    }
}
