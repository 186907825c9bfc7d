//! One record of a rollout: its envelope, whatever version wrote it.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{Raw, Record};

/// One complete record of a rollout, of which only the envelope was read.
#[derive(Debug, Clone)]
pub struct RolloutRecord<'a> {
    /// Number of the record in its file, from 0.
    pub index: usize,
    /// Its bytes, counted from the start of the (decompressed) file.
    pub span: Range<u64>,
    /// Its text, exactly as it stands in the file.
    pub text: &'a str,
    /// How the record is laid out.
    pub layout: Layout,
    /// What kind of record it is.
    pub kind: RecordKind,
    /// The name under `type` as it stands in the file, empty when there is none.
    pub type_name: Cow<'a, str>,
    /// The record's own content: `payload`, or the whole record where there is no envelope.
    pub payload: Raw<'a>,
    /// When it was written, as it says: RFC 3339, by Codex in UTC with milliseconds.
    pub timestamp: Option<Cow<'a, str>>,
    /// Its number in the thread; only files of Codex 0.153 and later whose `history_mode` is `paginated` have it.
    pub ordinal: Option<u64>,
    /// What stands beside the payload of a response item since Codex 0.169; never sent.
    pub metadata: Option<Raw<'a>>,
}

/// How a record is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `{timestamp, [ordinal], type, payload}`, since about Codex 0.3x.
    Envelope,
    /// A response item by itself, by the oldest versions. Codex 0.169 refuses files that begin so.
    BareItem,
    /// The first line of the oldest versions: `{id, timestamp, instructions, git}`.
    BareMeta,
    /// `{"record_type":"state", …}` of the oldest versions.
    State,
    /// None of these: carried as it is.
    Other,
}

/// What kind of record it is, by the name under `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// Who wrote the file, where and with which version; the first one of a file counts.
    SessionMeta,
    /// An item of the model-visible history.
    ResponseItem,
    /// The history was replaced.
    Compacted,
    /// Settings of a turn.
    TurnContext,
    /// What the model was told of its surroundings (0.153 and later).
    WorldState,
    /// Tokens of one response (0.153 and later).
    TokenUsageRecord,
    /// Something that happened, for faces; `payload.type` says what.
    EventMsg,
    /// A message of one agent to another (before 0.169).
    InterAgentCommunication,
    /// Written before the `agent_message` that it describes.
    InterAgentCommunicationMetadata,
    /// Tools changed during the session.
    DynamicToolsUpdated,
    /// Scores of a risk check.
    SecurityRiskScore,
    /// Realtime sessions.
    RealtimeItem,
    /// State of the oldest versions.
    State,
    /// A name that is not known: carried as it is.
    Unknown,
}

impl RecordKind {
    /// The kind that a record's `type` names; as the Codex 0.169.0 binary lists them.
    pub fn of(name: &str) -> Self {
        match name {
            "session_meta" => Self::SessionMeta,
            "response_item" => Self::ResponseItem,
            "compacted" => Self::Compacted,
            "turn_context" => Self::TurnContext,
            "world_state" => Self::WorldState,
            "token_usage_record" => Self::TokenUsageRecord,
            "event_msg" => Self::EventMsg,
            "inter_agent_communication" => Self::InterAgentCommunication,
            "inter_agent_communication_metadata" => Self::InterAgentCommunicationMetadata,
            "dynamic_tools_updated" => Self::DynamicToolsUpdated,
            "security_risk_score" => Self::SecurityRiskScore,
            "realtime_item" => Self::RealtimeItem,
            _ => Self::Unknown,
        }
    }
}

impl<'a> RolloutRecord<'a> {
    /// Reads the envelope of a record; the last of repeated keys counts.
    pub fn new(record: &Record<'a>) -> Self {
        let whole = Raw::new(record.text);
        let mut new = Self {
            index: usize::try_from(record.index).unwrap_or(usize::MAX),
            span: record.span.clone(),
            text: record.text,
            layout: Layout::Other,
            kind: RecordKind::Unknown,
            type_name: Cow::Borrowed(""),
            payload: whole,
            timestamp: None,
            ordinal: None,
            metadata: None,
        };
        let (mut payload, mut ordinal, mut metadata, mut id, mut record_type) =
            (None, None, None, None, None);
        for (name, value) in record.members() {
            match name.as_ref() {
                "type" => new.type_name = value.string().unwrap_or_default(),
                "timestamp" => new.timestamp = value.string(),
                "payload" => payload = Some(value),
                "ordinal" => ordinal = value.unsigned(),
                "metadata" => metadata = Some(value).filter(|value| !value.is_null()),
                "id" => id = Some(value),
                "record_type" => record_type = value.string(),
                _ => {}
            }
        }
        if let Some(payload) = payload.filter(|_| !new.type_name.is_empty()) {
            new.layout = Layout::Envelope;
            new.kind = RecordKind::of(&new.type_name);
            new.payload = payload;
            new.ordinal = ordinal;
            new.metadata = metadata;
        } else if !new.type_name.is_empty() {
            new.layout = Layout::BareItem;
            new.kind = RecordKind::ResponseItem;
        } else if record_type.as_deref() == Some("state") {
            new.layout = Layout::State;
            new.kind = RecordKind::State;
        } else if id.is_some() && new.timestamp.is_some() {
            new.layout = Layout::BareMeta;
            new.kind = RecordKind::SessionMeta;
        }
        new
    }

    /// The name under `type` in the payload: of a response item or an event.
    pub fn payload_type(&self) -> Option<Cow<'a, str>> {
        self.payload.get_string("type")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Part, read_records};

    fn check(text: &str, layout: Layout, kind: RecordKind) {
        let records = read_records(text.as_bytes());
        let Part::Record(record) = &records.parts[0] else {
            panic!("{text} is no record");
        };
        let record = RolloutRecord::new(record);
        assert_eq!((record.layout, record.kind), (layout, kind), "{text}");
    }

    #[test]
    fn tells_the_layouts_apart() {
        check(
            r#"{"timestamp":"t","ordinal":3,"type":"event_msg","payload":{"type":"x"}}"#,
            Layout::Envelope,
            RecordKind::EventMsg,
        );
        check(
            r#"{"payload":{},"type":"brand_new"}"#,
            Layout::Envelope,
            RecordKind::Unknown,
        );
        check(
            r#"{"type":"message","role":"user","content":[]}"#,
            Layout::BareItem,
            RecordKind::ResponseItem,
        );
        check(
            r#"{"record_type":"state"}"#,
            Layout::State,
            RecordKind::State,
        );
        check(
            r#"{"id":"a","timestamp":"t","instructions":null}"#,
            Layout::BareMeta,
            RecordKind::SessionMeta,
        );
        check("[1]", Layout::Other, RecordKind::Unknown);
        check(r#"{"a":1}"#, Layout::Other, RecordKind::Unknown);
    }
}
