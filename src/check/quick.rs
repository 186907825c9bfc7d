//! Hash maps that are quick for short texts and for hashes.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A map of what is in a capture.
pub(super) type QuickMap<K, V> = HashMap<K, V, Quick>;

/// A set of what is in a capture.
pub(super) type QuickSet<K> = HashSet<K, Quick>;

/// Makes hashers that begin with a number which another process has otherwise: captures can't be made to collide.
#[derive(Clone)]
pub(super) struct Quick(u64);

impl Default for Quick {
    fn default() -> Self {
        static SEED: OnceLock<u64> = OnceLock::new();
        Self(*SEED.get_or_init(|| RandomState::new().hash_one(0_u8)))
    }
}

impl BuildHasher for Quick {
    type Hasher = QuickHasher;

    fn build_hasher(&self) -> QuickHasher {
        QuickHasher(self.0)
    }
}

pub(super) struct QuickHasher(u64);

impl QuickHasher {
    /// Takes a number in: both halves of a product depend on all bits of it.
    fn mix(&mut self, number: u64) {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.0 ^ number) * ODD;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn write_u128(&mut self, number: u128) {
        self.mix(number as u64);
        self.mix((number >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_are_found_again() {
        let mut map: QuickMap<&str, usize> = QuickMap::default();
        let names: Vec<String> = (0..1000).map(|number| format!("call_{number}")).collect();
        map.extend(names.iter().zip(0..).map(|(name, at)| (name.as_str(), at)));
        assert!(
            names
                .iter()
                .zip(0..)
                .all(|(name, at)| map[name.as_str()] == at)
        );
        let set: QuickSet<u128> = (0..1000).collect();
        assert!(set.contains(&999) && !set.contains(&1000));
    }
}
