//! Behind nginx.

use std::net::SocketAddr;

use super::client::Client;
use super::page::{before, block, replaced, servers};
use super::proxy::Proxy;
use crate::running::Running;
use crate::scratch::Scratch;

/// What is around the page's configuration: one process that logs where the test reads, and owns nothing outside.
pub(super) fn whole(inner: &str, directory: &Scratch) -> String {
    let place = |name: &str| directory.path(name).display().to_string();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {};\n", place(what)))
        .concat();
    format!(
        "daemon off; master_process off; error_log stderr; pid {};\n\
         events {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n{paths}{inner}}}\n",
        place("pid")
    )
}

/// nginx before two servers, by the page's configuration with some texts replaced.
fn nginx(servers: &[Running; 2], texts: &[(&str, &str)]) -> Proxy {
    let inner = replaced(&before(servers, &block("nginx")), texts);
    let configured = |address: SocketAddr, directory: &Scratch| {
        let listen = format!("listen {address};");
        whole(&replaced(&inner, &[("listen 80;", &listen)]), directory)
    };
    Proxy::start("nginx", "nginx", &["-e", "stderr", "-c"], configured)
}

#[test]
fn a_client_behind_nginx_cannot_choose_its_account() {
    let servers = servers("2 per year");
    let proxy = nginx(&servers, &[]);
    let alice = Client(2);
    // Two servers with two requests each.
    for n in 0..4 {
        let fields = format!("X-Forwarded-For: 192.0.2.{n}, 198.51.100.{n}\r\n");
        assert_eq!(alice.get(proxy.address, "/", &fields).status, 200, "{}", proxy.log());
    }
    let claimed = "X-Forwarded-For: 192.0.2.9\r\nForwarded: for=192.0.2.9\r\nX-Real-IP: 192.0.2.9\r\n";
    assert_eq!(alice.get(proxy.address, "/", claimed).status, 429);
    assert_eq!(Client(3).get(proxy.address, "/", "").status, 200);
}

#[test]
fn what_nginx_adds_at_the_end_is_as_good() {
    let servers = servers("2 per year");
    let adds = "X-Forwarded-For $proxy_add_x_forwarded_for;";
    let proxy = nginx(&servers, &[("X-Forwarded-For $remote_addr;", adds)]);
    let claimed = |n| format!("X-Forwarded-For: 192.0.2.{n}\r\n");
    let statuses = [0, 1, 2, 3, 4].map(|n| Client(2).get(proxy.address, "/", &claimed(n)).status);
    assert_eq!(statuses, [200, 200, 200, 200, 429]);
}

/// What the page says goes wrong.
#[test]
fn a_bare_proxy_pass_lets_clients_choose_their_accounts() {
    let servers = servers("1 per year");
    let proxy = nginx(&servers, &[("proxy_set_header X-Forwarded-For $remote_addr;", "")]);
    for n in 0..9 {
        let fields = format!("X-Forwarded-For: 192.0.2.{n}\r\n");
        assert_eq!(Client(2).get(proxy.address, "/", &fields).status, 200);
    }
}

#[test]
fn one_clients_refusals_by_nginx_stay_its_own() {
    let servers = servers("2 per year");
    let proxy = nginx(&servers, &[]);
    let statuses = Client(2).statuses(proxy.address, 30);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 26, "{statuses:?}");
    let refused = Client(2).get(proxy.address, "/", "");
    assert!(refused.number("retry-after") >= 1, "{refused:?}");
    assert_eq!(Client(3).statuses(proxy.address, 4), [200; 4], "{}", proxy.log());
}

/// What the page says goes wrong, with any status that refusals have.
#[test]
fn where_nginx_asks_again_after_refusals_those_of_one_client_are_502_for_all() {
    for status in [429, 503] {
        let site = format!(
            r#"{{ "rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_rules": [
                {{ "name": "few", "limits": "2 per year", "action": {{ "block": {{ "status": {status} }} }} }} ] }}"#
        );
        let servers = [(); 2].map(|()| Running::with_site(&site));
        let asks_again = format!("proxy_next_upstream error http_{status};");
        let proxy = nginx(&servers, &[("proxy_next_upstream error;", &asks_again)]);
        let statuses = Client(2).statuses(proxy.address, 10);
        assert!(statuses.contains(&502), "{statuses:?}");
        assert_eq!(Client(3).get(proxy.address, "/", "").status, 502);
    }
}

#[test]
fn a_health_check_through_nginx_survives_a_spent_budget() {
    let servers = servers("1us per year");
    let proxy = nginx(&servers, &[]);
    assert!(Client(2).statuses(proxy.address, 4).contains(&429));
    let health = Client(2).get(proxy.address, "/health", "");
    assert_eq!((health.status, health.header("x-ratelimit-limit")), (200, None));
}

/// nginx's own default runs a slow GET again on another server, which pays for it, too.
#[test]
fn a_request_that_is_too_slow_for_nginx_is_charged_once() {
    let servers = servers("100 per year");
    let proxy = nginx(&servers, &[("proxy_read_timeout 60s;", "proxy_read_timeout 1s;")]);
    assert_eq!(Client(2).get(proxy.address, "/?ms=1500", "").status, 504);
    let forwarded = "X-Forwarded-For: 127.0.0.2\r\n";
    let left = [0, 1].map(|place: usize| {
        Client(1).get(servers[place].address, "/", forwarded).number("x-ratelimit-remaining")
    });
    assert_eq!(left.iter().sum::<u64>(), 197, "one of the three was the slow one: {left:?}");
}

/// Everybody behind the proxy is `127.0.0.1`, and nothing showed it: one client's refusals became everybody's.
#[test]
fn a_proxy_that_nobody_trusts_is_logged_once_at_its_first_refusals() {
    let untrusting = [(); 2].map(|()| Running::with_site(r#"{ "rate_limit": "1 per year" }"#));
    let proxy = nginx(&untrusting, &[]);
    let statuses = [2, 3, 4, 5, 6].map(|client| Client(client).get(proxy.address, "/", "").status);
    assert_eq!(statuses, [200, 200, 429, 429, 429], "they share the accounts of both servers");
    for server in &untrusting {
        let _ = Client(1).get(server.address, "/", "X-Forwarded-For: 192.0.2.7\r\n");
        server.wait_for_log("say rate_limit_trusted_proxies");
        let log = server.log();
        assert_eq!(log.matches("rate_limit_trusted_proxies").count(), 1, "{log}");
        assert!(!log.contains("127.0.0."), "no client's address: {log}");
    }
}

#[test]
fn a_proxy_that_is_trusted_is_not_logged_about() {
    let servers = servers("1 per year");
    let proxy = nginx(&servers, &[]);
    assert_eq!(Client(2).statuses(proxy.address, 4), [200, 200, 429, 429]);
    assert!(servers.iter().all(|server| !server.log().contains("rate_limit_trusted_proxies")));
}
