//! Which exchange goes with which, and which item with which.

mod exchanges;
mod items;
mod sequence;

pub use exchanges::{ExchangeFeatures, ExchangeMatch, align_exchanges, retries};
pub use items::{
    ItemMatch, ItemPrint, align_items, best_pairs, node_words, text_words, word_similarity,
};
pub use sequence::common_subsequence;
