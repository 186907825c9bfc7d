//! The table `[levels]` of a rules file.

use toml::de::DeTable;

use super::LevelRule;
use super::rules::{File, type_name};

impl File<'_> {
    /// Reads `[levels]`: names of rules with their levels.
    pub(super) fn levels(&mut self, document: &DeTable<'_>) -> Vec<LevelRule> {
        let Some(value) = document.get("levels") else {
            return Vec::new();
        };
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("`levels` is no table but {}", type_name(value));
            self.report(value.span(), message, None);
            return Vec::new();
        };
        let mut levels = Vec::new();
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            self.check_rule_name(name, key.span());
            let word = value.get_ref().as_str().unwrap_or_default();
            match LevelRule::new(name, word) {
                Some(rule) => levels.push(rule),
                None => {
                    let hint = format!("the levels are `{}`", LevelRule::WORDS.join("`, `"));
                    self.report(value.span(), "this is no level", Some(hint));
                }
            }
        }
        levels
    }
}
