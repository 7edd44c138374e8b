//! Which requests a rule is about, by what a site file's `when` says of paths and methods.

use crate::middleware::closures::decoded;
use crate::middleware::rule_builder::RuleBuilder;
use crate::model::wording::ENCODED;
use crate::model::wording::{GLOB_TOO_LONG, METHOD, PATTERN};
use crate::model::{Condition, EscapedSlash, Glob, Method, Mistake, Paths, Pattern, Text};

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
    pub fn prefix(self, path: &str) -> Self {
        self.prefixes([path])
    }

    /// Requests of one of these paths and of those below them.
    pub fn prefixes<'a>(self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        self.of_paths(paths, Text::Below)
    }

    /// Requests of paths that a pattern matches, such as `/users/*/photo`: `*` stops at a slash, `**` does not.
    pub fn glob(mut self, pattern: &str) -> Self {
        self.suspect_escapes(pattern);
        match Glob::new(pattern) {
            Some(glob) => self.when(Condition::Path(Text::Glob(glob))),
            None => self.wrong(Mistake::wrong(GLOB_TOO_LONG).with_text(pattern)),
        }
    }

    /// Requests of paths in which a regular expression is found, such as `^/v[0-9]+/`.
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
