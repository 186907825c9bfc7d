//! Hash maps that are quick for short texts and for hashes, and seeded: captures can't be made to collide.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// A map of what is in a capture.
pub(super) type QuickMap<K, V> = HashMap<K, V, RandomState>;

/// A set of what is in a capture.
pub(super) type QuickSet<K> = HashSet<K, RandomState>;
