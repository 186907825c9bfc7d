//! Calls that an agent makes beside those to the model: accounts, plugins, telemetry, the list of models.

use std::collections::BTreeSet;

use crate::capture::{Body, Exchange, Recorded, Request, Response};
use crate::responses::endpoint;

/// Paths of the model, which an agent calls as its turns go.
const OF_TURNS: [&str; 3] = [
    "/responses",
    "/responses/compact",
    "/memories/trace_summarize",
];

/// Puts one bare call for all background calls to one path, in the order of the paths, behind the others.
///
/// Which paths an agent calls is the same in each run; how often, with which query and in whose name is chance, as these calls race
/// with its start and its end (100 runs with account login, codex 0.125.0–0.169.0: the user agent has its last part or not, and
/// calls are left out when the turn ends first). What a step of the script answers is meant, and stays as it is.
pub(super) fn one_for_each_path(exchanges: &mut Vec<Exchange>) {
    let mut paths = BTreeSet::new();
    exchanges.retain(|exchange| {
        let is_kept =
            OF_TURNS.contains(&endpoint(&exchange.request.target)) || is_scripted(exchange);
        if !is_kept {
            let Request { method, target, .. } = &exchange.request;
            let path = target.split(['?', '#']).next().unwrap_or_default();
            paths.insert((path.to_owned(), method.clone()));
        }
        is_kept
    });
    exchanges.extend(paths.into_iter().map(|(path, method)| bare(method, path)));
}

/// Whether a step of the script answered.
fn is_scripted(exchange: &Exchange) -> bool {
    let extra = exchange.extra.as_ref().map(|extra| extra.node());
    let step = extra.and_then(|extra| extra.get_string("step"));
    step.is_some_and(|step| step != "built-in")
}

/// A call of which nothing is known but that it was made.
fn bare(method: String, target: String) -> Exchange {
    Exchange {
        connection: Recorded::NotRecorded,
        started_ms: Recorded::NotRecorded,
        request: Request {
            method,
            target,
            http_version: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            body: Body::NotRecorded,
            wire_body_bytes: Recorded::NotRecorded,
        },
        response: Response::not_recorded(),
        extra: None,
        place: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;

    fn call(target: &str, step: &str) -> Exchange {
        let mut exchange = bare("GET".to_owned(), target.to_owned());
        exchange.extra = Value::parse(format!(r#"{{"step":"{step}"}}"#)).ok();
        exchange
    }

    #[test]
    fn paths_are_told_once_and_turns_stay() {
        let calls = [
            ("/v1/models?client_version=1", "built-in"),
            ("/api/plugins?b", "built-in"),
            ("/v1/responses", "step 1"),
            ("/api/plugins?a", "built-in"),
            ("/api/accounts?a", "step 2"),
            ("/api/accounts?b", "step 3"),
        ];
        let mut exchanges: Vec<Exchange> = calls.map(|(target, step)| call(target, step)).to_vec();
        one_for_each_path(&mut exchanges);
        let targets: Vec<&str> = exchanges
            .iter()
            .map(|one| one.request.target.as_str())
            .collect();
        let wanted = [
            "/v1/responses",
            "/api/accounts?a",
            "/api/accounts?b",
            "/api/plugins",
            "/v1/models",
        ];
        assert_eq!(targets, wanted);
    }
}
