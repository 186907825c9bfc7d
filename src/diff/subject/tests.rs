use super::*;

/// Texts that look like the words around them.
const HOSTILE: [&str; 6] = [
    "say \"no\" (twice)",
    "a › b",
    "several things",
    "x, y",
    "tool `x`",
    "tools ",
];

fn said(text: &str) -> Thing {
    Thing::item("user message", Mark::Text(text.to_owned()))
}

fn call(name: &str) -> Thing {
    Thing::item("function_call", Mark::Name(name.to_owned()))
}

fn context() -> Thing {
    let tags = ["<a>", "<b c>"].map(str::to_owned);
    Thing::item("developer message", Mark::Tags(tags.to_vec()))
}

#[test]
fn one_thing_in_words() {
    let check = |thing: Thing, expect: &str| assert_eq!(thing.to_string(), expect);
    check(said("Run it."), "user message \"Run it.\"");
    check(call("shell"), "function_call shell");
    check(context(), "developer message (<a>, <b c>)");
    check(context().part("<a>"), "developer message › <a>");
    check(call("x").part("<a>"), "function_call x › <a>");
    check(Thing::tool("x").tool_within("y"), "tool `x` › `y`");
    let tools = Thing::item("additional_tools item", Mark::None);
    check(tools.tool_within("y"), "additional_tools item › `y`");
    check(Thing::tool("x(\"y\")").part("<a>"), "tool `x(\"y\")` › <a>");
}

#[test]
fn several_things_are_their_kinds_whatever_their_texts() {
    let check = |things: &[Thing], expect: &str| {
        let subject = Subject::of_several(things.iter().cloned());
        assert_eq!(subject.unwrap().to_string(), expect);
    };
    check(&HOSTILE.map(said), "several user messages");
    check(&HOSTILE.map(call), "several function_calls");
    check(
        &[call("x (y)"), said("a › b")],
        "several items (function_call, user message)",
    );
    let of_tool = |text: &str| Thing::item("tool message", Mark::Text(text.to_owned()));
    check(&HOSTILE.map(of_tool), "several tool messages");
    let of_role = |text: &str| Thing::item("a \"b\" message", Mark::Text(text.to_owned()));
    check(&HOSTILE.map(of_role), "several a \"b\" messages");
    check(
        &["b", "a(1)", "a, b"].map(Thing::tool),
        "tools `a(1)`, `a, b`, `b`",
    );
    check(
        &[Thing::tool("x (y)"), said("z")],
        "several items (tool `x (y)`, user message)",
    );
    assert_eq!(Subject::of_several([]), None);
}

#[test]
fn subjects_have_in_common_kinds_or_names() {
    let check = |subjects: &[Subject], expect: &str| {
        let common = Subject::common(subjects);
        assert_eq!(common.unwrap().to_string(), expect);
    };
    let one = |text: &str| Subject::One(said(text));
    check(&HOSTILE.map(one), "user message");
    check(&[one("a"), one("a")], "user message \"a\"");
    let whole = Subject::One(context());
    let part = Subject::One(context().part("<a>"));
    check(&[whole.clone(), part.clone()], "developer message");
    check(
        &[one("a › b"), part.clone()],
        "items (developer message › <a>, user message)",
    );
    let tool = |name: &str| Subject::One(Thing::tool(name));
    let tools = Subject::Tools(vec![Thing::tool("x, y"), Thing::tool("z")]);
    check(&[tools, tool("x"), tool("x, y")], "tools `x, y`, `x`, `z`");
    let of_role = |role: &str| Subject::Several(vec![Thing::item(role, Mark::None)]);
    check(&[of_role("a, b"), of_role("c)")], "items (a, b, c))");
    assert!(part.has_part() && !whole.has_part() && !one("a › b").has_part());
}

#[test]
fn a_tool_is_told_from_what_it_stands_in() {
    let check = |thing: Thing, outer: Option<&str>, name: &str, before: &str, names: &str| {
        let subject = Subject::One(thing);
        let (found, tool) = subject.as_tool().unwrap();
        assert_eq!(
            (found.map(|one| one.to_string()).as_deref(), tool),
            (outer, name)
        );
        let split = subject.split_names().unwrap();
        assert_eq!((split.0.as_str(), split.1.as_str()), (before, names));
    };
    check(Thing::tool("a › `b"), None, "a › `b", "tool ", "`a › `b`");
    check(
        Thing::tool("a").tool_within("b"),
        Some("tool `a`"),
        "b",
        "tool ",
        "`a` › `b`",
    );
    let item = Thing::item("search_output", Mark::Text("`x` › y".to_owned()));
    let words = "search_output \"`x` › y\"";
    check(
        item.tool_within("t"),
        Some(words),
        "t",
        &format!("{words} › "),
        "`t`",
    );
    assert_eq!(Subject::One(said("a › `b`")).as_tool(), None);
}

#[test]
fn each_text_of_a_subject_can_be_changed() {
    let subject = Subject::Several(vec![context().part("x"), call("x").tool_within("x")]);
    let changed = subject.map(|text| text.replace(['x', '<'], "_"));
    let expect = "several items (developer message › _, function_call _ › `_`)";
    assert_eq!(changed.to_string(), expect);
    let whole = Subject::One(context()).map(|text| text.replace('<', "_"));
    assert_eq!(whole.to_string(), "developer message (_a>, _b c>)");
}
