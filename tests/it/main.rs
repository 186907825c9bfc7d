//! Integration tests: one module per area.
mod capture;
mod corpus;
mod fixtures;
mod mutations;
mod samples;
