//! Conditions of a site file.

use crate::config::json::Json;
use crate::config::node::{Known, Node};
use crate::config::report::Report;
use crate::model::condition::Condition;
use crate::model::glob::Glob;
use crate::model::method::Method;
use crate::model::text::Text;

const FIELDS: Known = Known {
    now: &["path", "method", "all", "any", "not"],
    later: &["host", "ip", "country", "user", "group", "tier", "header", "cookie", "query", "authenticated"],
};
const MATCHERS: Known = Known { now: &["prefix", "glob"], later: &["regex"] };

const CONDITIONS: &str = "a list of conditions";
const METHOD: &str = "a method such as \"GET\", or a list of them";
const PATH: &str = "a path that begins with /";
const PATHS: &str = "a path, a list of them, {\"prefix\": path} or {\"glob\": pattern}";

/// The exemption that `rate_limit_exempt` describes.
pub(super) fn exemption(node: &Node<'_>, report: &mut Report) -> Option<Condition> {
    let exempt = condition(node, report)?;
    if exempt == Condition::ALWAYS {
        node.suspect("every request is exempt; nothing is limited", report);
    }
    Some(exempt)
}

/// The condition that an object describes: all its fields must hold.
fn condition(node: &Node<'_>, report: &mut Report) -> Option<Condition> {
    let fields = node.fields(&FIELDS, report)?;
    let names = FIELDS.now.iter().filter_map(|name| Some((*name, fields.optional(name)?)));
    let parts = names.map(|(name, field)| part(name, &field, report)).collect();
    let mut parts = complete(parts)?;
    match parts.len() {
        1 => parts.pop(),
        _ => Some(Condition::All(parts)),
    }
}

fn part(name: &str, node: &Node<'_>, report: &mut Report) -> Option<Condition> {
    match name {
        "path" => path(node, report).map(Condition::Path),
        "method" => methods(node, report).map(Condition::Method),
        "all" => conditions(node, report).map(Condition::All),
        "any" => conditions(node, report).map(Condition::Any),
        _ => Some(Condition::Not(Box::new(condition(node, report)?))),
    }
}

fn conditions(node: &Node<'_>, report: &mut Report) -> Option<Vec<Condition>> {
    let items = node.items(CONDITIONS, report)?;
    complete(items.iter().map(|item| condition(item, report)).collect())
}

fn methods(node: &Node<'_>, report: &mut Report) -> Option<Vec<Method>> {
    let Json::List(_) = node.json() else {
        return Some(vec![method(node, report)?]);
    };
    let items = node.items(METHOD, report)?;
    complete(items.iter().map(|item| method(item, report)).collect())
}

fn method(node: &Node<'_>, report: &mut Report) -> Option<Method> {
    let method = Method::new(node.text(METHOD, report)?);
    method.or_else(|| node.wrong(format_args!("no method; expected {METHOD}"), report))
}

fn path(node: &Node<'_>, report: &mut Report) -> Option<Text> {
    let Json::List(_) = node.json() else {
        return one_path(node, report);
    };
    let items = node.items(PATHS, report)?;
    complete(items.iter().map(|item| one_path(item, report)).collect()).map(Text::AnyOf)
}

fn one_path(node: &Node<'_>, report: &mut Report) -> Option<Text> {
    match node.json() {
        Json::Text(_) => plain_path(node, report).map(Text::Equal),
        Json::Object(_) => matcher(node, report),
        _ => node.wrong(format_args!("no path; expected {PATHS}"), report),
    }
}

fn matcher(node: &Node<'_>, report: &mut Report) -> Option<Text> {
    let fields = node.fields(&MATCHERS, report)?;
    match (fields.optional("prefix"), fields.optional("glob")) {
        (Some(prefix), None) => plain_path(&prefix, report).map(Text::Below),
        (None, Some(pattern)) => glob(&pattern, report).map(Text::Glob),
        // What else stands there has been reported with its name.
        (None, None) if fields.names().next().is_some() => None,
        _ => node.wrong("not one matcher; expected either prefix or glob", report),
    }
}

fn plain_path(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let path = node.text(PATH, report)?;
    match path.starts_with('/') {
        true => Some(path.to_owned()),
        false => node.wrong(format_args!("no path; expected {PATH}"), report),
    }
}

fn glob(node: &Node<'_>, report: &mut Report) -> Option<Glob> {
    let pattern = node.text("a pattern such as \"/users/*/photo\"", report)?;
    // Paths begin with a slash, which neither * nor ? stands for.
    if !pattern.starts_with('/') && !pattern.starts_with("**") {
        return node.wrong("matches no path; expected a pattern that begins with / or **", report);
    }
    let glob = Glob::new(pattern);
    glob.or_else(|| node.wrong("too long; expected at most 127 characters", report))
}

/// All parts, if there was no error in any. Parts are read before that is asked, so that every error is reported.
fn complete<T>(parts: Vec<Option<T>>) -> Option<Vec<T>> {
    parts.into_iter().collect()
}
