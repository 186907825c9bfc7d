//! Scripts: their language, and what they play.

mod builder;
mod builder_faults;
mod corpus;
mod documents;
mod scenario;
