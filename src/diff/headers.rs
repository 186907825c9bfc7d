//! How two header lists differ: by name without case; order, case and repeats are weaker findings.

use xxhash_rust::xxh3::xxh3_64;

use crate::capture::Headers;
use crate::json::Pointer;
use crate::normalize::place::{self, Place};
use crate::normalize::{Class, TextPlace, embedded_json};

use super::change::Level;
use super::names::{LocalChange, Names, Outcome};
use super::recorder::{Pair, Place as UnitPlace, Recorder, Text};
use super::text::{compare_text, with_placeholders};
use super::value::ValueDiff;

/// Two header lists and where they stand.
pub(super) struct HeaderPair<'h> {
    pub(super) baseline: &'h Headers,
    pub(super) candidate: &'h Headers,
    /// `/request/headers` or `/response/headers`.
    pub(super) pointer: Pointer,
    pub(super) row: usize,
    pub(super) level: Level,
    /// Length of each body on the wire, where recorded: what `content-length` should say.
    pub(super) body_bytes: (Option<u64>, Option<u64>),
}

/// Compares two header lists.
pub(super) fn compare_headers(names: &mut Names, recorder: &mut Recorder, pair: &HeaderPair<'_>) {
    let (a, b) = (grouped(pair.baseline), grouped(pair.candidate));
    let mut only_a: Vec<&Group<'_>> = Vec::new();
    for group in &a {
        match b.iter().find(|other| other.name == group.name) {
            Some(other) => compare_group(names, recorder, pair, group, other),
            None => only_a.push(group),
        }
    }
    let mut only_b: Vec<&Group<'_>> = b
        .iter()
        .filter(|g| !a.iter().any(|other| other.name == g.name))
        .collect();
    for group in only_a {
        let renamed = only_b
            .iter()
            .position(|other| plain_name(&other.name) == plain_name(&group.name));
        match renamed {
            Some(at) => renamed_header(names, recorder, pair, group, only_b.remove(at)),
            None => one_sided(names, recorder, pair, group, true),
        }
    }
    for group in only_b {
        one_sided(names, recorder, pair, group, false);
    }
    compare_form(recorder, pair, &a, &b);
}

/// The fields of one name.
struct Group<'h> {
    name: String,
    sent_as: &'h str,
    values: Vec<&'h str>,
}

fn grouped(headers: &Headers) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for header in headers.list.iter() {
        let name = header.name.to_ascii_lowercase();
        match groups.iter_mut().find(|g| g.name == name) {
            Some(group) => group.values.push(&header.value),
            None => groups.push(Group {
                name,
                sent_as: &header.name,
                values: vec![&header.value],
            }),
        }
    }
    groups
}

/// A name without what versions spell differently: `session_id` (codex up to 0.125.0) is `session-id` (from 0.137.0).
fn plain_name(name: &str) -> String {
    name.replace(['-', '_'], "")
}

fn unit_place(pair: &HeaderPair<'_>, name: &str) -> UnitPlace {
    UnitPlace::new(pair.row, pair.pointer.key(name))
}

fn local(rule: &'static str, level: Level, message: String, values: &str) -> LocalChange {
    LocalChange {
        rule,
        level,
        message,
        values: xxh3_64(values.as_bytes()),
        ..LocalChange::default()
    }
}

fn compare_group(
    names: &mut Names,
    recorder: &mut Recorder,
    pair: &HeaderPair<'_>,
    a: &Group<'_>,
    b: &Group<'_>,
) {
    for (x, y) in a.values.iter().zip(&b.values) {
        let unit = UnitPlace::new(pair.row, pair.pointer.key(&a.name));
        if a.name == "content-length" {
            recorder.once(unit, compare_length(pair, x, y));
            continue;
        }
        let values = (Text::Plain((*x).to_owned()), Text::Plain((*y).to_owned()));
        let texts = Pair::keyed(
            pair.level.name(),
            &format!("header {}", a.name),
            values.0,
            values.1,
        );
        let (name, level) = (a.name.clone(), pair.level);
        let (x, y) = ((*x).to_owned(), (*y).to_owned());
        recorder.unit(names, texts, unit, move |names| {
            compare_value(names, &name, level, &x, &y)
        });
    }
    let keeps_repeats = pair.baseline.has_repeats && pair.candidate.has_repeats;
    if a.values.len() != b.values.len() && keeps_repeats {
        let message = format!(
            "`{}` is sent {} by the baseline and {} by the candidate",
            a.name,
            times(a.values.len()),
            times(b.values.len())
        );
        recorder.change(
            unit_place(pair, &a.name),
            local("header-repeated", Level::Warning, message, &a.name),
        );
    }
}

fn times(n: usize) -> String {
    if n == 1 {
        "once".to_owned()
    } else {
        format!("{n} times")
    }
}

/// A length that fits its own body is no difference: the bodies are compared themselves.
fn compare_length(pair: &HeaderPair<'_>, a: &str, b: &str) -> Outcome {
    let fits = |text: &str, length: Option<u64>| length.is_none_or(|n| text.parse() == Ok(n));
    let mut out = Outcome::default();
    if a != b && !(fits(a, pair.body_bytes.0) && fits(b, pair.body_bytes.1)) {
        let message = format!("{a} became {b}, which is not the length of the body");
        let mut change = local("header-changed", pair.level, message, "content-length");
        (change.baseline, change.candidate) = (Some(a.to_owned()), Some(b.to_owned()));
        out.changes.push(change);
    }
    out
}

fn compare_value(names: &mut Names, name: &str, level: Level, a: &str, b: &str) -> Outcome {
    let mut diff = ValueDiff::new(names, level, true);
    match place::of_header(name) {
        Place::Id => diff.ids(a, b),
        Place::Authorization => compare_authorization(&mut diff, a, b),
        Place::Whole(Class::Secret) => diff.secrets(a, b),
        Place::Whole(_) | Place::Length => {}
        Place::Host => compare_host(&mut diff, a, b),
        Place::Versioned => {
            let place = TextPlace {
                has_versions: true,
                is_tool_output: false,
            };
            if is_client_suffix(a, b) {
                diff.level = Level::Note;
            }
            compare_plain(&mut diff, a, b, place);
        }
        Place::Plain if embedded_json(a).is_some() && embedded_json(b).is_some() => {
            diff.texts("", a, b, TextPlace::default());
        }
        Place::Plain => compare_plain(&mut diff, a, b, TextPlace::default()),
    }
    let mut out = diff.out;
    for change in &mut out.changes {
        if change.pointer.is_root() && matches!(change.rule, "value-changed" | "text-changed") {
            change.rule = "header-changed";
        }
    }
    out
}

/// Whether one user agent is the other with `(client; version)` behind it: codex 0.169.0 learns what to put there after
/// its first requests, so that which of them have it is chance.
fn is_client_suffix(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let rest = long.strip_prefix(short).unwrap_or_default();
    rest.starts_with(" (") && rest.ends_with(')') && rest.contains("; ")
}

fn compare_plain(diff: &mut ValueDiff<'_>, a: &str, b: &str, place: TextPlace) {
    if let Some(change) = compare_text(diff.names, &mut diff.out, &diff.pointer, (a, b), place) {
        diff.push_text(a, b, change);
    }
}

/// The scheme is compared; the credential only as something that is the same everywhere or not, and never shown.
fn compare_authorization(diff: &mut ValueDiff<'_>, a: &str, b: &str) {
    if place::is_redacted(a) || place::is_redacted(b) {
        return;
    }
    let split = |value: &str| match value.split_once(' ') {
        Some((scheme, secret)) => (scheme.to_owned(), secret.to_owned()),
        None => (String::new(), value.to_owned()),
    };
    let ((a_scheme, a_secret), (b_scheme, b_secret)) = (split(a), split(b));
    if a_scheme.eq_ignore_ascii_case(&b_scheme) {
        diff.out
            .tie(diff.names, &a_secret, &b_secret, &diff.pointer, true);
    } else {
        let message = format!("authorization scheme {a_scheme:?} became {b_scheme:?}");
        diff.out.changes.push(local(
            "header-changed",
            diff.level,
            message,
            &format!("{a_scheme}\0{b_scheme}"),
        ));
    }
}

/// Ports on this machine are given by chance; a host elsewhere is part of what the agent was told to talk to, so its
/// name is compared, but only as a note: captures are taken in front of different servers.
fn compare_host(diff: &mut ValueDiff<'_>, a: &str, b: &str) {
    let name = |host: &str| {
        let is_bracketed = host.ends_with(']');
        let name = if is_bracketed {
            host
        } else {
            host.rsplit_once(':').map_or(host, |(name, _)| name)
        };
        if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
            "this machine".to_owned()
        } else {
            name.to_owned()
        }
    };
    let (a, b) = (name(a), name(b));
    if a != b {
        let mut change = local(
            "header-changed",
            Level::Note,
            format!("{a} became {b}"),
            &format!("{a}\0{b}"),
        );
        (change.baseline, change.candidate) = (Some(a), Some(b));
        diff.out.changes.push(change);
    }
}

/// A value fit to be shown.
fn shown(names: &Names, group: &Group<'_>, is_baseline: bool) -> String {
    let value = group.values.first().copied().unwrap_or_default();
    if matches!(
        place::of_header(&group.name),
        Place::Authorization | Place::Whole(Class::Secret)
    ) {
        return "<secret>".to_owned();
    }
    let scanner = if is_baseline {
        &names.baseline
    } else {
        &names.candidate
    };
    super::text::window(
        &with_placeholders(value, scanner, TextPlace::default()),
        0..80,
    )
}

fn one_sided(
    names: &Names,
    recorder: &mut Recorder,
    pair: &HeaderPair<'_>,
    group: &Group<'_>,
    is_baseline: bool,
) {
    let value = shown(names, group, is_baseline);
    let (rule, message) = if is_baseline {
        (
            "header-missing",
            format!("`{}: {value}` is not sent by the candidate", group.name),
        )
    } else {
        (
            "header-added",
            format!("`{}: {value}` is sent by the candidate only", group.name),
        )
    };
    let mut change = local(rule, pair.level, message, &group.name);
    if is_baseline {
        change.baseline = Some(value)
    } else {
        change.candidate = Some(value)
    }
    recorder.change(unit_place(pair, &group.name), change);
}

fn renamed_header(
    names: &mut Names,
    recorder: &mut Recorder,
    pair: &HeaderPair<'_>,
    a: &Group<'_>,
    b: &Group<'_>,
) {
    let message = format!("`{}` is called `{}` by the candidate", a.name, b.name);
    let mut change = local(
        "header-renamed",
        pair.level,
        message,
        &format!("{}\0{}", a.name, b.name),
    );
    (change.baseline, change.candidate) = (Some(a.name.clone()), Some(b.name.clone()));
    recorder.change(unit_place(pair, &b.name), change);
    for (x, y) in a.values.iter().zip(&b.values) {
        let out = compare_value(names, &b.name, pair.level, x, y);
        recorder.once(unit_place(pair, &b.name), out);
    }
}

/// Order and letter case of the names that both send.
fn compare_form(recorder: &mut Recorder, pair: &HeaderPair<'_>, a: &[Group<'_>], b: &[Group<'_>]) {
    let place = || UnitPlace::new(pair.row, pair.pointer.clone());
    let common = |list: &[Group<'_>], other: &[Group<'_>]| -> Vec<String> {
        let names = list.iter().map(|g| g.name.clone());
        names
            .filter(|name| other.iter().any(|g| g.name == *name))
            .collect()
    };
    let (a_order, b_order) = (common(a, b), common(b, a));
    if pair.baseline.has_order && pair.candidate.has_order && a_order != b_order {
        let message = "the same headers in another order".to_owned();
        let (x, y) = (a_order.join(", "), b_order.join(", "));
        let mut change = local("header-order", Level::Note, message, &format!("{x}\0{y}"));
        (change.baseline, change.candidate) = (Some(x), Some(y));
        recorder.change(place(), change);
    }
    if !(pair.baseline.has_case && pair.candidate.has_case) {
        return;
    }
    let recased: Vec<(&str, &str)> = a
        .iter()
        .filter_map(|g| {
            Some((
                g.sent_as,
                b.iter().find(|other| other.name == g.name)?.sent_as,
            ))
        })
        .filter(|(x, y)| x != y)
        .collect();
    if !recased.is_empty() {
        let list = |names: Vec<&str>| names.join(", ");
        let (x, y) = (
            list(recased.iter().map(|p| p.0).collect()),
            list(recased.iter().map(|p| p.1).collect()),
        );
        let message = format!("names in another letter case: {x} became {y}");
        let mut change = local("header-case", Level::Note, message, &format!("{x}\0{y}"));
        (change.baseline, change.candidate) = (Some(x), Some(y));
        recorder.change(place(), change);
    }
}
