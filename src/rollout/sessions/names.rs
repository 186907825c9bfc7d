//! Names that users gave to threads.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use crate::json::{Part, Raw, RecordReader};

/// The file in a CODEX_HOME that holds them.
const INDEX: &str = "session_index.jsonl";

/// Reads the names that users gave to threads, by thread id, from the `session_index.jsonl` in a CODEX_HOME.
///
/// Codex appends `{id, thread_name, updated_at}` whenever a thread is named (seen with 0.125.0, 0.153.4 and 0.169.0
/// through `thread/name/set`), so the last record of a thread counts; pycodex 0.5.1 reads the file in the same way and
/// passes over names without a letter. What is damaged is passed over; there is no name where there is no such file.
pub fn read_thread_names(home: &Path) -> HashMap<String, String> {
    let mut names = HashMap::new();
    let Ok(file) = File::open(home.join(INDEX)) else {
        return names;
    };
    let mut reader = RecordReader::new(file);
    while let Ok(Some(part)) = reader.next_part() {
        let Part::Record(record) = part else {
            continue;
        };
        let string = |key| record.get(key).and_then(Raw::string);
        let (Some(id), Some(name)) = (string("id"), string("thread_name")) else {
            continue;
        };
        if !name.trim().is_empty() {
            names.insert(id.into_owned(), name.trim().to_owned());
        }
    }
    names
}
