//! An application with a budget, and the API mounted in it, on a port of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::{ServerHandle, Service as _};
use actix_web::{App, HttpMessage as _, HttpResponse, HttpServer, rt, web};
use tempfile::TempDir;
use timebudget::store::memory::Memory;
use timebudget::{Engine, ManualClock, TimeBudget, UnixMicros};
use timebudget_control::noting::Noting;
use timebudget_control::thing::{Change, Member, Role};
use timebudget_control::{Actor, Control, Expect, Options, Visitor};

use crate::client::Ask;

/// An application and its clock; it ends with the value.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) control: Control,
    tokens: [String; 3],
    engine: Engine,
    site: String,
    /// What serves it, and other nodes.
    servers: Mutex<Vec<(ServerHandle, JoinHandle<()>)>>,
    directory: TempDir,
}

/// What the site's file says: half of it is what tests of clients need.
pub(crate) const SITE: &str = r#"{
    "time_zone": "UTC",
    "rate_limit_trusted_proxies": ["127.0.0.1"],
    "rate_limit_identity": { "user": "X-Forwarded-User", "groups": "X-Forwarded-Groups" },
    "rate_limit_exempt": { "path": { "prefix": "/limits" } },
    "rate_limit_rules": [{ "name": "export", "when": { "path": { "prefix": "/export" } }, "key": "user", "limits": "2 per hour" }]
}"#;

/// How long a request for `/work/…` takes.
const WORK: Duration = Duration::from_secs(2);

/// 2026-01-01, at ten past midnight.
const BEGINNING: UnixMicros = UnixMicros::from_secs(1_767_226_200);

impl World {
    /// With a database in a file of its own.
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let uri = format!("sqlite://{}/timebudget.db", directory.path().display());
        Self::start(directory, Options::new(uri), SITE)
    }

    /// The same with another site file.
    pub(crate) fn of(site: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let uri = format!("sqlite://{}/timebudget.db", directory.path().display());
        Self::start(directory, Options::new(uri), site)
    }

    /// On another database.
    pub(crate) fn on(options: Options) -> Self {
        Self::start(TempDir::new().unwrap(), options, SITE)
    }

    /// On another database, with another site file.
    pub(crate) fn of_on(site: &str, options: Options) -> Self {
        Self::start(TempDir::new().unwrap(), options, site)
    }

    /// The same with other options.
    pub(crate) fn with(options: impl FnOnce(Options) -> Options) -> Self {
        let directory = TempDir::new().unwrap();
        let uri = format!("sqlite://{}/timebudget.db", directory.path().display());
        Self::start(directory, options(Options::new(uri)), SITE)
    }

    /// The same with another node on its database.
    pub(crate) fn with_another_node() -> (Self, Control) {
        Self::of_with_another_node(SITE)
    }

    /// The same with another site file.
    pub(crate) fn of_with_another_node(site: &str) -> (Self, Control) {
        let directory = TempDir::new().unwrap();
        let uri = format!("sqlite://{}/timebudget.db", directory.path().display());
        let mut world = Self::start(TempDir::new().unwrap(), Options::new(&uri), site);
        world.directory = directory;
        let other = world.other_node(&uri);
        (world, other)
    }

    /// Another node on a database.
    pub(crate) fn other_node(&self, uri: &str) -> Control {
        let other = Control::open(Options::new(uri).with_clock(Arc::clone(&self.clock)));
        rt::System::new().block_on(other).expect("there is room for another")
    }

    fn start(directory: TempDir, options: Options, site: &str) -> Self {
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let options = options.with_clock(Arc::clone(&clock));
        let (control, tokens) = rt::System::new().block_on(opened(options));
        let engine = Engine::new(Memory::default(), Arc::clone(&clock));
        let (site, servers) = (site.to_owned(), Mutex::default());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut world = Self { address, clock, control, tokens, engine, site, servers, directory };
        world.address = world.serve(&world.control);
        world
    }

    /// Serves the application with another node's API, on accounts that both share; returns where.
    pub(crate) fn serve(&self, control: &Control) -> SocketAddr {
        self.serve_on(&self.engine, control)
    }

    /// The same on accounts of its own: a node in a process of its own, without Redis.
    pub(crate) fn serve_apart(&self, control: &Control) -> SocketAddr {
        self.serve_on(&Engine::new(Memory::default(), Arc::clone(&self.clock)), control)
    }

    fn serve_on(&self, engine: &Engine, control: &Control) -> SocketAddr {
        let budget =
            TimeBudget::builder().site_text(self.site.as_str()).engine(engine).layer(control.layer());
        let budget = budget.observe(control.observer()).build().expect("the site is right");
        control.govern(&budget).expect("there are files");
        let (mounted, moved) = (control.clone(), Arc::clone(&self.clock));
        let app = move || {
            let clock = Arc::clone(&moved);
            let work = move || {
                clock.advance(WORK);
                std::future::ready("worked")
            };
            let served = web::to(|| async { HttpResponse::Ok().body("served") });
            let staff = web::scope("/staff").wrap_fn(|request, service| {
                let role = request.headers().get("X-Staff").and_then(|role| role_of(role.to_str().ok()?));
                if let Some(role) = role {
                    request.extensions_mut().insert(Visitor::new("staff", role));
                }
                service.call(request)
            });
            App::new()
                .wrap(budget.clone())
                .wrap(Noting::new(mounted.recording()))
                .service(staff.service(mounted.scope("/limits")))
                .service(mounted.scope("/limits"))
                .route("/work/{task}", web::to(work))
                .default_service(served)
        };
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            rt::System::new().block_on(async move {
                let server = HttpServer::new(app).workers(1).disable_signals();
                let server = server.bind("127.0.0.1:0").expect("there is a free port");
                let address = server.addrs()[0];
                let server = server.run();
                tell.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = told.recv().unwrap();
        self.servers.lock().unwrap().push((handle, thread));
        address
    }

    pub(crate) fn token(&self, role: Role) -> &str {
        &self.tokens[role as usize]
    }

    /// Logs somebody of a role in; returns the cookie.
    pub(crate) fn log_in(&self, role: Role) -> String {
        let token = serde_json::json!({ "token": self.token(role) });
        let answer = self.ask("POST", "session").json(&token).send();
        answer.expect(200);
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    /// A request to the API, by nobody.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.address, method, &format!("/limits/api/v1/{path}"))
    }

    /// A request to the API, by somebody of a role.
    pub(crate) fn ask_as(&self, role: Role, method: &str, path: &str) -> Ask {
        self.ask(method, path).token(self.token(role))
    }

    pub(crate) fn owner(&self, method: &str, path: &str) -> Ask {
        self.ask_as(Role::Owner, method, path)
    }

    pub(crate) fn operator(&self, method: &str, path: &str) -> Ask {
        self.ask_as(Role::Operator, method, path)
    }

    pub(crate) fn viewer(&self, method: &str, path: &str) -> Ask {
        self.ask_as(Role::Viewer, method, path)
    }

    /// Where its database lies.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Has usage written down, as happens once a minute.
    pub(crate) fn save_usage(&self) {
        rt::System::new().block_on(self.control.save_usage()).expect("the database takes it");
    }

    /// A request to the application that the budget is for.
    pub(crate) fn visit(&self, path: &str) -> Ask {
        Ask::new(self.address, "GET", path)
    }
}

/// A role as the application's own login tells it.
fn role_of(name: &str) -> Option<Role> {
    [Role::Viewer, Role::Operator, Role::Owner].into_iter().find(|role| role.name() == name)
}

async fn opened(options: Options) -> (Control, [String; 3]) {
    let control = Control::open(options).await.expect("the database can be opened");
    let mut tokens = Vec::new();
    for (name, role) in [("vic", Role::Viewer), ("otto", Role::Operator)] {
        let (member, token) = Member::new(name, role);
        let owner = Actor::new("owner", None);
        control.change(owner, Change::put(member.into()), None, Expect::default()).await.unwrap();
        tokens.push(token.reveal().to_owned());
    }
    tokens.push(control.first_owner_token().unwrap_or_default().to_owned());
    (control, tokens.try_into().expect("there are three"))
}

impl Drop for World {
    fn drop(&mut self) {
        for (handle, thread) in self.servers.get_mut().unwrap().drain(..) {
            // The thread ends when the server has.
            drop(handle.stop(false));
            let _ = thread.join();
        }
    }
}
