//! Which profile a capture asks for.

use super::file::built_in;
use super::model::Profile;
use super::version::Version;
use crate::capture::{Capture, Exchange};
use crate::http::HeaderList;
use crate::responses::endpoint;

/// From this version on pycodex names itself as a version of Codex (0.3.3, 0.5.1: 0.153.4), so that 0.3 is the newest
/// version of which everything holds that is seen.
const PYCODEX_UNNAMED: Version = Version {
    major: 0,
    minor: 3,
    patch: 0,
};
/// The least version that only Codex has.
const CODEX_NUMBERS: Version = Version {
    major: 0,
    minor: 20,
    patch: 0,
};

impl Profile {
    /// The profile of the agent that a capture names in its headers; [`Profile::generic`] where it names none, or
    /// several.
    pub fn of(capture: &Capture) -> Self {
        let requests = capture.exchanges.iter().filter(|exchange| {
            matches!(
                endpoint(&exchange.request.target),
                "/responses" | "/responses/compact"
            )
        });
        let mut found: Vec<Named> = Vec::new();
        for named in requests.filter_map(of_exchange) {
            if !found.contains(&named) {
                found.push(named);
            }
        }
        if found.iter().any(|named| named.has_version) {
            found.retain(|named| named.has_version);
        }
        match found.as_slice() {
            [only] => built_in(only.agent, Some(only.version)),
            _ => Self::generic(),
        }
    }
}

/// What one request names.
#[derive(PartialEq)]
struct Named {
    agent: &'static str,
    version: Version,
    has_version: bool,
}

fn of_exchange(exchange: &Exchange) -> Option<Named> {
    let headers = &exchange.request.headers.as_option()?.list;
    headers.get("x-codex-turn-metadata")?;
    let named = headers.get("user-agent").and_then(version_of);
    let (agent, version) = if is_pycodex(headers, named) {
        let own = named.filter(|version| *version < CODEX_NUMBERS);
        ("pycodex", own.unwrap_or(PYCODEX_UNNAMED))
    } else {
        ("codex", named.unwrap_or_else(|| by_headers(headers)))
    };
    Some(Named {
        agent,
        version,
        has_version: named.is_some(),
    })
}

/// Pycodex uses Python's `http.client`, which asks for no coding (0.1.2–0.5.1); Codex never sends the header.
fn is_pycodex(headers: &HeaderList, named: Option<Version>) -> bool {
    let asks_for_identity = headers
        .get("accept-encoding")
        .is_some_and(|value| value == "identity");
    asks_for_identity || named.is_some_and(|version| version < CODEX_NUMBERS)
}

/// The version in `codex_exec/0.169.0 (Debian …)`.
fn version_of(user_agent: &str) -> Option<Version> {
    let (_, rest) = user_agent.split_once('/')?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The least version with these headers: handshakes of Codex 0.125.0 have no user-agent.
fn by_headers(headers: &HeaderList) -> Version {
    let minor = if headers.get("thread-id").is_some() {
        137
    } else if headers.get("x-codex-window-id").is_some() {
        125
    } else {
        115
    };
    Version {
        major: 0,
        minor,
        patch: 0,
    }
}
