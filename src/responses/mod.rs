//! The Responses API's words: what a request is for, which thread it belongs to, what an item is.

mod item;
mod request;

pub use item::{
    call_id, context_tag, context_tags, is_call, is_from_other_thread, is_output, item_type,
    message_text, output_text,
};
pub use request::{FormerMetadata, RequestFacts, RequestKind, endpoint, without_version};
