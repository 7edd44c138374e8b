//! One request to a running limiter's API, and its answer or what is wrong.

use std::fs;
use std::io::Read;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request, Response};

use crate::discreet;
use crate::output::Failure;
use crate::remote::args::Where;

/// Where a limiter answers, and who asks.
pub(crate) struct Remote {
    agent: Agent,
    base: String,
    /// The same for people.
    place: String,
    token: String,
}

/// What is asked: a path below `/api/v1`, with what a query, a body and a header add to it.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    /// The revision that is to be changed, and no later one.
    pub(crate) if_match: Option<u64>,
    pub(crate) accept: Option<&'static str>,
}

/// How long an answer may take: the limiter itself gives up on its database long before.
const PATIENCE: Duration = Duration::from_secs(30);

/// What stands in a segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Ask {
    pub(crate) fn new(method: Method, segments: &[&str]) -> Self {
        let segments = segments.iter().map(|segment| utf8_percent_encode(segment, SEGMENT).to_string());
        Self { method, path: segments.collect::<Vec<_>>().join("/"), ..Self::default() }
    }

    pub(crate) fn get(segments: &[&str]) -> Self {
        Self::new(Method::GET, segments)
    }

    /// The same with a parameter, if there is a value.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

impl Remote {
    /// # Errors
    ///
    /// No token, or a file that holds none.
    pub(crate) fn new(at: &Where) -> Result<Self, Failure> {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent =
            config.timeout_recv_response(Some(PATIENCE)).timeout_connect(Some(PATIENCE)).build().into();
        let base = at.admin.trim_end_matches('/').to_owned();
        let place = discreet::uri(&base);
        Ok(Self { agent, base, place, token: token(at)? })
    }

    /// The answer's JSON; null where it has none.
    ///
    /// # Errors
    ///
    /// Nobody answers, or the answer says what is wrong.
    pub(crate) fn json(&self, ask: &Ask) -> Result<Value, Failure> {
        let text = self.text(ask)?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| self.strange(&error))
    }

    /// The answer as it is.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub(crate) fn text(&self, ask: &Ask) -> Result<String, Failure> {
        let mut text = String::new();
        self.send(ask)?
            .into_body()
            .into_reader()
            .read_to_string(&mut text)
            .map_err(|error| self.strange(&error))?;
        Ok(text)
    }

    /// An answer that does not end, to be read as it comes.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub(crate) fn stream(&self, ask: &Ask) -> Result<impl Read + use<>, Failure> {
        Ok(self.send(ask)?.into_body().into_reader())
    }

    /// All items of a list, page by page.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub(crate) fn list(&self, mut ask: Ask) -> Result<Vec<Value>, Failure> {
        const PAGE: usize = 500;
        ask.query.push(("limit", PAGE.to_string()));
        let (mut items, asked) = (Vec::new(), ask.query.len());
        loop {
            let mut page = self.json(&ask)?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            let Some(next) = page["next"].as_str() else { return Ok(items) };
            ask.query.truncate(asked);
            ask.query.push(("after", next.to_owned()));
        }
    }

    fn send(&self, ask: &Ask) -> Result<Response<ureq::Body>, Failure> {
        let Ask { method, path, query, body, if_match, accept } = ask;
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, SEGMENT)))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let uri = format!("{}/api/v1/{path}{mark}{}", self.base, query.join("&"));
        let mut request = Request::builder()
            .method(method)
            .uri(&uri)
            .header("authorization", format!("Bearer {}", self.token))
            .header("accept", accept.unwrap_or("application/json"));
        if let Some(revision) = if_match {
            request = request.header("if-match", format!("\"{revision}\""));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.as_ref().map(Value::to_string).unwrap_or_default();
        let request =
            request.body(body).map_err(|error| Failure::wrong(format!("{}: {error}", self.place)))?;
        let answer = self.agent.run(request).map_err(|error| self.silent(&error))?;
        match answer.status().is_success() {
            true if is_of_control(&answer) => Ok(answer),
            true => Err(self.elsewhere()),
            false => Err(self.refused(answer)),
        }
    }

    /// What is served there answers anything, and is no limiter's API.
    fn elsewhere(&self) -> Failure {
        Failure::system(format!(
            "{}: somebody else answers there; expected the address that `timebudget serve --admin …` prints as admin",
            self.place
        ))
    }

    fn silent(&self, error: &ureq::Error) -> Failure {
        Failure::system(format!(
            "{}: no answer: {}; is `timebudget serve --admin …` running there? (--admin, or TIMEBUDGET_ADMIN)",
            self.place,
            discreet::words(&error.to_string())
        ))
    }

    fn strange(&self, error: &dyn std::error::Error) -> Failure {
        Failure::system(format!("{}: the answer cannot be read: {error}", self.place))
    }

    fn refused(&self, answer: Response<ureq::Body>) -> Failure {
        let status = answer.status();
        let text = answer.into_body().read_to_string().unwrap_or_default();
        let Ok(problem) = serde_json::from_str::<Value>(&text) else {
            return Failure::system(format!("{}: {status}", self.place));
        };
        let failure = if status.is_server_error() { Failure::system } else { Failure::wrong };
        failure(in_words(&problem, status.as_u16()))
    }
}

/// Whether an answer is the API's: all of those have this header, and what it limits mostly has not.
fn is_of_control(answer: &Response<ureq::Body>) -> bool {
    answer.headers().get("x-content-type-options").is_some_and(|value| value == "nosniff")
}

/// A problem as `check` would say it: a line for each mistake, or what it is about.
fn in_words(problem: &Value, status: u16) -> String {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let said = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
    if errors.is_empty() {
        let (title, detail) = (said("title"), said("detail"));
        return if detail.is_empty() { format!("{status} {title}") } else { detail };
    }
    let line = |error: &Value| match (error["path"].as_str().unwrap_or_default(), &error["message"]) {
        ("", message) => message.as_str().unwrap_or_default().to_owned(),
        (path, message) => format!("{path}: {}", message.as_str().unwrap_or_default()),
    };
    errors.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn token(at: &Where) -> Result<String, Failure> {
    let text = match (&at.token_file, &at.token) {
        (Some(file), _) => fs::read_to_string(file)
            .map_err(|error| Failure::wrong(format!("{}: {error}", file.display())))?,
        (None, Some(token)) => token.clone(),
        (None, None) => {
            return Err(Failure::wrong("no token; expected --token-file FILE, or TIMEBUDGET_TOKEN"));
        }
    };
    let token = text.trim();
    // What is no header value would be told by a text that holds it.
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::wrong("the token is empty, or no token; expected tbm_ and 43 letters"));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_with_a_slash_is_one_segment() {
        assert_eq!(Ask::get(&["users", "a/b c?é"]).path, "users/a%2Fb%20c%3F%C3%A9");
    }

    #[test]
    fn a_problem_is_told_by_its_mistakes_or_else_by_its_detail() {
        let two = json!({"title": "Unprocessable", "errors": [
            {"path": "rules[2].limits", "message": "no such period"}, {"path": "", "message": "no object"}]});
        assert_eq!(in_words(&two, 422), "rules[2].limits: no such period\nno object");
        assert_eq!(
            in_words(&json!({"title": "Forbidden", "detail": "viewers only read"}), 403),
            "viewers only read"
        );
        assert_eq!(in_words(&json!({"title": "Forbidden"}), 403), "403 Forbidden");
    }
}
