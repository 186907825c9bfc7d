//! The program, run as users run it.

mod record;
mod records;
mod recover;
mod run;
mod send;
mod serve;
mod sessions;
