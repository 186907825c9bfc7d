//! How an agent is set up, and what of it goes into its configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::environment::Surroundings;
use super::error::AgentError;
use super::place::Place;

/// Which agent it is: how it is configured, and how it is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The Codex CLI: `config.toml` below `CODEX_HOME`.
    Codex,
    /// pycodex: reads Codex's `config.toml`.
    Pycodex,
    /// Any program; it is told of the server by its arguments and its environment alone.
    Other,
}

impl Profile {
    /// The word on the command line: `codex`, `pycodex`, `other`.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Codex => "codex",
            Profile::Pycodex => "pycodex",
            Profile::Other => "other",
        }
    }

    /// Guesses by the names of a command's program and arguments: `codex`, `/opt/codex-0.169.0/bin/codex`,
    /// `npx @openai/codex@0.169.0`, `python -m pycodex`.
    pub fn of_command(argv: &[String]) -> Self {
        let names = argv
            .iter()
            .take(3)
            .filter_map(|word| word.rsplit('/').next());
        for name in names {
            let name = name.split('@').next().unwrap_or_default();
            if name.starts_with("pycodex") || name == "python-codex" {
                return Profile::Pycodex;
            }
            if name == "codex" || name.starts_with("codex-") {
                return Profile::Codex;
            }
        }
        Profile::Other
    }
}

/// How an agent is set up. What is `None` is left to the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The model that it asks.
    pub model: Option<String>,
    /// What commands may do: `read-only`, `workspace-write`, `danger-full-access`; `None` is `read-only`.
    pub sandbox: Option<String>,
    /// When it asks before it runs something; `None` is `never`, for nobody is there to answer.
    pub approval: Option<String>,
    /// The name of the provider. `OpenAI` makes Codex compact remotely.
    pub provider: Option<String>,
    /// `model_auto_compact_token_limit`.
    pub compact_limit: Option<u64>,
    /// `request_max_retries` of the provider.
    pub request_retries: Option<u64>,
    /// `stream_max_retries` of the provider.
    pub stream_retries: Option<u64>,
    /// `stream_idle_timeout_ms` of the provider.
    pub idle_time: Option<Duration>,
    /// Whether the provider speaks WebSocket.
    pub websocket: bool,
    /// Whether it is logged in with a made-up account instead of a key; Codex then compresses its requests.
    pub account: bool,
    /// Whether memories are made of sessions as soon as they have ended (`features.memories`; seen with 0.169.0).
    pub memories: bool,
}

/// How a configuration begins that was made here: it is made anew for each run, whose server is another.
const MADE: &str = "# Made by trace-diff for one run, and made anew for the next.\n";

/// The model that pycodex is given where none is known; without one it does not start (0.1.13–0.5.1).
const ANY_MODEL: &str = "gpt-5.5";

/// The id of the provider in the configuration.
const PROVIDER: &str = "trace-diff";

impl Settings {
    /// The `config.toml` of Codex 0.115.0–0.169.0 and pycodex 0.1.13–0.5.1.
    pub fn config_toml(&self, place: &Place, surroundings: &Surroundings) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let mut top = Vec::new();
        if let Some(model) = &self.model {
            top.push(format!("model = {}", text(model)));
        }
        top.push(format!("model_provider = {}", text(PROVIDER)));
        let approval = self.approval.as_deref().unwrap_or("never");
        top.push(format!("approval_policy = {}", text(approval)));
        let sandbox = self.sandbox.as_deref().unwrap_or("read-only");
        top.push(format!("sandbox_mode = {}", text(sandbox)));
        top.extend(number(&(
            "model_auto_compact_token_limit",
            self.compact_limit,
        )));
        let base = surroundings.base_url.as_str();
        if self.account {
            // Where accounts are looked after; nobody else is to be asked.
            let authority = base.split("/v1").next().unwrap_or(base);
            top.push(format!(
                "chatgpt_base_url = {}",
                text(&format!("{authority}/backend-api/"))
            ));
        }
        let mut provider = vec![
            format!(
                "name = {}",
                text(self.provider.as_deref().unwrap_or(PROVIDER))
            ),
            format!("base_url = {}", text(base)),
            r#"wire_api = "responses""#.to_owned(),
        ];
        provider.push(match self.account {
            true => "requires_openai_auth = true".to_owned(),
            false => r#"env_key = "OPENAI_API_KEY""#.to_owned(),
        });
        if self.websocket {
            provider.push("supports_websockets = true".to_owned());
        }
        let idle_ms = self
            .idle_time
            .and_then(|time| u64::try_from(time.as_millis()).ok());
        let numbers = [
            ("request_max_retries", self.request_retries),
            ("stream_max_retries", self.stream_retries),
            ("stream_idle_timeout_ms", idle_ms),
        ];
        provider.extend(numbers.iter().filter_map(number));
        let memories = match self.memories {
            true => "\n[features]\nmemories = true\n\n[memories]\nmin_rollout_idle_hours = 0\n",
            false => "",
        };
        format!(
            "{}\n\n[model_providers.{PROVIDER}]\n{}\n\n[projects.{}]\ntrust_level = \"trusted\"\n{memories}",
            top.join("\n"),
            provider.join("\n"),
            text(&place.work.to_string_lossy()),
        )
    }
}

fn number((key, value): &(&str, Option<u64>)) -> Option<String> {
    value.map(|value| format!("{key} = {value}"))
}

/// Whether a file is a configuration that an earlier run made.
fn is_made(path: &Path) -> bool {
    fs::read(path).is_ok_and(|text| text.starts_with(MADE.as_bytes()))
}

/// Writes the configuration of an agent into its home, unless there is one that was not made here: that of who made the home counts.
///
/// Gives what was written.
///
/// # Errors
///
/// When a file can't be written.
pub fn configure(
    profile: Profile,
    settings: &Settings,
    place: &Place,
    surroundings: &Surroundings,
) -> Result<Vec<PathBuf>, AgentError> {
    if profile == Profile::Other {
        return Ok(Vec::new());
    }
    let mut settings = settings.clone();
    if profile == Profile::Pycodex {
        settings.model.get_or_insert_with(|| ANY_MODEL.to_owned());
    }
    let config = format!("{MADE}{}", settings.config_toml(place, surroundings));
    let mut files = vec![("config.toml", config)];
    if settings.account {
        files.push(("auth.json", account().to_string()));
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let path = place.codex_home().join(name);
        if path.exists() && !is_made(&path) {
            continue;
        }
        let failed = |source| AgentError::Write {
            path: path.clone(),
            source,
        };
        fs::write(&path, text).map_err(failed)?;
        written.push(path);
    }
    Ok(written)
}

/// The `auth.json` of an account that nobody has: tokens without a signature (Codex 0.115.0–0.169.0 take it).
fn account() -> serde_json::Value {
    let account = json!({
        "chatgpt_plan_type": "plus", "chatgpt_account_id": "acct-fake", "chatgpt_user_id": "user-fake",
        "user_id": "user-fake",
    });
    let claims = json!({
        "exp": 1_900_000_000, "email": "user@example.com", "https://api.openai.com/auth": account,
    });
    let parts = [
        json!({ "alg": "none", "typ": "JWT" }).to_string(),
        claims.to_string(),
        "sig".to_owned(),
    ];
    let token = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    json!({
        "OPENAI_API_KEY": null,
        "tokens": { "id_token": token, "access_token": token, "refresh_token": "fake", "account_id": "acct-fake" },
        "last_refresh": "2026-11-21T00:00:00Z",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_known_by_their_names() {
        let check = |command: &str, expect: Profile| {
            let argv: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(Profile::of_command(&argv), expect, "{command}");
        };
        check("codex exec Hello", Profile::Codex);
        check("/opt/codex-0.169.0/bin/codex exec Hello", Profile::Codex);
        check("npx @openai/codex@0.169.0 exec Hello", Profile::Codex);
        check("python3 -m pycodex Hello", Profile::Pycodex);
        check("pycodex --json Hello", Profile::Pycodex);
        check("sh -c true", Profile::Other);
    }
}
