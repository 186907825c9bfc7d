//! HTML: nothing is loaded, nothing runs, nothing captured is markup.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use regex::Regex;
use sha2::{Digest, Sha256};

use super::{rendered, runs};

const TAGS: &str = "html head meta title style body h1 h2 h3 p table tr th td details summary span code pre a b br";
const ATTRIBUTES: &str = "lang charset http-equiv content name id class href";

#[test]
fn only_our_own_tags_are_tags() {
    let (program, runs) = runs();
    let tag = Regex::new("<[^>]*>").unwrap();
    let attribute = Regex::new(" ([^ =]+)=\"([^\"]*)\"").unwrap();
    for (name, arguments) in &runs {
        let page = rendered(&program, arguments, "html");
        assert!(
            !page.contains(|c: char| c.is_control() && c != '\n'),
            "{name}"
        );
        let page = page.strip_prefix("<!doctype html>").expect("a doctype");
        for tag in tag.find_iter(page).map(|found| found.as_str()) {
            let inside = tag.trim_matches(['<', '>', '/']);
            let word = inside.split(' ').next().unwrap();
            assert!(TAGS.split(' ').any(|known| known == word), "{name}: {tag}");
            for found in attribute.captures_iter(inside) {
                assert!(
                    ATTRIBUTES.split(' ').any(|known| known == &found[1]),
                    "{name}: {tag}"
                );
                assert!(
                    &found[1] != "href" || found[2].starts_with('#'),
                    "{name}: {tag}"
                );
            }
            let rest = attribute.replace_all(inside, "");
            assert_eq!(rest, word, "{name}: {tag}");
        }
        let open = page.matches("<details").count();
        assert_eq!(open, page.matches("</details>").count(), "{name}");
    }
}

#[test]
fn the_policy_allows_the_style_of_the_page_alone() {
    let (program, runs) = runs();
    let page = rendered(&program, &runs[0].1, "html");
    let style = page.split("<style>").nth(1).unwrap();
    let style = style.split("</style>").next().unwrap();
    let digest = BASE64_STANDARD.encode(Sha256::digest(style.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{digest}';");
    assert!(
        page.contains(&policy),
        "the digest of page.css is sha256-{digest}"
    );
}

#[test]
fn links_lead_to_explanations() {
    let (program, runs) = runs();
    let link = Regex::new("href=\"#([^\"]+)\"").unwrap();
    for (name, arguments) in &runs {
        let page = rendered(&program, arguments, "html");
        for found in link.captures_iter(&page) {
            assert!(
                page.contains(&format!("id=\"{}\"", &found[1])),
                "{name}: {}",
                &found[1]
            );
        }
    }
}
