//! `timebudget limits`: the rules as a table.

use timebudget::Site;
use timebudget::config::{Environment, Loaded};
use timebudget::model::answer::ChargeWhen;
use timebudget::model::limit::Limit;
use timebudget::model::rule::{Cost, Missing, Rule};

use crate::args::SourceArgs;
use crate::failure::Failure;
use crate::output;
use crate::source::Source;
use crate::table::aligned;

/// Prints the rules of each site in their order.
///
/// # Errors
///
/// All that is wrong with the configuration.
pub(crate) fn run(args: &SourceArgs) -> Result<(), Failure> {
    let read = Source::of(args).read(&Environment::of_process()).map_err(Failure::wrong)?;
    warn(&read.loaded);
    output::to_stdout(&described(&read.loaded));
    Ok(())
}

/// Prints what may not be meant.
pub(crate) fn warn(loaded: &Loaded) {
    for warning in &loaded.warnings {
        output::to_stderr(&format!("warning: {warning}\n"));
    }
}

/// A site's name, and for whom it answers besides.
pub(crate) fn heading(host: &str, loaded: &Loaded) -> String {
    match host {
        "*" if loaded.sites.is_empty() => "every host".to_owned(),
        "*" => "hosts without a site".to_owned(),
        _ if loaded.default_site.as_deref() == Some(host) => format!("{host}, and hosts without a site"),
        _ => host.to_owned(),
    }
}

fn described(loaded: &Loaded) -> String {
    let fallback = loaded.default_site.is_none().then_some(("*", &loaded.fallback));
    let sites = loaded.sites.iter().map(|(host, site)| (host.as_str(), site)).chain(fallback);
    let sites: Vec<_> = sites.map(|(host, site)| of_site(&heading(host, loaded), site)).collect();
    sites.join("\n")
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
