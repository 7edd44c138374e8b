//! Floor 2: the site file, from JSON to the model.
//!
//! A configuration either loads as a whole or yields every error in it at once, each with its file, its JSON path,
//! the value found and what was expected. What loads cannot be wrong, and is not checked again.

mod bench;
mod clients;
mod condition;
mod configuration;
mod disk;
mod environment;
mod hosts;
mod json;
mod keys;
mod layer;
mod reader;
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
use crate::model::{Host, Site};

pub use crate::config::configuration::{Configuration, Files};
pub use crate::config::environment::Environment;
pub use crate::config::keys::{Entry, Origin};
pub use crate::config::layer::{Hosts, Layer, Shadowed};
pub use crate::config::report::{Errors, Meanwhile, Problem, WrongSite};
pub use crate::config::ruleset::Ruleset;

/// The name of the site that answers for every host without one of its own; no host is called so.
const ANY_HOST: &str = "*";

/// What messages call a site file that is no file.
const SITE_FILE: &str = "site_config.json";

/// A configuration: the sites, and what is suspect about them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The sites by name, sorted: that of a directory, in lower case and in ASCII form. Each answers for the host of its
    /// name, and for its [hosts](Site::hosts).
    pub sites: Vec<(String, Site)>,
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
    pub fn from_site(site: Site) -> Self {
        let (sites, wrong, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Self { sites, default_site: None, fallback: site, site_header: None, wrong, warnings }
    }
}

impl Loaded {
    /// The site of that name; `*` is the one of hosts that have none.
    pub fn site(&self, name: &str) -> Option<&Site> {
        let found = self.sites.iter().find(|(other, _)| other == name).map(|(_, site)| site);
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
    pub(crate) fn of_site(&self, name: &str) -> Option<Self> {
        let wrong = self.wrong.iter().filter(|wrong| wrong.site == name).cloned().collect();
        let site = self.site(name)?.clone();
        let sites = vec![(name.to_owned(), site.clone())];
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
        let unmet = unmet_of_layer(&layered.site.rules.iter().collect::<Vec<_>>(), self, &inspection);
        inspection.add(Findings { errors: unmet, warnings: Vec::new() });
        let warnings = inspection.close()?;
        Ok((layered.site, warnings))
    }

    /// An inspection that begins with what was found in the environment.
    fn inspection(&self) -> Inspection {
        Inspection::beginning(self.environment.found.clone())
    }
}
