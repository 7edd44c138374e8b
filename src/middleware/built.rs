//! Where a budget was built, and what is suspect about it.

use std::panic::Location;
use std::sync::Once;
use std::sync::atomic::AtomicBool;

use crate::middleware::TimeBudget;
use crate::model::wording::EXEMPTS_ALL;
use crate::model::{Finding, Mistake, Site, is_certain};

/// Where a budget was built, and what was suspect about it then.
#[derive(Debug)]
pub(super) struct Built {
    /// The line that built it.
    pub(super) at: &'static Location<'static>,
    /// The thread that built it.
    pub(super) by: Thread,
    /// What only the builder saw.
    warnings: Vec<Finding>,
    /// Whether its rules were loaded from files, whose warnings the loader has told.
    is_loaded: bool,
    told: Once,
    /// Whether it was seen to charge a request twice.
    pub(super) is_doubled: AtomicBool,
}

/// A thread, by the address of what each has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thread(usize);

impl Thread {
    pub(super) fn current() -> Self {
        thread_local!(static OWN: u8 = const { 0 });
        Self(OWN.with(|own| std::ptr::from_ref(own).addr()))
    }
}

impl Built {
    /// A budget of code.
    pub(super) fn by_code(at: &'static Location<'static>, warnings: Vec<Finding>) -> Self {
        Self {
            at,
            by: Thread::current(),
            warnings,
            is_loaded: false,
            told: Once::new(),
            is_doubled: AtomicBool::new(false),
        }
    }

    /// A budget of files.
    pub(super) fn by_files(at: &'static Location<'static>) -> Self {
        Self { is_loaded: true, ..Self::by_code(at, Vec::new()) }
    }
}

impl TimeBudget {
    /// What can be built but may not be meant: rules that never apply, keys that clients can change at will, costs that
    /// no limit counts, rules that ask who clients are where nobody tells it.
    ///
    /// They are the words that [a site file's loader](crate::config::Loaded::warnings) has for them. A budget that is
    /// wrapped around something logs them once.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// use timebudget::Identity;
    /// use timebudget::Component;
    ///
    /// let budget = TimeBudget::rule("each", "5 per minute").key(Component::User).build()?;
    /// let warning = budget.warnings()[0].to_string();
    /// assert!(warning.starts_with("the rule each: nobody tells who clients are; expected identify"), "{warning}");
    /// assert!(budget.identify(|_| Some(Identity::new("alice"))).warnings().is_empty());
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn warnings(&self) -> Vec<Finding> {
        let sites = self.sites.table();
        let of_sites = sites.limiters().flat_map(|limiter| limiter.site().check(self.tells_who()));
        let exempts_all = self.hooks.except.iter().any(is_certain).then(|| Mistake::suspect(EXEMPTS_ALL));
        let own = self.built.warnings.iter().cloned();
        own.chain(of_sites).chain(exempts_all.map(Finding::of_site)).collect()
    }

    /// Logs them, once for all clones of a budget.
    pub(super) fn log_warnings(&self) {
        self.built.told.call_once(|| {
            let warnings = if self.built.is_loaded { self.untold() } else { self.warnings() };
            for warning in warnings {
                log::warn!("{warning} (the budget that is built at {})", self.built.at);
            }
        });
    }

    /// What the rules of files need to know of clients, where code has promised the loader to tell it.
    fn untold(&self) -> Vec<Finding> {
        let sites = self.sites.table();
        let needs = |site: &Site| site.check_needs(self.tells_who());
        sites.limiters().flat_map(|limiter| needs(limiter.site())).collect()
    }

    fn tells_who(&self) -> bool {
        self.hooks.identity.is_some()
    }
}
