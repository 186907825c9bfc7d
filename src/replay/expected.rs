//! What was recorded for each step of the script that is played.

use crate::capture::{Capture, CaptureKind, Exchange, Recorded, Request, Response, flatten};
use crate::responses::RequestFacts;
use crate::server::Renaming;

use super::circumstances::is_upgrade;
use super::rollouts::Inputs;

/// A request by itself: what the comparison of single requests works on.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The exchange without its response.
    pub(super) exchange: Exchange,
    pub(super) facts: RequestFacts,
    /// Whether a server put together its input: what was sent continues an earlier response.
    pub(super) is_expanded: bool,
}

impl Asked {
    pub(super) fn new(request: Request) -> Self {
        let facts = {
            let headers = request.headers.as_option().map(|headers| &headers.list);
            let body = request.body.json().map(|body| body.node());
            RequestFacts::new(&request.target, headers, body)
        };
        Self {
            exchange: Exchange {
                place: None,
                connection: Recorded::NotRecorded,
                started_ms: Recorded::NotRecorded,
                request,
                response: Response::not_recorded(),
                extra: None,
            },
            facts,
            is_expanded: false,
        }
    }
}

/// Some requests as a capture.
pub(super) fn capture_of<'a>(
    path: &str,
    kind: CaptureKind,
    asked: impl IntoIterator<Item = &'a Asked>,
) -> Capture {
    Capture {
        path: path.to_owned(),
        kind,
        exchanges: asked.into_iter().map(|one| one.exchange.clone()).collect(),
        problems: Vec::new(),
    }
}

/// The requests of a capture, numbered as [`flatten`] does.
pub(super) fn requests_of(capture: &Capture) -> Vec<Asked> {
    let flat = flatten(capture);
    flat.iter()
        .map(|flat| Asked::new(flat.exchange.request.clone()))
        .collect()
}

/// What was recorded for the steps of a script.
#[derive(Debug)]
pub(super) enum Expected {
    /// Whole requests, by their exchanges, and which of them each step answers.
    Requests {
        requests: Vec<Asked>,
        steps: Vec<usize>,
    },
    /// What disk tells of requests.
    Inputs(Inputs),
}

impl Expected {
    /// Number of the recorded exchange that a step answers.
    pub(super) fn number(&self, step: usize) -> usize {
        match self {
            Expected::Requests { steps, .. } => steps.get(step).copied().unwrap_or(step),
            Expected::Inputs(_) => step,
        }
    }

    /// The recorded request for a WebSocket of this number, from 0, and the number of its exchange.
    pub(super) fn handshake(&self, nth: usize) -> Option<(usize, &Asked)> {
        let Expected::Requests { requests, .. } = self else {
            return None;
        };
        let mut handshakes = requests
            .iter()
            .enumerate()
            .filter(|(_, asked)| is_upgrade(&asked.exchange.request));
        handshakes.nth(nth)
    }

    /// Where the response of a step stands: which file, and which exchange or record of it.
    pub(super) fn place(&self, step: usize) -> (usize, usize) {
        match self {
            Expected::Requests { .. } => (0, self.number(step)),
            Expected::Inputs(inputs) => inputs.place(step),
        }
    }

    /// What was sent, reduced to what the recording can tell.
    pub(super) fn reduced(&self, candidate: Asked) -> Asked {
        match self {
            Expected::Requests { .. } => candidate,
            Expected::Inputs(inputs) => inputs.reduced(&candidate),
        }
    }

    /// What was recorded for a step beside what was sent, both reduced to what the recording can tell.
    pub(super) fn pair(
        &self,
        step: usize,
        candidate: Asked,
        renaming: &Renaming,
    ) -> (Asked, Asked) {
        match self {
            Expected::Requests { requests, .. } => {
                let baseline = requests.get(self.number(step)).cloned();
                (baseline.unwrap_or_else(|| candidate.clone()), candidate)
            }
            Expected::Inputs(inputs) => inputs.pair(step, &candidate, renaming),
        }
    }
}
