//! Three lines around an `App`: all clients together may spend 600 s of server time per hour.
//!
//! ```text
//! cargo run --example hello
//! curl -i localhost:8080/
//! ```

use actix_web::{App, HttpServer, web};
use timebudget::TimeBudget;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let budget = TimeBudget::per_site("600s per hour").map_err(std::io::Error::other)?;
    let hello = || async { "hello\n" };
    let server = HttpServer::new(move || App::new().wrap(budget.clone()).default_service(web::to(hello)));
    let server = server.bind(address())?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await
}

/// Where to listen: the first argument, else port 8080.
fn address() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned())
}
