//! The explanations of rules.

use trace_diff::json::Pointer;
use trace_diff::normalize::Rules;
use trace_diff::report::{Level, explain, rule_names, rules};

/// Every rule that the comparison gives to its findings.
pub(crate) const DIFF_RULES: &str = "
    exchange-missing exchange-added exchange-order method-changed path-changed endpoint-changed header-missing
    header-added header-renamed header-changed header-order header-case header-repeated body-missing body-kind-changed body-changed
    key-missing key-added value-changed type-changed number-form string-form element-added element-missing
    element-order text-changed item-missing item-added item-moved instructions-moved
    late-arrival tool-missing tool-added
    tool-order identifier-split identifier-merged identifier-shape continuation-changed
    status-changed recording-cut event-missing event-added event-order event-changed event-chunks
    stream-end-changed";

/// Every kind of problem that readers report, as a rule.
pub(crate) const READER_RULES: &str = "
    reader-truncated reader-torn reader-headless reader-garbage reader-nul reader-invalid-utf8 reader-bom
    reader-stray-closer reader-incomplete-exchange reader-unknown-record reader-unknown-frame reader-undecoded-body
    reader-unreadable reader-unknown-version reader-damaged-compression reader-orphan-record reader-too-deep
    reader-too-long reader-missing-file reader-bad-base64";

/// Every rule of the contract between wire and disk.
pub(crate) const ROLLOUT_RULES: &str = "
    rollout-input-missing rollout-input-added rollout-input-changed rollout-input-order rollout-delivery-missing
    rollout-delivery-changed rollout-item-invented rollout-compaction-changed rollout-usage-changed
    rollout-usage-missing rollout-id-changed rollout-lineage-broken rollout-missing rollout-unused rollout-not-compared";

/// Every rule about retries and about the events of a response.
const CONTRACT_RULES: &str = "
    retry-missing retry-of-fatal retry-over-limit retry-gave-up-early retry-too-soon retry-backoff retry-body-changed
    retry-partial-lost retry-truncated-taken retry-storm retry-websocket-leftover retry-fallback
    retry-stale-response retry-idle
    stream-event-order stream-end-missing stream-end-doubled stream-event-after-end stream-id-changed
    stream-item-unfinished stream-item-doubled stream-index stream-delta-sum stream-output-differs stream-usage-missing";
/// Every rule about the answers of an endpoint.
pub(crate) const ANSWER_RULES: &str = "
    answer-missing answer-timed-out answer-cut answer-status answer-failed answer-empty answer-content-type
    answer-unreadable answer-event-missing answer-event-unknown answer-field-missing answer-field-type answer-field-added
    answer-header-missing answer-call-id-reused answer-no-websocket";
/// Every rule about calls, their outputs and what responses delivered.
const TOOL_RULES: &str = "
    call-without-output output-without-call output-doubled output-type-wrong output-before-call outputs-out-of-order
    call-unanswered call-executed-twice arguments-changed delivered-item-missing parallel-call-lost item-invented item-altered
    output-altered";

/// Every rule about how the history of a thread grows.
const HISTORY_RULES: &str = "
    history-rewritten reasoning-dropped item-id-changed prompt-cache-broken instructions-changed tools-changed";

/// Every rule about compactions.
pub(crate) const COMPACTION_RULES: &str = "
    compaction-missing compaction-late compaction-early compaction-doubled compaction-form compaction-prompt
    compaction-tools compaction-parallel-calls compaction-model compaction-history-cut compaction-not-applied
    compaction-summary-missing compaction-summary-altered compaction-summary-misplaced compaction-user-message-lost
    compaction-user-message-altered compaction-user-message-moved compaction-budget-exceeded compaction-item-survived
    compaction-context-missing compaction-context-misplaced compaction-window compaction-overflow-retry
    compaction-overflow-given-up compaction-failure-ignored";
/// Every rule about what requests call themselves.
pub(crate) const IDENTITY_RULES: &str = "
    session-id-mismatch thread-id-mismatch turn-id-mismatch window-id-mismatch installation-id-mismatch
    subagent-mark-mismatch turn-metadata-mismatch turn-metadata-incomplete client-metadata-incomplete request-kind-wrong
    subagent-unmarked memory-unmarked required-header-missing session-header-wrong cache-key-changed cache-key-wrong
    installation-id-changed agent-name-changed turn-id-reused turn-id-changed inference-id-reused item-id-missing
    item-id-unexpected";

/// Every rule about rollouts by themselves.
pub(crate) const SESSION_RULES: &str = "
    session-ordinal-gap session-ordinal-repeat session-ordinal-back session-ordinal-missing
    session-duplicated-record session-duplicated-block session-two-writers session-second-session-meta session-id-not-in-name
    session-misnamed session-lineage session-shared-line session-several-lines session-json session-no-envelope";

#[test]
fn every_rule_is_explained() {
    let names = || {
        DIFF_RULES
            .split_whitespace()
            .chain(READER_RULES.split_whitespace())
            .chain(ROLLOUT_RULES.split_whitespace())
            .chain(CONTRACT_RULES.split_whitespace())
            .chain(TOOL_RULES.split_whitespace())
            .chain(HISTORY_RULES.split_whitespace())
            .chain(COMPACTION_RULES.split_whitespace())
            .chain(IDENTITY_RULES.split_whitespace())
            .chain(SESSION_RULES.split_whitespace())
            .chain(ANSWER_RULES.split_whitespace())
    };
    assert_eq!(
        names().count(),
        rule_names().len(),
        "a rule that nothing reports is explained"
    );
    for name in names() {
        assert!(explain(name).is_ok(), "{name} is not explained");
    }
}

/// Words in quotes that look like names of rules, in all sources below a directory: what ends as a rule does, and is
/// neither text for a person nor a word of the formats.
fn rule_like_words(directory: &str) -> Vec<String> {
    let last_word = |name: &str| name.rsplit('-').next().map(str::to_owned);
    let endings: Vec<_> = rules().filter_map(|rule| last_word(rule.name)).collect();
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(crate::samples::package().join(directory)) {
        let entry = entry.unwrap();
        if entry.path().extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let names = text.split('"').filter(|word| {
            word.contains('-')
                && !word.ends_with('-')
                && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        });
        found.extend(
            names
                .filter(|name| last_word(name).is_some_and(|end| endings.contains(&end)))
                .map(str::to_owned),
        );
    }
    found
}

/// Words of the formats and names of header fields that end as a rule does.
const NO_RULES: &[&str] = &["kebab-case", "content-type", "openai-model"];

/// Demands that a module names the rules of a list, and no other that has no explanation.
fn assert_named(directory: &str, listed: &[&str]) {
    let mut found = rule_like_words(directory);
    found.retain(|name| !NO_RULES.contains(&name.as_str()));
    // A kind of problem is a rule of the readers without its prefix.
    let is_known = |name: &str| explain(name).is_ok() || explain(&format!("reader-{name}")).is_ok();
    let unknown: Vec<_> = found.iter().filter(|name| !is_known(name)).collect();
    assert!(
        unknown.is_empty(),
        "{directory}: not explained: {unknown:?}"
    );
    let names = listed.iter().flat_map(|list| list.split_whitespace());
    let unheard: Vec<_> = names
        .filter(|name| !found.iter().any(|word| word == name))
        .collect();
    assert!(
        unheard.is_empty(),
        "{directory}: nothing reports {unheard:?}"
    );
}

#[test]
fn the_sources_and_the_explanations_name_the_same_rules() {
    assert_named("src/diff", &[DIFF_RULES]);
    let contracts = [
        ROLLOUT_RULES,
        CONTRACT_RULES,
        TOOL_RULES,
        HISTORY_RULES,
        COMPACTION_RULES,
        IDENTITY_RULES,
    ];
    assert_named("src/check", &contracts);
    assert_named("src/send", &[ANSWER_RULES]);
}

/// Every name that the sources of contracts give to a rule, however it ends: what stands before a level or a place.
#[test]
fn every_rule_that_a_contract_makes_is_listed() {
    let lists = [
        ROLLOUT_RULES,
        CONTRACT_RULES,
        TOOL_RULES,
        HISTORY_RULES,
        COMPACTION_RULES,
        IDENTITY_RULES,
    ];
    let listed = lists.join(" ");
    let listed: Vec<&str> = listed.split_whitespace().collect();
    let makers = ["RuleName::error(", "RuleName::warning(", "Violation::new("];
    let mut made = 0;
    for entry in walkdir::WalkDir::new(crate::samples::package().join("src/check")) {
        let entry = entry.unwrap();
        if !entry.file_type().is_file() {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for maker in makers {
            for rest in text.split(maker).skip(1) {
                let Some(rest) = rest.trim_start().strip_prefix('"') else {
                    continue;
                };
                let name = rest.split('"').next().unwrap();
                made += 1;
                assert!(listed.contains(&name), "{name} is in no list of rules");
            }
        }
    }
    assert!(made > 25, "{made}");
}

#[test]
fn names_are_unique_and_texts_are_sentences() {
    let mut names = rule_names();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for rule in rules() {
        for text in [rule.means, rule.matters, rule.expectation] {
            assert!(
                text.ends_with('.') && !text.contains("  "),
                "{}: {text}",
                rule.name
            );
        }
        assert!(Pointer::parse(rule.example).is_ok(), "{}", rule.name);
    }
}

#[test]
fn what_never_matters_to_a_server_is_a_note() {
    let notes: Vec<_> = rules()
        .filter(|rule| rule.level == Level::Note)
        .map(|rule| rule.name)
        .collect();
    assert_eq!(
        notes.join(" "),
        "exchange-order header-order header-case recording-cut event-chunks number-form string-form element-order late-arrival tool-order \
         identifier-shape rollout-missing rollout-unused rollout-not-compared answer-event-unknown answer-field-added \
         answer-header-missing answer-no-websocket"
    );
    assert_eq!(
        explain("header-repeated").map(|rule| rule.level),
        Ok(Level::Warning)
    );
}

#[test]
fn the_advice_for_accepting_is_a_rules_file() {
    for rule in rules() {
        let rules = Rules::parse("advice", &rule.accept_table(), &rule_names());
        assert_eq!(
            rules.map(|rules| rules.accept.len()),
            Ok(1),
            "{}",
            rule.name
        );
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let error = explain("header-mising").unwrap_err();
    assert_eq!(error.nearest, Some("header-missing"));
    assert_eq!(error.to_string(), "unknown rule `header-mising`");
    assert_eq!(explain("qqq").unwrap_err().nearest, None);
}

#[test]
fn explanations_read_well() {
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        let all: Vec<String> = rules().map(ToString::to_string).collect();
        insta::assert_snapshot!("explain_all", all.join("\n"));
    });
}
