//! `explain`: what would become of a request, and why, also under a ruleset that is only a draft.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::{self, ThinData};
use serde::Serialize;
use timebudget::config::Configuration;
use timebudget::explanation::{Bearing, ExplainedLimit, ExplainedRule};
use timebudget::{AccountStanding, Asked, Limit, NotAsked, Rehearsal};
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::body::Body;
use crate::api::problem::Problem;
use crate::control::Control;
use crate::thing::{Question, Time, Wrong};

/// The request that somebody asks about.
#[derive(ToSchema)]
#[schema(example = json!({ "site": "shop.example", "method": "GET", "path": "/export?page=2", "headers": { "x-plan": "gold" }, "ip": "192.0.2.7" }))]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct QuestionBody {
    /// The site, by its name; `*` are hosts that have no site. Absent, the host decides.
    site: Option<String>,
    /// `GET` unless said.
    method: Option<String>,
    /// The path, with the query if it has one.
    path: String,
    /// Headers by name.
    headers: Option<BTreeMap<String, String>>,
    /// The address of the peer; 127.0.0.1 unless said.
    ip: Option<String>,
    /// The pattern of the route that it reaches, such as `/users/{id}`.
    route: Option<String>,
    /// A ruleset that is to hold for the site in the place of its own.
    #[schema(value_type = Option<Object>)]
    draft: Option<()>,
}

/// What would become of it as accounts stand.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct Told {
    /// The site that answers.
    site: String,
    /// When.
    #[schema(value_type = DateTime)]
    at: Time,
    /// Each rule, in order.
    rules: Vec<Rule>,
    answer: AnswerTold,
    /// The words of `timebudget explain`.
    text: String,
}

/// What a rule has to do with the request.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleExplained)]
struct Rule {
    name: String,
    /// `applies`, `differs`, `exempt`, `displaced` or `skipped`.
    bearing: &'static str,
    /// The same in words.
    why: String,
    /// Whose account it uses, in words.
    key: Option<String>,
    limits: Vec<LimitTold>,
}

/// A limit of a rule.
#[derive(Serialize, ToSchema)]
#[schema(as = LimitExplained)]
struct LimitTold {
    /// In words.
    #[schema(example = "600s per hour")]
    limit: String,
    /// `microseconds` or `requests`; `concurrent` for what runs at once.
    unit: &'static str,
    /// How much a window grants.
    quota: u64,
    /// What is spent of it, as the account stands.
    spent: u64,
    /// What is left of it: the quota with what was granted, less what is spent, and what running requests hold.
    remaining: u64,
    /// When the window ends.
    #[schema(value_type = Option<DateTime>)]
    reset: Option<Time>,
    /// What the client has of it, where the rule is fair: then it is shared out.
    share: Option<ShareTold>,
    /// Whether nothing is left of it, or the client is held to a share that it has had.
    refuses: bool,
}

/// What a client has of a limit that it shares with others.
#[derive(Serialize, ToSchema)]
#[schema(as = ShareExplained)]
struct ShareTold {
    /// Among how many clients it is shared out, this one with them.
    clients: u64,
    /// An equal part of the quota. Nobody is held to it before four fifths of the quota are spent.
    quota: u64,
    /// What the client has had of it.
    spent: u64,
    /// Whether the client is refused for it.
    refuses: bool,
}

/// What would be answered.
#[derive(Serialize, ToSchema)]
struct AnswerTold {
    status: u16,
    /// By name, in lower case.
    headers: BTreeMap<String, String>,
}

/// Explains a request: which rules match, which not and why, where the accounts stand that it would be charged to, and what
/// would be answered now. Nothing is charged.
///
/// An account that no rule in force has, such as of a rule that only the draft has, has spent nothing.
#[utoipa::path(post, path = "/explain", request_body = QuestionBody, responses((status = 200, body = Told)))]
pub(crate) async fn post(control: ThinData<Control>, body: Body) -> Answer {
    let question = Question::parse(&body)?;
    let asked = asked(&question).map_err(|error| not_asked(&error))?.as_accounts_stand();
    let budget = control.budget().ok_or_else(|| Problem::conflict("no budget is governed here"))?;
    let rehearsed = match question.draft {
        None => budget.rehearse(&asked).await,
        Some(draft) => {
            let site = question.site.unwrap_or_else(|| "*".to_owned());
            let control = control.clone();
            let drafted = web::block(move || control.with_draft(&site, &draft)).await;
            let drafted: Configuration = drafted.map_err(|error| Problem::conflict(error.to_string()))??;
            budget.rehearse_under(&drafted, &asked).await
        }
    };
    let rehearsal = rehearsed.map_err(|error| not_asked(&error))?;
    Ok(answer::json(&Told::of(&rehearsal)))
}

fn asked(question: &Question) -> Result<Asked, NotAsked> {
    let mut asked = Asked::new(question.method.as_deref().unwrap_or("GET"), &question.path)?;
    for (name, value) in &question.headers {
        asked = asked.header(name, value)?;
    }
    if let Some(site) = &question.site {
        asked = asked.site(site);
    }
    if let Some(address) = question.ip {
        asked = asked.peer(address);
    }
    match &question.route {
        Some(pattern) => asked.route(pattern),
        None => Ok(asked),
    }
}

fn not_asked(error: &NotAsked) -> Problem {
    let path = match error {
        NotAsked::Store(fault) => return Problem::new(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()),
        NotAsked::Method(_) => "method",
        NotAsked::Target(_) => "path",
        NotAsked::Host(_) | NotAsked::Header(_) => "headers",
        NotAsked::Route(_) | NotAsked::OtherRoute(_) => "route",
        NotAsked::Site(_) => "site",
        _ => "",
    };
    Problem::wrong(vec![Wrong::new(path, error.to_string())])
}

impl Told {
    fn of(rehearsal: &Rehearsal) -> Self {
        let Rehearsal { explanation, answer, standings, .. } = rehearsal;
        let headers = answer.headers.iter().cloned().collect();
        Self {
            site: explanation.site.clone(),
            at: time(explanation.at.0),
            rules: explanation.rules.iter().map(|rule| Rule::of(rule, standings)).collect(),
            answer: AnswerTold { status: answer.status, headers },
            text: rehearsal.to_string(),
        }
    }
}

impl Rule {
    fn of(rule: &ExplainedRule, standings: &[AccountStanding]) -> Self {
        let standing = |explained: &ExplainedLimit| {
            standings.iter().find(|of| *of.rule == *rule.name && of.limit == explained.limit)
        };
        let told = |explained: &ExplainedLimit| LimitTold::of(explained, standing(explained));
        let (bearing, limits) = match &rule.bearing {
            Bearing::Applies { limits, .. } => ("applies", limits.iter().map(told).collect()),
            Bearing::Differs { .. } => ("differs", Vec::new()),
            Bearing::Exempt => ("exempt", Vec::new()),
            Bearing::Displaced { .. } => ("displaced", Vec::new()),
            Bearing::Skipped { .. } => ("skipped", Vec::new()),
        };
        let key = match &rule.bearing {
            Bearing::Applies { key, .. } => Some(key),
            _ => None,
        };
        let part = |part: &timebudget::explanation::KeyPart| match &part.value {
            Some(value) => format!("{} {value}", part.component),
            None => part.component.to_string(),
        };
        Self {
            name: rule.name.to_string(),
            bearing,
            why: rule.bearing.to_string(),
            key: key.map(|key| key.iter().map(part).collect::<Vec<_>>().join(", ")),
            limits,
        }
    }
}

impl LimitTold {
    fn of(explained: &ExplainedLimit, standing: Option<&AccountStanding>) -> Self {
        let (unit, quota) = match explained.limit {
            Limit::Time { quota, .. } => ("microseconds", quota.0),
            Limit::Requests { quota, .. } => ("requests", quota),
            Limit::Concurrent { cap } => ("concurrent", cap.into()),
            _ => ("requests", 0),
        };
        let remaining = standing.map_or(quota, |standing| standing.remaining);
        let share = standing.and_then(|standing| standing.share).map(|share| ShareTold {
            clients: share.clients,
            quota: share.granted,
            spent: share.spent,
            refuses: share.refuses,
        });
        Self {
            limit: explained.limit.to_string(),
            unit,
            quota,
            spent: standing.map_or(0, |standing| standing.spent),
            remaining,
            reset: explained.window.map(|window| time(window.end.0)),
            refuses: remaining == 0 || share.as_ref().is_some_and(|share| share.refuses),
            share,
        }
    }
}

fn time(micros: i64) -> Time {
    Time::from_timestamp_micros(micros).unwrap_or_default()
}
