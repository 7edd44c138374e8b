//! A burst on an almost empty budget.

use std::time::Duration;

use actix_web::App;
use actix_web::web::{self, Data};
use futures_util::future::join_all;

use crate::harness::{Client, Event, Gate, SECOND, World, serve};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const TAKES: Duration = Duration::from_millis(100);

/// 200 requests of 100 ms at once on a budget of a second; three such were seen before. Charging at the end would let
/// all of them through, and spend the budget twenty times.
#[actix_web::test]
async fn two_hundred_requests_at_once_do_not_overdraw_the_budget() {
    let (mut world, gate) = (World::new(), Gate::new());
    let (budget, inside) = (world.budget("1s per hour"), gate.clone());
    let server = serve(move || {
        App::new().app_data(Data::new(inside.clone())).wrap(budget.clone()).default_service(web::to(gated))
    });
    let mut clients = join_all((0..200).map(|_| server.connect())).await;
    for client in &mut clients[..3] {
        client.send(REQUEST).await;
        gate.arrivals(1).await;
        world.advance(TAKES);
        gate.open(1);
        assert_eq!(client.answer().await.status, 200);
    }
    assert_eq!((world.spent(), world.count(Event::Settled)), (3 * SECOND / 10, 3));

    join_all(clients.iter_mut().map(|client| client.send(REQUEST))).await;
    let admitted = world.decisions(200).await;
    world.advance(TAKES);
    gate.open(admitted);
    let answers = join_all(clients.iter_mut().map(Client::answer)).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((served, refused), (7, 193));
    assert_eq!(world.spent(), SECOND, "to the microsecond");
}

async fn gated(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "done"
}
