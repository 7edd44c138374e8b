//! Crowds of clients that stall, over sockets: they spend nothing, and lock nobody out.

use std::process::Command;
use std::time::Duration;

use actix_web::App;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpResponse, rt};
use futures_util::{StreamExt as _, future, stream};
use tokio::net::TcpSocket;

use crate::harness::{Client, Gate, Listening, SECOND, World, secs, serve, soon};

const MEGABYTE: usize = 1 << 20;

/// Files that a crowd of 5,000 needs open, on both sides of its connections; and says that they may be.
const MANY_FILES: &str = "12000";
const MAY_OPEN_MANY: &str = "TIMEBUDGET_MAY_OPEN_MANY_FILES";

fn start(world: &World, gate: &Gate) -> Listening {
    let (budget, gate) = (world.budget("60s per hour"), gate.clone());
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .route("/import", web::to(import))
            .route("/export", web::to(export))
            .default_service(web::to(async || "hello"))
    })
}

async fn import(_body: Bytes, gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "imported"
}

async fn export() -> HttpResponse {
    let chunk = Bytes::from(vec![b'x'; MEGABYTE]);
    HttpResponse::Ok().streaming(stream::iter(vec![chunk; 64]).map(Ok::<_, std::io::Error>))
}

/// A server of which four requests are known that took a second each: 56 of 60 s are left.
async fn known(world: &World) -> Listening {
    let gate = Gate::new();
    let server = start(world, &gate);
    let mut client = server.connect().await;
    for _ in 0..4 {
        client.send("POST /import HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
        gate.arrivals(1).await;
        world.advance(secs(1));
        gate.open(1);
        assert_eq!(client.answer().await.used(), SECOND);
    }
    server
}

/// Waits until so many requests are admitted and none of them runs.
async fn stalled(world: &World, count: u32) {
    let all_stall = async {
        loop {
            let account = world.account();
            if (account.admitted, account.hold) == (count, 0) {
                return;
            }
            rt::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(all_stall).await;
}

/// How many of a thousand requests of others are refused, ten at a time.
async fn refused_of_1_000(server: &Listening) -> usize {
    let clients = future::join_all((0..10).map(|_| server.connect())).await;
    let refused = clients.into_iter().map(async |mut client| {
        let statuses = client.statuses("/", 100).await;
        statuses.iter().filter(|status| **status != 200).count()
    });
    future::join_all(refused).await.iter().sum()
}

/// Lets so many clients send the heads of their uploads, and no more.
async fn uploads_stall(count: u32) {
    let world = World::new();
    let server = known(&world).await;
    let mut crowd = Vec::new();
    for _ in 0..count {
        let mut client = server.connect().await;
        client.send("POST /import HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
        crowd.push(client);
    }
    stalled(&world, count).await;
    world.advance(secs(600));
    assert_eq!(refused_of_1_000(&server).await, 0, "beside {count} that stall");
    assert_eq!(world.account().admitted, count);
}

/// 80 such clients locked all others out, for as long as they liked.
#[actix_web::test]
async fn beside_80_uploads_that_stall_nobody_is_refused() {
    uploads_stall(80).await;
}

/// In a process of its own, that may open more files than processes mostly may.
#[actix_web::test]
async fn beside_5_000_uploads_that_stall_nobody_is_refused() {
    if std::env::var_os(MAY_OPEN_MANY).is_some() {
        return uploads_stall(5_000).await;
    }
    let program = std::env::current_exe().expect("a process knows its program");
    let output = Command::new("sh")
        .args(["-c", "ulimit -S -n \"$0\" && exec \"$@\"", MANY_FILES])
        .arg(program)
        .args(["--exact", "crowds::beside_5_000_uploads_that_stall_nobody_is_refused"])
        .env(MAY_OPEN_MANY, "1")
        .output()
        .expect("a shell");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this needs {MANY_FILES} open files (`ulimit -Hn`):\n{told}");
}

#[actix_web::test]
async fn beside_80_downloads_that_nobody_reads_nobody_is_refused() {
    let world = World::new();
    let server = known(&world).await;
    let mut crowd = Vec::new();
    for _ in 0..80 {
        let socket = TcpSocket::new_v4().expect("a socket");
        // So that the kernel takes next to nothing for it.
        socket.set_recv_buffer_size(4096).expect("a socket");
        let mut client = Client::over(socket.connect(server.address).await.expect("it listens"));
        client.send("GET /export HTTP/1.1\r\nHost: a\r\n\r\n").await;
        crowd.push(client);
    }
    stalled(&world, 80).await;
    world.advance(secs(600));
    assert_eq!(refused_of_1_000(&server).await, 0);
    assert_eq!(world.account().admitted, 80);
}
