//! Durations of many flows, and what they come to.

use std::time::Duration;

/// Durations, sorted.
#[derive(Clone, Debug)]
pub(crate) struct Durations(Vec<Duration>);

impl Durations {
    /// Takes them in any order.
    pub(crate) fn new(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest duration that at least this share of all does not exceed (the nearest rank); zero if there are none.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], 50, 0)]
    #[case(&[7], 99, 7)]
    #[case(&[4, 1, 3, 2], 50, 2)]
    #[case(&[4, 1, 3, 2], 51, 3)]
    #[case(&[4, 1, 3, 2], 99, 4)]
    #[case(&[4, 1, 3, 2], 0, 1)]
    fn a_percentile_is_one_of_the_durations(
        #[case] milliseconds: &[u64],
        #[case] percent: usize,
        #[case] expected: u64,
    ) {
        let durations = milliseconds
            .iter()
            .copied()
            .map(Duration::from_millis)
            .collect();
        assert_eq!(
            Durations::new(durations).percentile(percent),
            Duration::from_millis(expected)
        );
    }

    #[test]
    fn of_a_hundred_one_is_beyond_the_99th() {
        let durations = Durations::new((1..=100).map(Duration::from_micros).collect());
        assert_eq!(durations.percentile(99), Duration::from_micros(99));
        assert_eq!(durations.count(), 100);
    }
}
