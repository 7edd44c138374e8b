//! The description of the API: OpenAPI 3.1, made from the types and handlers that it is written in.

use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};

use crate::api::problem::{MEDIA_TYPE, Problem};
use crate::api::roles::Needs;
use crate::api::routes::{Row, table};
use crate::api::session::COOKIE;
use crate::api::{rulesets, session, tiers};

/// What is derived; [`description`] adds what the table knows.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "timebudget",
        description = "See and change budgets while the limiter runs.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem)),
    paths(
        get,
        session::get,
        session::post,
        session::delete,
        rulesets::list,
        rulesets::post,
        rulesets::check,
        rulesets::get,
        rulesets::put,
        rulesets::delete,
        tiers::list,
        tiers::get,
        tiers::put,
        tiers::delete,
    )
)]
struct Derived;

/// This description.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, body = Object)))]
pub(crate) async fn get() -> HttpResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| description().to_json().expect("a description has texts for keys"));
    HttpResponse::Ok().content_type(ContentType::json()).body(text.as_str())
}

/// The whole description.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    let mut api = Derived::openapi();
    api.servers = Some(vec![utoipa::openapi::Server::new(".")]);
    for row in table() {
        if let Some(operation) = operation(&mut api, &row) {
            complete(operation, &row);
        }
    }
    let components = api.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("tbm_…").build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    components
        .add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE))));
    api
}

fn operation<'a>(api: &'a mut utoipa::openapi::OpenApi, row: &Row) -> Option<&'a mut Operation> {
    let item = api.paths.paths.get_mut(row.path)?;
    match row.method.as_str() {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

/// Adds what follows from a row: its name, its headers, who may, and what goes wrong.
fn complete(operation: &mut Operation, row: &Row) {
    let words = row.path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(str::to_owned).collect();
    let method = row.method.as_str().to_lowercase();
    operation.operation_id = Some(format!("{method}_{}", words.join("_")));
    operation.tags = Some(vec![words[0].clone()]);
    let has_body = operation.request_body.is_some();
    let is_named = row.path.contains('{');
    let is_write = !matches!(row.needs, Needs::Nobody | Needs::Role(crate::thing::Role::Viewer));
    let mut errors = vec![(400, "the request cannot be read, or its parameters are wrong")];
    if row.needs == Needs::Nobody {
        operation.security = Some(vec![SecurityRequirement::default()]);
    } else {
        let none: [&str; 0] = [];
        operation.security =
            Some(vec![SecurityRequirement::new("token", none), SecurityRequirement::new("cookie", none)]);
        errors.extend([
            (401, "nobody is logged in"),
            (403, "the role may not, or the request comes from a page of another origin"),
            (503, "the database cannot be asked; the rules in force stay"),
        ]);
    }
    if row.needs != Needs::Nobody || row.path == "/session" {
        errors.push((429, "too many wrong tokens came from this address"));
    }
    if is_named {
        errors.push((404, "there is none of this name"));
    }
    if has_body {
        errors.extend([
            (413, "the body is larger than a megabyte"),
            (415, "the body is not said to be JSON"),
            (422, "what is wrong, all of it, each with its path"),
        ]);
    }
    if is_write {
        errors.extend([
            (409, "somebody uses it, or it cannot stand beside what is there"),
            (412, "it is at another revision, which `revision` says"),
        ]);
        let parameters = operation.parameters.get_or_insert_default();
        let header = |name: &str, description: &str| {
            let text = utoipa::openapi::schema::ObjectBuilder::new()
                .schema_type(utoipa::openapi::schema::Type::String);
            let parameter =
                ParameterBuilder::new().name(name).description(Some(description)).schema(Some(text));
            parameter.required(Required::False)
        };
        let put = |parameter: ParameterBuilder, place| RefOr::T(parameter.parameter_in(place).build());
        parameters.push(put(header("reason", "why, for the audit"), ParameterIn::Query));
        parameters.push(put(
            header(
                "If-Match",
                "the revision that the change was made upon, such as `\"7\"`; `*`: it must be there",
            ),
            ParameterIn::Header,
        ));
        parameters.push(put(header("If-None-Match", "`*`: it must not be there"), ParameterIn::Header));
    }
    for (status, description) in errors {
        operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn problem(description: &str) -> Response {
    let schema = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(MEDIA_TYPE, schema).build()
}
