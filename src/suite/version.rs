//! Which version an agent is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::agent::{Agent, AgentCommand, Limits, Place, Profile, Surroundings, Watch, run};

/// Asks an installed agent for its version: Codex by `--version`, pycodex by the package that its program belongs to.
/// `None` when it does not say.
///
/// `scratch` is a directory in which it may live meanwhile.
pub fn find_version(agent: &Agent, scratch: &Path, surroundings: &Surroundings) -> Option<String> {
    let argv = match agent.profile {
        Profile::Codex => [agent.argv.clone(), vec!["--version".to_owned()]].concat(),
        Profile::Pycodex => {
            let ask = "import importlib.metadata as m; print(m.version('python-codex'))";
            let python = interpreter(agent, surroundings)?;
            vec![python, "-c".to_owned(), ask.to_owned()]
        }
        Profile::Other => return None,
    };
    let place = Place::below(scratch).ok()?;
    let limits = Limits {
        time: Duration::from_secs(20),
        ..Limits::default()
    };
    let command = AgentCommand::new(argv);
    let outcome = run(&command, &place, surroundings, &limits, &Watch::default()).ok()?;
    let text = outcome.stdout.text();
    let words = text.split_whitespace();
    let mut versions = words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    versions.next().map(str::to_owned)
}

/// The Python that runs the program: the program itself, or what its first line names.
fn interpreter(agent: &Agent, surroundings: &Surroundings) -> Option<String> {
    let program = agent.argv.first()?;
    let name = Path::new(program).file_name()?.to_string_lossy();
    if name.starts_with("python") {
        return Some(program.clone());
    }
    let path = match program.contains('/') {
        true => PathBuf::from(program),
        false => {
            let folders = surroundings.path.to_string_lossy().into_owned();
            let paths = folders
                .split(':')
                .map(|folder| Path::new(folder).join(program));
            paths.into_iter().find(|path| path.is_file())?
        }
    };
    let bytes = std::fs::read(path).ok()?;
    let first = bytes.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(first.strip_prefix(b"#!")?);
    let mut words = line.split_whitespace();
    let found = words.next()?;
    match found.ends_with("/env") {
        true => words.next().map(str::to_owned),
        false => Some(found.to_owned()),
    }
}
