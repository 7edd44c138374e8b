//! A streaming endpoint, charged to its last chunk: each chunk takes 20 ms to make, and a client that is slow to take
//! one is not charged for its slowness. Where a route stands can be asked, and work done elsewhere can be charged.
//!
//! ```text
//! cargo run --example streaming
//! curl -iN localhost:8080/ticks
//! curl -i localhost:8080/standing
//! ```

use std::time::Duration;

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer, Responder};
use futures_util::stream;
use timebudget::Budget;
use timebudget::TimeBudget;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let budget = TimeBudget::per_site("10s per minute").map_err(std::io::Error::other)?;
    let server = HttpServer::new(move || {
        App::new()
            .wrap(budget.clone())
            .route("/ticks", web::get().to(ticks))
            .route("/standing", web::get().to(standing))
    });
    let server = server.bind(address())?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await
}

/// Ten lines, each of which takes 20 ms to make.
async fn ticks() -> impl Responder {
    let lines = stream::unfold(0, |line| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let chunk = Ok::<_, std::io::Error>(Bytes::from(format!("tick {line}\n")));
        (line < 10).then_some((chunk, line + 1))
    });
    HttpResponse::Ok().streaming(lines)
}

/// Where the budget stands; asking is free.
async fn standing(budget: Budget) -> impl Responder {
    budget.waive();
    match budget.report() {
        Some(report) => format!("{} of {} µs left\n", report.remaining, report.limit),
        None => "no budget\n".to_owned(),
    }
}

/// Where to listen: the first argument, else port 8080.
fn address() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned())
}
