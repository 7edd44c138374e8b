//! The scope: the rows of the table as resources of actix, each route behind its guard.

use actix_web::dev::{HttpServiceFactory, ResourceDef, ServiceRequest};
use actix_web::guard::{self as matching, Guard};
use actix_web::http::Method;
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::web::{self, ThinData};
use actix_web::{HttpRequest, HttpResponse, Resource, ResponseError as _, Scope};

use crate::api::guard::guard;
use crate::api::problem::Problem;
use crate::api::routes::{Row, table};
use crate::control::Control;
use crate::pages;

impl Control {
    /// The API under `PATH/api/v1`, and the pages under `PATH/`, as a scope for an application to serve.
    ///
    /// It answers only members, by their tokens, or whom the application knows by a login of its own: see
    /// [`Visitor`](crate::Visitor).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use actix_web::{App, HttpServer};
    /// use timebudget::TimeBudget;
    /// use timebudget_control::{Control, Options};
    ///
    /// let control = Control::open(Options::new("sqlite://timebudget.db")).await?;
    /// let budget = TimeBudget::builder().sites("sites").layer(control.layer()).build()?;
    /// control.govern(&budget)?;
    /// let app = move || App::new().wrap(budget.clone()).service(control.scope("/limits"));
    /// HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn scope(&self, path: &str) -> Scope {
        web::scope(path.trim_end_matches('/')).service(api(self.clone())).configure(pages::configure)
    }
}

fn api(control: Control) -> impl HttpServiceFactory + 'static {
    let scope = web::scope("/api/v1").app_data(ThinData(control)).default_service(web::to(elsewhere));
    let scope = resources().into_iter().fold(scope, Scope::service);
    // Answers are of the moment, and some have secrets in them.
    scope.wrap(
        DefaultHeaders::new().add(("Cache-Control", "no-store")).add(("X-Content-Type-Options", "nosniff")),
    )
}

/// A resource for each path. It takes the methods of its rows alone, and leaves others to the resources behind it.
fn resources() -> Vec<Resource> {
    let mut resources: Vec<(&str, Vec<Row>)> = Vec::new();
    for row in table() {
        match resources.iter_mut().find(|(path, _)| *path == row.path) {
            Some((_, rows)) => rows.push(row),
            None => resources.push((row.path, vec![row])),
        }
    }
    let resource = |(path, rows): (&str, Vec<Row>)| {
        let methods: Vec<_> = rows.iter().map(|row| row.method.clone()).collect();
        let resource = web::resource(path).guard(OneOf(methods));
        rows.into_iter().fold(resource, |resource, Row { needs, route, .. }| {
            resource.route(
                route()
                    .wrap(from_fn(move |request: ServiceRequest, next: Next<_>| guard(needs, request, next))),
            )
        })
    };
    resources.into_iter().map(resource).collect()
}

struct OneOf(Vec<Method>);

impl Guard for OneOf {
    fn check(&self, request: &matching::GuardContext<'_>) -> bool {
        self.0.contains(&request.head().method)
    }
}

/// Where no row is.
async fn elsewhere(request: HttpRequest) -> HttpResponse {
    let path = request.match_info().unprocessed();
    let rows = table().into_iter().filter(|row| ResourceDef::new(row.path).is_match(path));
    let methods: Vec<_> = rows.map(|row| row.method.to_string()).collect();
    let problem = match methods.is_empty() {
        true => Problem::not_found("there is no such path; GET openapi.json lists them"),
        false => Problem::not_allowed(&methods.join(", ")),
    };
    problem.error_response()
}
