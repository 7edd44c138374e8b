//! The builder's methods by subject: which requests, how much there is, and what happens to a request that is refused.

use std::fmt;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;

use crate::limiter::Refusal;
use crate::middleware::closures::decoded;
use crate::middleware::rule_builder::RuleBuilder;
use crate::model::wording::{ENCODED, GLOB_TOO_LONG, METHOD, PATTERN};
use crate::model::{
    Action, ChargeWhen, Condition, EscapedSlash, Glob, Limit, Method, Mistake, Paths, Pattern, RateError,
    Text, parse_rates, quoted,
};

/// Each of these narrows the rule: of a path and a method, both must be right. The path is the normal one, however the client
/// spells it, so that `/%6cogin`, `//login` and `/login/` are `/login`.
impl RuleBuilder {
    /// Requests of this path.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    ///
    /// let login = TimeBudget::rule("login", "10 per hour").path("/login").method("POST").build()?;
    /// let api = TimeBudget::rule("api", "100 per minute").prefix("/api").build()?;
    /// # let _ = (login, api);
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn path(self, path: &str) -> Self {
        self.paths([path])
    }

    /// Requests of one of these paths.
    pub fn paths<'a>(self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        self.of_paths(paths, Text::Equal)
    }

    /// Requests of this path and of those below it: of `/api` and `/api/x`, not of `/apiary`.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let api = TimeBudget::rule("api", "100 per minute").prefix("/api").build()?;
    /// # let _ = api;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn prefix(self, path: &str) -> Self {
        self.prefixes([path])
    }

    /// Requests of one of these paths and of those below them.
    pub fn prefixes<'a>(self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        self.of_paths(paths, Text::Below)
    }

    /// Requests of paths that a pattern matches, such as `/users/*/photo`: `*` stops at a slash, `**` does not.
    ///
    /// A pattern of more than 127 characters is an error when the rule is built.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let photos = TimeBudget::rule("photos", "60s per hour").glob("/users/*/photo").build()?;
    /// # let _ = photos;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn glob(mut self, pattern: &str) -> Self {
        self.suspect_escapes(pattern);
        match Glob::new(pattern) {
            Some(glob) => self.when(Condition::Path(Text::Glob(glob))),
            None => self.wrong(Mistake::wrong(GLOB_TOO_LONG).with_text(pattern)),
        }
    }

    /// Requests of paths in which a regular expression is found, such as `^/v[0-9]+/`.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// assert!(TimeBudget::rule("versions", "10 per minute").regex("^/v[0-9]+/").build().is_ok());
    /// let error = TimeBudget::rule("versions", "10 per minute").regex("^/v[0-9+/").build().unwrap_err();
    /// assert!(error.to_string().contains("^/v[0-9+/"), "{error}");
    /// ```
    pub fn regex(mut self, pattern: &str) -> Self {
        self.suspect_escapes(pattern);
        match Pattern::new(pattern) {
            Ok(found) => self.when(Condition::Path(Text::Regex(found))),
            Err(error) => {
                self.wrong(Mistake::wrong(format!("{error}; expected {PATTERN}")).with_text(pattern))
            }
        }
    }

    /// Requests of this method, `Method::POST` or `"POST"`; HEAD is GET.
    pub fn method(self, method: impl AsRef<str>) -> Self {
        self.methods([method])
    }

    /// Requests of these methods; HEAD is GET.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::http::Method;
    /// use timebudget::TimeBudget;
    /// let writes = TimeBudget::rule("writes", "100 per hour").methods([Method::POST, Method::PUT]).build()?;
    /// # let _ = writes;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn methods(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut methods = Vec::new();
        let mut is_wrong = false;
        for name in names {
            let name = name.as_ref();
            match Method::new(name) {
                Some(method) => methods.push(method),
                None => {
                    is_wrong = true;
                    self.faults
                        .push(Mistake::wrong(format!("not a method; expected {METHOD}")).with_text(name));
                }
            }
        }
        // Of wrong names alone there is no list, which would be another mistake.
        if is_wrong && methods.is_empty() { self } else { self.when(Condition::Method(methods)) }
    }

    fn of_paths<'a>(self, paths: impl IntoIterator<Item = &'a str>, text: impl Fn(String) -> Text) -> Self {
        let mut texts: Vec<_> = paths.into_iter().map(|path| text(decoded(path))).collect();
        let one = if texts.len() == 1 { texts.pop() } else { None };
        self.when(Condition::Path(one.unwrap_or(Text::AnyOf(texts))))
    }

    fn suspect_escapes(&mut self, pattern: &str) {
        if Paths::Exact.form(pattern, EscapedSlash::Stays) != pattern {
            self.faults.push(Mistake::suspect(ENCODED).with_text(pattern));
        }
    }

    fn wrong(mut self, fault: Mistake) -> Self {
        self.faults.push(fault);
        self
    }
}

impl RuleBuilder {
    /// The status of a refusal, by default 429: a `StatusCode`, or its number.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::http::StatusCode;
    /// use timebudget::TimeBudget;
    /// let busy = TimeBudget::rule("reports", "2 concurrent").status(StatusCode::SERVICE_UNAVAILABLE).build()?;
    /// # let _ = busy;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn status(mut self, status: impl IntoStatus) -> Self {
        self.block.status = Some(status.into_status());
        self
    }

    /// What a refusal says, in the form that the client asks for.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.block.message = Some(message.into());
        self
    }

    /// What a refusal says, by a closure.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let rule = TimeBudget::rule("exports", "10 per day")
    ///     .message_by(|_, refusal| format!("Your exports are used up. The next one is in {} s.", refusal.retry_after_secs))
    ///     .build()?;
    /// # let _ = rule;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn message_by(
        mut self,
        message: impl Fn(&ServiceRequest, &Refusal) -> String + Send + Sync + 'static,
    ) -> Self {
        self.hooks.message = Some(Arc::new(message));
        self
    }

    /// Serves refused requests the page of another path of the application, under a wrap around the `App`.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::{App, HttpResponse, web};
    /// use timebudget::TimeBudget;
    /// let budget = TimeBudget::rule("pages", "600 per hour").rewrite("/busy.html").build()?;
    /// let app = App::new().wrap(budget.clone()).route("/busy.html", web::get().to(HttpResponse::ServiceUnavailable));
    /// # let _ = app;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn rewrite(mut self, path: &str) -> Self {
        self.rule.action = Action::Rewrite(path.to_owned());
        self
    }

    /// Answers refused requests, by a closure.
    ///
    /// `Retry-After`, `Cache-Control: no-store` and where the client stands are added, unless the response says them.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use timebudget::TimeBudget;
    /// let rule = TimeBudget::rule("api", "100 per minute")
    ///     .respond_with(|_, refusal| HttpResponse::TooManyRequests().body(refusal.to_string()))
    ///     .build()?;
    /// # let _ = rule;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn respond_with(
        mut self,
        respond: impl Fn(&ServiceRequest, &Refusal) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.hooks.respond = Some(Arc::new(respond));
        self
    }

    /// Tells of each refusal by this rule, before it is answered.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let rule = TimeBudget::rule("login", "10 per hour")
    ///     .on_refusal(|request, refusal| log::info!("{}: {refusal}", request.path()))
    ///     .build()?;
    /// # let _ = rule;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn on_refusal(mut self, told: impl Fn(&ServiceRequest, &Refusal) + Send + Sync + 'static) -> Self {
        self.hooks.told = Some(Arc::new(told));
        self
    }
}

/// What is a status: a `StatusCode`, or its number.
pub trait IntoStatus {
    /// Its number.
    fn into_status(self) -> u16;
}

impl IntoStatus for u16 {
    fn into_status(self) -> u16 {
        self
    }
}

impl IntoStatus for StatusCode {
    fn into_status(self) -> u16 {
        self.as_u16()
    }
}

impl<const N: usize> From<[StatusCode; N]> for ChargeWhen {
    fn from(statuses: [StatusCode; N]) -> Self {
        statuses.map(|status| status.as_u16()).into()
    }
}

/// How much there is: a [rate string](crate::parse_rates), or limits.
///
/// # Examples
///
/// ```
/// use timebudget::{Limit, Period, TimeBudget};
///
/// let written = TimeBudget::rule("search", "50 per hour; 5 concurrent");
/// let typed = TimeBudget::rule("search", [Limit::requests(50).per(Period::HOUR), Limit::concurrent(5)]);
/// # let _ = (written, typed);
/// ```
#[derive(Clone, Debug)]
pub struct Limits(Said);

#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Typed(Vec<Limit>),
}

impl Limits {
    pub(crate) fn read(&self) -> Result<Vec<Limit>, RateError> {
        match &self.0 {
            Said::Text(rates) => parse_rates(rates),
            Said::Typed(limits) => Ok(limits.clone()),
        }
    }
}

impl From<&str> for Limits {
    fn from(rates: &str) -> Self {
        Self(Said::Text(rates.to_owned()))
    }
}

impl From<&String> for Limits {
    fn from(rates: &String) -> Self {
        Self::from(rates.as_str())
    }
}

impl From<String> for Limits {
    fn from(rates: String) -> Self {
        Self(Said::Text(rates))
    }
}

impl From<Limit> for Limits {
    fn from(limit: Limit) -> Self {
        Self::from([limit])
    }
}

impl<const N: usize> From<[Limit; N]> for Limits {
    fn from(limits: [Limit; N]) -> Self {
        Self::from(limits.to_vec())
    }
}

impl From<Vec<Limit>> for Limits {
    fn from(limits: Vec<Limit>) -> Self {
        Self(Said::Typed(limits))
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Said::Text(rates) => f.write_str(&quoted(rates)),
            Said::Typed(limits) => {
                let written: Vec<_> = limits.iter().map(ToString::to_string).collect();
                f.write_str(&written.join("; "))
            }
        }
    }
}
