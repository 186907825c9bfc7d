//! The reader of concatenated JSON.

mod corpus;
mod damage;
mod reader;
