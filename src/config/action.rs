//! Answers: which of them a rule charges, and what it answers to a request that it refuses.

use crate::config::json::Json;
use crate::config::number::whole;
use crate::config::reader::Value;
use crate::model::wording::{CONTENT_TYPE, STATUS, STATUSES, TARGET};
use crate::model::{Action, Block, StatusSet, Statuses};

const ACTION: &str = "\"block\", {\"block\": {…}} or {\"rewrite\": \"/path\"}";

/// The answers that `charge_when` says are charged.
pub(crate) fn charge_when(value: &Value<'_>) -> Option<Statuses> {
    value.object(|fields| fields.required("status", STATUSES, statuses))
}

fn statuses(value: &Value<'_>) -> Option<Statuses> {
    value.one_or_many(STATUSES, status_set).map(Statuses)
}

fn status_set(value: &Value<'_>) -> Option<StatusSet> {
    let set = match value.json() {
        Json::Number(digits) => digits.parse().ok().map(StatusSet::Code),
        Json::Text(text) => match text.strip_suffix("xx") {
            Some(class) => class.parse().ok().map(StatusSet::Class),
            None => text.parse().ok().map(StatusSet::Code),
        },
        _ => None,
    };
    let mistake = set.as_ref().map_or_else(|| Some(StatusSet::no_status()), StatusSet::mistake);
    value.checked(set, mistake)?
}

/// The action that a value describes.
pub(crate) fn action(value: &Value<'_>) -> Option<Action> {
    match value.json() {
        Json::Text(text) if text == "block" => Some(Action::default()),
        Json::Object(_) => value.object(|fields| match (fields.get("block"), fields.get("rewrite")) {
            (Some(value), None) => block(&value).map(Action::Block),
            (None, Some(value)) => target(&value).map(Action::Rewrite),
            // What else stands there is reported with its name.
            (None, None) if !fields.are_none() => None,
            _ => value.wrong(format_args!("not one action; expected {ACTION}")),
        }),
        _ => value.wrong(format_args!("no such action; expected {ACTION}")),
    }
}

fn target(value: &Value<'_>) -> Option<String> {
    let path = value.text(TARGET)?;
    value.checked(path.to_owned(), Action::target_mistake(path))
}

fn block(value: &Value<'_>) -> Option<Block> {
    let block = value.object(|fields| {
        let status = fields.optional("status", status);
        let message = fields.optional("message", |value| value.text("a message").map(str::to_owned));
        let body = fields.optional("body", |value| value.text("a text").map(str::to_owned));
        let content_type = fields.optional("content_type", content_type);
        Some(Block { status: status?, message: message?, body: body?, content_type: content_type? })
    })?;
    let mistake = block.mistake_together();
    value.checked(block, mistake)
}

fn status(value: &Value<'_>) -> Option<u16> {
    let status = whole(value, STATUS)?;
    value.checked(u16::try_from(status).ok(), Block::status_mistake(status))?
}

fn content_type(value: &Value<'_>) -> Option<String> {
    let media = value.text(CONTENT_TYPE)?;
    value.checked(media.to_owned(), Block::type_mistake(media))
}
