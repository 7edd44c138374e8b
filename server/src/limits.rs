//! `timebudget limits`: the rules as a table.

use timebudget::config::{Configuration, Environment, Loaded, WrongSite};
use timebudget::explanation::aligned;
use timebudget::{ChargeWhen, Cost, Limit, Missing, Rule, Site};

use crate::args::SourceArgs;
use crate::output;
use crate::output::Failure;
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

fn wrong<'a>(name: &str, loaded: &'a Loaded) -> Option<&'a WrongSite> {
    loaded.wrong.iter().find(|wrong| wrong.site == name)
}

fn described(loaded: &Loaded) -> String {
    let fallback = loaded.default_site.is_none().then_some(("*", &loaded.fallback));
    let sites = loaded.sites.iter().map(|(name, site)| (name.as_str(), &**site)).chain(fallback);
    let of = |(name, site)| match wrong(name, loaded) {
        None => of_site(&loaded.called(name), site),
        Some(_) => loaded.called(name) + "\n",
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
