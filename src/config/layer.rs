//! A layer that stands in no file: what people decide while the limiter runs, below what the files say.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use rpds::RedBlackTreeMapSync;

use crate::config::clients::{api_keys, groups, overrides, tiers, users};
use crate::config::disk::site_name;
use crate::config::keys::Entry;
use crate::config::reader::Fields;
use crate::config::report::{Errors, Inspection, Problem};
use crate::config::ruleset::{Assigned, Hosts, Ruleset, whole};
use crate::model::{ApiKey, Assignment, Condition, KeyDigest, Override, SharedTiers, Site, Tier, Tiers};

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
/// A clone costs nothing, and a change of one thing leaves the others shared, be there a hundred thousand of them: sites share
/// what a layer says of clients, and no rule is read twice.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    name: Arc<str>,
    pub(crate) tiers: SharedTiers,
    /// The tiers that groups, users and API keys are in, and how many are in each.
    named: Arc<BTreeMap<String, usize>>,
    /// What is wrong with the names in `tiers` by itself, once somebody has asked.
    unknown: Arc<OnceLock<Vec<Problem>>>,
    warnings: Vec<Problem>,
    of_all: Assigned,
    of_sites: RedBlackTreeMapSync<String, Assigned>,
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
        let mut named = BTreeMap::new();
        for (_, tier) in clients.named() {
            match named.get_mut(tier) {
                Some(count) => *count += 1,
                None => drop(named.insert(tier.clone(), 1)),
            }
        }
        Self { named: Arc::new(named), ..self.of(clients) }
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
        let before = self.tiers.users.get(name).map(|assigned| assigned.tier.clone());
        let after = assignment.as_ref().map(|assigned| assigned.tier.clone());
        self.counting(before, after).changed(|clients| clients.users.set(name.to_owned(), assignment))
    }

    /// The same with a group's tier, by the tier's name, or without one.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::Layer;
    /// use timebudget::Tier;
    /// let layer = Layer::new("database").with_tier("gold", Some(Tier::new("gold"))).with_group("vips", Some("gold"));
    /// assert_eq!(layer.clients().groups["vips"], "gold");
    /// assert!(layer.with_group("vips", None).clients().groups.is_empty());
    /// ```
    #[must_use]
    pub fn with_group(self, name: &str, tier: Option<&str>) -> Self {
        let (before, after) = (self.tiers.groups.get(name).cloned(), tier.map(str::to_owned));
        self.counting(before, after.clone()).changed(|clients| clients.groups.set(name.to_owned(), after))
    }

    /// The same with an API key, or without it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::Layer;
    /// use timebudget::{ApiKey, KeyDigest};
    /// let acme = ApiKey { name: "Acme".into(), tier: None, user: Some("acme".into()) };
    /// let layer = Layer::new("database").with_api_key(KeyDigest::from_key(b"s3cret"), Some(acme));
    /// assert_eq!(layer.clients().api_keys[&KeyDigest::from_key(b"s3cret")].name, "Acme");
    /// ```
    #[must_use]
    pub fn with_api_key(self, digest: KeyDigest, key: Option<ApiKey>) -> Self {
        let before = self.tiers.api_keys.get(&digest).and_then(|key| key.tier.clone());
        let after = key.as_ref().and_then(|key| key.tier.clone());
        self.counting(before, after).changed(|clients| clients.api_keys.set(digest, key))
    }

    /// The same with a tier of that name, or without it.
    #[must_use]
    pub fn with_tier(self, name: &str, tier: Option<Tier>) -> Self {
        self.changed(|clients| clients.set_tier(name, tier))
    }

    /// The same with these overrides of a user, in the place of those that the user has; none take them all away. Of two for
    /// one rule that hold at one time, the first counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::Layer;
    /// use timebudget::{Limit, Override, Period, Term};
    /// let limits = Limit::requests(500).per(Period::HOUR).into();
    /// let raise = Override { user: "alice".into(), rule: None, limits, term: Term::default(), reason: None };
    /// let layer = Layer::new("database").with_overrides_of("alice", [raise]);
    /// assert_eq!(layer.clients().overrides().count(), 1);
    /// assert_eq!(layer.with_overrides_of("alice", []).clients().overrides().count(), 0);
    /// ```
    #[must_use]
    pub fn with_overrides_of(self, user: &str, overrides: impl IntoIterator<Item = Override>) -> Self {
        self.changed(|clients| clients.overrides.set(user, overrides))
    }

    fn changed(self, change: impl FnOnce(&mut Tiers)) -> Self {
        let mut clients = (*self.tiers).clone();
        change(&mut clients);
        self.of(clients)
    }

    fn of(self, clients: Tiers) -> Self {
        Self { tiers: SharedTiers::of_layer(clients), unknown: Arc::default(), ..self }
    }

    /// The same where one client less is in a tier, and one more in another.
    fn counting(mut self, before: Option<String>, after: Option<String>) -> Self {
        if before != after {
            let named = Arc::make_mut(&mut self.named);
            if let Some(before) = before
                && let Some(count) = named.get_mut(&before)
            {
                *count -= 1;
                if *count == 0 {
                    named.remove(&before);
                }
            }
            if let Some(after) = after {
                *named.entry(after).or_default() += 1;
            }
        }
        self
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
        let site = site_name(site);
        let mut own = self.of_sites.get(&site).cloned().unwrap_or_default();
        own.set(hosts, Some(rulesets.into_iter().collect()));
        self.of_sites.insert_mut(site, own);
        self
    }

    /// The same with a site's hosts under the rules for all sites again.
    #[must_use]
    pub fn without_rules_of(mut self, site: &str, hosts: Hosts) -> Self {
        let site = site_name(site);
        if let Some(mut own) = self.of_sites.get(&site).cloned() {
            own.set(hosts, None);
            match own == Assigned::default() {
                true => drop(self.of_sites.remove_mut(&site)),
                false => self.of_sites.insert_mut(site, own),
            }
        }
        self
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, to keep.
    pub(crate) const fn shared_name(&self) -> &Arc<str> {
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

    /// How many rules it has for a site, those for unpublished hosts included.
    pub(crate) fn rules_of(&self, site: &str) -> usize {
        let (published, unpublished) = self.assigned(site);
        let others = unpublished.iter().filter(|set| !published.contains(set));
        published.iter().chain(others).map(|set| set.rules().len()).sum()
    }

    /// Whether another layer of the same name has the same rules for a site.
    pub(crate) fn has_same_rules_for(&self, site: &str, other: &Self) -> bool {
        let is_same = |(one, two): (&Ruleset, &Ruleset)| one.identity() == two.identity();
        let are_same =
            |one: &[Ruleset], two: &[Ruleset]| one.len() == two.len() && one.iter().zip(two).all(is_same);
        let ((own, previews), (others, other_previews)) = (self.assigned(site), other.assigned(site));
        self.name == other.name && are_same(own, others) && are_same(previews, other_previews)
    }

    /// Whether another layer is a clone of this one, or says the very same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.tiers.is(&other.tiers) && self.has_same_rules(other)
    }

    /// Whether another layer of the same name has the same rules for all sites.
    pub(crate) fn has_same_rules(&self, other: &Self) -> bool {
        self.name == other.name && self.of_all == other.of_all && self.of_sites == other.of_sites
    }

    /// Whether every site that another layer's clients fit is fitted by this one's, too: they name no tier that the others did
    /// not and that is not here, and whatever a site could name is still there.
    pub(crate) fn has_clients_as(&self, other: &Self) -> bool {
        let (own, others) = (&self.tiers, &other.tiers);
        if own.is(others) {
            return true;
        }
        let is_known = |tier: &String| own.position(tier).is_some() || other.named.contains_key(tier);
        own.tables() == others.tables()
            && others.tiers().iter().all(|tier| own.position(&tier.name).is_some())
            && self.named.keys().all(is_known)
    }

    /// Whether its clients are in tiers that are none of these.
    pub(crate) fn names_others_than(&self, tiers: &Tiers) -> bool {
        self.named.keys().any(|name| tiers.position(name).is_none())
    }

    /// The rulesets of a site, each for its hosts.
    pub(crate) fn narrowed_for(&self, site: &Site) -> Vec<Ruleset> {
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
