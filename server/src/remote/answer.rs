//! What commands have in common: changes with their reasons, and answers as they are shown.

use serde_json::Value;
use ureq::http::Method;

use crate::output::{self, Failure};
use crate::remote::args::{Named, Place, Span, Where, Why};
use crate::remote::http::{Ask, Remote};
use crate::remote::show::{Column, table};

impl Named {
    /// Removes the thing of the name from those of a kind.
    pub(crate) fn delete(&self, kind: &str) -> Ask {
        because(Ask::new(Method::DELETE, &[kind, &self.name]), &self.why)
    }
}

impl Place {
    /// The same of this site and rule.
    pub(crate) fn of(&self, ask: Ask) -> Ask {
        ask.with("site", self.site.as_ref()).with("rule", self.rule.as_ref())
    }
}

impl Span {
    /// The same of this time.
    pub(crate) fn of(&self, ask: Ask) -> Ask {
        ask.with("from", self.from.as_ref()).with("to", self.to.as_ref())
    }
}

/// An object without what nobody has said.
pub(crate) fn said(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

pub(crate) fn put(segments: &[&str], why: &Why) -> Ask {
    because(Ask::new(Method::PUT, segments), why)
}

pub(crate) fn because(ask: Ask, why: &Why) -> Ask {
    Ask { if_match: why.if_match, ..ask.with("reason", why.reason.as_ref()) }
}

pub(crate) fn list<const N: usize>(at: &Where, ask: Ask, columns: [Column; N]) -> Result<(), Failure> {
    list_by(at, ask, |items| table(items, columns))
}

pub(crate) fn list_by(at: &Where, ask: Ask, shown: impl FnOnce(&[Value]) -> String) -> Result<(), Failure> {
    let items = Remote::new(at)?.list(ask)?;
    print(at, &items.into(), shown);
    Ok(())
}

pub(crate) fn print(at: &Where, items: &Value, shown: impl FnOnce(&[Value]) -> String) {
    let text = match items.as_array() {
        Some(items) if !at.json => shown(items),
        _ => format!("{items:#}\n"),
    };
    output::to_stdout(&text);
}

/// One thing, which is JSON for people as well.
pub(crate) fn show(at: &Where, ask: &Ask) -> Result<(), Failure> {
    output::to_stdout(&format!("{:#}\n", Remote::new(at)?.json(ask)?));
    Ok(())
}

/// A change, of which people see that it is done.
pub(crate) fn change(at: &Where, ask: &Ask) -> Result<(), Failure> {
    let answer = Remote::new(at)?.json(ask)?;
    let text = match &answer["revision"] {
        _ if at.json && !answer.is_null() => format!("{answer:#}\n"),
        Value::Null => "done\n".to_owned(),
        revision => format!("done: revision {revision}\n"),
    };
    output::to_stdout(&text);
    Ok(())
}

/// Something new, of which people see one field: what they have to keep.
pub(crate) fn tell(at: &Where, ask: &Ask, field: &str) -> Result<(), Failure> {
    let answer = Remote::new(at)?.json(ask)?;
    let text = match answer[field].as_str() {
        Some(text) if !at.json => format!("{text}\n"),
        _ => format!("{answer:#}\n"),
    };
    output::to_stdout(&text);
    Ok(())
}
