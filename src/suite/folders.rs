//! The directories of a run.

use std::collections::HashSet;

/// A directory for each name: the name where it is plain, else something like it; no two are the same, also where a file system
/// does not tell capital letters from small ones.
pub(super) fn folders<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut taken = HashSet::new();
    let folders = names.map(|name| {
        let plain = plain(name);
        let others = (2..).map(|number| format!("{plain}-{number}"));
        let mut free = std::iter::once(plain.clone()).chain(others);
        free.find(|folder| taken.insert(folder.to_lowercase()))
            .unwrap_or(plain)
    });
    folders.collect()
}

/// The directory of another run of a case; no agent's own is called so.
pub(super) fn again(folder: &str, run: usize) -> String {
    format!("{folder}~{}", run + 1)
}

fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let plain: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect();
    // `.` and `..` are other directories.
    match plain.trim_start_matches('.').is_empty() {
        true => format!("-{}", plain.len()),
        false => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::folders;

    #[test]
    fn each_name_has_a_directory_of_its_own() {
        let names = [
            "a b",
            "a-b",
            "a-b-2",
            "A-B",
            "..",
            ".",
            "",
            "codex@0.1",
            "x/../y",
        ];
        let wanted = [
            "a-b",
            "a-b-2",
            "a-b-2-2",
            "A-B-3",
            "-2",
            "-1",
            "-0",
            "codex@0.1",
            "x-..-y",
        ];
        assert_eq!(folders(names.into_iter()), wanted);
    }
}
