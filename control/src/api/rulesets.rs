//! `rulesets`: rules under a name, for the policy and for sites to choose.

use actix_web::http::StatusCode;
use actix_web::web::{Path, ThinData};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use timebudget::config::Problem as Finding;
use utoipa::ToSchema;

use crate::api::answer::{self, Answer, Revised};
use crate::api::body::{Body, Text};
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::write::Write;
use crate::control::{ChangeError, Control};
use crate::thing::{Change, Decided, Held, Kind, Ruleset, Thing, Wrong};

/// A ruleset, and who uses it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Used<T> {
    #[serde(flatten)]
    ruleset: Revised<T>,
    /// `policy published`, `site shop.example`, …
    #[schema(example = json!(["policy published", "site shop.example"]))]
    used_by: Vec<String>,
}

/// What a ruleset is made of.
#[derive(ToSchema)]
#[schema(example = json!({
    "name": "plans", "description": "what everybody has",
    "rules": [{ "name": "export", "when": { "path": { "prefix": "/export" } }, "limits": "60s per hour" }],
}))]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct RulesetBody {
    /// Its name, unless the path has it.
    name: Option<String>,
    /// For people to read.
    description: Option<String>,
    /// At most 100 rules, each as in `rate_limit_rules`.
    rules: Vec<serde_json::Value>,
}

/// What was found in a draft.
#[derive(Serialize, ToSchema)]
pub(crate) struct Checked {
    /// What keeps it from being taken.
    errors: Vec<Wrong>,
    /// What may not be meant.
    warnings: Vec<Wrong>,
}

/// The rulesets, by name.
#[utoipa::path(get, path = "/rulesets", responses((status = 200, body = List<Used<Ruleset>>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let paging = parameters.paging();
    parameters.finish()?;
    let decided = control.decided();
    let show = |held| Used::of(held, &decided);
    Ok(answer::json(&paging.of_map(decided.rulesets(), decided.revision(), show)))
}

/// A ruleset.
#[utoipa::path(get, path = "/rulesets/{name}", responses((status = 200, body = Used<Ruleset>)))]
pub(crate) async fn get(request: HttpRequest, control: ThinData<Control>, name: Path<String>) -> Answer {
    let decided = control.decided();
    let held = decided.rulesets().get(&name).ok_or_else(|| Problem::not_found("there is no such ruleset"))?;
    Ok(answer::one(&request, held.revision, &Used::of(held, &decided)))
}

/// Makes a ruleset of a new name.
#[utoipa::path(post, path = "/rulesets", request_body = RulesetBody, responses((status = 201, body = Used<Ruleset>)))]
pub(crate) async fn post(control: ThinData<Control>, body: Body, write: Write) -> Answer {
    let ruleset = Ruleset::parse_named(&body)?;
    let receipt = write.create(ruleset, &body).await?;
    let Some(Thing::Ruleset(thing)) = &receipt.after else { return Err(Problem::gone()) };
    let held = Held { thing: thing.clone(), revision: receipt.revision };
    Ok(answer::revised(StatusCode::CREATED, held.revision, &Used::of(&held, &control.decided())))
}

/// Puts a ruleset in the place of the one of its name, or beside the others.
#[utoipa::path(put, path = "/rulesets/{name}", request_body = RulesetBody, responses((status = 200, body = Used<Ruleset>), (status = 201, body = Used<Ruleset>)))]
pub(crate) async fn put(name: Path<String>, control: ThinData<Control>, body: Body, write: Write) -> Answer {
    let thing = Ruleset::parse(&name, &body)?;
    let receipt = write.put(thing.clone()).await?;
    let held = Held { thing, revision: receipt.revision };
    Ok(answer::written(&receipt, &Used::of(&held, &control.decided())))
}

/// Deletes a ruleset that nobody uses.
#[utoipa::path(delete, path = "/rulesets/{name}", responses((status = 204)))]
pub(crate) async fn delete(name: Path<String>, write: Write) -> Answer {
    write.delete(Kind::Ruleset, &name).await?;
    Ok(answer::nothing())
}

/// Checks a draft, for an editor that asks as one types: what is wrong with it is no error of the request.
#[utoipa::path(post, path = "/rulesets/check", request_body = RulesetBody, responses((status = 200, body = Checked)))]
pub(crate) async fn check(control: ThinData<Control>, body: Text) -> HttpResponse {
    answer::json(&checked(&control, body).await)
}

async fn checked(control: &Control, body: Text) -> Checked {
    let body = match body.json() {
        Ok(body) => body,
        Err(problem) => {
            return Checked { errors: vec![Wrong::new("", problem.to_string())], warnings: Vec::new() };
        }
    };
    match Ruleset::parse_draft(&body) {
        Err(errors) => Checked { errors, warnings: Vec::new() },
        Ok(ruleset) => {
            let warnings = ruleset.rules().warnings().iter();
            let warnings =
                warnings.map(|found: &Finding| Wrong::new(found.place(), found.message())).collect();
            let errors = match control.check(Change::put(ruleset.into())).await {
                Ok(()) => Vec::new(),
                Err(ChangeError::Wrong(errors)) => errors,
                Err(other) => vec![Wrong::new("", other.to_string())],
            };
            Checked { errors, warnings }
        }
    }
}

impl<'a> Used<&'a Ruleset> {
    fn of(held: &'a Held<Ruleset>, decided: &Decided) -> Self {
        Self { ruleset: Revised::of(held), used_by: decided.users_of_ruleset(&held.thing.name) }
    }
}
