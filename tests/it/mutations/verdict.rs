//! Where a mutation has to be found, and whether it was.

use super::adapter::{Finding, Level};

/// What a kind of mutation asks of the comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A divergence: found at its place as an error or a warning.
    Divergence,
    /// A difference of form: found at its place, at whatever level.
    Form,
    /// A difference of form that does not matter: found at its place as a note, and no error or warning anywhere.
    Note,
    /// No difference: no error or warning anywhere.
    Quiet,
}

/// Where a finding may point.
pub(crate) enum Pattern {
    /// Exactly here.
    At(String),
    /// Here or below.
    Below(String),
    /// At the exchange as a whole.
    Exchange,
}

/// Which exchange a finding has to name.
#[derive(Clone)]
pub(crate) enum Exchanges {
    /// One of these, on either side.
    Among(Vec<usize>),
    /// One of these of the baseline, without a partner.
    BaselineOnly(Vec<usize>),
    /// One of these of the candidate, without a partner.
    CandidateOnly(Vec<usize>),
}

pub(crate) struct Place {
    pub(crate) exchanges: Exchanges,
    pub(crate) pointer: Pattern,
}

/// What a mutation did, in words, and the places any of which counts as finding it.
pub(crate) struct Expectation {
    pub(crate) detail: String,
    pub(crate) places: Vec<Place>,
}

impl Expectation {
    pub(crate) fn new(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            places: Vec::new(),
        }
    }

    pub(crate) fn or(mut self, exchanges: Exchanges, pointer: Pattern) -> Self {
        self.places.push(Place { exchanges, pointer });
        self
    }

    pub(crate) fn at(self, units: &[usize], pointer: impl Into<String>) -> Self {
        self.or(
            Exchanges::Among(units.to_vec()),
            Pattern::At(pointer.into()),
        )
    }

    pub(crate) fn below(self, units: &[usize], pointer: impl Into<String>) -> Self {
        self.or(
            Exchanges::Among(units.to_vec()),
            Pattern::Below(pointer.into()),
        )
    }
}

impl Pattern {
    fn matches(&self, pointer: &str) -> bool {
        match self {
            Pattern::At(place) => pointer == canonical(place),
            Pattern::Below(place) => {
                let place = canonical(place);
                pointer
                    .strip_prefix(place.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Pattern::Exchange => matches!(pointer, "" | "/" | "/request" | "/exchange"),
        }
    }
}

impl Exchanges {
    fn matches(&self, finding: &Finding) -> bool {
        let among = |side: Option<usize>, units: &[usize]| side.is_some_and(|n| units.contains(&n));
        match self {
            Exchanges::Among(units) => {
                among(finding.baseline, units) || among(finding.candidate, units)
            }
            Exchanges::BaselineOnly(units) => {
                finding.candidate.is_none() && among(finding.baseline, units)
            }
            Exchanges::CandidateOnly(units) => {
                finding.baseline.is_none() && among(finding.candidate, units)
            }
        }
    }
}

/// The form in which event pointers are compared: the data of an event is the event.
pub(crate) fn canonical(pointer: &str) -> String {
    let mut tokens: Vec<&str> = pointer.split('/').collect();
    let is_event = tokens.get(1) == Some(&"response") && tokens.get(2) == Some(&"events");
    if is_event && tokens.get(4) == Some(&"data") {
        tokens.remove(4);
    }
    tokens.join("/")
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Found,
    /// Something was found, but nowhere that says what was changed, or at too low a level.
    Elsewhere,
    Missed,
    /// A control that brought an error or a warning.
    FalseAlarm,
}

/// Judges the findings of one case.
pub(crate) fn judge(class: Class, expectation: &Expectation, findings: &[Finding]) -> Verdict {
    let is_serious = |finding: &&Finding| finding.level != Level::Note;
    let is_at_place = |finding: &&Finding| {
        let pointer = canonical(&finding.pointer);
        expectation
            .places
            .iter()
            .any(|place| place.exchanges.matches(finding) && place.pointer.matches(&pointer))
    };
    let serious = findings.iter().filter(is_serious).count();
    let found = match class {
        Class::Divergence => findings.iter().filter(is_serious).any(|f| is_at_place(&f)),
        Class::Form | Class::Note => findings.iter().any(|f| is_at_place(&f)),
        Class::Quiet => true,
    };
    match class {
        Class::Note | Class::Quiet if serious > 0 => Verdict::FalseAlarm,
        _ if found => Verdict::Found,
        _ if findings.is_empty() => Verdict::Missed,
        Class::Divergence if serious > 0 => Verdict::Elsewhere,
        Class::Divergence => Verdict::Missed,
        _ => Verdict::Elsewhere,
    }
}
