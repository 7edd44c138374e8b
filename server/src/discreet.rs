//! What people have typed, as messages may repeat it: a URI without its user, its password and its query.

use clap::builder::StyledStr;
use clap::error::ContextValue;

/// What stands for what is left out.
const LEFT_OUT: &str = "…";

/// The arguments of the command line, or a message and the end of the process.
pub(crate) fn parsed<A: clap::Parser>() -> A {
    A::try_parse().unwrap_or_else(|error| without_credentials(error).exit())
}

/// The same error, whose message repeats no password: clap quotes whatever it cannot read.
fn without_credentials(mut error: clap::Error) -> clap::Error {
    let told: Vec<_> = error.context().map(|(kind, value)| (kind, discreet_context(value))).collect();
    for (kind, value) in told {
        if let Some(value) = value {
            error.insert(kind, value);
        }
    }
    error
}

/// What an error tells in the place of this; `None` if it may be told as it is.
fn discreet_context(value: &ContextValue) -> Option<ContextValue> {
    let styled = |text: &StyledStr| StyledStr::from(words(&text.to_string()));
    let is_open = |text: &StyledStr| words(&text.to_string()) == text.to_string();
    match value {
        ContextValue::String(text) => Some(ContextValue::String(uri(text))),
        ContextValue::Strings(texts) => {
            Some(ContextValue::Strings(texts.iter().map(|text| uri(text)).collect()))
        }
        // These have colours, which are lost with what is replaced.
        ContextValue::StyledStr(text) if !is_open(text) => Some(ContextValue::StyledStr(styled(text))),
        ContextValue::StyledStrs(texts) if !texts.iter().all(is_open) => {
            Some(ContextValue::StyledStrs(texts.iter().map(styled).collect()))
        }
        _ => None,
    }
}

/// A text that may be a URI, without its user, password and query, whether or not they are written as a URI has them.
pub(crate) fn uri(text: &str) -> String {
    let authority = text.find("://").map(|at| at + "://".len());
    let begin = authority.unwrap_or(0);
    let (before, rest) = text.split_at(begin);
    // A password may have an @ in it, too; without a scheme it is one only behind the name of a user.
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) if authority.is_some() || user.contains(':') => {
            (LEFT_OUT.to_owned() + "@", place)
        }
        _ => (String::new(), rest),
    };
    let (place, query) = match place.split_once('?') {
        Some((place, _)) if authority.is_some() => (place, "?…"),
        _ => (place, ""),
    };
    format!("{before}{user}{place}{query}")
}

/// A text of several words, with those that may be URIs as [`uri`] has them.
pub(crate) fn words(text: &str) -> String {
    let is_uri = |word: &str| word.contains("://");
    let word = |word: &str| if is_uri(word) { uri(word) } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_told_without_what_opens_it() {
        for (typed, told) in [
            ("redis://:hunter2@cache:6379/0", "redis://…@cache:6379/0"),
            ("redis://hunter2@cache", "redis://…@cache"),
            ("http://me:hun@ter/2?@app", "http://…@app"),
            ("--store=redis://:hunter2@cache", "--store=redis://…@cache"),
            ("https://app/?password=hunter2", "https://app/?…"),
            ("me:hunter2@app:80", "…@app:80"),
            ("http://app:3000", "http://app:3000"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            // A user of a service, and no password.
            ("ann@shop.example", "ann@shop.example"),
            ("/search?q=1", "/search?q=1"),
            ("", ""),
        ] {
            assert_eq!(uri(typed), told);
        }
        assert_eq!(words("use -- 'http://me:hunter2@app' so"), "use -- 'http://…@app' so");
    }
}
