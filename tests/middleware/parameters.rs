//! Closures that ask for the parameters of a route which the application has not found yet.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::middleware::NormalizePath;
use actix_web::{App, HttpRequest, web};
use timebudget::config::Loaded;
use timebudget::{
    Component, Computed, Identity, KeyValue, Paths, Rule, RuleBuilder, Site, Sites, TimeBudget, parse_rates,
    route_parameter,
};

use crate::harness::{Listening, World, serve};

/// Says the parameters that its extractor and its request have.
async fn page(request: HttpRequest, path: web::Path<(String, String)>) -> String {
    let (team, page) = path.into_inner();
    let all = request.match_info().iter().map(|(name, value)| format!("{name}={value}"));
    format!("{team} {page} {}", all.collect::<Vec<_>>().join(" "))
}

/// A budget around the application, whose page has two parameters, one of them of a scope.
fn start(world: &World, rule: RuleBuilder) -> Listening {
    let budget = world.build(rule);
    serve(move || {
        let scope = web::scope("/teams/{team}").route("/pages/{page}", web::to(page));
        App::new().service(scope).wrap(NormalizePath::trim()).wrap(budget.clone())
    })
}

fn by_team() -> RuleBuilder {
    TimeBudget::rule("teams", "2 per hour")
        .key_by(|request| request.match_info().get("team").map(str::to_owned))
}

/// On an `App` the key was absent, and all teams of one address had one account.
#[actix_web::test]
async fn a_key_by_a_parameter_is_that_of_the_route_also_before_it_is_routed() {
    let world = World::new();
    let server = start(&world, by_team());
    let mut client = server.connect().await;
    for team in ["a", "b", "c"] {
        let pages = format!("/teams/{team}/pages/1");
        assert_eq!(client.statuses(&pages, 3).await, [200, 200, 429], "{team}");
        // Another address, and other spellings, are the same team.
        assert_eq!(server.connect().await.get(&format!("/teams//{team}/pages/2/")).await.status, 429);
    }
}

#[actix_web::test]
async fn handlers_find_their_parameters_as_if_nobody_had_looked() {
    let world = World::new();
    let mut client = start(&world, by_team()).connect().await;
    for _ in 0..2 {
        assert_eq!(client.get("/teams/a/pages/1").await.body, "a 1 team=a page=1");
    }
    assert_eq!(client.get("/nobody/here").await.status, 404);
}

#[actix_web::test]
async fn whatever_else_closures_say_depends_on_parameters_as_well() {
    for rule in [
        TimeBudget::rule("a", "4 per hour")
            .cost_by(|request| request.match_info().get("page").map_or(1, |page| page.parse().unwrap())),
        TimeBudget::rule("a", "2 per hour")
            .exempt_by(|request| request.match_info().get("page") == Some("0")),
        TimeBudget::rule("a", "2 per hour").when_by(|request| request.match_info().get("page") == Some("2")),
        TimeBudget::rule("a", "9 per hour").limits_by(|request| {
            let page = request.match_info().get("page")?;
            Some((page == "2").then(|| parse_rates("2 per hour").unwrap()[0]))
        }),
    ] {
        let world = World::new();
        let mut client = start(&world, rule.clone()).connect().await;
        assert_eq!(client.statuses("/teams/a/pages/0", 9).await, [200; 9], "{rule:?}");
        assert_eq!(client.statuses("/teams/a/pages/2", 3).await, [200, 200, 429], "{rule:?}");
    }
}

#[actix_web::test]
async fn who_the_client_is_can_be_a_parameter() {
    let world = World::new();
    let rule = TimeBudget::rule("each", "1 per hour").key(Component::User);
    let who = |request: &ServiceRequest| request.match_info().get("team").map(Identity::new);
    let budget = world.build(rule).identify(who);
    let server = serve(move || App::new().route("/{team}", web::to(async || "hello")).wrap(budget.clone()));
    let mut client = server.connect().await;
    for team in ["/a", "/b"] {
        assert_eq!(client.statuses(team, 2).await, [200, 429]);
    }
}

#[actix_web::test]
async fn under_a_scope_the_parameters_inside_of_it_are_shown() {
    let world = World::new();
    let budget = world.build(TimeBudget::rule("pages", "1 per hour").key_by(|request| {
        let parameters = request.match_info();
        Some(format!("{}/{}", parameters.get("team")?, parameters.get("page")?))
    }));
    let server = serve(move || {
        App::new()
            .service(web::scope("/teams/{team}").wrap(budget.clone()).route("/pages/{page}", web::to(page)))
    });
    let mut client = server.connect().await;
    for path in ["/teams/a/pages/1", "/teams/a/pages/2", "/teams/b/pages/1"] {
        assert_eq!(client.statuses(path, 2).await, [200, 429], "{path}");
    }
    assert_eq!(client.get("/teams/c/pages/9").await.body, "c 9 team=c page=9");
}

#[actix_web::test]
async fn a_parameter_by_name_is_decoded_as_an_extractor_does() {
    let world = World::new();
    let rule = TimeBudget::rule("teams", "1 per hour").key_by(|request| route_parameter(request, "team"));
    let mut client = start(&world, rule).connect().await;
    for (path, status) in [
        ("/teams/a%2Fb/pages/1", 200),
        ("/teams/a%2fb/pages/1", 429),
        ("/teams/c%2B%2b/pages/1", 200),
        ("/teams/c++/pages/1", 429),
        ("/teams/%63++/pages/1", 429),
        ("/teams/d/pages/1", 200),
    ] {
        assert_eq!(client.get(path).await.status, status, "{path}");
    }
}

/// What a path's route is was remembered by a hash of the path, whatever paths are one to the site that answers.
#[actix_web::test]
async fn sites_to_which_other_paths_are_one_find_parameters_each_in_its_own_way() {
    let world = World::new();
    let team = Computed::from_request(
        || None,
        |request: &ServiceRequest| request.match_info().get("team").map(KeyValue::from),
    );
    let rule = Rule::new("teams", Component::Computed(team), parse_rates("1 per hour").unwrap());
    let site = |name: &str, paths| Site { paths, rules: vec![rule.clone()], ..Site::unlimited(name) };
    let mut loaded = Loaded::from_site(site("normal", Paths::Normal));
    loaded.sites = vec![("exact".to_owned(), Arc::new(site("exact", Paths::Exact)))];
    let budget = TimeBudget::of_sites(Arc::new(Sites::new(loaded, world.engine())));
    let server = serve(move || {
        let app = App::new().wrap(NormalizePath::trim()).wrap(budget.clone());
        app.route("/teams/{team}", web::to(async || "a team"))
    });
    let mut client = server.connect().await;
    let mut ask = async |host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        client.ask(&request).await.status
    };
    assert_eq!(ask("exact", "/teams//a").await, 200);
    assert_eq!(ask("normal", "/teams/a").await, 200);
    assert_eq!(ask("normal", "/teams//a").await, 429, "it is the same team there");
    assert_eq!(ask("exact", "/teams/a").await, 200, "and another one here");
}
