//! The pages and the API inside an application of one's own, behind its own login.
//!
//!     cargo run --package timebudget-control --example own_app
//!
//! Then open <http://127.0.0.1:8080/staff/limits/>, and log in as `ann` with the password `apple`, who looks after clients, or as
//! `olga` with `orange`, who may do everything. Nobody is given a token: the application says who asks, by a [`Visitor`].

use std::env;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpMessage as _, HttpResponse, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use timebudget::TimeBudget;
use timebudget_control::thing::Role;
use timebudget_control::{Control, Options, Visitor};

/// Who may log in: an application has a table of its own, and digests of passwords in it.
const STAFF: [(&str, &str, Role); 2] = [("ann", "apple", Role::Operator), ("olga", "orange", Role::Owner)];

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let database = arguments.next().unwrap_or_else(|| "sqlite://own_app.db".to_owned());

    let control = Control::open(Options::new(database)).await?;
    let site = r#"{ "rate_limit": "600s per hour; 100 per minute" }"#;
    let budget = TimeBudget::builder().site_text(site).layer(control.layer()).observe(control.observer());
    let budget = budget.build()?;
    control.govern(&budget)?;

    let app = move || {
        let shop =
            web::scope("/shop").wrap(budget.clone()).route("", web::get().to(|| async { "so much to buy" }));
        // What is mounted inside asks nobody for a token whom the login has let in.
        let staff = web::scope("/staff").wrap(from_fn(login)).service(control.scope("/limits"));
        App::new().service(shop).service(staff)
    };
    let server = HttpServer::new(app).bind(listen)?;
    println!("listening on http://{}", server.addrs()[0]);
    Ok(server.run().await?)
}

/// The application's own login: here the one that browsers have built in.
async fn login(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(visitor) = visitor(&request) else {
        let answer =
            HttpResponse::Unauthorized().insert_header((WWW_AUTHENTICATE, "Basic realm=\"staff\"")).finish();
        return Ok(request.into_response(answer).map_into_boxed_body());
    };
    request.extensions_mut().insert(visitor);
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn visitor(request: &ServiceRequest) -> Option<Visitor> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let (name, password) = str::from_utf8(&decoded).ok()?.split_once(':')?;
    let known = STAFF.iter().find(|(known, word, _)| (*known, *word) == (name, password))?;
    Some(Visitor::new(name, known.2))
}
