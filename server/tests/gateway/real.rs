//! Real upstreams in other languages: a WSGI app in Python, a server in Node with WebSocket and events, nginx.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::client::{Client, ROOMY, post, start};
use crate::running::{Running, eventually};
use crate::scratch::Scratch;

/// A program that serves, killed at the end of the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// A program that prints the port that it listens on.
    fn printing(program: &str, args: &[&str]) -> (Self, u16) {
        let mut child =
            Command::new(program).args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Self(child), line.trim().parse().unwrap())
    }
}

fn before(port: u16) -> Running {
    start(ROOMY, &["--upstream", &format!("http://127.0.0.1:{port}")])
}

const WSGI: &str = r#"
import socketserver, sys
from wsgiref.simple_server import make_server, WSGIRequestHandler, WSGIServer

class Threaded(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

class Quiet(WSGIRequestHandler):
    def log_message(self, *args): pass

def app(environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    text = "|".join([environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], environ["HTTP_HOST"],
                     environ.get("HTTP_X_FORWARDED_FOR", ""), str(len(body))]).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return [text]

server = make_server("127.0.0.1", 0, app, Threaded, Quiet)
print(server.server_port, flush=True)
server.serve_forever()
"#;

#[test]
fn a_wsgi_app_in_python() {
    let (_python, port) = Program::printing("python3", &["-c", WSGI]);
    let gateway = before(port);
    for _ in 0..5 {
        let answer = gateway.request("GET", "/a%20b?c=d", "host: shop.example:81\r\n");
        assert_eq!(String::from_utf8_lossy(&answer.body), "GET|/a b|c=d|shop.example:81|127.0.0.1|0");
    }
    let answer = post(&gateway, "/", &[b'x'; 300_000]);
    assert_eq!(String::from_utf8_lossy(&answer.body), "POST|/||localhost|127.0.0.1|300000");
}

#[test]
fn the_file_server_of_python() {
    let scratch = Scratch::new();
    scratch.write("hello.txt", "hello");
    let directory = scratch.path("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let port = address.port().to_string();
    let args =
        ["-m", "http.server", &port, "--bind", "127.0.0.1", "--directory", directory.to_str().unwrap()];
    let python = Command::new("python3").args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _python = Program(python.unwrap());
    wait_for(address);
    let gateway = before(address.port());
    assert_eq!(gateway.get("/hello.txt").body, b"hello");
    assert_eq!(gateway.get("/nothing").status, 404);
}

const NODE: &str = r#"
const http = require("http"), crypto = require("crypto");
const server = http.createServer((request, response) => {
  if (request.url === "/events") {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    let count = 0;
    const timer = setInterval(() => {
      response.write(`data: ${++count}\n\n`);
      if (count === 3) { clearInterval(timer); response.end(); }
    }, 30);
    return;
  }
  let length = 0;
  request.on("data", chunk => { length += chunk.length; });
  request.on("end", () => response.end(`${request.method} ${request.url} ${length}`));
});
server.on("upgrade", (request, socket) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = crypto.createHash("sha1").update(key).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on("data", frame => {
    // A short text, masked: it is sent back without the mask.
    const length = frame[1] & 127, mask = frame.subarray(2, 6);
    const text = Buffer.from(frame.subarray(6, 6 + length).map((byte, at) => byte ^ mask[at % 4]));
    if ((frame[0] & 15) === 8) { socket.end(Buffer.from([0x88, 0])); return; }
    socket.write(Buffer.concat([Buffer.from([0x81, length]), text]));
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"#;

#[test]
fn a_server_in_node_with_websocket_and_events() {
    let (_node, port) = Program::printing("node", &["-e", NODE]);
    let gateway = before(port);
    assert_eq!(gateway.get("/a?b").body, b"GET /a?b 0");
    assert_eq!(post(&gateway, "/p", &[b'x'; 300_000]).body, b"POST /p 300000");
    assert_eq!(gateway.get("/events").body, b"data: 1\n\ndata: 2\n\ndata: 3\n\n");
    let mut client = Client::new(&gateway);
    client.send(
        "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert!(client.head().contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for text in ["one!", "two!"] {
        let mask = [1, 2, 3, 4];
        let masked = text.bytes().zip(mask).map(|(byte, mask)| byte ^ mask);
        let frame: Vec<_> = [0x81, 0x84].into_iter().chain(mask).chain(masked).collect();
        client.send(frame);
        let back = client.up_to(text);
        assert!(back.ends_with(&format!("\u{4}{text}")), "{back:?}");
    }
}

#[test]
fn nginx() {
    let scratch = Scratch::new();
    let large: String = (0..200_000).map(|number| format!("{number:06}\n")).collect();
    scratch.write("html/large.txt", &large);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let here = scratch.path("");
    let here = here.display();
    let configuration = scratch.write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\nevents {{}}\nhttp {{ access_log off;\n\
             client_body_temp_path {here}/1; proxy_temp_path {here}/2; fastcgi_temp_path {here}/3; uwsgi_temp_path {here}/4; scgi_temp_path {here}/5;\n\
             server {{ listen {address}; root {here}/html; client_max_body_size 1k;\n\
             location /early {{ return 413; }}\nlocation = /host {{ return 200 $http_host; }} }} }}\n"
        ),
    );
    let nginx = Command::new("nginx").arg("-c").arg(&configuration).stderr(Stdio::null()).spawn().unwrap();
    let _nginx = Program(nginx);
    wait_for(address);
    let gateway = before(address.port());
    for _ in 0..3 {
        assert!(gateway.get("/large.txt").body == large.as_bytes());
    }
    assert_eq!(gateway.request("GET", "/host", "host: shop.example:81\r\n").body, b"shop.example:81");
    let head = gateway.request("HEAD", "/large.txt", "host: a\r\n");
    assert_eq!((head.number("content-length"), head.body.len()), (large.len() as u64, 0));
    // nginx answers before it has read the body, and hangs up.
    for _ in 0..5 {
        assert_eq!(post(&gateway, "/large.txt", &vec![b'x'; 5_000_000]).status, 413);
    }
    drop(scratch);
}

fn wait_for(address: SocketAddr) {
    eventually("a port", || TcpStream::connect(address).ok(), String::new);
}
