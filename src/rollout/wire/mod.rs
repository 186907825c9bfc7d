//! A history as it is sent: which items, which of their members, and what stands for what is missing.

mod item;
mod members;
mod predict;
mod shell_output;
mod synthetic;

pub use item::{
    WireItem, WireSource, is_prompt_only, wire_item, wire_items, without_oldest,
    without_oldest_outputs,
};
pub use predict::{Prediction, predict_resume};
