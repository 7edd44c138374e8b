//! A site of files with what a layer adds to it, and what the files shadow of that.

use std::fmt;
use std::sync::Arc;

use crate::config::Options;
use crate::config::keys::{Origin, Origins};
use crate::config::layer::Layer;
use crate::model::{About, Host, Override, Rule, SharedTiers, Site, Tiers, quoted};

/// A site of files with what a layer adds to it.
#[derive(Clone, Debug)]
pub(crate) struct Layered {
    /// Of tiers, others may hold: see [`refresh`](Self::refresh).
    pub(crate) site: Arc<Site>,
    /// What holds of clients.
    tiers: SharedTiers,
    /// What its files, or code, say of clients.
    own: SharedTiers,
    /// The files that this stands in.
    origins: Arc<Origins>,
    /// Whether it has the layer's clients, too: not where nobody tells who clients are.
    pub(crate) has_clients_of_layer: bool,
    /// Where the layer's rules stand, which come last: the name of the ruleset, and the position in it.
    rules: Vec<(Arc<str>, usize)>,
    /// Those of rules first.
    pub(crate) shadowed: Vec<Shadowed>,
}

impl Layered {
    /// A site of files with what a layer adds to it; the files' keys stand in `origins`.
    pub(crate) fn new(site: Site, origins: Arc<Origins>, options: &Options) -> Self {
        let (mut layered, layer) = (Self::of_files(site, origins), &options.layer);
        layered.add_rules(layer, &options.rules_in_code);
        layered.has_clients_of_layer = layered.is_told(layer, options.identity_in_code);
        layered.set_clients(layer);
        layered.refresh();
        layered
    }

    /// A site of files without a layer.
    pub(crate) fn of_files(site: Site, origins: Arc<Origins>) -> Self {
        Self { origins, ..Self::from(site) }
    }

    /// The same with what another layer adds: what the files say, `hosts` among it, stays as it is.
    pub(crate) fn under(&self, hosts: Vec<Host>, options: &Options) -> Self {
        let own = self.rules().0;
        let mut rules = Vec::with_capacity(own.len() + options.layer.rules_of(&self.site.name));
        rules.extend_from_slice(own);
        let site = self.site.with_rules(rules);
        let site = Site { hosts, tiers: self.own.clone(), ..site };
        Self::new(site, Arc::clone(&self.origins), options)
    }

    fn add_rules(&mut self, layer: &Layer, rules_in_code: &[String]) {
        for ruleset in &layer.narrowed_for(&self.site) {
            for (at, rule) in ruleset.rules().iter().enumerate() {
                if self.rules().0.iter().any(|own| own.name == rule.name) {
                    self.shadow("rules", &rule.name, ruleset.file(), file_of("rules", &self.origins));
                } else if rules_in_code.contains(&rule.name) {
                    self.shadow("rules", &rule.name, ruleset.file(), Origin::Code);
                } else {
                    Arc::make_mut(&mut self.site).rules.push(rule.clone());
                    self.rules.push((Arc::clone(ruleset.file()), at));
                }
            }
        }
    }

    /// Whether somebody tells who clients are.
    fn is_told(&self, layer: &Layer, identity_in_code: bool) -> bool {
        let has_keys = !self.own.api_keys.is_empty() || !layer.tiers.api_keys.is_empty();
        identity_in_code || has_keys || self.site.clients.identity.is_some()
    }

    /// Puts what a layer says of clients in the place of what one before it said.
    ///
    /// It costs what the site's own clients do, however many the layer has: a site without any shares the layer's.
    pub(crate) fn set_clients(&mut self, layer: &Layer) {
        if !self.has_clients_of_layer {
            return;
        }
        let Some(tiers) = self.own.over(&layer.tiers, &self.tiers) else { return };
        self.tiers = tiers;
        if self.own.is_empty() {
            return;
        }
        self.shadowed.retain(|shadowed| shadowed.key == "rules");
        for (key, name) in names_in_both(&layer.tiers, &self.own) {
            let by = file_of(key, &self.origins);
            self.shadow(key, &name, layer.shared_name(), by);
        }
    }

    fn shadow(&mut self, key: &'static str, name: &str, origin: &Arc<str>, by: Origin) {
        let (site, origin) = (self.site.name.clone(), Origin::Layer(Arc::clone(origin)));
        self.shadowed.push(Shadowed { site, key, name: name.to_owned(), origin, by });
    }

    /// The files that its keys stand in.
    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }

    /// What holds of clients.
    pub(crate) const fn tiers(&self) -> &SharedTiers {
        &self.tiers
    }

    /// Puts the tiers that hold into the site.
    pub(crate) fn refresh(&mut self) {
        if !self.site.tiers.is(&self.tiers) {
            Arc::make_mut(&mut self.site).tiers = self.tiers.clone();
        }
    }

    /// What its files, or code, say of clients.
    pub(crate) fn own_clients(&self) -> &Tiers {
        &self.own
    }

    /// The rules of the files, and those of the layer.
    pub(crate) fn rules(&self) -> (&[Rule], &[Rule]) {
        self.site.rules.split_at(self.site.rules.len() - self.rules.len())
    }

    /// What messages call the ruleset of the layer that says it, and where it stands there, if it is one that does.
    pub(crate) fn in_ruleset<'a>(&self, about: About<'a>) -> Option<(Arc<str>, About<'a>)> {
        let of_ruleset = |at: usize| self.rules.get(at.checked_sub(self.rules().0.len())?);
        match about {
            About::Rule(at) => of_ruleset(at).map(|(set, at)| (Arc::clone(set), About::Rule(*at))),
            About::When(at) => of_ruleset(at).map(|(set, at)| (Arc::clone(set), About::When(*at))),
            _ => None,
        }
    }
}

impl From<Site> for Layered {
    /// A site without a layer.
    fn from(site: Site) -> Self {
        let (own, tiers) = (site.tiers.clone(), site.tiers.clone());
        let (origins, has_clients_of_layer, rules, shadowed) = Default::default();
        Self { site: Arc::new(site), tiers, own, origins, has_clients_of_layer, rules, shadowed }
    }
}

/// What a layer says of clients and a site's files say, too; looked for by the files', which are few.
fn names_in_both(layer: &Tiers, files: &Tiers) -> Vec<(&'static str, String)> {
    let tiers = files.tiers().iter().map(|tier| &tier.name).filter(|name| layer.position(name).is_some());
    let groups = files.groups.keys().filter(|name| layer.groups.contains_key(*name));
    let users = files.users.keys().filter(|name| layer.users.contains_key(*name));
    let keys = files.api_keys.keys().filter_map(|digest| layer.api_keys.get(digest)).map(|key| &key.name);
    let mut names: Vec<_> = tiers
        .map(|name| ("tiers", name.clone()))
        .chain(groups.map(|name| ("groups", name.clone())))
        .chain(users.map(|name| ("users", name.clone())))
        .chain(overridden(layer, files).into_iter().map(|over| ("overrides", over.user.clone())))
        .chain(keys.map(|name| ("api_keys", name.clone())))
        .collect();
    names.sort_unstable();
    names
}

/// The overrides of a layer that meet one of the files', each once.
fn overridden<'a>(layer: &'a Tiers, files: &Tiers) -> Vec<&'a Override> {
    let mut met: Vec<(usize, &Override)> = Vec::new();
    for over in files.overrides() {
        met.extend(layer.overrides.of(&over.user).filter(|(_, other)| other.meets(over)));
    }
    met.sort_unstable_by_key(|(at, _)| *at);
    met.dedup_by_key(|(at, _)| *at);
    met.into_iter().map(|(_, over)| over).collect()
}

/// The file that a key stands in; what stands in none stands in code.
fn file_of(key: &str, origins: &Origins) -> Origin {
    origins.get(&*format!("rate_limit_{key}")).map_or(Origin::Code, |file| Origin::File(Arc::clone(file)))
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
