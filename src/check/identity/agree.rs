//! What one request says in several places is the same.

use crate::check::profiles::{Profile, SubagentKey};
use crate::check::quick::{QuickMap, QuickSet};
use crate::check::sink::{RuleName, Sink};

use super::places::{PARENT, REQUEST_ID, SESSION, SUBJECTS, THREAD, TURN, WINDOW, WINDOW_NUMBER};
use super::rules;
use super::said::Text;
use super::sent::{Place, Print, Sent};
use super::subagent::is_marked;
use super::votes::{Named, Votes};

/// The session, the thread and the turn of a request, as most of its places have them.
#[derive(Debug, Clone, Default)]
pub(super) struct Whose {
    pub(super) session: Option<Text>,
    pub(super) thread: Option<Text>,
    pub(super) turn: Option<Text>,
}

/// Checks requests one by one, and says whose each is.
pub(super) fn check(all: &[Sent<'_>], profile: &Profile, sink: &mut Sink) -> Vec<Whose> {
    let mut checker = Checker {
        all,
        profile,
        votes: Votes::new(all),
        sessions: QuickMap::default(),
        owners: QuickMap::default(),
        sink,
    };
    checker.collect_sessions();
    // Most requests say what others said: of what was right once, nothing is to be told.
    let mut right: QuickMap<Print, Whose> = QuickMap::default();
    let mut whose = Vec::with_capacity(all.len());
    for sent in all {
        let print = sent.print();
        let known = right.get(&print).cloned();
        whose.push(known.unwrap_or_else(|| {
            let told = checker.sink.count();
            let found = checker.check(sent);
            if checker.sink.count() == told {
                right.insert(print, found.clone());
            }
            found
        }));
    }
    whose
}

struct Checker<'a, 't> {
    all: &'a [Sent<'t>],
    profile: &'a Profile,
    votes: Votes<'a, 't>,
    /// The session of each thread.
    sessions: QuickMap<Text, Text>,
    /// The first exchange of which the headers name this thread and this session.
    owners: QuickMap<(Text, Text), usize>,
    sink: &'a mut Sink,
}

impl Checker<'_, '_> {
    fn check(&mut self, sent: &Sent<'_>) -> Whose {
        let mut whose = self.check_owner(sent);
        self.check_window(sent, &whose);
        let turn = self.named(sent, TURN, false);
        whose.turn = self.judge(sent, &turn, "turn", |_| rules::TURN_ID_MISMATCH);
        for subject in SUBJECTS {
            let named = self.named(sent, subject.places, subject.is_of_connection);
            self.judge(sent, &named, subject.what, |_| subject.rule);
        }
        whose
    }

    /// The places that say something, those of the handshake behind the request's own.
    fn named(&self, sent: &Sent<'_>, places: &[Place], is_of_connection: bool) -> Vec<Named> {
        let handshake = sent.handshake.filter(|_| is_of_connection);
        let handshake = handshake.map(|at| &self.all[at]);
        let said = |one: &Sent<'_>| {
            let named = places.iter().filter_map(|place| {
                Some(Named {
                    exchange: one.exchange,
                    place: *place,
                    value: one.value(*place)?,
                })
            });
            named.collect::<Vec<_>>()
        };
        let mut named = said(sent);
        named.extend(handshake.map(said).into_iter().flatten());
        named
    }

    /// Remembers the session of each thread, without telling anything.
    fn collect_sessions(&mut self) {
        let mut seen = QuickSet::default();
        for sent in self.all {
            if !seen.insert(sent.print()) {
                continue;
            }
            let most = |places| {
                let named = self.named(sent, places, true);
                self.votes.winner(&named).map(|one| one.value.clone())
            };
            if let (Some(thread), Some(session)) = (most(THREAD), most(SESSION)) {
                self.sessions.entry(thread).or_insert(session);
            }
            let header = |name| sent.value(Place::Header(name));
            if let (Some(thread), Some(session)) = (header("thread-id"), header("session-id")) {
                self.owners
                    .entry((thread, session))
                    .or_insert(sent.exchange);
            }
        }
    }

    fn check_owner(&mut self, sent: &Sent<'_>) -> Whose {
        let session = self.named(sent, SESSION, true);
        let mut thread = self.named(sent, THREAD, true);
        if self.profile.ids.has_thread_as_request_id == Some(true) {
            thread.extend(self.named(sent, &[REQUEST_ID], true));
        }
        let is_same = sent.is_of_known_kind(self.profile)
            && match self.profile.ids.subagent_session {
                Some(SubagentKey::Thread) => true,
                Some(SubagentKey::Session) => !is_marked(sent, self.all),
                None => false,
            };
        if is_same {
            let is_thread = |named: &Named| thread.iter().any(|one| one.place == named.place);
            let both: Vec<Named> = session.iter().chain(&thread).cloned().collect();
            let rule = |named: &Named| match is_thread(named) {
                true => rules::THREAD_ID_MISMATCH,
                false => rules::SESSION_ID_MISMATCH,
            };
            let id = self.judge(sent, &both, "thread", rule);
            return Whose {
                session: id.clone(),
                thread: id,
                turn: None,
            };
        }
        let thread = self.judge(sent, &thread, "thread", |_| rules::THREAD_ID_MISMATCH);
        let own = session.len();
        let mut session = session;
        if let Some(parent) = self.session_of_parent(sent) {
            session.push(parent);
        }
        let mut found = self.judge(sent, &session, "session", |_| rules::SESSION_ID_MISMATCH);
        if own == 0 {
            found = None;
        }
        Whose {
            session: found,
            thread,
            turn: None,
        }
    }

    /// The session of the thread that a sub-agent names as its parent, as a place of that thread's requests.
    fn session_of_parent(&self, sent: &Sent<'_>) -> Option<Named> {
        if self.profile.ids.subagent_session != Some(SubagentKey::Session) {
            return None;
        }
        let (_, parent) = sent.first(PARENT)?;
        let value = self.sessions.get(&parent)?;
        Some(Named {
            exchange: *self.owners.get(&(parent, value.clone()))?,
            place: Place::Header("session-id"),
            value: value.clone(),
        })
    }

    /// A window is named `<thread>:<number>`.
    fn check_window(&mut self, sent: &Sent<'_>, whose: &Whose) {
        let rule = rules::WINDOW_ID_MISMATCH;
        let named = self.named(sent, WINDOW, false);
        let Some(window) = self.judge(sent, &named, "window", |_| rule) else {
            return;
        };
        let Some(said) = named.iter().find(|one| one.value == window) else {
            return;
        };
        let (thread, number) = window.rsplit_once(':').unwrap_or((&window, ""));
        if let Some(own) = whose.thread.as_deref().filter(|own| *own != thread) {
            let message = format!(
                "{} names a window of thread {thread}, but the thread of {} is {own}",
                said.place, sent.label
            );
            self.tell(sent, said, rule, format!("{own}:{number}"), message);
        }
        let has = sent.first(WINDOW_NUMBER);
        if let Some((place, has)) = has.filter(|(_, has)| **has != *number) {
            let message = format!(
                "{place} is {has}, but {} is {window} in {}",
                said.place, sent.label
            );
            let wrong = Named {
                exchange: sent.exchange,
                place,
                value: has,
            };
            self.tell(sent, &wrong, rule, number.to_owned(), message);
        }
    }

    /// Tells each place that does not say what most say, and gives what these say.
    fn judge(
        &mut self,
        sent: &Sent<'_>,
        named: &[Named],
        what: &str,
        rule: impl Fn(&Named) -> RuleName,
    ) -> Option<Text> {
        let right = self.votes.winner(named)?.clone();
        for wrong in named.iter().filter(|one| one.value != right.value) {
            let message = format!(
                "{}{} is {}, but {}{} is {} in {}: two names of one {what}",
                wrong.place,
                self.whereabouts(sent, wrong),
                wrong.value,
                right.place,
                self.whereabouts(sent, &right),
                right.value,
                sent.label
            );
            self.tell(sent, wrong, rule(wrong), right.value.to_string(), message);
        }
        Some(right.value)
    }

    /// Names the exchange of a place that is not in the request that is looked at.
    fn whereabouts(&self, sent: &Sent<'_>, named: &Named) -> String {
        match named.exchange == sent.exchange {
            true => String::new(),
            false => format!(" of exchange #{}", named.exchange),
        }
    }

    fn tell(
        &mut self,
        sent: &Sent<'_>,
        wrong: &Named,
        rule: RuleName,
        expected: String,
        message: String,
    ) {
        let mut violation = rule.at(wrong.exchange, wrong.place.pointer());
        violation.expected = Some(expected);
        violation.found = Some(wrong.value.to_string());
        violation.message = message;
        let thread = sent.request.and_then(|one| one.facts.thread.as_deref());
        let cause = format!("{} {}", thread.unwrap_or_default(), wrong.place);
        self.sink.tell(cause, violation);
    }
}
