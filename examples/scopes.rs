//! Scopes within scopes: 3 requests an hour, in a scope inside 2 a minute instead, with a refusal of its own; and a
//! background task that is charged to the account of those who asked for it.
//!
//! ```text
//! cargo run --example scopes
//! curl -i localhost:8080/shop/          # 3 an hour
//! curl -i localhost:8080/shop/search/   # 2 a minute
//! curl -i localhost:8080/render         # 1 s of work a minute, done elsewhere
//! ```

use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, Responder, rt, web};
use timebudget::{ChargeError, RuleError, TimeBudget};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let [shop, search, renders] = budgets().map_err(std::io::Error::other)?;
    let server = HttpServer::new(move || {
        let hello = || web::to(|| async { "hello\n" });
        let search = web::scope("/search").wrap(search.clone()).default_service(hello());
        App::new()
            .app_data(web::Data::new(renders.clone()))
            .service(web::scope("/shop").wrap(shop.clone()).service(search).default_service(hello()))
            .route("/render", web::get().to(render))
    });
    let server = server.bind(address())?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await
}

fn budgets() -> Result<[TimeBudget; 3], RuleError> {
    let shop = TimeBudget::rule("shop", "3 per hour").except("/shop/search");
    let search = TimeBudget::rule("search", "2 per minute").respond_with(|request, refusal| {
        let said = format!("{} is busy for {} s\n", request.path(), refusal.retry_after_secs);
        HttpResponse::TooManyRequests().body(said)
    });
    let renders = TimeBudget::rule("renders", "1s per minute");
    Ok([shop.build()?, search.build()?, renders.build()?])
}

/// Answers at once; the work goes on, and its time is charged until it ends.
async fn render(renders: web::Data<TimeBudget>) -> impl Responder {
    match renders.charge("renders", ()).await {
        Ok(running) => {
            rt::spawn(async move {
                rt::time::sleep(Duration::from_millis(600)).await;
                drop(running);
            });
            HttpResponse::Accepted().body("it is being rendered\n")
        }
        Err(ChargeError::Refused(refusal)) => {
            HttpResponse::TooManyRequests().body(format!("not before {} s\n", refusal.retry_after_secs))
        }
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Where to listen: the first argument, else port 8080.
fn address() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned())
}
