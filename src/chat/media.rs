//! How much of a prompt is text: images, sounds and files stand in it as base64, which is no measure of their tokens.

use memchr::{memchr, memmem};

use super::outline::BYTES_PER_TOKEN;

/// Prompts up to this size count as they stand: an image in them costs little more by its bytes than as a part.
const SMALL: usize = 16 * 1024;

/// Tokens a part is taken to cost. By their documentation of images, OpenAI counts 765 for a square one in high
/// detail and up to about 1,500 for a larger one, Anthropic a 750th of the pixels: 1,530 for 1.15 megapixels. Sounds
/// and files differ widely; what they really cost is settled afterwards.
const TOKENS_PER_PART: u64 = 1_500;

/// What stands before base64: the head of a data URL, or the key of a part that holds nothing else.
const MARKS: [&[u8]; 2] = [b";base64,", b"\"data\""];

/// The bytes of `prompt` as JSON text, each media part counted as the text that would cost as much.
pub fn prompt_bytes(prompt: &str) -> u64 {
    let all = prompt.len() as u64;
    if prompt.len() <= SMALL {
        return all;
    }
    let flat = TOKENS_PER_PART * BYTES_PER_TOKEN;
    let parts = MARKS.iter().flat_map(|mark| parts(prompt.as_bytes(), mark));
    // A small part costs no more than its bytes.
    let spared = parts.map(|bytes| (bytes as u64).saturating_sub(flat));
    all.saturating_sub(spared.sum())
}

/// The sizes of what is base64 behind each `mark`.
fn parts(prompt: &[u8], mark: &'static [u8]) -> impl Iterator<Item = usize> {
    memmem::find_iter(prompt, mark).filter_map(move |at| {
        let behind = prompt.get(at + mark.len()..)?;
        let value = if mark.ends_with(b"\"") {
            string(behind)?
        } else {
            behind
        };
        let value = value.get(..memchr(b'"', value)?)?;
        value.iter().all(is_base64).then_some(value.len())
    })
}

/// What follows the opening quote of a member's value.
fn string(behind_key: &[u8]) -> Option<&[u8]> {
    let value = behind_key.trim_ascii_start().strip_prefix(b":")?;
    value.trim_ascii_start().strip_prefix(b"\"")
}

/// Both alphabets; some writers escape slashes.
fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: u64 = TOKENS_PER_PART * BYTES_PER_TOKEN;

    #[test]
    fn media_count_as_parts_and_text_as_text() {
        let media = "iVBORw0K".repeat(75_000);
        let check = |prompt: &str, spared: usize| {
            let text = (prompt.len() - spared) as u64;
            let parts = (spared / media.len()) as u64;
            assert_eq!(
                prompt_bytes(prompt),
                text + parts * FLAT,
                "{}",
                &prompt[..90]
            );
        };
        let url = format!(
            r#"[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{media}"}}}}]}}]"#
        );
        check(&url, media.len());
        check(&format!("{url}{url}"), 2 * media.len());
        let escaped = url.replace("0K", "\\/");
        assert_eq!(
            prompt_bytes(&escaped),
            prompt_bytes(&url),
            "escaped slashes"
        );
        let source = format!(
            r#"[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data" : "{media}"}}}}]}}]"#
        );
        check(&source, media.len());
        let sound = format!(
            r#"[{{"type":"input_audio","input_audio":{{"format":"wav","data":"{media}"}}}}]"#
        ) + &" ".repeat(90);
        check(&sound, media.len());
        let prose = format!(
            r#"[{{"role":"user","content":"{}"}}]"#,
            "what is ;base64, here? ".repeat(9_000)
        );
        check(&prose, 0);
        let open = format!(r#"[{{"role":"user","content":"a data URL: ;base64,{media}"#);
        check(&open, 0);
        let data = format!(
            r#"[{{"data":"{}"}}, {{"data":7}}, {{"data""#,
            "some text ".repeat(9_000)
        );
        check(&data, 0);
    }

    #[test]
    fn what_is_small_counts_as_it_stands() {
        let small = format!(r#"{{"url":"data:image/png;base64,{}"}}"#, "A".repeat(9_000));
        assert_eq!(prompt_bytes(&small), small.len() as u64);
        let icon = format!(
            "{}{}",
            small.replace(&"A".repeat(8_990), ""),
            " ".repeat(20_000)
        );
        assert_eq!(prompt_bytes(&icon), icon.len() as u64);
    }
}
