//! A proxy between a store and its server, that does what networks and bad servers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What the proxy does with answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Weather {
    /// Passes them on.
    Fair,
    /// Passes them on 50 ms late.
    Slow,
    /// Swallows them.
    Silent,
    /// Passes them on a byte at a time, one each millisecond.
    Drip,
    /// Closes the connection instead.
    Cut,
    /// Sends what is no RESP.
    Garbage,
    /// Answers everything with an empty array.
    Empty,
    /// Answers everything with numbers that are no answer.
    Lies,
    /// Answers everything with an error of the server's.
    Loading,
}

/// All weathers but the fair one.
pub(crate) const FOUL: [Weather; 8] = [
    Weather::Slow,
    Weather::Silent,
    Weather::Drip,
    Weather::Cut,
    Weather::Garbage,
    Weather::Empty,
    Weather::Lies,
    Weather::Loading,
];

/// A proxy on a port of its own.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    weather: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = Arc::new(AtomicU8::new(Weather::Fair as u8));
        let seen = Arc::clone(&weather);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                    // Whoever measures through it must not measure Nagle's algorithm.
                    client.set_nodelay(true).unwrap();
                    server.set_nodelay(true).unwrap();
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::spawn(pass(from_client, to_server));
                    tokio::spawn(answer(from_server, to_client, Arc::clone(&seen)));
                }
            }
        });
        Self { port, weather }
    }

    pub(crate) fn turn(&self, weather: Weather) {
        self.weather.store(weather as u8, Ordering::SeqCst);
    }

    pub(crate) fn uri(&self, parameters: &str) -> String {
        format!("redis://127.0.0.1:{}/?{parameters}", self.port)
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, weather: Arc<AtomicU8>) {
    let mut bytes = vec![0; 65_536];
    while let Ok(length) = from.read(&mut bytes).await {
        let now = weather.load(Ordering::SeqCst);
        let now = std::iter::once(Weather::Fair).chain(FOUL).find(|weather| *weather as u8 == now);
        if length == 0 || send(&mut to, &bytes[..length], now.unwrap()).await.is_err() {
            return;
        }
    }
}

async fn send(to: &mut OwnedWriteHalf, bytes: &[u8], weather: Weather) -> std::io::Result<()> {
    match weather {
        Weather::Fair => to.write_all(bytes).await,
        Weather::Slow => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            to.write_all(bytes).await
        }
        Weather::Silent => Ok(()),
        Weather::Drip => {
            for byte in bytes {
                to.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        }
        Weather::Cut => Err(std::io::ErrorKind::ConnectionReset.into()),
        Weather::Garbage => to.write_all(b"\x00\xff}{ this is no RESP\r\n").await,
        Weather::Empty => to.write_all(b"*0\r\n").await,
        Weather::Lies => to.write_all(b"*8\r\n:1\r\n:0\r\n:-7\r\n:9\r\n:-1\r\n:3\r\n:4\r\n:99\r\n").await,
        Weather::Loading => to.write_all(b"-LOADING Redis is loading the dataset in memory\r\n").await,
    }
}
