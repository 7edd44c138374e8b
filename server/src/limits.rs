//! `timebudget limits`: the rules as a table.

use timebudget::config::{Configuration, Environment, Loaded, WrongSite};
use timebudget::{ChargeWhen, Cost, Host, Limit, Missing, Rule, Site};

use crate::args::SourceArgs;
use crate::output;
use crate::output::Failure;
use crate::output::aligned;
use crate::source::Source;

/// Prints the rules of each site in their order.
///
/// # Errors
///
/// All that is wrong with the configuration, unless it is a mistake of single sites.
pub(crate) fn run(args: &SourceArgs) -> Result<(), Failure> {
    let read = Source::of(args).read(&Environment::from_process()).map_err(Failure::wrong)?;
    tell(&read);
    output::to_stdout(&described(&read.loaded));
    Ok(())
}

/// Prints what may not be meant, and what is wrong with single sites.
pub(crate) fn tell(read: &Configuration) {
    for warning in &read.loaded.warnings {
        output::to_stderr(&format!("warning: {warning}\n"));
    }
    if let Some(errors) = read.errors() {
        output::to_stderr(&format!("{errors}\n"));
    }
}

/// A site's name, for whom it answers besides, and whether it is wrong.
pub(crate) fn heading(name: &str, loaded: &Loaded) -> String {
    let mut heading = match name {
        "*" if loaded.sites.is_empty() => "every host".to_owned(),
        "*" => "hosts without a site".to_owned(),
        _ => name.to_owned(),
    };
    for host in hosts(name, loaded) {
        heading += &format!(", {host}");
    }
    if loaded.default_site.as_deref() == Some(name) {
        heading += ", and hosts without a site";
    }
    match wrong(name, loaded) {
        Some(wrong) => format!("{heading}: its file is wrong; {}", wrong.meanwhile),
        None => heading,
    }
}

/// The hosts of a site besides that of its name; of a single file, which answers for every host, those that are not published.
fn hosts(name: &str, loaded: &Loaded) -> Vec<String> {
    let is_alone = loaded.sites.is_empty() && name == "*";
    let found = loaded.sites.iter().find(|(other, _)| other == name).map(|(_, site)| site);
    let Some(site) = found.or(is_alone.then_some(&loaded.fallback)) else { return Vec::new() };
    let shown = site.hosts.iter().filter(|host| !is_alone || !site.is_published(host.as_str()));
    let unpublished = |host: &Host| if site.is_published(host.as_str()) { "" } else { " (unpublished)" };
    shown.map(|host| format!("{host}{}", unpublished(host))).collect()
}

fn wrong<'a>(name: &str, loaded: &'a Loaded) -> Option<&'a WrongSite> {
    loaded.wrong.iter().find(|wrong| wrong.site == name)
}

fn described(loaded: &Loaded) -> String {
    let fallback = loaded.default_site.is_none().then_some(("*", &loaded.fallback));
    let sites = loaded.sites.iter().map(|(name, site)| (name.as_str(), site)).chain(fallback);
    let of = |(name, site)| match wrong(name, loaded) {
        None => of_site(&heading(name, loaded), site),
        Some(_) => heading(name, loaded) + "\n",
    };
    sites.map(of).collect::<Vec<_>>().join("\n")
}

fn of_site(heading: &str, site: &Site) -> String {
    let mut text = format!("{heading} ({})\n", site.zone.name());
    if let Some(exempt) = &site.exempt {
        text += &format!("  exempt: {exempt}\n");
    }
    if site.rules.is_empty() {
        return text + "  no rules\n";
    }
    let titles = ["", "name", "limits", "key", "counts", "action", "when"].map(str::to_owned);
    let rows = site.rules.iter().enumerate().map(|(at, rule)| row(at + 1, rule));
    text + &aligned(&[titles].into_iter().chain(rows).collect::<Vec<_>>())
}

fn row(number: usize, rule: &Rule) -> [String; 7] {
    let limits: Vec<_> = rule.limits.iter().map(Limit::to_string).collect();
    let action = if rule.shadow { "shadow".to_owned() } else { rule.action.to_string() };
    let when = if rule.otherwise { format!("otherwise, {}", rule.when) } else { rule.when.to_string() };
    let name = rule.name.clone();
    [number.to_string(), name, limits.join("; "), key(rule), counts(rule), action, when]
}

fn key(rule: &Rule) -> String {
    let mut key = rule.key.to_string();
    if rule.per_method {
        key += " + method";
    }
    if rule.missing == Missing::Skip {
        key += ", or skip";
    }
    if let Some(clients) = &rule.fair {
        key += &format!(", fair by {clients}");
    }
    key
}

/// What is counted, at what cost, and of which answers.
fn counts(rule: &Rule) -> String {
    let mut counts = rule.counts.to_string();
    if let Cost::Fixed(cost) = rule.cost
        && cost != 1
    {
        counts += &format!(", {cost} each");
    }
    if let Some(ChargeWhen::Statuses(statuses)) = &rule.charge_when {
        counts += &format!(", if {statuses}");
    }
    counts
}
