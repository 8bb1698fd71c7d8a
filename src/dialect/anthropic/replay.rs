//! Reasoning given back: the pieces an earlier answer brought, as thinking blocks again.
//!
//! Only pieces in Anthropic's own format and with its signature go back; others it would refuse.

use std::borrow::Cow;

use super::wire::Block;
use crate::chat::ReasoningDetail;

/// The name of Anthropic's format of reasoning details, as OpenRouter calls it.
pub(super) const FORMAT: &str = "anthropic-claude-v1";

/// A readable piece of reasoning.
pub(super) fn readable(
    text: Option<String>,
    signature: Option<String>,
    index: u64,
) -> ReasoningDetail {
    ReasoningDetail {
        kind: "reasoning.text".to_owned(),
        text,
        summary: None,
        signature,
        data: None,
        format: Some(FORMAT.to_owned()),
        index: Some(index),
    }
}

/// A piece of reasoning only the provider can read.
pub(super) fn encrypted(data: String, index: u64) -> ReasoningDetail {
    ReasoningDetail {
        kind: "reasoning.encrypted".to_owned(),
        data: Some(data),
        ..readable(None, None, index)
    }
}

/// Whether a piece is in Anthropic's format.
pub(super) fn is_ours(detail: &ReasoningDetail) -> bool {
    detail.format.as_deref() == Some(FORMAT)
}

/// The thinking blocks these details came from. Callers that collect a stream may hold one block in several
/// pieces of the same index: they are joined again.
pub(super) fn replayed(details: &[ReasoningDetail]) -> Vec<Block<'_>> {
    let mut blocks: Vec<(Option<u64>, Block<'_>)> = Vec::new();
    for detail in details.iter().filter(|detail| is_ours(detail)) {
        match (detail.kind.as_str(), detail.data.as_deref()) {
            ("reasoning.encrypted", Some(data)) => {
                blocks.push((None, Block::RedactedThinking { data }));
            }
            ("reasoning.text", _) => {
                let more = detail.text.as_deref().unwrap_or_default();
                let sign = detail.signature.as_deref().unwrap_or_default();
                match blocks.last_mut() {
                    Some((
                        index @ Some(_),
                        Block::Thinking {
                            thinking,
                            signature,
                        },
                    )) if *index == detail.index && signature.is_empty() => {
                        thinking.to_mut().push_str(more);
                        *signature = sign;
                    }
                    _ => blocks.push((
                        detail.index,
                        Block::Thinking {
                            thinking: Cow::Borrowed(more),
                            signature: sign,
                        },
                    )),
                }
            }
            _ => {}
        }
    }
    let unsigned = |block: &Block<'_>| matches!(block, Block::Thinking { signature, .. } if signature.is_empty());
    blocks
        .into_iter()
        .map(|(_, block)| block)
        .filter(|block| !unsigned(block))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_block_are_joined_and_foreign_ones_left_out() {
        let foreign = ReasoningDetail {
            format: Some("google-gemini-v1".to_owned()),
            ..encrypted("G".to_owned(), 0)
        };
        let details = [
            foreign,
            readable(Some("A".to_owned()), None, 0),
            readable(Some("B".to_owned()), None, 0),
            readable(None, Some("S".to_owned()), 0),
            encrypted("R".to_owned(), 1),
            readable(Some("unsigned".to_owned()), None, 2),
        ];
        let blocks = serde_json::to_string(&replayed(&details)).unwrap();
        assert_eq!(
            blocks,
            r#"[{"type":"thinking","thinking":"AB","signature":"S"},{"type":"redacted_thinking","data":"R"}]"#
        );
    }
}
