//! Requests that a browser makes before anybody asked for the page: prefetch and prerender (Fetch §3.2.6 and the older headers).

/// The headers by which browsers say so, in lower case: today's, and those of older ones.
pub const HEADERS: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// Whether a value of one of [`HEADERS`] says that nobody has asked for the page yet.
pub fn is_speculative(value: &[u8]) -> bool {
    let mut words = value.split(|byte| b",; \t".contains(byte));
    words.any(|word| {
        [b"prefetch".as_slice(), b"prerender", b"preview"]
            .iter()
            .any(|purpose| word.eq_ignore_ascii_case(purpose))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("prefetch", true)]
    #[case("prefetch;prerender", true)]
    #[case("prefetch; anonymous-client-ip", true)]
    #[case("Prefetch", true)]
    #[case("prerender", true)]
    #[case("preview", true)]
    #[case("", false)]
    #[case("navigate", false)]
    #[case("prefetched", false)]
    fn a_browser_says_that_it_asks_in_advance(#[case] value: &str, #[case] speculative: bool) {
        assert_eq!(is_speculative(value.as_bytes()), speculative);
    }
}
