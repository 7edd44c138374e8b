//! Counting requests is the same engine with a cost of 1: each client may send 5 requests a minute, 100 a day.
//!
//! ```text
//! cargo run --example requests
//! for i in 1 2 3 4 5 6; do curl -i localhost:8080/; done
//! ```

use actix_web::{App, HttpServer, web};
use timebudget::TimeBudget;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let limits = TimeBudget::per_ip("5 per minute; 100 per day").map_err(std::io::Error::other)?;
    let hello = || async { "hello\n" };
    let server = HttpServer::new(move || App::new().wrap(limits.clone()).default_service(web::to(hello)));
    let server = server.bind(address())?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await
}

/// Where to listen: the first argument, else port 8080.
fn address() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned())
}
