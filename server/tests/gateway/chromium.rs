//! Chromium before the gateway, and a server in Node behind it: a page that fetches, follows events and speaks over a WebSocket.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::start;
use crate::scratch::Scratch;

/// A program that is killed at the end of the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves the page, and prints its port and then what it is told at `/report`.
const NODE: &str = r#"
const http = require("http"), crypto = require("crypto");
const page = `<!doctype html><title>page</title><script type="module">
  const told = {};
  const first = await fetch("/text");
  told.text = await first.text();
  told.limit = first.headers.get("x-ratelimit-limit");
  told.cookies = document.cookie.split("; ").sort();
  told.uploaded = await (await fetch("/upload", { method: "POST", body: new Uint8Array(3_000_000) })).text();
  told.downloaded = (await (await fetch("/large")).arrayBuffer()).byteLength;
  told.together = (await Promise.all([1, 2, 3, 4, 5].map(n => fetch("/text?" + n).then(r => r.text())))).length;
  const leaving = new AbortController();
  const left = fetch("/endless", { signal: leaving.signal }).then(async response => {
    await response.body.getReader().read();
    leaving.abort();
  });
  await left;
  told.events = await new Promise(done => {
    const events = [], source = new EventSource("/events");
    source.onmessage = event => {
      events.push(event.data);
      if (events.length === 3) { source.close(); done(events); }
    };
  });
  told.words = await new Promise(done => {
    const words = [], socket = new WebSocket("ws://" + location.host + "/socket");
    socket.onopen = () => socket.send("one");
    socket.onmessage = event => {
      words.push(event.data);
      if (words.length < 3) { socket.send(["two", "three"][words.length - 1]); } else { socket.close(1000); }
    };
    socket.onclose = event => done([...words, event.code]);
  });
  while ((await (await fetch("/gone")).text()) !== "1") await new Promise(done => setTimeout(done, 20));
  await fetch("/report", { method: "POST", body: JSON.stringify(told) });
</script>`;
let gone = 0;
const server = http.createServer((request, response) => {
  const url = request.url.split("?")[0];
  if (url === "/") return response.writeHead(200, { "Content-Type": "text/html" }).end(page);
  if (url === "/text") return response.writeHead(200, { "Set-Cookie": ["a=1", "b=2"] }).end("text");
  if (url === "/large") return response.end(Buffer.alloc(5_000_000));
  if (url === "/gone") return response.end(String(gone));
  if (url === "/endless") {
    response.write("begun");
    const timer = setInterval(() => response.write("more"), 10);
    return response.on("close", () => { clearInterval(timer); gone += 1; });
  }
  if (url === "/events") {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    let count = 0;
    const timer = setInterval(() => response.write(`data: ${++count}\n\n`), 30);
    return response.on("close", () => clearInterval(timer));
  }
  const chunks = [];
  request.on("data", chunk => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    if (url === "/report") console.log(body.toString());
    response.writeHead(url === "/upload" || url === "/report" ? 200 : 404).end(String(body.length));
  });
});
server.on("upgrade", (request, socket) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = crypto.createHash("sha1").update(key).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on("error", () => {});
  socket.on("data", frame => {
    // A short frame, masked: it is sent back without the mask.
    const length = frame[1] & 127, mask = frame.subarray(2, 6);
    const text = Buffer.from(frame.subarray(6, 6 + length).map((byte, at) => byte ^ mask[at % 4]));
    const back = Buffer.concat([Buffer.from([frame[0], length]), text]);
    if ((frame[0] & 15) === 8) socket.end(back); else socket.write(back);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"#;

#[test]
fn a_page_fetches_follows_events_and_speaks_over_a_websocket() {
    let node = Command::new("node").args(["-e", NODE]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut node = Program(node.unwrap());
    let (said, says) = mpsc::channel();
    let lines = BufReader::new(node.0.stdout.take().unwrap()).lines();
    thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| said.send(line)));
    let port = says.recv_timeout(Duration::from_secs(60)).expect("node listens");
    let site = r#"{ "rate_limit": "1000000 per year" }"#;
    let gateway = start(site, &["--upstream", &format!("http://127.0.0.1:{port}")]);
    let profile = Scratch::new();
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ]);
    chromium.args(["--disable-background-networking", "--remote-debugging-port=0"]);
    chromium.arg(format!("--user-data-dir={}", profile.path("profile").display()));
    chromium.arg(format!("http://{}/", gateway.address)).stdout(Stdio::null()).stderr(Stdio::null());
    let _chromium = Program(chromium.spawn().expect("chromium is needed for these tests"));
    let report = says.recv_timeout(Duration::from_secs(120));
    let report = report.unwrap_or_else(|_| panic!("the page has not come to its end\n{}", gateway.log()));
    let told: Value = serde_json::from_str(&report).unwrap();
    let expected = json!({
        "text": "text", "limit": "1000000", "cookies": ["a=1", "b=2"], "uploaded": "3000000", "downloaded": 5_000_000,
        "together": 5, "events": ["1", "2", "3"], "words": ["one", "two", "three", 1000],
    });
    assert_eq!(told, expected, "{}", gateway.log());
}
