//! The description of the API: OpenAPI 3.1, made from the types and handlers that it is written in.
//!
//! Handlers say what they take and answer; what follows from the table of routes, such as who may and what goes wrong, is
//! added to all of them here.

use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::ContentType;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, Header, Ref, RefOr, Required, Response, ResponseBuilder, Server, schema::Schema,
};

use crate::api::problem::{MEDIA_TYPE, Problem};
use crate::api::roles::Needs;
use crate::api::routes::{Row, table};
use crate::api::session::COOKIE;
use crate::api::{
    accounts, audit, events, explain, groups, keys, members, overrides, overview, paging, policy, replay,
    rulesets, session, sites, tiers, usage, users,
};
use crate::thing::Role;

/// What is derived; [`description`] adds what the table knows.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "timebudget",
        description = "See and change budgets while the limiter runs.\n\n\
            Times are RFC 3339 in UTC. Amounts are whole numbers: microseconds of time, or requests. A thing's `revision` is its \
            `ETag`, which `If-Match` takes. What is refused changes nothing, and says all that is wrong with it as problem+json.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
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
        policy::get,
        policy::put,
        sites::list,
        sites::get,
        sites::put,
        tiers::list,
        tiers::get,
        tiers::put,
        tiers::delete,
        groups::list,
        groups::get,
        groups::put,
        groups::delete,
        users::list,
        users::get,
        users::put,
        users::delete,
        overrides::list,
        overrides::post,
        overrides::get,
        overrides::put,
        overrides::delete,
        keys::list,
        keys::post,
        keys::get,
        keys::put,
        keys::delete,
        keys::rotate,
        members::list,
        members::post,
        members::get,
        members::put,
        members::delete,
        members::token,
        audit::list,
        audit::verify,
        explain::post,
        replay::post,
        accounts::list,
        accounts::grant,
        accounts::reset,
        usage::get,
        overview::get,
        events::get,
    )
)]
struct Derived;

/// This description.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn get() -> HttpResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| description().to_json().expect("a description has texts for keys"));
    HttpResponse::Ok().content_type(ContentType::json()).body(text.as_str())
}

/// The whole description.
fn description() -> utoipa::openapi::OpenApi {
    let mut api = Derived::openapi();
    // Relative to where the description is served, wherever an application has mounted it.
    api.servers = Some(vec![Server::new(".")]);
    for row in table() {
        if let Some(operation) = operation(&mut api, &row) {
            complete(operation, &row);
        }
    }
    let components = api.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("tbm_…").build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let cookie = ApiKeyValue::with_description(COOKIE, "writes need the header X-Timebudget-Csrf: 1, too");
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    api
}

fn operation<'a>(api: &'a mut utoipa::openapi::OpenApi, row: &Row) -> Option<&'a mut Operation> {
    let item = api.paths.paths.get_mut(row.path)?;
    match row.method {
        Method::GET => item.get.as_mut(),
        Method::POST => item.post.as_mut(),
        Method::PUT => item.put.as_mut(),
        Method::DELETE => item.delete.as_mut(),
        _ => None,
    }
}

/// Adds to an operation what follows from its row: its name, its parameters, who may, and what goes wrong.
fn complete(operation: &mut Operation, row: &Row) {
    let words = row.path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(str::to_owned).collect();
    operation.operation_id = Some(format!("{}_{}", row.method.as_str().to_lowercase(), words.join("_")));
    operation.tags = Some(vec![words[0].clone()]);
    let is_list = lists(operation);
    let has_body = operation.request_body.is_some();
    let parameters = operation.parameters.get_or_insert_default();
    parameters.extend(parameters_of(row, is_list).into_iter().map(RefOr::T));
    let none: [&str; 0] = [];
    operation.security = Some(match row.needs {
        Needs::Nobody => vec![SecurityRequirement::default()],
        Needs::Role(_) => ["token", "cookie"].map(|name| SecurityRequirement::new(name, none)).to_vec(),
    });
    for (status, description) in errors(row, has_body) {
        let problem = || RefOr::T(problem(status, description));
        operation.responses.responses.entry(status.to_string()).or_insert_with(problem);
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            response.description = match status.as_str() {
                "201" => "it was not there, and is now",
                "204" => "done",
                _ => "so it is",
            }
            .to_owned();
        }
    }
}

/// Whether an operation answers a page of a list.
fn lists(operation: &Operation) -> bool {
    let Some(RefOr::T(response)) = operation.responses.responses.get("200") else { return false };
    let Some(RefOr::T(json)) = response.content.get("application/json") else { return false };
    matches!(&json.schema, Some(RefOr::Ref(schema)) if schema.ref_location.contains("/List_"))
}

fn is_write(row: &Row) -> bool {
    matches!(row.needs, Needs::Role(Role::Operator | Role::Owner)) && row.method != Method::GET
}

fn parameters_of(row: &Row, is_list: bool) -> Vec<Parameter> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let mut parameters = Vec::new();
    let mut add = |name: &str, place, description: &str, schema: ObjectBuilder| {
        let required = if place == ParameterIn::Path { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
        let schema: Schema = schema.build().into();
        parameters.push(parameter.description(Some(description)).schema(Some(schema)).build());
    };
    for part in row.path.split('/') {
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            add(name, ParameterIn::Path, "which one; of every script, escaped", text().min_length(Some(1)));
        }
    }
    if is_list {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let number = number.minimum(Some(1)).maximum(Some(paging::MOST as u64));
        add("limit", ParameterIn::Query, "so many at most; 50 unless said", number);
        add("after", ParameterIn::Query, "what `next` of the page before says", text());
    }
    if is_write(row) {
        add("reason", ParameterIn::Query, "why, for the audit", text().max_length(Some(2000)));
        let tag = "the revision that the change was made upon, such as `\"7\"`, or `*` where any is right: 412 otherwise";
        add("If-Match", ParameterIn::Header, tag, text());
        add("If-None-Match", ParameterIn::Header, "`*` where it must not be there: 412 otherwise", text());
        if row.method == Method::POST {
            let once = "a key under which it is done once, however often it is asked for within a day";
            let key = text().min_length(Some(1)).max_length(Some(255));
            add("Idempotency-Key", ParameterIn::Header, once, key);
        }
    }
    parameters
}

fn errors(row: &Row, has_body: bool) -> Vec<(u16, &'static str)> {
    let mut errors = vec![(400, "the request cannot be read, or its parameters are wrong")];
    let is_login = row.path == "/session" && row.method == Method::POST;
    if row.needs != Needs::Nobody || is_login {
        errors.extend([
            (401, "nobody is logged in, or the token is nobody's"),
            (403, "the role may not, or the request comes from a page of another origin"),
            (429, "too many wrong tokens came from this address"),
            (503, "the database cannot be asked; the rules in force stay"),
            (504, "what is asked for has taken too long, and was given up; others may be answered"),
        ]);
    }
    if row.path.contains('{') || row.path.starts_with("/accounts/") {
        errors.push((404, "there is none of this name"));
    }
    if has_body {
        errors.extend([
            (413, "the body is larger than a megabyte"),
            (415, "the body is not said to be JSON"),
            (422, "what is wrong, all of it, each with its path"),
        ]);
    }
    if row.path == "/replay" {
        errors.push((409, "what has passed is not kept here"));
    }
    if is_write(row) {
        errors.extend([
            (409, "somebody uses it, or it cannot stand beside what is there"),
            (412, "it is at another revision, which `revision` says"),
            (422, "it is wrong, or what it would change is"),
        ]);
    }
    errors
}

fn problem(status: u16, description: &str) -> Response {
    let schema = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, schema);
    let header = match status {
        401 => "WWW-Authenticate",
        429 | 503 => "Retry-After",
        _ => return response.build(),
    };
    response.header(header, Header::default()).build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_stands_in_the_description_and_nothing_else_does() {
        let text = description().to_json().unwrap();
        let described: serde_json::Value = serde_json::from_str(&text).unwrap();
        let paths = described["paths"].as_object().unwrap().iter();
        let described: BTreeSet<_> = paths
            .flat_map(|(path, item)| {
                item.as_object()
                    .unwrap()
                    .keys()
                    .map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let served: BTreeSet<_> = table().iter().map(|row| format!("{} {}", row.method, row.path)).collect();
        assert_eq!(described, served);
    }

    #[test]
    fn no_two_operations_have_one_name() {
        let mut api = description();
        let rows = table();
        let names: BTreeSet<_> =
            rows.iter().map(|row| operation(&mut api, row).unwrap().operation_id.clone().unwrap()).collect();
        assert_eq!(names.len(), rows.len());
    }
}
