//! The program, run as users run it.

mod record;
mod records;
mod recover;
mod replay;
mod run;
mod run_bad_agents;
mod run_driving;
mod run_places;
mod run_reports;
mod send;
mod serve;
mod sessions;
