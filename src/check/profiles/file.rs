//! Profiles out of TOML: the built-in ones, and those of users.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::error::ProfileError;
use super::failure::FailureRule;
use super::model::Profile;
use super::part::{
    BackoffPart, CompactionPart, HeadersPart, IdsPart, ItemsPart, LimitsPart, Part, StreamPart,
    WebSocketPart,
};
use super::version::Version;
use crate::json::SourceProblem;

/// The version of the format.
const FORMAT: u64 = 1;
const BUILT_IN: &[(&str, &str)] = &[
    ("codex", include_str!("codex.toml")),
    ("pycodex", include_str!("pycodex.toml")),
    ("generic", include_str!("generic.toml")),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<u64>,
    name: Option<String>,
    from: Option<Spanned<String>>,
    #[serde(default)]
    limits: LimitsPart,
    #[serde(default)]
    backoff: BackoffPart,
    #[serde(default)]
    stream: StreamPart,
    #[serde(default)]
    websocket: WebSocketPart,
    #[serde(default)]
    items: ItemsPart,
    #[serde(default)]
    compaction: CompactionPart,
    #[serde(default)]
    headers: HeadersPart,
    #[serde(default)]
    ids: IdsPart,
    #[serde(default)]
    failure: Vec<FailureRule>,
    #[serde(default)]
    observed: BTreeMap<String, String>,
    #[serde(default)]
    range: Vec<VersionRange>,
}

/// Values from one version on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionRange {
    since: Spanned<String>,
    #[serde(default)]
    limits: LimitsPart,
    #[serde(default)]
    backoff: BackoffPart,
    #[serde(default)]
    stream: StreamPart,
    #[serde(default)]
    websocket: WebSocketPart,
    #[serde(default)]
    items: ItemsPart,
    #[serde(default)]
    compaction: CompactionPart,
    #[serde(default)]
    headers: HeadersPart,
    #[serde(default)]
    ids: IdsPart,
    #[serde(default)]
    failure: Vec<FailureRule>,
    #[serde(default)]
    observed: BTreeMap<String, String>,
}

impl Profile {
    /// What any client of the Responses API must do.
    pub fn generic() -> Self {
        built_in("generic", None)
    }

    /// The built-in profile of this name: `codex`, `pycodex`, `generic`, and of one version `codex@0.137.0`; without a
    /// version the newest one.
    ///
    /// # Errors
    ///
    /// When there is none of this name, or what follows `@` is no version.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        let (agent, version) = match name.split_once('@') {
            Some((agent, version)) => (agent, Some(version.parse::<Version>())),
            None => (name, None),
        };
        let is_known = BUILT_IN.iter().any(|(known, _)| *known == agent);
        match version {
            None if is_known => Ok(built_in(agent, None)),
            Some(Ok(version)) if is_known => Ok(built_in(agent, Some(version))),
            _ => {
                let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                let near = similar::get_close_matches(agent, &names, 1, 0.6);
                Err(ProfileError::UnknownName {
                    name: name.to_owned(),
                    nearest: near.first().and_then(|near| {
                        BUILT_IN.iter().map(|(name, _)| *name).find(|n| n == near)
                    }),
                })
            }
        }
    }

    /// Reads the text of a profile; `path` is for messages and may be empty. A profile without `from` starts from
    /// [`Profile::generic`].
    ///
    /// # Errors
    ///
    /// Text that is no TOML, another version of the format, unknown keys, values of another type, unknown names.
    pub fn parse(path: &str, text: &str) -> Result<Self, ProfileError> {
        let fail = |span: Range<usize>, message: String, hint: Option<String>| {
            Err(ProfileError::File {
                path: path.to_owned(),
                problem: SourceProblem::new(text, span, message, hint),
            })
        };
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let (message, hint) = readable(error.message());
                return fail(span, message, hint);
            }
        };
        if *file.version.get_ref() != FORMAT {
            let message = format!("this format has version {}", file.version.get_ref());
            return fail(
                file.version.span(),
                message,
                Some(format!("the version that is known is {FORMAT}")),
            );
        }
        let mut profile = match &file.from {
            None => Self::generic(),
            Some(from) => match Self::named(from.get_ref()) {
                Ok(profile) => profile,
                Err(error) => return fail(from.span(), error.to_string(), Some(names_hint())),
            },
        };
        if let Some(range) = file.range.first() {
            return fail(
                range.since.span(),
                "a profile of one's own has no ranges of versions".to_owned(),
                Some("name the version to start from: from = \"codex@0.137.0\"".to_owned()),
            );
        }
        if let Some(name) = &file.name {
            profile.name.clone_from(name);
        }
        file.into_part().apply(&mut profile, true);
        Ok(profile)
    }
}

/// The names of built-in profiles, as a hint.
pub(super) fn names_hint() -> String {
    let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    format!(
        "the profiles are `{}`; one version is written codex@0.137.0",
        names.join("`, `")
    )
}

/// A built-in profile as of a version, or as of the newest one.
pub(super) fn built_in(name: &str, version: Option<Version>) -> Profile {
    let text = BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("", |(_, text)| text);
    let mut profile = Profile::default();
    // The built-in files are read by a test, so this is always a file.
    let Ok(mut file) = toml::from_str::<File>(text) else {
        return profile;
    };
    name.clone_into(&mut profile.name);
    let ranges = std::mem::take(&mut file.range);
    file.into_part().apply(&mut profile, false);
    let newest = ranges
        .last()
        .and_then(|range| range.since.get_ref().parse().ok());
    profile.version = version.or(newest);
    for range in ranges {
        let since: Option<Version> = range.since.get_ref().parse().ok();
        if since.is_none_or(|since| version.is_none_or(|version| since <= version)) {
            range.into_part().apply(&mut profile, false);
        }
    }
    profile
}

/// What serde says, and the hint that it holds.
fn readable(message: &str) -> (String, Option<String>) {
    let message = message.trim();
    match message.split_once(", expected ") {
        Some((what, expected)) => {
            let wanted = expected.strip_prefix("one of ").unwrap_or(expected);
            let unknown = what.split('`').nth(1).unwrap_or("");
            let names: Vec<&str> = wanted.split('`').skip(1).step_by(2).collect();
            let near = similar::get_close_matches(unknown, &names, 1, 0.6);
            let hint = match near.first() {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected {wanted}"),
            };
            (what.to_owned(), Some(hint))
        }
        None => (message.to_owned(), None),
    }
}

impl File {
    fn into_part(self) -> Part {
        Part {
            limits: self.limits,
            backoff: self.backoff,
            stream: self.stream,
            websocket: self.websocket,
            items: self.items,
            compaction: self.compaction,
            headers: self.headers,
            ids: self.ids,
            failure: self.failure,
            observed: self.observed,
        }
    }
}

impl VersionRange {
    fn into_part(self) -> Part {
        Part {
            limits: self.limits,
            backoff: self.backoff,
            stream: self.stream,
            websocket: self.websocket,
            items: self.items,
            compaction: self.compaction,
            headers: self.headers,
            ids: self.ids,
            failure: self.failure,
            observed: self.observed,
        }
    }
}
