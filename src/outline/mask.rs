//! Secrets in words that are no texts: ids, names, codes.

use crate::capture::may_be_key;

use super::model::{Call, Moment, Outline, Output, Step, Thread, Turn, What};
use super::text::Texts;

/// Masks secrets in all that [`Texts`] did not make.
pub(super) fn mask_words(outline: &mut Outline, texts: &mut Texts) {
    let mut mask = Mask { texts };
    outline
        .threads
        .iter_mut()
        .for_each(|thread| mask.thread(thread));
    for problem in &mut outline.problems {
        mask.word(&mut problem.message);
        problem.lost.iter_mut().for_each(|lost| mask.word(lost));
    }
    if let Some(resume) = &mut outline.resume {
        let sentences = resume.sentences.iter_mut();
        sentences.for_each(|sentence| mask.word(sentence));
        mask.words([&mut resume.codex.reason, &mut resume.pycodex.reason]);
    }
}

struct Mask<'t> {
    texts: &'t mut Texts,
}

impl Mask<'_> {
    fn word(&mut self, word: &mut String) {
        let is_known_as_none = self.texts.knows_no_secret() && !may_be_key(word);
        if may_hold_secret(word) && !is_known_as_none {
            *word = self.texts.whole(word);
        }
    }

    fn words<'w>(&mut self, words: impl IntoIterator<Item = &'w mut Option<String>>) {
        words.into_iter().flatten().for_each(|word| self.word(word));
    }

    fn time(&mut self, time: &mut Option<Moment>) {
        if let Some(Moment::Written(time)) = time {
            self.word(time);
        }
    }

    fn thread(&mut self, thread: &mut Thread) {
        self.words([
            &mut thread.id,
            &mut thread.session_id,
            &mut thread.parent,
            &mut thread.name,
            &mut thread.forked_from,
            &mut thread.cwd,
            &mut thread.agent_version,
            &mut thread.originator,
            &mut thread.source,
            &mut thread.model,
            &mut thread.provider,
        ]);
        if let Some(base) = &mut thread.history_base {
            self.word(&mut base.thread_id);
        }
        self.time(&mut thread.started);
        thread.before.iter_mut().for_each(|step| self.step(step));
        thread.turns.iter_mut().for_each(|turn| self.turn(turn));
    }

    fn turn(&mut self, turn: &mut Turn) {
        self.words([&mut turn.id, &mut turn.inherited_from, &mut turn.end.code]);
        self.time(&mut turn.started);
        turn.steps.iter_mut().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &mut Step) {
        self.time(&mut step.time);
        match &mut step.what {
            What::Context { role, tags, .. } => {
                self.word(role);
                tags.iter_mut().for_each(|tag| self.word(tag));
            }
            What::Assistant { phase, .. } => self.words([phase]),
            What::Call(call) => self.call(call),
            What::Output(output) => self.output(output),
            What::Compaction(compaction) => {
                self.words([&mut compaction.trigger]);
                let dropped = compaction.dropped_types.iter_mut();
                dropped.for_each(|kind| self.word(&mut kind.name));
                let kept = compaction.kept.iter_mut();
                kept.for_each(|kept| self.word(&mut kept.what));
            }
            What::Event { name, .. } | What::Unknown { name, .. } => self.word(name),
            What::Error { code, .. } => self.words([code]),
            What::User { .. }
            | What::Reasoning { .. }
            | What::Retry { .. }
            | What::Damage { .. } => {}
        }
    }

    fn call(&mut self, call: &mut Call) {
        self.word(&mut call.name);
        self.word(&mut call.item_type);
        self.words([&mut call.call_id, &mut call.namespace, &mut call.status]);
        if let Some(output) = &mut call.output {
            self.output(output);
        }
    }

    fn output(&mut self, output: &mut Output) {
        self.words([&mut output.call_id]);
    }
}

/// Whether a word may hold a secret: not a short one, not a time, not a UUID, not a name of plain words.
fn may_hold_secret(word: &str) -> bool {
    const SHORTEST: usize = 12;
    let is_id = |byte: u8| byte.is_ascii_hexdigit() || b"-:.TZ+".contains(&byte);
    let is_name = |byte: u8| byte.is_ascii_alphabetic() || b"_-.".contains(&byte);
    word.len() >= SHORTEST && !word.bytes().all(is_id) && !word.bytes().all(is_name)
}
