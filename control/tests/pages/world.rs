//! An application with two sites and traffic behind it, and the pages on a listener of their own.

use std::fmt::Display;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use serde_json::{Value, json};
use tempfile::TempDir;
use timebudget::TimeBudget;
use timebudget_control::noting::Noting;
use timebudget_control::{Control, Options};

use crate::browser::{Browser, key};
use crate::client::call;

/// A name that would be more than a name, if anybody let it.
pub(crate) const NASTY: &str = "=1+1<img src=x onerror=stolen=1>";

/// An application that runs; it ends with the value.
pub(crate) struct World {
    admin: SocketAddr,
    visited: SocketAddr,
    owner: String,
    members: Vec<(&'static str, String)>,
    handles: [ServerHandle; 2],
    thread: Option<JoinHandle<()>>,
    directory: TempDir,
}

/// A proxy tells who the users are.
const COMMON: &str = r#"{
    "rate_limit_trusted_proxies": ["127.0.0.1"],
    "rate_limit_identity": { "user": "X-Forwarded-User", "groups": "X-Forwarded-Groups" }
}"#;

const SHOP: &str = r#"{
    "time_zone": "Asia/Kolkata",
    "rate_limit": { "limit": 600, "window": "hour" },
    "rate_limit_hosts": ["www.shop.example"],
    "rate_limit_rules": [
        { "name": "export", "when": { "path": { "prefix": "/export" } }, "key": "site", "limits": "200ms per day" },
        { "name": "reports", "when": { "path": { "prefix": "/report" } }, "key": "user", "limits": "20 per day" }
    ]
}"#;

const BLOG: &str = r#"{ "time_zone": "Europe/Paris", "rate_limit": "300s per day; 1000 per hour" }"#;

/// As someone has typed it: a text, since the order of its fields is kept.
const PLANS: &str = r#"{ "description": "What every site has", "rules": [
    { "name": "login", "when": { "path": "/api/auth/login", "method": "POST" }, "key": "ip", "limits": "10 per hour" },
    { "name": "export", "when": { "path": { "prefix": "/export" } }, "key": ["user", "route"], "limits": "60s per hour; 5 concurrent" },
    { "name": "search", "when": { "path": { "prefix": "/search" } }, "key": "site", "limits": "30s per hour" },
    { "name": "trial", "key": "ip", "limits": "1000 per hour", "shadow": true }
] }"#;

impl World {
    /// With members, rulesets and clients, and some requests that were served and refused.
    pub(crate) async fn start() -> Self {
        let world = Self::empty().await;
        tokio::task::spawn_blocking(move || world.seeded()).await.expect("what is decided is right")
    }

    async fn empty() -> Self {
        let directory = TempDir::new().unwrap();
        for (site, text) in [("shop.example", SHOP), ("blog.example", BLOG)] {
            let folder = directory.path().join("sites").join(site);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("site_config.json"), text).unwrap();
        }
        std::fs::write(directory.path().join("sites/common_site_config.json"), COMMON).unwrap();
        let uri = format!("sqlite://{}/timebudget.db", directory.path().display());
        let control = Control::open(Options::new(uri).with_recent_requests(4 << 20)).await;
        let control = control.expect("the database can be opened");
        let owner = control.first_owner_token().expect("the database is new").to_owned();
        let sites = directory.path().join("sites");
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            rt::System::new().block_on(async move {
                let budget = TimeBudget::builder()
                    .sites(sites)
                    .layer(control.layer())
                    .observe(control.observer())
                    .build()
                    .expect("the sites are right");
                control.govern(&budget).expect("there are files");
                let kept = control.recording();
                let admin = HttpServer::new(move || App::new().service(control.scope("/limits")))
                    .workers(1)
                    .disable_signals();
                let admin = admin.bind("127.0.0.1:0").expect("there is a free port");
                let site = HttpServer::new(move || {
                    let noting = Noting::new(kept.clone());
                    App::new().wrap(budget.clone()).wrap(noting).configure(routes)
                });
                let site =
                    site.workers(1).disable_signals().bind("127.0.0.1:0").expect("there is a free port");
                let (admin_at, site_at) = (admin.addrs()[0], site.addrs()[0]);
                let (admin, site) = (admin.run(), site.run());
                tell.send((admin_at, site_at, [admin.handle(), site.handle()])).unwrap();
                let (admin, site) = tokio::join!(admin, site);
                admin.and(site).unwrap();
            });
        });
        let (admin, visited, handles) = told.recv().expect("the application starts");
        Self { admin, visited, owner, members: vec![], handles, thread: Some(thread), directory }
    }

    fn seeded(mut self) -> Self {
        self.decide("PUT", "rulesets/plans", PLANS);
        let previews = json!({ "description": "For hosts that are not published", "rules": [{ "name": "preview", "key": "site", "limits": "60s per hour" }] });
        self.decide("PUT", "rulesets/previews", previews);
        self.decide("PUT", "policy", json!({ "published": "plans", "unpublished": "previews" }));
        self.decide(
            "PUT",
            "tiers/gold",
            json!({ "multiplier": 2, "priority": 10, "limits": { "export": "300s per hour" } }),
        );
        self.decide("PUT", "tiers/premium", json!({ "multiplier": 3 }));
        self.decide("PUT", "groups/vips", json!({ "tier": "gold" }));
        self.decide("PUT", "users/alice", json!({ "tier": "premium", "until": "2099-01-01T00:00:00Z" }));
        self.decide("PUT", &format!("users/{}", escaped(NASTY)), json!({ "tier": "gold" }));
        for (user, reason) in [("bob", "month end"), (NASTY, NASTY)] {
            let made = json!({ "user": user, "rule": "export", "limits": "900s per hour", "seconds": 7200, "reason": reason });
            self.decide("POST", "overrides", made);
        }
        self.decide("POST", "keys", json!({ "name": "Acme", "tier": "gold", "user": "acme" }));
        for name in ["operator", "viewer"] {
            let made = self.decide("POST", "members", json!({ "name": name, "role": name }));
            self.members.push((name, made["token"].as_str().expect("it is shown once").to_owned()));
        }
        for (path, user) in [
            ("/export/30", "alice"),
            ("/export/90", "bob"),
            ("/search/20", "alice"),
            ("/report/5", NASTY),
            ("/report/2", "carol"),
            ("/export/60", "carol"),
        ] {
            for _ in 0..6 {
                self.visit("shop.example", path, user);
            }
            self.visit("blog.example", path, user);
        }
        self
    }

    /// Decides something, as the first owner.
    pub(crate) fn decide(&self, method: &str, path: &str, body: impl Display) -> Value {
        let (status, answer) = call(
            self.admin,
            method,
            &format!("/limits/api/v1/{path}"),
            &[("authorization", &format!("Bearer {}", self.owner))],
            &body.to_string(),
        );
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// What the API answers whoever has a token; null if the token is nobody's.
    pub(crate) fn ask_as(&self, token: &str, path: &str) -> Value {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        call(self.admin, "GET", &format!("/limits/api/v1/{path}"), &headers, "").1
    }

    /// Writes into the database behind everybody's back.
    pub(crate) async fn meddle(&self, statement: &str) {
        use sqlx::{ConnectOptions as _, Executor as _};
        let file = self.directory.path().join("timebudget.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.expect("the database is there");
        connection.execute(statement).await.expect("it can be written");
    }

    /// Visits a site as a user.
    pub(crate) fn visit(&self, site: &str, path: &str, user: &str) -> u16 {
        call(self.visited, "GET", path, &[("host", site), ("x-forwarded-user", user)], "").0
    }

    pub(crate) fn page(&self, path: &str) -> String {
        format!("http://{}/limits/{path}", self.admin)
    }

    /// The token of the first owner, or of a member that is called so.
    pub(crate) fn token(&self, member: &str) -> &str {
        self.members.iter().find(|(name, _)| *name == member).map_or(&self.owner, |(_, token)| token)
    }

    /// A browser in which a member has logged in.
    pub(crate) async fn browser(&self, member: &str) -> Browser {
        let browser = Browser::open().await;
        browser.go(&self.page("login")).await;
        browser.until("document.activeElement.type === 'password'").await;
        browser.keys(self.token(member)).await;
        browser.keys(key::ENTER).await;
        browser.until("document.querySelector('.frame')").await;
        browser
    }
}

fn routes(app: &mut web::ServiceConfig) {
    for path in ["/export/{millis}", "/search/{millis}", "/report/{millis}"] {
        app.route(path, web::get().to(work));
    }
}

/// Takes as long as its path says: `/export/30` takes 30 ms.
async fn work(request: HttpRequest) -> HttpResponse {
    let millis = request.path().rsplit('/').next().and_then(|last| last.parse().ok()).unwrap_or(0);
    rt::time::sleep(Duration::from_millis(millis)).await;
    HttpResponse::Ok().body("done")
}

impl Drop for World {
    fn drop(&mut self) {
        // The thread ends when both listeners have.
        for handle in &self.handles {
            drop(handle.stop(false));
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A name as a part of a path.
fn escaped(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
