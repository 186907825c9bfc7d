//! What a fake Responses server plays, as data: scripts, the events of a reply, faults, and the state machine that
//! finds the step for a request. No sockets and no clock: what comes out is a list of pieces, byte for byte.

mod answer;
pub mod build;
mod convert;
mod encode;
pub mod fault;
mod load;
mod matcher;
mod model;
mod names;
mod parse;
mod player;
mod reply;
pub mod scenario;
mod strict_api;
mod template;
mod wire;

pub use answer::{
    Answer, CloseCode, Ending, Framing, Head, Piece, StepId, WsAnswer, WsFrame, WsOpcode, WsPiece,
};
pub use convert::{
    ConvertError, Playback, convert_raw_exchange_script, playback_of_capture, playback_of_rollout,
    script_from_capture, script_from_rollout,
};
pub use load::{LoadError, read_script, script_from_bytes};
pub use matcher::{
    Difference, HeaderMatch, Kind, Matcher, PointerMatch, RequestView, Subagent, TextMatch,
};
pub use model::{
    Beat, Deltas, Entry, Extract, ExtractSource, Repeat, Reply, Response, Rest, Script, Step,
    StreamEvent, Usage, WebSocketPolicy,
};
pub use parse::ScriptError;
pub use player::{
    Conversation, Decision, Player, PlayerOptions, Remaining, Upgrade, Violation, ViolationKind,
    WsDecision,
};
pub use wire::{chunk, head_bytes};
