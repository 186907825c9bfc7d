//! Randomness from a seed.

/// A small generator (SplitMix64): the same numbers for the same seed, on every machine.
#[derive(Debug, Clone)]
pub(in crate::script) struct Random {
    state: u64,
}

impl Random {
    /// The generator of one answer: other answers of the script do not change its numbers.
    pub(in crate::script) fn new(seed: u64, step: u64, count: u64) -> Self {
        let mut random = Self { state: seed };
        for part in [step, count] {
            random.state = random.next() ^ part.wrapping_mul(0xff51_afd7_ed55_8ccd);
        }
        random
    }

    /// The next number.
    pub(in crate::script) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both among them; `least` when there is none.
    pub(in crate::script) fn between(&mut self, least: u64, most: u64) -> u64 {
        let count = most.saturating_sub(least).saturating_add(1);
        least + self.next() % count
    }

    /// True with this probability.
    pub(in crate::script) fn chance(&mut self, probability: f64) -> bool {
        const STEPS: u64 = 1 << 53;
        ((self.next() % STEPS) as f64) < probability * STEPS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let draw = |seed, step, count| {
            let mut random = Random::new(seed, step, count);
            [
                random.between(1, 100),
                random.between(1, 100),
                random.between(1, 100),
            ]
        };
        assert_eq!(draw(7, 1, 1), draw(7, 1, 1));
        assert_ne!(draw(7, 1, 1), draw(8, 1, 1));
        assert_ne!(draw(7, 1, 1), draw(7, 2, 1));
        assert_ne!(draw(7, 1, 1), draw(7, 1, 2));
        let mut random = Random::new(1, 0, 0);
        assert_eq!(random.between(5, 5), 5);
        assert!(random.chance(1.0) && !random.chance(0.0));
        let mut seen = [false; 3];
        (0..50).for_each(|_| seen[random.between(0, 2) as usize] = true);
        assert_eq!(seen, [true; 3]);
    }
}
