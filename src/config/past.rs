//! What was in force before: what a site falls back to, and what need not be made anew.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::configuration::Configuration;
use crate::config::disk::{OnDisk, ReadFile};
use crate::config::hosts::Claimed;
use crate::config::keys::Entries;
use crate::config::layer::Layer;
use crate::config::layered::Layered;
use crate::config::references::unmet_of_layer;
use crate::config::report::{Inspection, Problem};
use crate::config::{ANY_HOST, Options};
use crate::model::{Host, KnownRules, SharedTiers, Site};

/// A configuration, and what its files are remembered by.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) read: Configuration,
    pub(crate) past: Past,
}

/// What was in force before: what a site falls back to whose own file is wrong.
///
/// It is replaced only by a reading that is put in force, so a mistake in the common file, however often it is read, does not wear it
/// out.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    /// The sites by name, as they were when they were last right.
    pub(crate) sites: HashMap<String, LastRight>,
    /// The names of the sites that the hosts were given to, and what is said of those that were not.
    pub(crate) owners: Arc<HashMap<Host, String>>,
    pub(crate) unowned: Arc<[Problem]>,
    /// What was looked at.
    pub(crate) on_disk: Option<Arc<OnDisk>>,
    /// The site of hosts that have none.
    pub(crate) fallback: Layered,
    /// The rules of all sites.
    pub(crate) rules: KnownRules,
    /// Whether all was right, so that it is known of other clients whether they fit.
    pub(crate) is_right: bool,
    /// What files say of rules that no site has.
    pub(crate) unmet_of_files: Vec<Problem>,
    /// What lay below the files.
    pub(crate) layer: Arc<Layer>,
}

impl Default for Past {
    /// Nothing was in force.
    fn default() -> Self {
        let past = Self::of_one(Site::unlimited(ANY_HOST).into(), KnownRules::default(), &Arc::default());
        Self { is_right: false, ..past }
    }
}

impl Past {
    /// That of one site which answers for every host.
    pub(crate) fn of_one(fallback: Layered, rules: KnownRules, layer: &Arc<Layer>) -> Self {
        let (sites, owners, unowned, on_disk, unmet_of_files) = Default::default();
        let (layer, is_right) = (Arc::clone(layer), true);
        Self { sites, owners, unowned, on_disk, fallback, rules, is_right, unmet_of_files, layer }
    }

    /// What a layer's clients say of rules that no site has, where it differs in no more than clients from the one in force, and
    /// every site is right and stays so.
    ///
    /// `None` where more has to be looked at: another rule, a tier that is gone, a table that was empty, or a site that is wrong,
    /// which other clients could heal.
    pub(crate) fn unmet_by_clients(&self, layer: &Layer, options: &Options) -> Option<Vec<Problem>> {
        let is_known =
            self.is_right && layer.has_same_rules(&self.layer) && layer.has_clients_as(&self.layer);
        is_known.then(|| {
            let of_layer = unmet_of_layer(&self.rules, layer, options, &Inspection::default());
            self.unmet_of_files.iter().cloned().chain(of_layer).collect()
        })
    }

    /// Puts a layer's clients in the place of those of one before it that differs in nothing else.
    pub(crate) fn set_clients(&mut self, layer: &Arc<Layer>) {
        for last in self.sites.values_mut() {
            last.layered.set_clients(layer);
            if let Some(made_of) = &mut last.made_of {
                made_of.layer = Arc::clone(layer);
            }
        }
        self.fallback.set_clients(layer);
        self.layer = Arc::clone(layer);
    }

    /// Brings a configuration up to date that was made before clients were replaced.
    ///
    /// Sites are copied for it, so it is done when somebody asks for the configuration, and not with each change.
    pub(crate) fn refresh(&mut self, read: &mut Configuration) {
        let mut shadowed = Vec::new();
        for (name, site) in &mut read.loaded.sites {
            if let Some(last) = self.sites.get_mut(name) {
                last.layered.refresh();
                *site = Arc::clone(&last.layered.site);
                shadowed.extend_from_slice(&last.layered.shadowed);
            }
        }
        self.fallback.refresh();
        read.loaded.fallback.tiers = self.fallback.tiers().clone();
        shadowed.extend_from_slice(&self.fallback.shadowed);
        read.shadowed = shadowed;
    }

    /// The tiers that hold for each site, by its name; and for hosts that have none.
    pub(crate) fn tiers(&self) -> (impl Iterator<Item = (&str, &SharedTiers)>, &SharedTiers) {
        let of_sites = self.sites.iter().map(|(name, last)| (name.as_str(), last.layered.tiers()));
        (of_sites, self.fallback.tiers())
    }
}

/// A site as it was when it was last right.
#[derive(Clone, Debug)]
pub(crate) struct LastRight {
    pub(crate) layered: Layered,
    pub(crate) claims: Arc<[Claimed]>,
    pub(crate) entries: Entries,
    /// What was suspect about the site as the two files describe it together.
    pub(crate) warnings: Vec<Problem>,
    /// What it was made of, so that it need not be made anew while that is the same.
    pub(crate) made_of: Option<MadeOf>,
}

/// A site's own file, the common one below it, and the layer below both.
#[derive(Clone, Debug)]
pub(crate) struct MadeOf {
    pub(crate) own: Arc<ReadFile>,
    pub(crate) common: Option<Arc<ReadFile>>,
    pub(crate) layer: Arc<Layer>,
}

impl MadeOf {
    /// Whether its files are those of the other; one that is read again is another one.
    pub(crate) fn has_files_of(&self, other: &Self) -> bool {
        let is_same_common = match (&self.common, &other.common) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        is_same_common && Arc::ptr_eq(&self.own, &other.own)
    }

    /// Whether a site that is right under another layer is so under this one, which differs in no more than clients.
    pub(crate) fn has_layer_as(&self, before: &Arc<Layer>, name: &str) -> bool {
        let is_as = || self.layer.has_same_rules_for(name, before) && self.layer.has_clients_as(before);
        Arc::ptr_eq(&self.layer, before) || is_as()
    }
}

impl LastRight {
    /// The same, made of the same but for the layer's clients.
    pub(crate) fn made_of(&self, made_of: MadeOf) -> Self {
        let mut now = self.clone();
        now.layered.set_clients(&made_of.layer);
        now.layered.refresh();
        now.made_of = Some(made_of);
        now
    }
}
