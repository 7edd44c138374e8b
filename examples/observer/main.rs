//! What an observer sees: requests, refusals and time by rule and route, at the price of a few additions.
//!
//! ```text
//! cargo run --example observer
//! curl localhost:8080/users/17
//! curl localhost:8080/users/4711
//! curl localhost:8080/export
//! curl localhost:8080/counts
//! ```

mod counts;

use std::sync::Arc;

use actix_web::{App, HttpServer, Responder, web};
use timebudget::prelude::*;

use crate::counts::Counts;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let counts = Arc::new(Counts::default());
    let budget = budget(&counts).map_err(std::io::Error::other)?;
    let hello = || web::to(async || "hello\n");
    let server = HttpServer::new(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(web::Data::from(Arc::clone(&counts)))
            .route("/users/{id}", hello())
            .route("/export", hello())
            .route("/counts", web::get().to(show))
    });
    let server = server.bind(address())?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await
}

fn budget(counts: &Arc<Counts>) -> Result<TimeBudget, RuleError> {
    TimeBudget::builder()
        .exempt(path("/counts"))
        .rule(TimeBudget::rule("site", "600s per hour"))
        .rule(TimeBudget::rule("export", Limit::requests(1).per(Period::HOUR)).prefix("/export"))
        .rule(TimeBudget::rule("users", Limit::requests(1).per(Period::HOUR)).prefix("/users").shadow())
        .observe(Arc::clone(counts))
        .build()
}

async fn show(counts: web::Data<Counts>) -> impl Responder {
    counts.to_string()
}

/// Where to listen: the first argument, else port 8080.
fn address() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned())
}
