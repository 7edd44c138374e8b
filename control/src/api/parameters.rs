//! The query: parameters by name, with every mistake at once.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::percent_decode_str;

use crate::api::problem::Problem;
use crate::thing::{Time, Wrong, nearest};

/// The parameters of a query while they are read. What was asked for is known; what is left over at the end is not.
#[derive(Debug)]
pub(crate) struct Parameters {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
    wrong: Vec<Wrong>,
}

impl Parameters {
    fn read(query: &str) -> Result<Self, Problem> {
        let mut given = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            given.push((decoded(name)?, decoded(value)?));
        }
        Ok(Self { given, known: Vec::new(), wrong: Vec::new() })
    }

    /// A text; an empty one is none.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut values = self.given.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
        let (value, another) = (values.next().cloned(), values.next().is_some());
        if another {
            self.wrong(name, "stands more than once; expected it once");
        }
        let value = value.filter(|value| !value.is_empty())?;
        // A database would not take them, and nothing is called so.
        if value.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
            self.wrong(name, "has control characters; expected a text without them");
            return None;
        }
        Some(value)
    }

    /// A time of RFC 3339.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Time> {
        let text = self.text(name)?;
        // A plus that was not escaped has become a space.
        let time = chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
        if time.is_err() {
            self.wrong(name, "no time; expected one such as 2027-01-01T00:00:00Z");
        }
        time.ok().map(|time| time.to_utc())
    }

    /// A whole number in a range.
    pub(crate) fn number(&mut self, name: &'static str, least: usize, most: usize) -> Option<usize> {
        let text = self.text(name)?;
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.wrong(name, format!("expected a whole number from {least} to {most}"));
        }
        number
    }

    /// Notes a mistake.
    pub(crate) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.wrong.push(Wrong::new(name, message));
    }

    /// # Errors
    ///
    /// All that is wrong with them, parameters that nobody has asked for included.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in &self.given {
            if !self.known.contains(&name.as_str()) {
                let meant = nearest(name, self.known.iter().copied());
                let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
                self.wrong.push(Wrong::new(name, format!("no such parameter{meant}")));
            }
        }
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::parameters(self.wrong)) }
    }
}

impl FromRequest for Parameters {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::read(request.query_string()))
    }
}

fn decoded(text: &str) -> Result<String, Problem> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Problem::unreadable("the query is no UTF-8"))
}
