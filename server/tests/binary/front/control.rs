//! Run-time control behind nginx, by the configuration of `docs/control.md`.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use super::nginx::whole;
use super::page::{blocks_of, replaced};
use super::proxy::Proxy;
use crate::admin::{Admin, TOKEN};
use crate::answer::Answer;
use crate::scratch::Scratch;

/// nginx as the page has it, but for its port and its TLS.
fn nginx(admin: &Admin) -> Proxy {
    let upstream = admin.address.to_string();
    let inner = replaced(&blocks_of("control.md", "nginx").concat(), &[("127.0.0.1:8081", &upstream)]);
    let configured = |address: SocketAddr, directory: &Scratch| {
        let listen = format!("listen {address};");
        whole(&replaced(&inner, &[("listen 443 ssl;", &listen)]), directory)
    };
    Proxy::start("nginx", "nginx", &["-e", "stderr", "-c"], configured)
}

/// Logs in as a browser does that shows the pages of `https://limits.example`.
fn log_in(at: SocketAddr, fields: &str) -> Answer {
    let body = format!("{{\"token\":\"{TOKEN}\"}}");
    let head = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: limits.example\r\norigin: https://limits.example\r\n{fields}\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(at).unwrap();
    connection.write_all(head.as_bytes()).unwrap();
    Answer::read(&connection).unwrap_or_else(|| panic!("no answer to {head}"))
}

/// A page's origin was compared with what the proxy calls the server: nobody could log in.
#[test]
fn a_browser_logs_in_behind_nginx_by_the_pages_configuration() {
    let admin = Admin::start(Scratch::new(), &["--admin-trusted-proxies", "127.0.0.1", "--admin-https"]);
    let proxy = nginx(&admin);
    let answer = log_in(proxy.address, "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.header("set-cookie").unwrap().contains("Secure"));
    assert_eq!(log_in(proxy.address, "sec-fetch-site: same-origin\r\n").status, 200);
    assert_eq!(log_in(proxy.address, "sec-fetch-site: cross-site\r\n").status, 403);
    let rows = admin.owner("GET", "/api/v1/session", "").json();
    assert_eq!(rows["role"], "owner");
    assert!(!admin.server.log().contains("--admin-https"));
}

#[test]
fn behind_a_proxy_that_nobody_trusts_a_browser_that_tells_whose_page_it_shows_logs_in() {
    let admin = Admin::start(Scratch::new(), &[]);
    let proxy = nginx(&admin);
    assert_eq!(log_in(proxy.address, "sec-fetch-site: same-origin\r\n").status, 200);
    let refused = log_in(proxy.address, "");
    assert_eq!(refused.status, 403);
    assert!(String::from_utf8(refused.body).unwrap().contains("--admin-trusted-proxies"));
}

#[test]
fn pages_that_are_reached_over_https_without_being_told_so_are_logged_once() {
    let admin = Admin::start(Scratch::new(), &["--admin-trusted-proxies", "127.0.0.1"]);
    let fields = "x-forwarded-host: limits.example\r\nx-forwarded-proto: https\r\n";
    for _ in 0..3 {
        assert_eq!(log_in(admin.address, fields).status, 200);
    }
    admin.server.wait_for_log("--admin-https");
    assert_eq!(admin.server.log().matches("--admin-https").count(), 1);
}
