//! The table of the API: path and method, who may, and which handler answers.

use actix_web::http::Method;
use actix_web::{Route, web};

use crate::api::roles::{NOBODY, Needs, OPERATOR, OWNER, VIEWER};
use crate::api::{
    accounts, audit, events, explain, groups, keys, members, openapi, overrides, overview, policy, replay,
    rulesets, session, sites, tiers, usage, users,
};

/// A row of the table.
pub(crate) struct Row {
    pub(crate) method: Method,
    /// Below `/api/v1`.
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    /// The handler, without its guard.
    pub(crate) route: fn() -> Route,
}

macro_rules! table {
    ($($method:ident $path:literal $needs:ident $($handler:ident)::+;)*) => {
        vec![$(Row {
            method: Method::$method,
            path: $path,
            needs: $needs,
            route: || web::method(Method::$method).to($($handler)::+),
        }),*]
    };
}

/// All rows. Of two paths that one request could reach, the first is the one that it does.
pub(crate) fn table() -> Vec<Row> {
    table! {
        GET    "/openapi.json"              NOBODY    openapi::get;

        GET    "/session"                   VIEWER    session::get;
        POST   "/session"                   NOBODY    session::post;
        DELETE "/session"                   VIEWER    session::delete;

        GET    "/rulesets"                  VIEWER    rulesets::list;
        POST   "/rulesets"                  OWNER     rulesets::post;
        POST   "/rulesets/check"            VIEWER    rulesets::check;
        GET    "/rulesets/{name}"           VIEWER    rulesets::get;
        PUT    "/rulesets/{name}"           OWNER     rulesets::put;
        DELETE "/rulesets/{name}"           OWNER     rulesets::delete;

        GET    "/policy"                    VIEWER    policy::get;
        PUT    "/policy"                    OWNER     policy::put;

        GET    "/sites"                     VIEWER    sites::list;
        GET    "/sites/{site}/rulesets"     VIEWER    sites::get;
        PUT    "/sites/{site}/rulesets"     OWNER     sites::put;

        GET    "/tiers"                     VIEWER    tiers::list;
        GET    "/tiers/{name}"              VIEWER    tiers::get;
        PUT    "/tiers/{name}"              OWNER     tiers::put;
        DELETE "/tiers/{name}"              OWNER     tiers::delete;

        GET    "/groups"                    VIEWER    groups::list;
        GET    "/groups/{name}"             VIEWER    groups::get;
        PUT    "/groups/{name}"             OWNER     groups::put;
        DELETE "/groups/{name}"             OWNER     groups::delete;

        GET    "/users"                     VIEWER    users::list;
        GET    "/users/{user}"              VIEWER    users::get;
        PUT    "/users/{user}"              OPERATOR  users::put;
        DELETE "/users/{user}"              OPERATOR  users::delete;

        GET    "/overrides"                 VIEWER    overrides::list;
        POST   "/overrides"                 OPERATOR  overrides::post;
        GET    "/overrides/{id}"            VIEWER    overrides::get;
        PUT    "/overrides/{id}"            OPERATOR  overrides::put;
        DELETE "/overrides/{id}"            OPERATOR  overrides::delete;

        GET    "/keys"                      VIEWER    keys::list;
        POST   "/keys"                      OPERATOR  keys::post;
        GET    "/keys/{id}"                 VIEWER    keys::get;
        PUT    "/keys/{id}"                 OPERATOR  keys::put;
        DELETE "/keys/{id}"                 OPERATOR  keys::delete;
        POST   "/keys/{id}/rotate"          OPERATOR  keys::rotate;

        GET    "/members"                   OWNER     members::list;
        POST   "/members"                   OWNER     members::post;
        GET    "/members/{name}"            OWNER     members::get;
        PUT    "/members/{name}"            OWNER     members::put;
        DELETE "/members/{name}"            OWNER     members::delete;
        POST   "/members/{name}/token"      OWNER     members::token;

        GET    "/audit"                     VIEWER    audit::list;
        GET    "/audit/verify"              VIEWER    audit::verify;

        POST   "/explain"                   VIEWER    explain::post;
        POST   "/replay"                    VIEWER    replay::post;

        GET    "/accounts"                  VIEWER    accounts::list;
        POST   "/accounts/grant"            OPERATOR  accounts::grant;
        POST   "/accounts/reset"            OPERATOR  accounts::reset;

        GET    "/usage"                     VIEWER    usage::get;
        GET    "/overview"                  VIEWER    overview::get;
        GET    "/events"                    VIEWER    events::get;
    }
}
