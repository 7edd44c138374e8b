//! The environment: the settings that Flask-Limiter's names hold.
//!
//! | name | is |
//! |---|---|
//! | `RATELIMIT_DEFAULT` | `rate_limit`: a rate string such as `50 per hour; 200 per day` |
//! | `RATELIMIT_ENABLED` | a flag; `false` exempts every request of every site |
//! | `RATELIMIT_HEADERS_ENABLED` | a flag, in place of `rate_limit_headers.enabled` |
//! | `RATELIMIT_KEY_PREFIX` | what the keys of a shared store begin with |
//! | `RATELIMIT_STORAGE_URI` | `rate_limit_store`: where accounts are kept |
//!
//! Each counts before what the files say. Values may be secrets, so what is wrong with one is said by its name.

use std::ffi::OsString;

use crate::config::json::Json;
use crate::config::keys::{Entry, Origin, Setting};
use crate::config::reader::{Value, listed};
use crate::config::report::{Findings, Inspection, Page};
use crate::config::rules::rate_limit;
use crate::config::said::Said;
use crate::model::{excerpt, nearest, quoted};
use crate::store::StoreUri;
use crate::store::uri::{PREFIX_EXPECTED, is_prefix};

/// What the names begin with; what else begins so is an error, for it was meant to limit something.
const PREFIX: &str = "RATELIMIT_";

const DEFAULT: &str = "RATELIMIT_DEFAULT";
const ENABLED: &str = "RATELIMIT_ENABLED";
const HEADERS_ENABLED: &str = "RATELIMIT_HEADERS_ENABLED";
const KEY_PREFIX: &str = "RATELIMIT_KEY_PREFIX";
const STORAGE_URI: &str = "RATELIMIT_STORAGE_URI";

/// The names that are read.
const NAMES: [&str; 5] = [DEFAULT, ENABLED, HEADERS_ENABLED, KEY_PREFIX, STORAGE_URI];

/// Flask-Limiter's other names, and what says the same here.
const ELSEWHERE: [(&str, &str); 18] = [
    ("RATELIMIT_APPLICATION", "a rule of rate_limit_rules, which all requests share"),
    ("RATELIMIT_APPLICATION_COST", "cost in a rule"),
    ("RATELIMIT_APPLICATION_PER_METHOD", "per_method in a rule"),
    ("RATELIMIT_DEFAULTS_COST", "cost in a rule"),
    ("RATELIMIT_DEFAULTS_PER_METHOD", "per_method in a rule"),
    ("RATELIMIT_FAIL_ON_FIRST_BREACH", "that a refusal costs no account anything"),
    ("RATELIMIT_HEADER_LIMIT", "rate_limit_headers.names"),
    ("RATELIMIT_HEADER_REMAINING", "rate_limit_headers.names"),
    ("RATELIMIT_HEADER_RESET", "rate_limit_headers.names"),
    ("RATELIMIT_HEADER_RETRY_AFTER", "always Retry-After"),
    ("RATELIMIT_HEADER_RETRY_AFTER_VALUE", "always seconds"),
    ("RATELIMIT_IN_MEMORY_FALLBACK", "the store's on_store_fault=local"),
    ("RATELIMIT_IN_MEMORY_FALLBACK_ENABLED", "the store's on_store_fault=local"),
    ("RATELIMIT_META", "a rule of rate_limit_rules that counts refusals"),
    ("RATELIMIT_SCOPE", "a rule's name"),
    ("RATELIMIT_STORAGE_OPTIONS", "the parameters of RATELIMIT_STORAGE_URI"),
    ("RATELIMIT_STRATEGY", "always fixed windows, aligned to the site's clock"),
    ("RATELIMIT_SWALLOW_ERRORS", "the store's on_store_fault=allow"),
];

const FLAG: &str = "true, false, 1 or 0";

/// What the environment says, above all files.
///
/// What is wrong with it is reported together with what is wrong with the files, when a
/// [`Configuration`](crate::config::Configuration) is read.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub(crate) said: Said,
    pub(crate) store: Option<(StoreUri, Origin)>,
    /// What the keys of a store begin with that is shared.
    pub(crate) key_prefix: Option<String>,
    /// What is wrong with it, or suspect.
    pub(crate) found: Findings,
}

impl Environment {
    /// The settings among variables; those of others are passed over.
    ///
    /// Values are strict: a flag is `true`, `false`, `1` or `0`, in any case. Flask-Limiter's names that mean nothing
    /// here are warnings, unknown ones of its kind are errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::{Configuration, Environment};
    ///
    /// let environment = Environment::read([("RATELIMIT_DEFAULT", "50 per hour"), ("HOME", "/root")]);
    /// let read = Configuration::from_text("{}", &environment.into())?;
    /// assert_eq!(read.loaded.fallback.rules[0].name, "site-requests");
    ///
    /// let wrong = Environment::read([("RATELIMIT_ENABLED", "yes")]);
    /// assert_eq!(
    ///     Configuration::from_text("{}", &wrong.into()).unwrap_err().to_string(),
    ///     "environment: RATELIMIT_ENABLED: \"yes\": neither true nor false; expected true, false, 1 or 0"
    /// );
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    pub fn read<N: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        let ours = variables.filter_map(|(name, value)| Some((of_ours(&name)?, value)));
        let mut ours: Vec<(String, OsString)> = ours.collect();
        ours.sort_unstable();
        let mut environment = Self::default();
        let inspection = Inspection::default();
        let page = inspection.page("environment");
        for (name, value) in ours {
            match value.to_str() {
                Some(value) => environment.set(&name, value, &page),
                None => page.wrong(&excerpt(&name), None, "not Unicode; expected a text"),
            }
        }
        environment.found = inspection.take();
        environment
    }

    /// The settings of this process.
    ///
    /// It reads them now: what is set later is not seen.
    pub fn from_process() -> Self {
        Self::read(std::env::vars_os())
    }

    /// The same, with a store that the command line names, above all others.
    ///
    /// `argument` is what [`Origin`] then says: the option's name, such as `--store`.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::{Configuration, Environment};
    /// use timebudget::store::StoreUri;
    ///
    /// let environment = Environment::read([("RATELIMIT_STORAGE_URI", "memory://?max_accounts=10")]);
    /// let environment = environment.with_store(StoreUri::default(), "--store");
    /// let read = Configuration::from_text("{}", &environment.into())?;
    /// assert_eq!(read.store.to_string(), "memory://");
    /// let store = read.process.iter().find(|entry| entry.key == "rate_limit_store").unwrap();
    /// assert_eq!(store.origin.to_string(), "command line --store");
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    pub fn with_store(mut self, uri: StoreUri, argument: &'static str) -> Self {
        self.store = Some((uri, Origin::Argument(argument)));
        self
    }

    fn set(&mut self, name: &str, value: &str, page: &Page<'_>) {
        match name {
            DEFAULT => self.set_default(value, page),
            ENABLED => self.said.enabled = flag(name, value, page),
            HEADERS_ENABLED => self.said.headers_enabled = flag(name, value, page),
            KEY_PREFIX if is_prefix(value) => self.key_prefix = Some(value.to_owned()),
            KEY_PREFIX => {
                page.wrong(name, Some(quoted(value)), format_args!("expected {PREFIX_EXPECTED}"));
            }
            STORAGE_URI => match StoreUri::parse(value) {
                Ok(uri) => self.store = Some((uri, Origin::Environment(STORAGE_URI))),
                Err(error) => page.wrong(name, None, error),
            },
            _ => unknown(name, page),
        }
    }

    fn set_default(&mut self, value: &str, page: &Page<'_>) {
        let json = Json::Text(value.to_owned());
        if let Some(rules) = rate_limit(&Value::top(page.clone(), DEFAULT, &json)) {
            self.said.keys.budget = Setting::Is(rules);
            self.said.entries.push(Entry::said("rate_limit", &json, Origin::Environment(DEFAULT)));
        }
    }
}

/// A name of Flask-Limiter's kind, but for those that Kubernetes makes of a service that is called `ratelimit`.
fn of_ours(name: &OsString) -> Option<String> {
    let name = name.to_string_lossy();
    let is_service = ["RATELIMIT_SERVICE_", "RATELIMIT_PORT"].iter().any(|begin| name.starts_with(begin));
    (name.starts_with(PREFIX) && !is_service).then(|| name.into_owned())
}

fn flag(name: &str, value: &str, page: &Page<'_>) -> Setting<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Setting::Is(true),
        "false" | "0" => Setting::Is(false),
        _ => {
            let fault = format_args!("neither true nor false; expected {FLAG}");
            page.wrong(name, Some(quoted(value)), fault);
            Setting::Unsaid
        }
    }
}

/// Says of a name what it means instead, or that it means nothing. The value may be a secret, and is not shown.
fn unknown(name: &str, page: &Page<'_>) {
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        let fault = format_args!("is Flask-Limiter's and not read here; its like is {instead}");
        return page.suspect(name, None, fault);
    }
    let fault = match nearest(name, NAMES) {
        Some(meant) => format!("no such name; did you mean {meant}?"),
        None => format!("no such name; expected {}", listed(&NAMES)),
    };
    page.wrong(&excerpt(name), None, fault);
}
