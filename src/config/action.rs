//! What happens to a request that a rule refuses.

use crate::config::json::Json;
use crate::config::node::{Known, Node, sound};
use crate::config::number::whole;
use crate::config::report::Report;
use crate::model::wording::TARGET;
use crate::model::wording::{CONTENT_TYPE, MESSAGE_UNSHOWN, STATUS, TYPE_OF_NOTHING};
use crate::model::{Action, Block};

const ACTIONS: Known = Known { now: &["block", "rewrite"], later: &[] };
const BLOCK: Known = Known { now: &["status", "message", "body", "content_type"], later: &[] };

const ACTION: &str = "\"block\", {\"block\": {…}} or {\"rewrite\": \"/path\"}";

/// The action that a value describes.
pub(super) fn action(node: &Node<'_>, report: &mut Report) -> Option<Action> {
    match node.json() {
        Json::Text(text) if text == "block" => Some(Action::default()),
        Json::Object(_) => {
            let fields = node.fields(&ACTIONS, report)?;
            match (fields.optional("block"), fields.optional("rewrite")) {
                (Some(node), None) => block(&node, report).map(Action::Block),
                (None, Some(node)) => target(&node, report).map(Action::Rewrite),
                (None, None) if fields.names().next().is_some() => None,
                _ => node.wrong(format_args!("not one action; expected {ACTION}"), report),
            }
        }
        _ => node.wrong(format_args!("no such action; expected {ACTION}"), report),
    }
}

fn target(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let path = node.text(TARGET, report)?;
    match Action::can_rewrite_to(path) {
        true => Some(path.to_owned()),
        false => node.wrong(format_args!("no such path; expected {TARGET}"), report),
    }
}

fn block(node: &Node<'_>, report: &mut Report) -> Option<Block> {
    let fields = node.fields(&BLOCK, report)?;
    let status = fields.optional("status").map(|node| status(&node, report));
    let message = fields.optional("message").map(|node| node.text("a message", report).map(str::to_owned));
    let body = fields.optional("body").map(|node| node.text("a text", report).map(str::to_owned));
    let content_type = fields.optional("content_type").map(|node| content_type(&node, report));
    if content_type.is_some() && body.is_none() {
        return node.wrong(TYPE_OF_NOTHING, report);
    }
    if message.is_some() && body.is_some() {
        return node.wrong(MESSAGE_UNSHOWN, report);
    }
    Some(Block {
        status: sound(status)?,
        message: sound(message)?,
        body: sound(body)?,
        content_type: sound(content_type)?,
    })
}

fn status(node: &Node<'_>, report: &mut Report) -> Option<u16> {
    let status = whole(node, STATUS, report)?;
    let status = u16::try_from(status).ok().filter(|status| Block::can_have_status(*status));
    status.or_else(|| node.wrong(format_args!("no status of a refusal; expected {STATUS}"), report))
}

fn content_type(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.text(CONTENT_TYPE, report)?;
    match Block::can_have_type(text) {
        true => Some(text.to_owned()),
        false => node.wrong(format_args!("no media type; expected {CONTENT_TYPE}"), report),
    }
}
