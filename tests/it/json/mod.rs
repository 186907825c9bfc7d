//! The reader of concatenated JSON.

mod corpus;
