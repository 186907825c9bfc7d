//! One file per command.

pub(crate) mod compare;
pub(crate) mod records;
