//! The program, run as users run it.

mod records;
mod recover;
mod serve;
mod sessions;
