//! Reloading: new rules for sites in force, or the old ones if the new are wrong; and what code says beside the files.
//!
//! What code says of all sites is joined with what is read each time, so that a reload cannot lose it. Where a site's files say the
//! same thing, they are right: what is in them is seen by those who look after the site.
//!
//! A reload that fails changes nothing. It is logged once, with every mistake, and not again until the files say something else.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;
use std::{io, thread};

use parking_lot::Mutex;

use crate::config::{
    Configuration, Entry, Errors, Files, Layer, Loaded, Origin, Problem, Shadowed, WrongSite,
};
use crate::model::{Condition, HeaderPolicy, Paths, Proxy, Rule, Site, Zone};
use crate::sites::{Sites, Wrong};
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

/// A site in force, as those see it who look after it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SiteInForce {
    /// The site, its name, zone, hosts and rules, and all that code says of it.
    pub site: Site,
    /// Where each of its rules comes from, in their order.
    pub origins: Vec<RuleOrigin>,
    /// What a layer says of it and code or a file says, too, so that the layer's is without effect.
    pub shadowed: Vec<Shadowed>,
    /// That its own file is wrong, since when, and what becomes of its requests.
    pub wrong: Option<Wrong>,
}

/// Where a rule in force comes from.
///
/// Displays as the file, the ruleset, or `code`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleOrigin {
    /// The rule's name.
    pub rule: String,
    /// Who said it: a file, the environment, a ruleset of a layer by its name, or code.
    pub origin: Origin,
    /// The key that it stands in, where that is one: `rate_limit_rules`, or `rate_limit`.
    pub key: Option<&'static str>,
}

impl fmt::Display for RuleOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)
    }
}

#[derive(Debug)]
struct Read {
    files: Files,
    /// What the files said when they were last right.
    in_force: Arc<Configuration>,
    /// What is wrong with them now. Together with what is in force it is what they said last, so that a change elsewhere in
    /// their directories is no news.
    errors: Option<Errors>,
    /// The sites that are known to be wrong, so that each mistake is told once.
    wrong: Vec<WrongSite>,
}

/// Why files are to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Somebody asked for it, and wants an answer in any case.
    Asked,
    /// They may have changed.
    Changed,
}

impl Reloader {
    /// For files of which `read` is in force; what is suspect or wrong with them is logged.
    pub(crate) fn new(sites: Arc<Sites>, code: Code, files: Files, read: Configuration) -> Self {
        tell(&read, None);
        let (name, store, wrong) = (files.to_string(), read.store.clone(), read.loaded.wrong.clone());
        let read = Read { files, in_force: Arc::new(read), errors: None, wrong };
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

    /// Replaces what is said in another place than the files, and puts it in force with them.
    ///
    /// # Errors
    ///
    /// As [`reload`](Self::reload). What does not fit a site is that site's mistake: ask
    /// [`draft`](Self::draft) before.
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
    /// assert!(reloader.draft(layer.clone()).is_ok());
    /// reloader.set_layer(layer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_layer(&self, layer: Layer) -> Result<(), Errors> {
        self.read.lock().files.set_layer(layer);
        self.read(Cause::Changed)
    }

    /// The configuration as it would be with another layer; see [`Files::draft`].
    ///
    /// # Errors
    ///
    /// All that the layer would make wrong.
    pub fn draft(&self, layer: Layer) -> Result<Configuration, Errors> {
        let files = self.read.lock().files.clone();
        files.draft(layer)
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
        Arc::clone(&self.read.lock().in_force)
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

    /// A configuration with what code says.
    pub(crate) fn with_code(&self, read: &Configuration) -> Loaded {
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
        let (is_asked, now) = (cause == Cause::Asked, read.files.read());
        match now {
            Ok(now) => {
                if is_asked || read.errors.is_some() || now != *read.in_force {
                    self.put_in_force(&now, &mut read.wrong, cause);
                    read.in_force = Arc::new(now);
                    read.errors = None;
                }
                Ok(())
            }
            Err(errors) => {
                if is_asked || read.errors.as_ref() != Some(&errors) {
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

/// What tells the thread of a [`Reloader`] to look at the files. The thread ends with the last clone of it.
#[derive(Clone, Debug)]
pub struct Watcher(Sender<Cause>);

impl Watcher {
    /// Has the files looked at once they have been left alone for a tenth of a second.
    pub fn look(&self) {
        // Without a thread to hear it, there is nothing to keep.
        let _ = self.0.send(Cause::Changed);
    }

    /// Has the files read at once and put in force, and the log say so in any case.
    pub fn reload(&self) {
        let _ = self.0.send(Cause::Asked);
    }
}

/// How long the files must have been left alone before they are read: several writes make one change.
const QUIET: Duration = Duration::from_millis(100);

/// For how many such spans it is waited for that, where something else in a directory is written all the time.
const PATIENCE: usize = 10;

/// What is to be done next; `None` if nobody is there any more to say it.
fn next(causes: &Receiver<Cause>, every: Option<Duration>) -> Option<Cause> {
    let next = match every {
        Some(every) => causes.recv_timeout(every),
        None => causes.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    match next {
        Ok(Cause::Asked) => Some(Cause::Asked),
        Ok(Cause::Changed) => Some(settled(causes)),
        Err(RecvTimeoutError::Timeout) => Some(Cause::Changed),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Waits until the files have been left alone for a while, or somebody asks.
fn settled(causes: &Receiver<Cause>) -> Cause {
    for _ in 0..PATIENCE {
        thread::sleep(QUIET);
        let heard: Vec<_> = causes.try_iter().collect();
        match heard.as_slice() {
            [] => break,
            heard if heard.contains(&Cause::Asked) => return Cause::Asked,
            _ => {}
        }
    }
    Cause::Changed
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

/// What code says of a site, or of all those that files describe.
///
/// Where a site's files say the same thing, they are right: what is in them is seen by those who look after the site.
#[derive(Clone, Debug, Default)]
pub(crate) struct Code {
    /// What the site of a single file is called.
    pub(crate) name: Option<String>,
    pub(crate) zone: Option<Arc<Zone>>,
    pub(crate) headers: Option<HeaderPolicy>,
    pub(crate) paths: Option<Paths>,
    pub(crate) hops: Option<u8>,
    /// Beside those of the files.
    pub(crate) proxies: Vec<Proxy>,
    /// The same.
    pub(crate) exempt: Vec<Condition>,
    /// After those of the files.
    pub(crate) rules: Vec<Rule>,
}

impl Code {
    /// The site with what code says of it.
    pub(crate) fn of_site(&self, mut site: Site) -> Site {
        site.rules.extend(self.rules.iter().cloned());
        self.settings(site, |_| false)
    }

    /// The sites of files with what code says of them.
    pub(crate) fn of_files(&self, read: &Configuration) -> Loaded {
        let mut loaded = read.loaded.clone();
        let said: HashMap<_, _> =
            read.sites.iter().map(|(name, entries)| (name.as_str(), &**entries)).collect();
        for (name, site) in &mut loaded.sites {
            *site = self.of_file(site, said.get(name.as_str()).copied().unwrap_or(&[]));
        }
        loaded.fallback = self.of_file(&loaded.fallback, said_of(read, ANY_HOST));
        if let Some(name) = &self.name {
            loaded.fallback.name.clone_from(name);
        }
        loaded
    }

    /// The names of rules that a site's files have as well: those of the files hold.
    pub(crate) fn shadowed<'a>(&'a self, loaded: &'a Loaded) -> impl Iterator<Item = (&'a str, &'a str)> {
        let sites = loaded.sites.iter().map(|(_, site)| site).chain([&loaded.fallback]);
        sites.flat_map(|site| {
            let names = self.rules.iter().map(|rule| rule.name.as_str());
            names.filter(|name| has_rule(site, name)).map(|name| (site.name.as_str(), name))
        })
    }

    fn of_file(&self, site: &Site, said: &[Entry]) -> Site {
        let mut joined = site.clone();
        joined.rules.extend(self.rules.iter().filter(|rule| !has_rule(site, &rule.name)).cloned());
        self.settings(joined, |key| said.iter().any(|entry| is_said(entry, key)))
    }

    fn settings(&self, mut site: Site, is_said: impl Fn(&str) -> bool) -> Site {
        let unsaid = |key| !is_said(key);
        if let Some(zone) = self.zone.as_ref().filter(|_| unsaid("time_zone")) {
            site.zone = Arc::clone(zone);
        }
        if let Some(headers) = self.headers.as_ref().filter(|_| unsaid("rate_limit_headers")) {
            site.headers = headers.clone();
        }
        site.paths = self.paths.filter(|_| unsaid("rate_limit_paths")).unwrap_or(site.paths);
        let hops = self.hops.filter(|_| unsaid("rate_limit_trusted_hops"));
        site.addresses.trusted_hops = hops.unwrap_or(site.addresses.trusted_hops);
        site.addresses.trusted_proxies.extend(self.proxies.iter().copied());
        if !self.exempt.is_empty() {
            let exempt = site.exempt.take().into_iter().chain(self.exempt.iter().cloned());
            site.exempt = Some(Condition::Any(exempt.collect()));
        }
        site
    }
}

/// What a configuration calls hosts that have no site of their own.
const ANY_HOST: &str = "*";

fn said_of<'a>(read: &'a Configuration, name: &str) -> &'a [Entry] {
    let of_site = read.sites.iter().find(|(other, _)| other == name);
    of_site.map_or(&[], |(_, entries)| entries)
}

fn is_said(entry: &Entry, key: &str) -> bool {
    let is_of = entry.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    is_of && entry.origin != Origin::Default
}

fn has_rule(site: &Site, name: &str) -> bool {
    site.rules.iter().any(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_at_once_are_one() {
        let (asking, causes) = mpsc::channel();
        for _ in 0..1_000 {
            asking.send(Cause::Changed).ok();
        }
        assert_eq!(next(&causes, None), Some(Cause::Changed));
        assert!(causes.try_recv().is_err());
    }

    #[test]
    fn who_asks_does_not_wait_until_the_files_are_left_alone() {
        let (asking, causes) = mpsc::channel();
        asking.send(Cause::Asked).ok();
        assert_eq!(next(&causes, None), Some(Cause::Asked));
    }

    #[test]
    fn files_are_looked_at_every_so_often_until_nobody_is_there() {
        let (asking, causes) = mpsc::channel();
        assert_eq!(next(&causes, Some(Duration::from_millis(1))), Some(Cause::Changed));
        drop(asking);
        assert_eq!(next(&causes, Some(Duration::MAX)), None);
    }
}
