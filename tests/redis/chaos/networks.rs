//! What networks and servers that lie do to answers.

use std::time::Duration;

use tokio::time::sleep;

use super::load::Load;
use super::row::Row;
use crate::proxy::{FOUL, Proxy, Weather};
use crate::server::Server;

pub(crate) async fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for weather in FOUL {
        let server = Server::start();
        let proxy = Proxy::to(server.port).await;
        let load = Load::on(&proxy.uri("deadline=20ms")).await;
        let trouble = async {
            proxy.turn(weather);
            sleep(Duration::from_secs(1)).await;
            proxy.turn(Weather::Fair);
        };
        rows.push(Row::of(name(weather), &load, &server.uri("deadline=5s"), trouble).await);
    }
    rows
}

const fn name(weather: Weather) -> &'static str {
    match weather {
        Weather::Fair => "none",
        Weather::Slow => "answers 50 ms late",
        Weather::Silent => "no answers",
        Weather::Drip => "answers a byte each millisecond",
        Weather::Cut => "connections cut",
        Weather::Garbage => "what is no RESP",
        Weather::Empty => "empty answers",
        Weather::Lies => "wrong numbers",
        Weather::Loading => "LOADING",
    }
}
