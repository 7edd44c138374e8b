//! The pages: files that lie in the program, and the one document that every page begins with.
//!
//! Nothing is built: `control/assets` holds modules that browsers read as they are. All of them are served below a path that
//! holds a digest of them all, so a browser may keep them for ever and never asks again; the document itself is asked for each
//! time, and answered by 304 while it is the same.

mod assets;
mod document;
mod preload;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use actix_web::web::{self, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use self::assets::Asset;

/// What a page may do: run the scripts that lie here, and talk to the server that it came from. Nothing that stands in a page
/// is ever run, whatever name it was made from, and no other page can frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'self'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html";

/// Serves the pages in a scope. It takes every path that is left, so it comes last.
pub(crate) fn configure(scope: &mut ServiceConfig) {
    scope
        .route("/assets/{version}/{name:.*}", web::get().to(asset))
        .route("/assets/{version}/{name:.*}", web::head().to(asset))
        .route("", web::get().to(document))
        .route("/{page:.*}", web::get().to(document))
        .route("/{page:.*}", web::head().to(document));
}

/// The document: each page has an address of its own, and all of them begin with it.
async fn document(request: HttpRequest) -> HttpResponse {
    // Nothing below these is a page; a program that asks there is not given one.
    if ["assets/", "api/"]
        .iter()
        .any(|taken| request.match_info().get("page").is_some_and(|page| page.starts_with(taken)))
    {
        return guarded(&mut HttpResponse::NotFound()).finish();
    }
    let document = document::at(&base(&request));
    answer(&request, &document.tag, "text/html; charset=utf-8", "no-cache", document.text)
}

async fn asset(request: HttpRequest, path: Path<(String, String)>) -> HttpResponse {
    let (version, name) = path.into_inner();
    let Some(Asset { name, bytes, .. }) = assets::named(&name) else {
        return guarded(&mut HttpResponse::NotFound()).finish();
    };
    // A page that was open over an update asks by the old version: what it is given must not be kept under that name.
    let keep = if version == assets::version() { "public, max-age=31536000, immutable" } else { "no-cache" };
    answer(&request, assets::version(), assets::content_type(name), keep, *bytes)
}

/// The path that the pages are below, with a slash at its end, wherever an application has mounted them. It is cut from the path
/// as it was asked, by slashes: a name in it may be escaped in more than one way.
fn base(request: &HttpRequest) -> String {
    let path = request.path();
    let Some(page) = request.match_info().get("page") else {
        return format!("{}/", path.trim_end_matches('/'));
    };
    let slashes = page.matches('/').count() + 1;
    let (end, _) = path.rmatch_indices('/').nth(slashes - 1).unwrap_or_default();
    path[..=end].to_owned()
}

fn answer<B: actix_web::body::MessageBody + 'static>(
    request: &HttpRequest,
    tag: &str,
    content_type: &'static str,
    keep: &'static str,
    body: B,
) -> HttpResponse {
    let tag = format!("\"{tag}\"");
    let same = request.headers().get_all(IF_NONE_MATCH).any(|asked| is_among(&tag, asked));
    let mut answer = if same { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    guarded(&mut answer).insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, keep));
    if same {
        return answer.finish();
    }
    answer.insert_header((CONTENT_TYPE, content_type)).body(body)
}

/// Whether `If-None-Match` names this tag. Tags of ours are strong, and compared weakly, as RFC 9110 (13.1.2) wants.
fn is_among(tag: &str, asked: &HeaderValue) -> bool {
    let Ok(asked) = asked.to_str() else { return false };
    asked.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

fn guarded(answer: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    answer
        .insert_header(("Content-Security-Policy", POLICY))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
}

#[cfg(test)]
mod tests;
