//! Behind HAProxy.

use std::net::SocketAddr;

use super::client::Client;
use super::page::{before, block, replaced, servers};
use super::proxy::Proxy;
use crate::running::{Running, eventually};
use crate::scratch::Scratch;

/// HAProxy before two servers, by the page's configuration with some texts replaced; checks come sooner.
fn haproxy(servers: &[Running; 2], texts: &[(&str, &str)]) -> Proxy {
    let sooner = replaced(&before(servers, &block("haproxy")), &[("inter 2s", "inter 50ms")]);
    let inner = replaced(&sooner, texts);
    let configured =
        |address: SocketAddr, _: &Scratch| replaced(&inner, &[("bind :80", &format!("bind {address}"))]);
    Proxy::start("haproxy", "haproxy", &["-db", "-f"], configured)
}

#[test]
fn a_client_behind_haproxy_cannot_choose_its_account() {
    for header in ["http-request set-header X-Forwarded-For %[src]", "option forwardfor"] {
        let servers = servers("2 per year");
        let proxy = haproxy(&servers, &[("http-request set-header X-Forwarded-For %[src]", header)]);
        let claimed = |n| format!("X-Forwarded-For: 192.0.2.{n}\r\nX-Forwarded-For: 198.51.100.{n}\r\n");
        let statuses = [0, 1, 2, 3, 4].map(|n| Client(2).get(proxy.address, "/", &claimed(n)).status);
        assert_eq!(statuses, [200, 200, 200, 200, 429], "{header}");
        assert_eq!(Client(3).get(proxy.address, "/", "").status, 200);
    }
}

#[test]
fn one_clients_refusals_by_haproxy_stay_its_own() {
    let servers = servers("2 per year");
    let proxy = haproxy(&servers, &[]);
    let statuses = Client(2).statuses(proxy.address, 30);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 26, "{statuses:?}");
    assert_eq!(Client(3).statuses(proxy.address, 4), [200; 4], "{}", proxy.log());
}

/// The check was charged, refused once the budget was spent, and HAProxy took the whole site down.
///
/// A second back end checks what is charged, as often as the page's checks what is exempt, and is not out of service before ten
/// checks have failed: by then the page's would be, of which three are enough.
#[test]
fn a_spent_budget_takes_no_server_out_of_haproxy_if_the_check_is_exempt() {
    let servers = servers("1us per year");
    let [one, two] = &servers;
    let charged = format!(
        "use_backend charged if {{ path_beg /charged }}\n    default_backend timebudget\n\n\
         backend charged\n    option httpchk\n    http-check send meth GET uri /\n    \
         http-check expect status 200\n    default-server check inter 50ms fall 10\n    \
         server one {}\n    server two {}\n",
        one.address, two.address
    );
    let proxy = haproxy(&servers, &[("default_backend timebudget\n", &charged)]);
    eventually(
        "the servers whose checks are charged are out",
        || (Client(2).get(proxy.address, "/charged", "").status == 503).then_some(()),
        || proxy.log(),
    );
    assert_eq!(Client(2).statuses(proxy.address, 6), [429; 6], "{}", proxy.log());
    assert_eq!(Client(2).get(proxy.address, "/health", "").status, 200);
}
