//! `sites`: the rules in force on each, where each comes from, and the rulesets that a site has of its own.

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use actix_web::web::{Path, ThinData};
use serde::Serialize;
use timebudget::{Host, Reloader, SiteInForce};
use utoipa::ToSchema;

use crate::api::answer::{self, Answer, Revised};
use crate::api::body::Body;
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::write::Write;
use crate::control::Control;
use crate::thing::{Assignment, Decided, Own, no_such};

/// A site, and the rules in force there.
#[derive(Serialize, ToSchema)]
pub(crate) struct Site {
    /// Its name; `*` are hosts that have no site.
    #[schema(example = "shop.example")]
    site: String,
    /// Its time zone.
    #[schema(example = "Europe/Paris")]
    zone: String,
    /// The hosts that it answers for, besides that of its name.
    hosts: Vec<String>,
    /// Which of them are previews.
    unpublished_hosts: Vec<String>,
    /// Its own rulesets.
    rulesets: Rulesets,
    /// The rules in force, in their order.
    rules: Vec<Rule>,
    /// What is without effect, since its name stands in something that comes first.
    shadowed: Vec<Shadowed>,
    /// What is wrong with its file, so that something else than what it says is in force.
    error: Option<String>,
    /// Whether there is no such site yet, or any more: its rulesets hold as soon as there is.
    waiting: bool,
    /// The revision of its own rulesets; 0 if it has none.
    revision: u64,
}

/// A site's own rulesets.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "published": "inherit", "unpublished": null }))]
pub(crate) struct Rulesets {
    /// For its published hosts: a name, `null` for none, or `"inherit"` for that of the policy.
    #[schema(value_type = Option<String>, required)]
    published: Own,
    /// For its unpublished hosts.
    #[schema(value_type = Option<String>, required)]
    unpublished: Own,
}

/// A rule in force.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleInForce)]
pub(crate) struct Rule {
    name: String,
    /// Each limit in words.
    #[schema(example = json!(["600s per hour"]))]
    limits: Vec<String>,
    /// Whose account it is, in words.
    #[schema(example = json!(["user", "route"]))]
    key: Vec<String>,
    /// The file, the ruleset, or `code`.
    #[schema(example = "ruleset plans")]
    from: String,
    /// Whether it only counts, and refuses nobody.
    shadow: bool,
}

/// Something that is without effect.
#[derive(Serialize, ToSchema)]
#[schema(as = ShadowedByAnother)]
pub(crate) struct Shadowed {
    /// The name that stands in both.
    name: String,
    /// What it is: `rules`, `tiers`, `groups`, `users`, `overrides` or `api_keys`.
    kind: String,
    /// Where it stands.
    from: String,
    /// What holds.
    by: String,
}

/// The sites, by name: those of files, and those that have rulesets of their own.
#[utoipa::path(get, path = "/sites", responses((status = 200, body = List<Site>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let paging = parameters.paging();
    parameters.finish()?;
    let reloader = control.reloader();
    let decided = control.decided();
    let known = names(&decided, reloader.as_deref());
    let behind = known.into_iter().filter(|name| paging.after.as_ref().is_none_or(|after| name > after));
    let site = |name: String| {
        let in_force = reloader.as_ref().and_then(|reloader| reloader.site(&name));
        (name.clone(), Site::of(name, in_force, &decided))
    };
    Ok(answer::json(&paging.of(behind.map(site), decided.revision())))
}

/// A site's own rulesets; at revision 0 it has none, and the policy holds.
#[utoipa::path(get, path = "/sites/{site}/rulesets", responses((status = 200, body = Revised<Rulesets>)))]
pub(crate) async fn get(request: HttpRequest, control: ThinData<Control>, site: Path<String>) -> Answer {
    check(&control, &site)?;
    let decided = control.decided();
    let (thing, revision) = Rulesets::of(&decided, &site);
    Ok(answer::one(&request, revision, &Revised { thing, revision }))
}

/// Gives a site rulesets in the place of those of the policy, or takes them away. A site that is not there yet has them as soon as
/// it is.
#[utoipa::path(put, path = "/sites/{site}/rulesets", request_body = Rulesets, responses((status = 200, body = Revised<Rulesets>), (status = 201, body = Revised<Rulesets>)))]
pub(crate) async fn put(control: ThinData<Control>, site: Path<String>, body: Body, write: Write) -> Answer {
    if !may_be(&site) {
        check(&control, &site)?;
    }
    let assignment = Assignment::parse(&site, &body)?;
    let receipt = write.put(assignment.clone()).await?;
    let thing = Rulesets { published: assignment.published, unpublished: assignment.unpublished };
    Ok(answer::written(&receipt, &Revised { thing, revision: receipt.revision }))
}

fn names(decided: &Decided, reloader: Option<&Reloader>) -> BTreeSet<String> {
    let of_files = reloader.map(Reloader::site_names).unwrap_or_default();
    of_files.into_iter().chain(decided.assignments().keys().cloned()).collect()
}

/// Whether a site could be called so: like a host, in the one form of hosts.
fn may_be(site: &str) -> bool {
    !site.starts_with("*.") && Host::parse(site).is_ok_and(|host| host.as_str() == site)
}

/// # Errors
///
/// There is no such site.
fn check(control: &Control, site: &str) -> Result<(), Problem> {
    let reloader = control.reloader();
    let known = names(&control.decided(), reloader.as_deref());
    match known.contains(site) {
        true => Ok(()),
        false => Err(Problem::not_found(no_such("site", site, known.iter().map(String::as_str)))),
    }
}

impl Rulesets {
    fn of(decided: &Decided, site: &str) -> (Self, u64) {
        let held = decided.assignments().get(site);
        let (published, unpublished) = held
            .map(|held| (held.thing.published.clone(), held.thing.unpublished.clone()))
            .unwrap_or_default();
        (Self { published, unpublished }, held.map_or(0, |held| held.revision))
    }
}

impl Site {
    fn of(name: String, in_force: Option<SiteInForce>, decided: &Decided) -> Self {
        let (rulesets, revision) = Rulesets::of(decided, &name);
        let Some(SiteInForce { site, origins, shadowed, wrong, .. }) = in_force else {
            let none = || Vec::new();
            return Self {
                site: name,
                zone: "UTC".to_owned(),
                hosts: none(),
                unpublished_hosts: none(),
                rulesets,
                rules: Vec::new(),
                shadowed: Vec::new(),
                error: None,
                waiting: true,
                revision,
            };
        };
        let rules = site.rules.iter().zip(&origins).map(|(rule, origin)| Rule {
            name: rule.name.clone(),
            limits: rule.limits.iter().map(ToString::to_string).collect(),
            key: rule.key.to_string().split(", ").map(str::to_owned).collect(),
            from: origin.to_string(),
            shadow: rule.shadow,
        });
        let shadowed = shadowed.iter().map(|one| Shadowed {
            name: one.name.clone(),
            kind: one.key.to_owned(),
            from: one.origin.to_string(),
            by: one.by.to_string(),
        });
        Self {
            zone: site.zone.name().to_owned(),
            hosts: site.hosts.iter().map(ToString::to_string).collect(),
            unpublished_hosts: site.unpublished_hosts.iter().map(ToString::to_string).collect(),
            rulesets,
            rules: rules.collect(),
            shadowed: shadowed.collect(),
            error: wrong.map(|wrong| format!("{}; {}", wrong.errors, wrong.meanwhile)),
            waiting: false,
            revision,
            site: name,
        }
    }
}
