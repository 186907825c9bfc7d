//! What an agent finds in its environment.

use std::ffi::OsString;

use super::place::Place;

/// The key that agents send; it opens nothing.
pub const FAKE_KEY: &str = "sk-fake-0000000000000000";

/// The proxy for every host but this machine: nobody listens there.
pub const NOWHERE: &str = "http://127.0.0.1:9";

/// What an agent is told of the world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Where the server is, with `/v1`: `http://127.0.0.1:4321/v1`.
    pub base_url: String,
    /// `PATH`: where programs are.
    pub path: OsString,
    /// `TZ`; empty for `UTC`. Codex and pycodex tell the model the time zone.
    pub time_zone: String,
    /// Variables beside and instead of those of [`environment`], such as some of the caller's own.
    pub variables: Vec<(OsString, OsString)>,
}

impl Surroundings {
    /// The port in the base URL; empty if it names none.
    pub(super) fn port(&self) -> String {
        let authority = self.base_url.split("://").nth(1).unwrap_or_default();
        let authority = authority.split('/').next().unwrap_or_default();
        let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
        port.to_owned()
    }
}

/// The whole environment of an agent, made anew: nothing of the caller's but `PATH`.
///
/// `HOME`, `CODEX_HOME` (`.codex` below it), `TMPDIR` and `PWD` are those of the place; `OPENAI_BASE_URL` is the server's,
/// `OPENAI_API_KEY` and `CODEX_API_KEY` are a made-up key; `HTTP_PROXY` and its kin lead nowhere for all hosts but this
/// machine, so an agent that calls home fails at once. `TERM`, `LANG`, `SHELL` and `TZ` have fixed values, because
/// agents tell the model some of them.
pub fn environment(place: &Place, surroundings: &Surroundings) -> Vec<(OsString, OsString)> {
    let zone = match surroundings.time_zone.as_str() {
        "" => "UTC",
        zone => zone,
    };
    let base_url = surroundings.base_url.as_str();
    let fixed: [(&str, OsString); 20] = [
        ("PATH", surroundings.path.clone()),
        ("HOME", place.home.clone().into()),
        ("CODEX_HOME", place.codex_home().into()),
        ("TMPDIR", place.temp.clone().into()),
        ("PWD", place.work.clone().into()),
        ("OPENAI_BASE_URL", base_url.into()),
        ("OPENAI_API_KEY", FAKE_KEY.into()),
        ("CODEX_API_KEY", FAKE_KEY.into()),
        ("SHELL", "/bin/bash".into()),
        ("TERM", "xterm-256color".into()),
        ("LANG", "C.UTF-8".into()),
        ("TZ", zone.into()),
        ("HTTP_PROXY", NOWHERE.into()),
        ("HTTPS_PROXY", NOWHERE.into()),
        ("ALL_PROXY", NOWHERE.into()),
        ("NO_PROXY", "127.0.0.1,localhost".into()),
        ("http_proxy", NOWHERE.into()),
        ("https_proxy", NOWHERE.into()),
        ("all_proxy", NOWHERE.into()),
        ("no_proxy", "127.0.0.1,localhost".into()),
    ];
    let mut all: Vec<(OsString, OsString)> = Vec::new();
    let fixed = fixed.map(|(name, value)| (OsString::from(name), value));
    for (name, value) in fixed.into_iter().chain(surroundings.variables.clone()) {
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
    }
    all
}
