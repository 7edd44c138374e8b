//! Tiers that many sites share.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::model::rule::tiers::Tiers;

/// Tiers that sites share: a clone costs nothing, however many users there are.
///
/// # Examples
///
/// ```
/// use timebudget::{SharedTiers, Tier, Tiers};
/// let plans = SharedTiers::from(Tiers::new([Tier::new("gold")], []));
/// assert_eq!(plans.tiers()[0].name, "gold");
/// assert_eq!(plans, plans.clone());
/// ```
#[derive(Clone, Default)]
pub struct SharedTiers {
    tiers: Arc<Tiers>,
    made: Made,
}

/// How they were made: two of what many sites share are not worth a comparison.
#[derive(Clone, Default)]
enum Made {
    #[default]
    Alone,
    /// By a layer.
    OfLayer,
    /// Of a site's own, above those of a layer.
    Together { own: Arc<Tiers>, layer: Arc<Tiers> },
}

impl SharedTiers {
    /// What a layer says: equal to its clones alone.
    pub(crate) fn of_layer(tiers: Tiers) -> Self {
        Self { tiers: Arc::new(tiers), made: Made::OfLayer }
    }

    /// What these and a layer's below them say together, unless others are that already.
    pub(crate) fn over(&self, layer: &Self, others: &Self) -> Option<Self> {
        if self.is_empty() || layer.is_empty() {
            let one = if self.is_empty() { layer } else { self };
            return (!others.is(one)).then(|| one.clone());
        }
        let is_made_of_them = matches!(&others.made, Made::Together { own, layer: other }
            if Arc::ptr_eq(own, &self.tiers) && Arc::ptr_eq(other, &layer.tiers));
        (!is_made_of_them).then(|| {
            let made = Made::Together { own: Arc::clone(&self.tiers), layer: Arc::clone(&layer.tiers) };
            Self { tiers: Arc::new(self.tiers.over(&layer.tiers)), made }
        })
    }

    /// Whether they are one and not only equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tiers, &other.tiers)
    }
}

impl Deref for SharedTiers {
    type Target = Tiers;

    fn deref(&self) -> &Tiers {
        &self.tiers
    }
}

impl From<Tiers> for SharedTiers {
    fn from(tiers: Tiers) -> Self {
        Self { tiers: Arc::new(tiers), made: Made::Alone }
    }
}

impl PartialEq for SharedTiers {
    fn eq(&self, other: &Self) -> bool {
        if self.is(other) || (self.is_empty() && other.is_empty()) {
            return true;
        }
        match (&self.made, &other.made) {
            (Made::Alone, Made::Alone) => self.tiers == other.tiers,
            (Made::Together { own, layer }, Made::Together { own: others, layer: other }) => {
                Arc::ptr_eq(layer, other) && own == others
            }
            _ => false,
        }
    }
}

impl fmt::Debug for SharedTiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tiers.fmt(f)
    }
}
