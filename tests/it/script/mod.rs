//! Scripts: their language, and what they play.

mod corpus;
mod documents;
