//! Floor 2: the site file, from JSON to the model.
//!
//! A configuration either loads as a whole or yields every error in it at once, each with its file, its JSON path,
//! the value found and what was expected. What loads cannot be wrong, and is not checked again.
//!
//! # Layers
//!
//! What holds for a site is said in layers, each above the next, and of each key the highest layer that says it counts, whole:
//!
//! 1. the environment ([`Environment`]), which has five names;
//! 2. the site's own file, `<host>/site_config.json`;
//! 3. the common file, `common_site_config.json`;
//! 4. what stands in no file ([`Layer`]), such as the rules in a database: they come behind those of the files.
//!
//! `null` in a layer says that the default counts, whatever the layers below it say.
//!
//! # Which of them to call
//!
//! | for | call |
//! |---|---|
//! | one text, such as in a test | [`parse_site`] |
//! | one file, or a directory of sites, once | [`load_file`], [`load_dir`] |
//! | the same with the environment, with a layer, or with rules in code | [`Options`] |
//! | the same with who said what, and where accounts are kept | [`Configuration`] |
//! | the same again whenever files change | [`Files`], or [`Reloader`](crate::Reloader), which watches them, too |

mod bench;
mod clients;
mod condition;
mod configuration;
mod directory_site;
mod disk;
mod environment;
mod files;
mod hosts;
mod json;
mod keys;
mod layer;
mod layered;
mod one;
mod past;
mod reader;
mod redacted;
mod references;
mod report;
mod rules;
mod ruleset;
mod said;
mod upstreams;

use std::path::Path;
use std::sync::Arc;

use crate::config::keys::Scope;
use crate::config::references::{site_of, suspect_hosts, unmet_of_layer};
use crate::config::report::{Findings, Inspection};
use crate::config::said::Said;
use crate::model::{Host, KnownRules, Site};

pub use crate::config::configuration::Configuration;
pub use crate::config::environment::Environment;
pub use crate::config::files::Files;
pub(crate) use crate::config::files::{Drafted, Taken};
pub use crate::config::keys::{Entries, Entry, Origin};
pub use crate::config::layer::Layer;
pub use crate::config::layered::Shadowed;
pub use crate::config::report::{Errors, Meanwhile, Problem, WrongSite};
pub use crate::config::ruleset::{Hosts, Ruleset};

/// The name of the site that answers for every host without one of its own; no host is called so.
const ANY_HOST: &str = "*";

/// What messages call a site file that is no file.
const SITE_FILE: &str = "site_config.json";

/// A configuration: the sites, and what is suspect about them.
///
/// What a directory holds is in `sites`; of a single file or text, `fallback` is the one site, and `sites` is empty.
///
/// # Examples
///
/// ```
/// use timebudget::config::{Configuration, Options};
///
/// let text = r#"{ "time_zone": "Europe/Paris", "rate_limit": "600s per hour" }"#;
/// let loaded = Configuration::from_text(text, &Options::default())?.loaded;
/// assert!(loaded.sites.is_empty());
/// assert_eq!(loaded.fallback.zone.name(), "Europe/Paris");
/// assert_eq!(loaded.fallback.rules[0].name, "site");
/// # Ok::<(), timebudget::config::Errors>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The sites by name, sorted: that of a directory, in lower case and in ASCII form. Each answers for the host of its
    /// name, and for its [hosts](Site::hosts).
    pub sites: Vec<(String, Arc<Site>)>,
    /// The name of the site that answers for hosts that have none; one of `sites`.
    pub default_site: Option<String>,
    /// The site that answers for hosts that have none where there is no `default_site`.
    pub fallback: Site,
    /// The header in which proxies that `fallback` trusts tell the name of the site, whatever the host.
    pub site_header: Option<String>,
    /// The sites whose own file is wrong, by name. `sites` has what holds for them meanwhile.
    pub wrong: Vec<WrongSite>,
    /// What could be read but may not be meant.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// A single site, which answers for every host.
    ///
    /// Nothing is checked here: that is [`Site::check`]'s to do, and the builder's.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Site;
    /// use timebudget::config::Loaded;
    ///
    /// let loaded = Loaded::from_site(Site::unlimited("shop.example"));
    /// assert!(loaded.site("shop.example").is_some());
    /// assert!(loaded.site("*").is_some(), "hosts that have no site");
    /// assert!(loaded.site("other.example").is_none());
    /// ```
    pub fn from_site(site: Site) -> Self {
        let (sites, wrong, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Self { sites, default_site: None, fallback: site, site_header: None, wrong, warnings }
    }
}

impl Loaded {
    /// The site of that name; `*` is the one of hosts that have none.
    pub fn site(&self, name: &str) -> Option<&Site> {
        let found = self.sites.iter().find(|(other, _)| other == name).map(|(_, site)| &**site);
        found.or_else(|| (name == ANY_HOST || name == self.fallback.name).then_some(&self.fallback))
    }

    /// What to call a site: its name, the other hosts that it answers for, and whether it is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::Loaded;
    /// assert_eq!(Loaded::from_site("*".into()).called("*"), "every host");
    /// ```
    pub fn called(&self, name: &str) -> String {
        let mut called = match name {
            ANY_HOST if self.sites.is_empty() => "every host".to_owned(),
            ANY_HOST => "hosts without a site".to_owned(),
            _ => name.to_owned(),
        };
        for host in self.hosts_of(name) {
            called += &format!(", {host}");
        }
        if self.default_site.as_deref() == Some(name) {
            called += ", and hosts without a site";
        }
        match self.wrong.iter().find(|wrong| wrong.site == name) {
            Some(wrong) => format!("{called}: its file is wrong; {}", wrong.meanwhile),
            None => called,
        }
    }

    /// The hosts of a site besides that of its name; of a single file, which answers for every host, those that are not
    /// published.
    fn hosts_of(&self, name: &str) -> Vec<String> {
        let Some(site) = self.site(name) else { return Vec::new() };
        let is_alone = self.sites.is_empty();
        let shown = site.hosts.iter().filter(|host| !is_alone || !site.is_published(host.as_str()));
        let unpublished = |host: &Host| if site.is_published(host.as_str()) { "" } else { " (unpublished)" };
        shown.map(|host| format!("{host}{}", unpublished(host))).collect()
    }

    /// That site alone, for every host; `None` if there is none.
    ///
    /// For commands that ask about one site of a directory: what they read is then found whatever the host.
    pub(crate) fn of_site(&self, name: &str) -> Option<Self> {
        let wrong = self.wrong.iter().filter(|wrong| wrong.site == name).cloned().collect();
        let site = self.site(name)?.clone();
        let sites = vec![(name.to_owned(), Arc::new(site.clone()))];
        Some(Self { sites, default_site: Some(name.to_owned()), wrong, ..Self::from_site(site) })
    }
}

/// Reads a single site file, whose site answers for every host.
///
/// The environment is not asked; a [`Configuration`] does that.
///
/// # Errors
///
/// All that is wrong with the file, or that it cannot be read.
///
/// # Examples
///
/// ```
/// use timebudget::config::load_file;
///
/// # let file = std::env::temp_dir().join(format!("timebudget-load-file-{}.json", std::process::id()));
/// std::fs::write(&file, r#"{ "rate_limit": "60s per hour" }"#)?;
/// assert_eq!(load_file(&file)?.fallback.rules.len(), 1);
///
/// std::fs::write(&file, r#"{ "rate_limit": { "limit": -1, "window": "fortnight" } }"#)?;
/// assert_eq!(load_file(&file).unwrap_err().problems().len(), 2, "both are said at once");
/// # std::fs::remove_file(file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_file(path: impl AsRef<Path>) -> Result<Loaded, Errors> {
    Options::default().load_file(path)
}

/// Reads a directory in bench's layout: `common_site_config.json` and `<host>/site_config.json`.
///
/// Each key that a site's file does not have is taken from the common file, and whole: objects are not merged.
/// Directories without a `site_config.json`, such as bench's `assets`, are no sites.
///
/// # Errors
///
/// All that is wrong with the files, or that one cannot be read. A directory without any of them is an error.
///
/// # Examples
///
/// ```
/// use timebudget::config::load_dir;
///
/// # let dir = std::env::temp_dir().join(format!("timebudget-load-dir-{}", std::process::id()));
/// # for site in ["a.example", "b.example"] { std::fs::create_dir_all(dir.join(site))?; }
/// std::fs::write(dir.join("common_site_config.json"), r#"{ "time_zone": "Asia/Kolkata", "rate_limit": "600s per hour" }"#)?;
/// std::fs::write(dir.join("a.example/site_config.json"), "{}")?;
/// std::fs::write(dir.join("b.example/site_config.json"), r#"{ "rate_limit": null }"#)?;
///
/// let loaded = load_dir(&dir)?;
/// let rules = |name| loaded.site(name).map(|site| site.rules.len());
/// assert_eq!((rules("a.example"), rules("b.example")), (Some(1), Some(0)), "null takes back what the common file says");
/// assert_eq!(loaded.site("b.example").unwrap().zone.name(), "Asia/Kolkata");
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_dir(dir: impl AsRef<Path>) -> Result<Loaded, Errors> {
    Options::default().load_dir(dir)
}

/// Reads the text of a site file; messages call the file `site_config.json`.
///
/// # Errors
///
/// All that is wrong with the text.
///
/// # Examples
///
/// ```
/// use timebudget::{Limit, Micros, Period, config};
///
/// let text = r#"{ "rate_limit": { "limit": 600, "window": 3600 } }"#;
/// let (site, warnings) = config::parse_site("demo.example", text)?;
/// assert_eq!(site.rules[0].limits, [Limit::Time { quota: Micros::from_secs(600), period: Period::HOUR }]);
/// assert!(warnings.is_empty());
///
/// let errors = config::parse_site("demo.example", r#"{ "rate_limit": "10 per fortnight" }"#).unwrap_err();
/// assert_eq!(
///     errors.to_string(),
///     "site_config.json: rate_limit: \"10 per fortnight\": no such period; \
///      expected second, minute, hour, day, week, month or year"
/// );
/// # Ok::<(), config::Errors>(())
/// ```
pub fn parse_site(name: &str, text: &str) -> Result<(Site, Vec<Problem>), Errors> {
    Options::default().parse_site(name, text)
}

/// What a loader cannot see in the files; by default there is nothing more.
///
/// # Examples
///
/// An application that tells by its own code who clients are, and describes a rule there, too: the file may be about both.
///
/// ```
/// use timebudget::config::Options;
///
/// let text = r#"{
///     "rate_limit_rules": [{ "name": "each", "key": "user", "limits": "60s per hour" }],
///     "rate_limit_tiers": { "gold": { "limits": { "exports": "600s per hour" } } }
/// }"#;
/// let options = Options::default().with_identity_in_code().with_rules_in_code(["exports"]);
/// assert!(options.parse_site("shop", text).is_ok());
///
/// let errors = Options::default().parse_site("shop", text).unwrap_err().to_string();
/// assert!(errors.contains("nobody tells who clients are"), "{errors}");
/// # Ok::<(), timebudget::config::Errors>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Whether the application's own code [tells](crate::TimeBudget::identify) who clients are.
    ///
    /// Else a rule that asks for users, while no key of the files says who tells them, is an error.
    pub identity_in_code: bool,
    /// The names of rules that code [describes](crate::TimeBudget::rule), so that tiers and overrides of the files
    /// can be about them.
    pub rules_in_code: Vec<String>,
    /// What the environment says.
    pub environment: Environment,
    pub(crate) layer: Arc<Layer>,
}

impl From<Environment> for Options {
    fn from(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }
}

impl Options {
    /// The same for an application whose own code tells who clients are.
    #[must_use]
    pub fn with_identity_in_code(self) -> Self {
        Self { identity_in_code: true, ..self }
    }

    /// The same for an application whose own code describes rules of these names.
    #[must_use]
    pub fn with_rules_in_code<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rules_in_code: names.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// The same with what is said in another place than the files.
    ///
    /// Its rules come behind those of the files, and of what both name the file's counts; see [`Layer`].
    #[must_use]
    pub fn with_layer(self, layer: Layer) -> Self {
        Self { layer: Arc::new(layer), ..self }
    }

    /// Reads a single site file, as [`load_file`] does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file or the environment, or that it cannot be read.
    pub fn load_file(&self, path: impl AsRef<Path>) -> Result<Loaded, Errors> {
        Ok(Configuration::from_file(path, self)?.loaded)
    }

    /// Reads a directory in bench's layout, as [`load_dir`] does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the files or the environment, or that one cannot be read.
    pub fn load_dir(&self, dir: impl AsRef<Path>) -> Result<Loaded, Errors> {
        Ok(Configuration::from_dir(dir, self)?.loaded)
    }

    /// Reads the text of a site file, as [`parse_site`] does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text or the environment.
    pub fn parse_site(&self, name: &str, text: &str) -> Result<(Site, Vec<Problem>), Errors> {
        let inspection = self.inspection();
        let page = inspection.page(SITE_FILE);
        let said = self.environment.said.clone().or(Said::read(text, Scope::Site, &page));
        let layered = site_of(said, &Said::default(), name, self, &inspection);
        let (exempt, names) = (layered.site.exempt.as_ref(), layered.site.names_of_hosts());
        suspect_hosts(layered.rules().0, exempt, &names, &page);
        let unmet = unmet_of_layer(&KnownRules::new(&layered.site.rules), &self.layer, self, &inspection);
        inspection.add(Findings { errors: unmet, warnings: Vec::new() });
        let warnings = inspection.close()?;
        Ok((Arc::unwrap_or_clone(layered.site), warnings))
    }

    /// An inspection that begins with what was found in the environment.
    fn inspection(&self) -> Inspection {
        Inspection::beginning(self.environment.found.clone())
    }
}
