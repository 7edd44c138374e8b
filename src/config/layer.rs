//! A layer that stands in no file: what people decide while the limiter runs, below what the files say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};

use crate::config::clients::{api_keys, groups, overrides, tiers, users};
use crate::config::disk::site_name;
use crate::config::keys::{Entry, Origin, Origins};
use crate::config::reader::Fields;
use crate::config::report::{Errors, Inspection, Problem};
use crate::config::ruleset::{Ruleset, whole};
use crate::model::{
    About, ApiKey, Assignment, Condition, KeyDigest, Override, Rule, SharedTiers, Site, Tier, Tiers, quoted,
};

/// What is said of sites in another place than their files, such as a database in which people decide while the limiter
/// runs: rules, tiers, groups, users, overrides and API keys.
///
/// Files are code. Their rules come first, and where a name stands in both, the file's holds: the layer's is
/// [shadowed](crate::config::Configuration::shadowed), as it is by rules in Rust. Two overrides are of one name if they are
/// for one user and rule, and hold at one time. Both are checked together: a tier of the layer may be named in a file, and
/// the other way round.
///
/// It is given to a loader by [`Options::with_layer`](crate::config::Options::with_layer), and replaced by
/// [`Files::set_layer`](crate::config::Files::set_layer); [`Files::draft`](crate::config::Files::draft) says before
/// whether it fits.
///
/// # Examples
///
/// ```
/// use timebudget::config::{Configuration, Layer, Options, Ruleset};
///
/// let plans = r#"[{ "name": "export", "limits": "60s per hour" }, { "name": "login", "limits": "9 per day" }]"#;
/// let layer = Layer::parse("database", r#"{ "tiers": { "gold": { "multiplier": 3 } } }"#)?
///     .with_rules([Ruleset::parse("ruleset plans", plans)?]);
///
/// let file = r#"{ "rate_limit_rules": [{ "name": "login", "limits": "10 per hour" }] }"#;
/// let options = Options::default().with_identity_in_code().with_layer(layer);
/// let read = Configuration::from_text(file, &options)?;
/// let rules: Vec<_> = read.loaded.fallback.rules.iter().map(|rule| rule.name.as_str()).collect();
/// assert_eq!(rules, ["login", "export"]);
///
/// let [shadowed] = &read.shadowed[..] else { panic!("one name stands in both") };
/// assert_eq!(
///     shadowed.to_string(),
///     "ruleset plans: rules: \"login\" stands in site_config.json, too, which holds for the site *"
/// );
/// # Ok::<(), timebudget::config::Errors>(())
/// ```
///
/// A clone costs nothing, and a change of one thing leaves the others shared: sites share what a layer says of clients, and no
/// rule is read twice.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    name: Arc<str>,
    pub(crate) tiers: SharedTiers,
    /// What is wrong with the names in `tiers` by itself, once somebody has asked.
    unknown: Arc<OnceLock<Vec<Problem>>>,
    warnings: Vec<Problem>,
    of_all: Assigned,
    of_sites: BTreeMap<String, Assigned>,
}

/// For which hosts of a site rules are: see [`Site::unpublished_hosts`].
///
/// # Examples
///
/// ```
/// use timebudget::config::{Configuration, Hosts, Layer, Options, Ruleset};
///
/// let rules = |name| Ruleset::parse(name, &format!(r#"[{{ "name": "{name}", "limits": "60s per hour" }}]"#));
/// let layer = Layer::new("database")
///     .with_rules_on(Hosts::Published, [rules("plans")?])
///     .with_rules_on(Hosts::Unpublished, [rules("previews")?]);
///
/// let file = r#"{ "rate_limit_unpublished_hosts": ["*.preview.example"] }"#;
/// let read = Configuration::from_text(file, &Options::default().with_layer(layer))?;
/// let rules: Vec<_> = read.loaded.fallback.rules.iter().map(|rule| format!("{}: {}", rule.name, rule.when)).collect();
/// assert_eq!(rules, [r#"plans: not (host "*.preview.example")"#, r#"previews: host "*.preview.example""#]);
/// # Ok::<(), timebudget::config::Errors>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hosts {
    /// Those that are published and those that are not.
    All,
    /// Those that `rate_limit_unpublished_hosts` does not name: of a site that names none, all.
    Published,
    /// Those that it names.
    Unpublished,
}

/// The rulesets of a site's hosts; where there are none said, it has those for all sites.
#[derive(Clone, Debug, Default, PartialEq)]
struct Assigned {
    published: Option<Arc<[Ruleset]>>,
    unpublished: Option<Arc<[Ruleset]>>,
}

impl Assigned {
    fn set(&mut self, hosts: Hosts, rulesets: Option<Arc<[Ruleset]>>) {
        if hosts != Hosts::Unpublished {
            self.published.clone_from(&rulesets);
        }
        if hosts != Hosts::Published {
            self.unpublished = rulesets;
        }
    }
}

impl PartialEq for Layer {
    /// Two that say the same of clients are equal only if one was made of the other.
    fn eq(&self, other: &Self) -> bool {
        let is_same = self.name == other.name && self.tiers == other.tiers && self.warnings == other.warnings;
        is_same && self.of_all == other.of_all && self.of_sites == other.of_sites
    }
}

impl Layer {
    /// A layer that says nothing yet; `name` is what messages call it.
    pub fn new(name: &str) -> Self {
        Self { name: Arc::from(name), ..Self::default() }
    }

    /// Reads what a layer says of clients: a JSON object of `tiers`, `groups`, `users`, `overrides` and `api_keys`, each as
    /// `rate_limit_tiers` and the others have it, and each may be left out.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text, each with its place: `database: users.alice.tier: …`. Whether names are known is
    /// asked when the layer lies below a file.
    pub fn parse(name: &str, text: &str) -> Result<Self, Errors> {
        let inspection = Inspection::default();
        let page = inspection.page(name);
        let tiers = whole(text, "", &page, |value| value.object(clients));
        let warnings = inspection.close()?;
        Ok(Self { warnings, ..Self::new(name).with_clients(tiers.unwrap_or_default()) })
    }

    /// The same with these tiers, groups, users, overrides and API keys in the place of what it says of clients.
    #[must_use]
    pub fn with_clients(self, clients: Tiers) -> Self {
        Self { tiers: SharedTiers::of_layer(clients), unknown: Arc::default(), ..self }
    }

    /// The same with a user's tier, or without one.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::Layer;
    /// use timebudget::{Assignment, Term, Tier};
    /// let layer = Layer::new("database").with_tier("gold", Some(Tier::new("gold")));
    /// let alice = Assignment { tier: "gold".to_owned(), term: Term::default() };
    /// let later = layer.clone().with_user("alice", Some(alice));
    /// assert!(later.clients().users.contains_key("alice") && !layer.clients().users.contains_key("alice"));
    /// assert!(later.with_user("alice", None).clients().users.is_empty());
    /// ```
    #[must_use]
    pub fn with_user(self, name: &str, assignment: Option<Assignment>) -> Self {
        self.changed(|clients| set(&mut clients.users, name.to_owned(), assignment))
    }

    /// The same with a group's tier, by the tier's name, or without one.
    #[must_use]
    pub fn with_group(self, name: &str, tier: Option<&str>) -> Self {
        self.changed(|clients| set(&mut clients.groups, name.to_owned(), tier.map(str::to_owned)))
    }

    /// The same with an API key, or without it.
    #[must_use]
    pub fn with_api_key(self, digest: KeyDigest, key: Option<ApiKey>) -> Self {
        self.changed(|clients| set(&mut clients.api_keys, digest, key))
    }

    /// The same with a tier of that name, or without it.
    #[must_use]
    pub fn with_tier(self, name: &str, tier: Option<Tier>) -> Self {
        self.changed(|clients| clients.set_tier(name, tier))
    }

    /// The same with these overrides of a user, in the place of those that the user has; none take them all away. Of two for
    /// one rule that hold at one time, the first counts.
    #[must_use]
    pub fn with_overrides_of(self, user: &str, overrides: impl IntoIterator<Item = Override>) -> Self {
        self.changed(|clients| clients.set_overrides_of(user, overrides))
    }

    fn changed(self, change: impl FnOnce(&mut Tiers)) -> Self {
        let mut clients = (*self.tiers).clone();
        change(&mut clients);
        self.with_clients(clients)
    }

    /// What it says of clients.
    pub fn clients(&self) -> &Tiers {
        &self.tiers
    }

    /// The same with rules for all hosts of all sites, those to come included, that have none of their own.
    #[must_use]
    pub fn with_rules(self, rulesets: impl IntoIterator<Item = Ruleset>) -> Self {
        self.with_rules_on(Hosts::All, rulesets)
    }

    /// The same for published hosts alone, or for unpublished ones: see [`Hosts`].
    ///
    /// Rulesets of both that have a rule of one name are a mistake of every site with unpublished hosts, for accounts are
    /// known by that name. One ruleset may stand for both.
    #[must_use]
    pub fn with_rules_on(mut self, hosts: Hosts, rulesets: impl IntoIterator<Item = Ruleset>) -> Self {
        self.of_all.set(hosts, Some(rulesets.into_iter().collect()));
        self
    }

    /// The same with rules for one site, by its name, in the place of those for all; `*` are hosts that have no site.
    #[must_use]
    pub fn with_rules_of(self, site: &str, rulesets: impl IntoIterator<Item = Ruleset>) -> Self {
        self.with_rules_of_on(site, Hosts::All, rulesets)
    }

    /// The same for its published hosts alone, or for its unpublished ones; the others have what they had. No rulesets are
    /// no rules, whatever there is for all sites.
    #[must_use]
    pub fn with_rules_of_on(
        mut self,
        site: &str,
        hosts: Hosts,
        rulesets: impl IntoIterator<Item = Ruleset>,
    ) -> Self {
        let own = self.of_sites.entry(site_name(site)).or_default();
        own.set(hosts, Some(rulesets.into_iter().collect()));
        self
    }

    /// The same with a site's hosts under the rules for all sites again.
    #[must_use]
    pub fn without_rules_of(mut self, site: &str, hosts: Hosts) -> Self {
        let site = site_name(site);
        if let Some(own) = self.of_sites.get_mut(&site) {
            own.set(hosts, None);
            if *own == Assigned::default() {
                self.of_sites.remove(&site);
            }
        }
        self
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rulesets of a site's hosts: of all hosts, those of published ones first, and each once.
    pub fn rulesets_of(&self, site: &str, hosts: Hosts) -> Vec<Ruleset> {
        let (published, unpublished) = self.assigned(site);
        match hosts {
            Hosts::Published => published.to_vec(),
            Hosts::Unpublished => unpublished.to_vec(),
            Hosts::All => {
                let others = unpublished.iter().filter(|set| !published.contains(set));
                published.iter().chain(others).cloned().collect()
            }
        }
    }

    /// The rulesets of a site's published hosts, and of its unpublished ones.
    fn assigned(&self, site: &str) -> (&[Ruleset], &[Ruleset]) {
        let own = self.of_sites.get(site);
        let published = own.and_then(|own| own.published.as_ref()).or(self.of_all.published.as_ref());
        let unpublished = own.and_then(|own| own.unpublished.as_ref()).or(self.of_all.unpublished.as_ref());
        (published.map_or(&[], |sets| sets), unpublished.map_or(&[], |sets| sets))
    }

    /// Whether another layer of the same name says the same of a site.
    pub(crate) fn says_the_same_of(&self, site: &str, other: &Self) -> bool {
        let is_same = |(one, two): (&Ruleset, &Ruleset)| one.identity() == two.identity();
        let are_same =
            |one: &[Ruleset], two: &[Ruleset]| one.len() == two.len() && one.iter().zip(two).all(is_same);
        let ((own, previews), (others, other_previews)) = (self.assigned(site), other.assigned(site));
        let has_same_clients = self.name == other.name && self.tiers.is(&other.tiers);
        has_same_clients && are_same(own, others) && are_same(previews, other_previews)
    }

    /// The rulesets of a site, each for its hosts.
    fn narrowed_for(&self, site: &Site) -> Vec<Ruleset> {
        let Some(is_unpublished) = site.is_unpublished() else {
            return self.assigned(&site.name).0.to_vec();
        };
        let (published, unpublished) = self.assigned(&site.name);
        let is_published = Condition::Not(Box::new(is_unpublished.clone()));
        let narrowed = |own: &Ruleset, others: &[Ruleset], hosts: &Condition| match others.contains(own) {
            true => own.clone(),
            false => own.clone().narrowed(hosts),
        };
        let own = published.iter().map(|set| narrowed(set, unpublished, &is_published));
        let others = unpublished.iter().filter(|set| !published.contains(set));
        own.chain(others.map(|set| narrowed(set, published, &is_unpublished))).collect()
    }

    /// What could be read but may not be meant, in what it says of clients.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Whether it says nothing.
    fn is_empty(&self) -> bool {
        self.rulesets().next().is_none() && self.tiers.is_empty()
    }

    /// All rulesets, each once.
    pub(crate) fn rulesets(&self) -> impl Iterator<Item = &Ruleset> {
        let sets = [&self.of_all].into_iter().chain(self.of_sites.values());
        let sets = sets.flat_map(|set| [&set.published, &set.unpublished]).flatten().flat_map(|sets| &**sets);
        let mut known = HashSet::new();
        sets.filter(move |set| known.insert(set.identity()))
    }

    /// What it says of a site, to be shown below what the files say.
    pub(crate) fn entries_of(&self, site: &str, has_unpublished: bool) -> Vec<Entry> {
        let hosts = if has_unpublished { Hosts::All } else { Hosts::Published };
        let rulesets = self.rulesets_of(site, hosts);
        let rules = rulesets.iter().filter_map(Ruleset::entry);
        rules.cloned().collect()
    }

    /// Names of tiers that nobody has who stands in the layer, where no file has tiers either.
    pub(crate) fn unknown_tiers(&self, problems: impl FnOnce(&Tiers) -> Vec<Problem>) -> &[Problem] {
        self.unknown.get_or_init(|| problems(&self.tiers))
    }

    /// A site of files with what the layer adds to it; the files' keys stand in `origins`, and code has rules of its own.
    pub(crate) fn add_to(&self, site: Site, origins: &Origins, rules_in_code: &[String]) -> Layered {
        let mut layered = Layered::from(site);
        if !self.is_empty() {
            self.add_rules_to(&mut layered, origins, rules_in_code);
            self.add_clients_to(&mut layered, origins);
        }
        layered
    }

    fn add_rules_to(&self, layered: &mut Layered, origins: &Origins, rules_in_code: &[String]) {
        for ruleset in &self.narrowed_for(&layered.site) {
            for (at, rule) in ruleset.rules().iter().enumerate() {
                if layered.rules().0.iter().any(|own| own.name == rule.name) {
                    layered.shadow("rules", &rule.name, ruleset.file(), file_of("rules", origins));
                } else if rules_in_code.contains(&rule.name) {
                    layered.shadow("rules", &rule.name, ruleset.file(), Origin::Code);
                } else {
                    layered.site.rules.push(rule.clone());
                    layered.rules.push((Arc::clone(ruleset.file()), at));
                }
            }
        }
    }

    fn add_clients_to(&self, layered: &mut Layered, origins: &Origins) {
        if layered.site.tiers.is_empty() {
            layered.site.tiers = self.tiers.clone();
            return;
        }
        for (key, name) in self.names_in(&layered.site.tiers) {
            layered.shadow(key, name, &self.name, file_of(key, origins));
        }
        let own = self.tiers.overrides().iter().enumerate();
        let added = own.filter(|(_, over)| !is_overridden(over, &layered.site.tiers));
        layered.overrides = added.map(|(at, _)| at).collect();
        layered.site.tiers = self.below(&layered.site.tiers).into();
    }

    /// What it says of clients and a site's files say, too.
    fn names_in(&self, files: &Tiers) -> Vec<(&'static str, &str)> {
        let own = &self.tiers;
        let tiers = own.tiers().iter().map(|tier| tier.name.as_str());
        let tiers = tiers.filter(|name| files.position(name).is_some()).map(|name| ("tiers", name));
        let groups = own.groups.keys().filter(|name| files.groups.contains_key(*name));
        let users = own.users.keys().filter(|name| files.users.contains_key(*name));
        let keys = own.api_keys.iter().filter(|(digest, _)| files.api_keys.contains_key(*digest));
        let overrides = own.overrides().iter().filter(|over| is_overridden(over, files));
        let mut names: Vec<_> = tiers
            .chain(groups.map(|name| ("groups", name.as_str())))
            .chain(users.map(|name| ("users", name.as_str())))
            .chain(overrides.map(|over| ("overrides", over.user.as_str())))
            .chain(keys.map(|(_, key)| ("api_keys", key.name.as_str())))
            .collect();
        names.sort_unstable();
        names
    }

    /// What files and layer say together of clients.
    fn below(&self, files: &Tiers) -> Tiers {
        let own = &self.tiers;
        let overrides = own.overrides().iter().filter(|over| !is_overridden(over, files));
        // Of two tiers of one name the first counts.
        let tiers = files.tiers().iter().chain(own.tiers()).cloned();
        let mut both = Tiers::new(tiers, files.overrides().iter().chain(overrides).cloned());
        both.groups = joined(&own.groups, &files.groups);
        both.users = joined(&own.users, &files.users);
        both.api_keys = joined(&own.api_keys, &files.api_keys);
        both
    }
}

fn set<K: Eq + Hash, V>(all: &mut HashMap<K, V>, name: K, value: Option<V>) {
    match value {
        Some(value) => drop(all.insert(name, value)),
        None => drop(all.remove(&name)),
    }
}

fn clients(fields: &Fields<'_>) -> Option<Tiers> {
    let tiers = fields.or("tiers", Vec::new(), tiers);
    let groups = fields.or("groups", Vec::new(), groups);
    let users = fields.or("users", Vec::new(), users);
    let overrides = fields.or("overrides", Vec::new(), overrides);
    let api_keys = fields.or("api_keys", Vec::new(), api_keys);
    let mut said = Tiers::new(tiers?, overrides?);
    said.groups = groups?.into_iter().collect();
    said.users = users?.into_iter().collect();
    said.api_keys = api_keys?.into_iter().collect();
    Some(said)
}

/// The file that a key stands in; what stands in none stands in code.
fn file_of(key: &str, origins: &Origins) -> Origin {
    origins.get(&format!("rate_limit_{key}")).map_or(Origin::Code, |file| Origin::File(Arc::clone(file)))
}

/// Whether files override the same.
fn is_overridden(over: &Override, files: &Tiers) -> bool {
    let is_same = |other: &Override| (&other.user, &other.rule) == (&over.user, &over.rule);
    files.overrides().iter().any(|other| is_same(other) && other.term.meets(&over.term))
}

fn joined<K: Clone + Eq + Hash, V: Clone>(below: &HashMap<K, V>, above: &HashMap<K, V>) -> HashMap<K, V> {
    let mut joined = below.clone();
    joined.extend(above.iter().map(|(name, value)| (name.clone(), value.clone())));
    joined
}

/// A site of files with what a layer adds to it.
#[derive(Clone, Debug)]
pub(crate) struct Layered {
    pub(crate) site: Site,
    /// Where the layer's rules stand, which come last: the name of the ruleset, and the position in it.
    rules: Vec<(Arc<str>, usize)>,
    /// The positions in the layer of its overrides, which come last.
    overrides: Vec<usize>,
    pub(crate) shadowed: Vec<Shadowed>,
}

impl Layered {
    fn shadow(&mut self, key: &'static str, name: &str, origin: &Arc<str>, by: Origin) {
        let (site, origin) = (self.site.name.clone(), Origin::Layer(Arc::clone(origin)));
        self.shadowed.push(Shadowed { site, key, name: name.to_owned(), origin, by });
    }

    /// The rules of the files, and those of the layer.
    pub(crate) fn rules(&self) -> (&[Rule], &[Rule]) {
        self.site.rules.split_at(self.site.rules.len() - self.rules.len())
    }

    /// What messages call the layer, or a ruleset of it, and where it stands there, if it is the layer that says it.
    pub(crate) fn in_layer<'a>(&self, about: About<'a>, layer: &Layer) -> Option<(Arc<str>, About<'a>)> {
        let of_ruleset = |at: usize| self.rules.get(at.checked_sub(self.rules().0.len())?);
        let shadowed = |key, name: &str| self.shadowed.iter().any(|one| one.key == key && one.name == name);
        let says = match about {
            About::Rule(at) => return of_ruleset(at).map(|(set, at)| (Arc::clone(set), About::Rule(*at))),
            About::When(at) => return of_ruleset(at).map(|(set, at)| (Arc::clone(set), About::When(*at))),
            About::RuleOfOverride(at) if self.site.tiers.is(&layer.tiers) => {
                return Some((Arc::clone(&layer.name), About::RuleOfOverride(at)));
            }
            About::RuleOfOverride(at) => {
                let of_files = self.site.tiers.overrides().len() - self.overrides.len();
                let at = self.overrides.get(at.checked_sub(of_files)?)?;
                return Some((Arc::clone(&layer.name), About::RuleOfOverride(*at)));
            }
            About::Group(name) => layer.tiers.groups.contains_key(name) && !shadowed("groups", name),
            About::User(name) => layer.tiers.users.contains_key(name) && !shadowed("users", name),
            About::ApiKey(name) => {
                layer.tiers.api_keys.values().any(|key| key.name == name) && !shadowed("api_keys", name)
            }
            About::LimitsOfTier(name, _) => layer.tiers.position(name).is_some() && !shadowed("tiers", name),
            About::Key(_) | About::Table(_) | About::TrustedHops | About::Exempt => false,
        };
        says.then(|| (Arc::clone(&layer.name), about))
    }
}

impl From<Site> for Layered {
    /// A site without a layer.
    fn from(site: Site) -> Self {
        Self { site, rules: Vec::new(), overrides: Vec::new(), shadowed: Vec::new() }
    }
}

/// What a layer says and a file says, too, so that the layer's is without effect.
///
/// Displays as `ruleset plans: rules: "login" stands in site_config.json, too, which holds for the site *`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shadowed {
    /// The site; `*` are hosts that have none.
    pub site: String,
    /// What stands in both: `rules`, `tiers`, `groups`, `users`, `overrides` or `api_keys`.
    pub key: &'static str,
    /// The name that stands in both; of an override the user's.
    pub name: String,
    /// The layer, or the ruleset of it.
    pub origin: Origin,
    /// The file, or the code, which holds.
    pub by: Origin,
}

impl fmt::Display for Shadowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { site, key, name, origin, by } = self;
        write!(f, "{origin}: {key}: {} stands in {by}, too, which holds for the site {site}", quoted(name))
    }
}
