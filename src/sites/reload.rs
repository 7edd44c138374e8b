//! Reloading: new rules for sites in force, or the old ones if the new are wrong; and what code says beside the files.
//!
//! What code says of all sites is joined with what is read each time, so that a reload cannot lose it. Where a site's files say the
//! same thing, they are right: what is in them is seen by those who look after the site.
//!
//! A reload that fails changes nothing. It is logged once, with every mistake, and not again until the files say something else.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{io, thread};

use parking_lot::Mutex;

use crate::config::{
    Configuration, Drafted, Errors, Files, Layer, Loaded, Origin, Problem, Taken, WrongSite,
};
use crate::model::Rule;
use crate::sites::Sites;
use crate::sites::code::{Code, said_of};
use crate::sites::in_force::{RuleOrigin, SiteInForce};
use crate::sites::retired::retire;
use crate::sites::watch::{Cause, Watcher, next};
use crate::store::StoreUri;

/// What keeps the rules in force like those of their files, and joins them with those of code.
///
/// Made by [`BudgetBuilder::build`](crate::BudgetBuilder::build), where there are files or a
/// [layer](crate::BudgetBuilder::layer).
#[derive(Debug)]
pub struct Reloader {
    sites: Arc<Sites>,
    code: Code,
    /// What the files are called in the log.
    name: String,
    /// Where accounts are kept until the process ends.
    store: StoreUri,
    read: Mutex<Read>,
    done: AtomicU64,
    failed: AtomicU64,
}

/// How often files were read again, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloads {
    /// What they said was put in force.
    pub done: u64,
    /// They were wrong, and the rules in force stayed. The same mistakes count once, unless somebody asks for a reload.
    pub failed: u64,
}

#[derive(Debug)]
struct Read {
    files: Files,
    /// What the files said when they were last right.
    in_force: Arc<Configuration>,
    /// Whether other clients have been taken since, which it is to be asked for first.
    is_stale: bool,
    /// What was made of the last layer that was checked: mostly it is put in force next.
    drafted: Option<Drafted>,
    /// What is wrong with them now. Together with what is in force it is what they said last, so that a change elsewhere in
    /// their directories is no news.
    errors: Option<Errors>,
    /// The sites that are known to be wrong, so that each mistake is told once.
    wrong: Vec<WrongSite>,
}

impl Reloader {
    /// For files of which `read` is in force; what is suspect or wrong with them is logged.
    pub(crate) fn new(sites: Arc<Sites>, code: Code, files: Files, read: Configuration) -> Self {
        tell(&read, None);
        let (name, store, wrong) = (files.to_string(), read.store.clone(), read.loaded.wrong.clone());
        let read =
            Read { files, in_force: Arc::new(read), is_stale: false, drafted: None, errors: None, wrong };
        let (done, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { sites, code, name, store, read: Mutex::new(read), done, failed }
    }

    /// Reads the files, and puts in force what they say now.
    ///
    /// # Errors
    ///
    /// All that is wrong with them; the rules in force stay then, and the log says so. A mistake in one site's own file of
    /// several is that site's, and no error.
    pub fn reload(&self) -> Result<(), Errors> {
        self.read(Cause::Asked)
    }

    /// Does so if they have changed.
    ///
    /// # Errors
    ///
    /// As [`reload`](Self::reload), as often as it is asked; the log says it once.
    pub fn look(&self) -> Result<(), Errors> {
        self.read(Cause::Changed)
    }

    /// Replaces what is said in another place than the files, and puts it in force with them. The files are not looked at.
    ///
    /// Where it differs in no more than tiers and who is in them, nothing else is touched: it costs little, however many users and
    /// sites there are.
    ///
    /// # Errors
    ///
    /// As [`reload`](Self::reload). What does not fit a site is that site's mistake: [`check`](Self::check) before.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// use timebudget::config::{Layer, Ruleset};
    ///
    /// let budget = TimeBudget::builder().site_text(r#"{ "rate_limit": "600s per hour" }"#).build()?;
    /// let reloader = budget.reloader().expect("there is a file");
    ///
    /// let plans = Ruleset::parse("ruleset plans", r#"[{ "name": "export", "limits": "60s per hour" }]"#)?;
    /// let layer = Layer::new("database").with_rules([plans]);
    /// reloader.check(&layer)?;
    /// reloader.set_layer(layer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_layer(&self, layer: Layer) -> Result<(), Errors> {
        let mut guard = self.read.lock();
        let read = &mut *guard;
        let drafted = read.drafted.take();
        match read.files.take_layer(layer, drafted) {
            Taken::Clients(unmet) => {
                let known = &read.in_force.unmet;
                unmet.iter().filter(|one| !known.contains(one)).for_each(|unmet| log::error!("{unmet}"));
                read.is_stale = true;
                let (of_sites, fallback) = read.files.tiers();
                self.sites.set_tiers(of_sites, fallback);
                self.done.fetch_add(1, Relaxed);
                log::debug!("{}: another layer's clients are in force", self.name);
                Ok(())
            }
            Taken::Whole(now, before) => {
                let taken = self.take(read, now.map(|now| *now), Cause::Changed, true);
                retire(Arc::from(before as Box<dyn Any + Send + Sync>));
                taken
            }
        }
    }

    /// Whether a layer could be put in force, with the files as they were looked at last.
    ///
    /// What is made of it is kept until another one is asked for, so that [`set_layer`](Self::set_layer) need not make it again.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// use timebudget::config::{Layer, Ruleset};
    ///
    /// let budget = TimeBudget::builder().site_text(r#"{ "rate_limit": "600s per hour" }"#).build()?;
    /// let reloader = budget.reloader().expect("there is a file");
    /// let by_user = r#"[{ "name": "each", "key": "user", "limits": "9 per day" }]"#;
    /// let layer = Layer::new("database").with_rules([Ruleset::parse("ruleset plans", by_user)?]);
    /// let errors = reloader.check(&layer).unwrap_err().to_string();
    /// assert!(errors.starts_with("ruleset plans: rules[0]: \"each\": nobody tells who clients are"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// All that it would make wrong, as [`draft`](Self::draft) says.
    pub fn check(&self, layer: &Layer) -> Result<(), Errors> {
        let mut read = self.read.lock();
        read.drafted = None;
        read.drafted = read.files.check(layer)?;
        Ok(())
    }

    /// The configuration as it would be with another layer; see [`Files::draft`].
    ///
    /// # Errors
    ///
    /// All that the layer would make wrong.
    pub fn draft(&self, layer: Layer) -> Result<Configuration, Errors> {
        self.read.lock().files.draft(layer)
    }

    /// The directories in which a change can change what is read, for those who are told of changes.
    pub fn directories(&self) -> BTreeSet<PathBuf> {
        self.read.lock().files.directories()
    }

    /// What could be read but may not be meant.
    pub fn warnings(&self) -> Vec<Problem> {
        self.in_force().loaded.warnings.clone()
    }

    /// What the files and the layer said when they were last right as a whole: the configuration in force, without the rules
    /// of code. Which sites are wrong by themselves is in it.
    pub fn in_force(&self) -> Arc<Configuration> {
        let mut read = self.read.lock();
        read.refresh();
        Arc::clone(&read.in_force)
    }

    /// What is wrong with the files since, so that what is in force is not what they say; `None` if nothing is.
    pub fn errors(&self) -> Option<Errors> {
        self.read.lock().errors.clone()
    }

    /// How often the files were read again since it was made, and what came of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    ///
    /// let budget = TimeBudget::builder().site_text(r#"{ "rate_limit": "600s per hour" }"#).build()?;
    /// let reloader = budget.reloader().expect("there is a file");
    /// reloader.reload()?;
    /// assert_eq!((reloader.reloads().done, reloader.reloads().failed), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reloads(&self) -> Reloads {
        Reloads { done: self.done.load(Relaxed), failed: self.failed.load(Relaxed) }
    }

    /// The names of the sites in force, sorted; `*` are hosts that have none of their own.
    pub fn site_names(&self) -> Vec<String> {
        let read = self.in_force();
        let names = read.sites.iter().map(|(name, _)| name.clone());
        names.collect()
    }

    /// A site in force: its rules and where each comes from, what is shadowed, and whether its file is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// use timebudget::config::{Layer, Ruleset};
    ///
    /// let plans = r#"[{ "name": "export", "limits": "60s per hour" }, { "name": "login", "limits": "9 per day" }]"#;
    /// let budget = TimeBudget::builder()
    ///     .site_text(r#"{ "rate_limit": "600s per hour" }"#)
    ///     .rule(TimeBudget::rule("login", "10 per hour").path("/login"))
    ///     .layer(Layer::new("database").with_rules([Ruleset::parse("ruleset plans", plans)?]))
    ///     .build()?;
    /// let reloader = budget.reloader().expect("there are a file and a layer");
    /// let site = reloader.site("*").expect("a file alone is that site");
    /// let from: Vec<_> = site.origins.iter().map(|rule| format!("{} of {rule}", rule.rule)).collect();
    /// assert_eq!(from, ["site of site_config.json", "export of ruleset plans", "login of code"]);
    /// assert_eq!(site.shadowed[0].by.to_string(), "code");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn site(&self, name: &str) -> Option<SiteInForce> {
        let read = self.in_force();
        let of_files = read.loaded.site(name)?;
        let said = said_of(&read, name);
        let mut site = self.code.of_file(of_files, said);
        if let Some(name) = self.code.name.as_ref().filter(|_| read.loaded.sites.is_empty()) {
            site.name.clone_from(name);
        }
        let origin = |(at, rule): (usize, &Rule)| {
            let (origin, key) = match at < of_files.rules.len() {
                true => read.origin_of(name, &rule.name),
                false => (Origin::Code, None),
            };
            RuleOrigin { rule: rule.name.clone(), origin, key }
        };
        let origins = site.rules.iter().enumerate().map(origin).collect();
        let shadowed = read.shadowed_of(name).cloned().collect();
        let wrong = self.sites.wrong().into_iter().find(|wrong| wrong.site == name);
        Some(SiteInForce { site, origins, shadowed, wrong })
    }

    /// A configuration, such as a [draft](Self::draft), with what code says: as it would be in force.
    pub fn with_code(&self, read: &Configuration) -> Loaded {
        self.code.of_files(read)
    }

    /// Keeps looking on a thread of its own: every so often, where `every` says how often, and whenever the watcher is told
    /// to. The thread ends when the last clone of the watcher is dropped.
    ///
    /// `before` is called before each look, for those who are told of changes in directories: what changes between the
    /// call and the look is seen by the look.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub fn watch(
        self: &Arc<Self>,
        every: Option<Duration>,
        before: impl FnMut() + Send + 'static,
    ) -> io::Result<Watcher> {
        let (asking, causes) = mpsc::channel();
        let reloader = Arc::clone(self);
        let run = move || reloader.run(&causes, every, before);
        thread::Builder::new().name("timebudget-watch".to_owned()).spawn(run)?;
        Ok(Watcher(asking))
    }

    fn run(&self, causes: &Receiver<Cause>, every: Option<Duration>, mut before: impl FnMut()) {
        while let Some(cause) = next(causes, every) {
            before();
            // The log has told it.
            let _ = self.read(cause);
        }
    }

    fn read(&self, cause: Cause) -> Result<(), Errors> {
        let mut read = self.read.lock();
        read.refresh();
        let (is_asked, now) = (cause == Cause::Asked, read.files.read());
        let is_other =
            is_asked || read.errors.is_some() || now.as_ref().is_ok_and(|now| now != &*read.in_force);
        self.take(&mut read, now, cause, is_other)
    }

    fn take(
        &self,
        read: &mut Read,
        now: Result<Configuration, Errors>,
        cause: Cause,
        is_other: bool,
    ) -> Result<(), Errors> {
        match now {
            Ok(now) => {
                if is_other {
                    self.put_in_force(&now, &mut read.wrong, cause);
                    let before = std::mem::replace(&mut read.in_force, Arc::new(now));
                    retire(before);
                    read.errors = None;
                    read.is_stale = false;
                }
                Ok(())
            }
            Err(errors) => {
                if cause == Cause::Asked || read.errors.as_ref() != Some(&errors) {
                    self.refuse(&errors);
                    read.errors = Some(errors.clone());
                }
                Err(errors)
            }
        }
    }

    fn put_in_force(&self, now: &Configuration, wrong: &mut Vec<WrongSite>, cause: Cause) {
        // Who asks is told everything once more.
        tell(now, Some(&*wrong).filter(|_| cause == Cause::Changed));
        tell_of_healed(wrong, &now.loaded);
        wrong.clone_from(&now.loaded.wrong);
        if now.store != self.store {
            log::warn!(
                "rate_limit_store: another store; accounts stay in {} until the next start",
                self.store.discreet()
            );
        }
        self.sites.replace(self.code.of_files(now));
        self.done.fetch_add(1, Relaxed);
        log::info!("{}: reloaded", self.name);
    }

    fn refuse(&self, errors: &Errors) {
        self.failed.fetch_add(1, Relaxed);
        for problem in errors.problems() {
            log::error!("{problem}");
        }
        log::error!("{}: not reloaded; the rules in force stay", self.name);
    }
}

impl Read {
    /// Brings the configuration up to date, if it is of clients before others.
    fn refresh(&mut self) {
        if self.is_stale {
            self.files.refresh(Arc::make_mut(&mut self.in_force));
            self.is_stale = false;
        }
    }
}

/// Logs what may not be meant, and what is wrong with single sites, unless that is known.
fn tell(read: &Configuration, known: Option<&Vec<WrongSite>>) {
    for warning in &read.loaded.warnings {
        log::warn!("{warning}");
    }
    for wrong in &read.loaded.wrong {
        if known.is_none_or(|known| !known.contains(wrong)) {
            wrong.errors.problems().iter().for_each(|problem| log::error!("{problem}"));
            log::error!("{}: its file is wrong; {}", wrong.site, wrong.meanwhile);
        }
    }
    for unmet in &read.unmet {
        log::error!("{unmet}");
    }
}

fn tell_of_healed(wrong: &[WrongSite], loaded: &Loaded) {
    let is_right = |name: &str| {
        let is_there = loaded.sites.iter().any(|(other, _)| other == name);
        is_there && loaded.wrong.iter().all(|wrong| wrong.site != name)
    };
    for healed in wrong.iter().filter(|wrong| is_right(&wrong.site)) {
        log::info!("{}: right again; its rules are in force", healed.site);
    }
}
