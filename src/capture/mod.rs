//! Recorded traffic: one model, our own file format, and importers for other programs' formats.

mod exchange;
pub mod import;
mod problem;

pub use exchange::{
    Body, Capture, CaptureKind, Content, Direction, End, Event, EventStream, Exchange, Frame,
    FrameKind, Headers, JsonBody, Recorded, Request, Response,
};
pub use problem::CaptureProblem;
