//! What is read of an answer that refuses: a little, and of that what is meant for us.

/// The most that is read of an answer, in bytes, and the most of it that is logged, in characters.
const LONGEST_BODY: usize = 4 * 1024;
pub(super) const LONGEST_DETAIL: usize = 200;

/// The beginning of the body.
pub(super) async fn beginning_of(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_BODY {
            break;
        }
    }
    body
}

/// What a recipient says, in one line of the log.
pub(super) fn on_one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LONGEST_DETAIL).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recipient_says_stays_on_its_line() {
        let said = on_one_line(&format!("a\nb\u{1b}[2J{}", "x".repeat(1000)));
        assert!(said.starts_with("a b [2Jx"));
        assert_eq!(said.chars().count(), LONGEST_DETAIL);
    }
}
