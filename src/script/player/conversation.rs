//! What a WebSocket connection remembers from request to request.

use serde_json::Value as Json;

use crate::json::{Kind, Node, Value};
use crate::script::answer::WsAnswer;

/// The state of one WebSocket connection: the last response, so that the next request can continue it.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    last: Option<Last>,
    /// The items of the request that is being answered.
    pending: Vec<String>,
}

/// The response that `previous_response_id` may name. The API keeps only the last one of a connection.
#[derive(Debug, Clone)]
struct Last {
    id: String,
    /// The texts of its input and output items.
    items: Vec<String>,
}

/// A message names a response that this connection does not have.
pub(super) struct NotFound {
    pub(super) id: String,
}

impl Conversation {
    /// The whole request that a message stands for; `None` when the message is whole itself.
    pub(super) fn expand(&mut self, message: &Value) -> Result<Option<Value>, NotFound> {
        let node = message.node();
        let own = item_texts(node);
        let Some(id) = previous(node) else {
            self.pending = own;
            return Ok(None);
        };
        let Some(last) = self.last.as_ref().filter(|last| last.id == id) else {
            return Err(NotFound { id });
        };
        let mut items = last.items.clone();
        items.extend(own);
        let expanded = with_input(node, &items);
        self.pending = items;
        Ok(Value::parse(expanded).ok())
    }

    /// Remembers a response that was completed.
    pub(super) fn record(&mut self, answer: &WsAnswer) {
        let mut output = Vec::new();
        for message in answer.messages() {
            let Ok(event) = Value::parse(message) else {
                continue;
            };
            let event = event.node();
            match event.get_string("type").as_deref() {
                Some("response.output_item.done") => {
                    output.extend(event.get("item").map(|item| item.text().to_owned()));
                }
                Some("response.completed") => {
                    let response = event.get("response");
                    let id = response.and_then(|response| response.get_string("id"));
                    if let Some(id) = id {
                        let mut items = std::mem::take(&mut self.pending);
                        items.append(&mut output);
                        self.last = Some(Last {
                            id: id.into_owned(),
                            items,
                        });
                    }
                    return;
                }
                _ => {}
            }
        }
    }
}

fn previous(node: Node<'_>) -> Option<String> {
    let id = node.get("previous_response_id")?;
    id.string().map(|id| id.into_owned())
}

fn item_texts(node: Node<'_>) -> Vec<String> {
    let Some(input) = node.get("input") else {
        return Vec::new();
    };
    match input.kind() {
        Kind::String => {
            let message = serde_json::json!({
                "type": "message",
                "role": "user",
                "content": input.string().unwrap_or_default(),
            });
            vec![message.to_string()]
        }
        _ => input.items().map(|item| item.text().to_owned()).collect(),
    }
}

/// The object with another `input`, all else as it was written.
fn with_input(node: Node<'_>, items: &[String]) -> String {
    let mut members = Vec::new();
    let input = format!("[{}]", items.join(","));
    for (key, value) in node.members() {
        let value = if key.is_key("input") {
            &input
        } else {
            value.text()
        };
        members.push(format!("{}:{value}", key.text()));
    }
    if node.get("input").is_none() {
        members.push(format!("{}:{input}", Json::from("input")));
    }
    format!("{{{}}}", members.join(","))
}
