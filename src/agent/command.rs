//! What is run.

use super::environment::Surroundings;
use super::place::Place;

/// A program with its arguments, and variables of its own.
///
/// `{base_url}`, `{home}`, `{work}` and `{port}` in arguments and values are filled in when it is started; other braces
/// stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentCommand {
    /// The program and its arguments; the program is looked up in `PATH` unless it has a `/`.
    pub argv: Vec<String>,
    /// Variables beside and instead of those of [`environment`](super::environment()).
    pub variables: Vec<(String, String)>,
}

impl AgentCommand {
    /// A command without variables of its own.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            variables: Vec::new(),
        }
    }

    /// The command with everything filled in.
    pub fn filled(&self, place: &Place, surroundings: &Surroundings) -> Self {
        let fill = |text: &String| filled(text, place, surroundings);
        let variables = self.variables.iter();
        Self {
            argv: self.argv.iter().map(fill).collect(),
            variables: variables
                .map(|(name, value)| (name.clone(), fill(value)))
                .collect(),
        }
    }
}

/// A text with its placeholders filled in, in one pass: what is filled in is not looked at again.
pub(super) fn filled(text: &str, place: &Place, surroundings: &Surroundings) -> String {
    let value = |name: &str| match name {
        "base_url" => Some(surroundings.base_url.clone()),
        "port" => Some(surroundings.port()),
        "home" => Some(place.home.to_string_lossy().into_owned()),
        "work" => Some(place.work.to_string_lossy().into_owned()),
        _ => None,
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, behind) = rest.split_at(open);
        out.push_str(before);
        let name = behind[1..].split_once('}').map(|(name, _)| name);
        match name.and_then(|name| Some((name, value(name)?))) {
            Some((name, value)) => {
                out.push_str(&value);
                rest = &behind[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &behind[1..];
            }
        }
    }
    out.push_str(rest);
    out
}
