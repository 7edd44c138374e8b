//! `audit`: who did what, for people and for other programs.

use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION};
use actix_web::web::{Bytes, ThinData};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::caller::Caller;
use crate::api::paging::{List, cursor};
use crate::api::parameters::Parameters;
use crate::audit::{Entry, Filter, Mark, Page, csv, csv_head, jsonl};
use crate::control::{Control, Unavailable};
use crate::thing::{Kind, Role};

/// What was found of the chain.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// Whether all is as it was written.
    whole: bool,
    /// How many rows there are.
    rows: u64,
    /// The newest row, `NUMBER:DIGEST`, to be kept elsewhere: it tells later, as `from`, whether the chain still has it.
    newest: Option<String>,
    /// The first row that is not what was written, or that is missing.
    broken_at: Option<u64>,
}

/// The form that rows are exported in.
#[derive(Clone, Copy, Debug)]
enum Form {
    Lines,
    Table,
}

/// The audit, the newest rows first; with `Accept: application/jsonl` or `text/csv` all rows that are wanted, not a page.
/// What has become of members stands in it for owners alone.
#[utoipa::path(
    get, path = "/audit",
    params(
        ("actor" = Option<String>, Query, description = "of this member"),
        ("what" = Option<String>, Query, description = "about this thing, `overrides/ov_1`, or all of a kind, `overrides`"),
        ("from" = Option<DateTime>, Query, description = "not before"),
        ("to" = Option<DateTime>, Query, description = "before"),
    ),
    responses((status = 200, content((List<Entry> = "application/json"), (String = "application/jsonl"), (String = "text/csv"))))
)]
pub(crate) async fn list(
    request: HttpRequest,
    control: ThinData<Control>,
    caller: Caller,
    mut parameters: Parameters,
) -> Answer {
    let (limit, below) = parameters.paging_by::<u64>();
    let filter = Filter {
        actor: parameters.text("actor"),
        what: parameters.text("what"),
        from: parameters.time("from"),
        to: parameters.time("to"),
        // Members are owners' business.
        except: Some(Kind::Member).filter(|_| caller.role < Role::Owner),
    };
    parameters.finish()?;
    if let Some(form) = Form::asked_for(&request) {
        return exported(&control, filter, form).await;
    }
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let Page { entries, next } = control.audit(filter, limit, below).await?;
    let next = next.map(|number| cursor(&number.to_string()));
    Ok(answer::json(&List { items: entries, next, revision: control.decided().revision() }))
}

/// Whether the audit is as it was written: each row holds the digest of the one before it, and the last row is there that this
/// node has seen.
///
/// Who can write the database, and has the node forget what it has seen, can write another chain, which is whole as well: `from`
/// a row that was kept elsewhere it is not.
#[utoipa::path(get, path = "/audit/verify", params(
    ("from" = Option<String>, Query, description = "a row that must be there, as `newest` of an earlier answer: NUMBER:DIGEST"),
), responses((status = 200, body = Verdict)))]
pub(crate) async fn verify(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let kept = parameters.text("from").map(|from| from.parse::<Mark>());
    let kept = kept.transpose().unwrap_or_else(|fault| {
        parameters.wrong("from", fault.to_string());
        None
    });
    parameters.finish()?;
    let verified = control.verify_audit_from(kept).await?;
    let (whole, rows, broken_at) = (verified.is_whole(), verified.rows, verified.broken_at);
    let newest = verified.newest.map(|newest| newest.to_string());
    Ok(answer::json(&Verdict { whole, rows, newest, broken_at }))
}

impl Form {
    fn asked_for(request: &HttpRequest) -> Option<Self> {
        let accept = request.headers().get(ACCEPT)?.to_str().ok()?;
        let mut kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
        kinds.find_map(|kind| match kind {
            "application/json" => Some(None),
            "application/jsonl" | "application/x-ndjson" => Some(Some(Self::Lines)),
            "text/csv" => Some(Some(Self::Table)),
            _ => None,
        })?
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Lines => "application/jsonl",
            Self::Table => "text/csv; charset=utf-8",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Lines => "attachment; filename=\"audit.jsonl\"",
            Self::Table => "attachment; filename=\"audit.csv\"",
        }
    }

    fn written(self, entries: &[Entry]) -> Bytes {
        let one = match self {
            Self::Lines => jsonl,
            Self::Table => csv,
        };
        entries.iter().map(one).collect::<String>().into()
    }
}

/// All rows that are wanted, page by page as the client takes them.
async fn exported(control: &Control, filter: Filter, form: Form) -> Answer {
    const AT_ONCE: u32 = 500;
    let first = control.audit(filter.clone(), AT_ONCE, None).await?;
    let head = match form {
        Form::Lines => "",
        Form::Table => csv_head(),
    };
    let begin = Bytes::from([head.as_bytes(), &form.written(&first.entries)].concat());
    let (control, next) = (control.clone(), first.next);
    let rest = stream::try_unfold((control, filter, next), move |(control, filter, next)| async move {
        let Some(below) = next else { return Ok(None) };
        let Page { entries, next } = control.audit(filter.clone(), AT_ONCE, Some(below)).await?;
        Ok::<_, Unavailable>(Some((form.written(&entries), (control, filter, next))))
    });
    let body = stream::StreamExt::chain(stream::once(async { Ok(begin) }), rest);
    let mut response = HttpResponse::Ok();
    response.content_type(form.kind()).insert_header((CONTENT_DISPOSITION, form.file()));
    Ok(response.streaming(body))
}
