//! Rehearsals: what would become of a request that nobody has sent.

use std::cell::RefCell;
use std::fmt;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ResourceDef, Service as _, ServiceRequest, ServiceResponse, Url};
use actix_web::http::header::{HOST, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actix_web::test::{self, TestRequest};
use actix_web::{App, HttpRequest, HttpResponse, web};

use crate::config::{Configuration, Loaded};
use crate::limiter::explanation::{Bearing, ExplainedRule, Explanation};
use crate::limiter::{AccountStanding, Engine};
use crate::middleware::body::BudgetBody;
use crate::middleware::facts::RequestFacts;
use crate::middleware::pattern::is_pattern;
use crate::middleware::running::WorkerSite;
use crate::middleware::time_budget::TimeBudget;
use crate::middleware::worker::answering;
use crate::sites::Sites;
use crate::store::Fault;

/// A request that somebody asks about, and has not sent.
///
/// # Examples
///
/// ```
/// use timebudget::{Asked, TimeBudget};
///
/// # actix_web::rt::System::new().block_on(async {
/// let budget = TimeBudget::rule("login", "10 per hour").path("/login").build()?;
/// let asked = Asked::new("POST", "/login")?.header("X-Plan", "gold")?.peer([192, 0, 2, 7]);
/// let rehearsal = budget.rehearse(&asked).await?;
/// assert_eq!(rehearsal.answer.status, 200);
/// assert!(rehearsal.to_string().starts_with("POST /login for localhost from 192.0.2.7\n"), "{rehearsal}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Asked {
    method: Method,
    target: Uri,
    peer: IpAddr,
    headers: Vec<(HeaderName, HeaderValue)>,
    site: Option<String>,
    route: Option<String>,
    is_now: bool,
}

/// Why a text is no part of a request that can be [asked](Asked) about.
///
/// Of headers, which may be credentials, only names are repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAsked {
    /// It is no method.
    #[error("{0:?}: not a method")]
    Method(String),
    /// It is no target, or one with a host in it.
    #[error("{0:?}: not a target; expected a path such as /api/x?page=2")]
    Target(String),
    /// It is no host.
    #[error("{0:?}: not a host")]
    Host(String),
    /// It is no header, or its value is none.
    #[error("{0:?}: not a header; expected 'Name: value'")]
    Header(String),
    /// It is no pattern of a route.
    #[error("{0:?}: not a pattern; expected one such as /users/{{id}}")]
    Route(String),
    /// It is a pattern that the target does not match.
    #[error("{0:?}: does not match the target")]
    OtherRoute(String),
    /// No site is called so.
    #[error("{0:?}: no such site")]
    Site(String),
    /// The store cannot tell where accounts stand.
    #[error(transparent)]
    Store(#[from] Fault),
}

impl Asked {
    /// A request to `localhost` from 127.0.0.1, of a method, for a path with or without a query.
    ///
    /// # Errors
    ///
    /// That the method or the target is none.
    pub fn new(method: &str, target: &str) -> Result<Self, NotAsked> {
        let is_path = |uri: &Uri| uri.path().starts_with('/') && uri.host().is_none();
        let found = target.parse().ok().filter(is_path);
        Ok(Self {
            method: method.parse().map_err(|_| NotAsked::Method(method.to_owned()))?,
            target: found.ok_or_else(|| NotAsked::Target(target.to_owned()))?,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            headers: Vec::new(),
            site: None,
            route: None,
            is_now: false,
        })
    }

    /// The same with one more header.
    ///
    /// # Errors
    ///
    /// That it is none.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, NotAsked> {
        let header = (HeaderName::try_from(name.trim()), HeaderValue::from_bytes(value.trim().as_bytes()));
        let (Ok(name), Ok(value)) = header else { return Err(NotAsked::Header(name.to_owned())) };
        self.headers.push((name, value));
        Ok(self)
    }

    /// The same for a host, whatever the headers say.
    ///
    /// # Errors
    ///
    /// That it is none.
    pub fn host(mut self, host: &str) -> Result<Self, NotAsked> {
        let value = HeaderValue::from_bytes(host.as_bytes()).map_err(|_| NotAsked::Host(host.to_owned()))?;
        self.headers.retain(|(name, _)| name != HOST);
        self.headers.push((HOST, value));
        Ok(self)
    }

    /// The same for a site, by its name, whatever the host; `*` are hosts that have no site.
    #[must_use]
    pub fn site(self, name: &str) -> Self {
        Self { site: Some(name.to_owned()), ..self }
    }

    /// The same as accounts stand now; otherwise nothing has been spent yet.
    #[must_use]
    pub fn as_accounts_stand(self) -> Self {
        Self { is_now: true, ..self }
    }

    /// The same, sent by a peer at this address.
    #[must_use]
    pub fn peer(self, address: impl Into<IpAddr>) -> Self {
        Self { peer: address.into(), ..self }
    }

    /// The same, which reaches the route of this pattern.
    ///
    /// # Errors
    ///
    /// That it is no pattern, or one of more than 1,024 bytes, or the target does not match it.
    pub fn route(self, pattern: &str) -> Result<Self, NotAsked> {
        if !is_pattern(pattern) {
            return Err(NotAsked::Route(pattern.to_owned()));
        }
        // As the router sees it.
        match ResourceDef::new(pattern).is_match(Url::new(self.target.clone()).path()) {
            true => Ok(Self { route: Some(pattern.to_owned()), ..self }),
            false => Err(NotAsked::OtherRoute(pattern.to_owned())),
        }
    }

    /// The request as an application receives it.
    fn request(&self) -> TestRequest {
        let request = TestRequest::with_uri(&self.target.to_string()).method(self.method.clone());
        let request = request.peer_addr(SocketAddr::new(self.peer, 0));
        let request = match self.host_asked_for() {
            Some(_) => request,
            None => request.insert_header((HOST, HeaderValue::from_static(LOCALHOST))),
        };
        self.headers.iter().fold(request, |request, header| request.append_header(header.clone()))
    }

    fn host_asked_for(&self) -> Option<&HeaderValue> {
        self.headers.iter().find(|(name, _)| name == HOST).map(|(_, host)| host)
    }
}

const LOCALHOST: &str = "localhost";

impl fmt::Display for Asked {
    /// Writes `GET /api/x for shop.example from 127.0.0.1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host_asked_for().map(|host| String::from_utf8_lossy(host.as_bytes()));
        let host = host.as_deref().unwrap_or(LOCALHOST);
        write!(f, "{} {} for {host} from {}", self.method, self.target, self.peer)
    }
}

/// What would become of a request where nothing has been spent yet, or [as accounts stand](Asked::as_accounts_stand), and why.
///
/// Displays as `timebudget explain` prints it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rehearsal {
    /// The request, in words.
    pub request: String,
    /// What its site is called, with the other hosts that it answers for.
    pub site: String,
    /// What the limiter makes of it.
    pub explanation: Explanation,
    /// The answer.
    pub answer: Answered,
    /// Where the accounts stand that it would be charged to, if that was asked: each with its limit as it holds for the
    /// request, in the order of the rules. Accounts that no rule in force has are not among them: nothing is spent of them.
    pub standings: Vec<AccountStanding>,
    is_now: bool,
}

/// An answer of the middleware, or of the application under it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The status: of what is served 200, for the application's own is not known.
    pub status: u16,
    /// The status with its reason: `429 Too Many Requests`.
    pub status_line: String,
    /// The headers, sorted by name.
    pub headers: Vec<(String, String)>,
    /// The body; empty of what is served.
    pub body: String,
    /// Whether the application is asked.
    pub is_served: bool,
    /// The path that the application is asked for, where it is another.
    pub instead: Option<String>,
}

impl TimeBudget {
    /// Says what would become of a request under the rules in force, and why: where nothing has been spent yet, or
    /// [as accounts stand](Asked::as_accounts_stand).
    ///
    /// The middleware itself answers, over accounts of its own and a clock that stands; no account of the budget is
    /// touched, and nobody is told. What code [identifies](Self::identify) is asked as of any request. What requests that
    /// run now are expected to cost counts as spent. Of a [fair](crate::Rule::fair) rule it is told what the client's
    /// share is, and whether it is refused for it.
    ///
    /// # Errors
    ///
    /// [`NotAsked::Site`] if no such site is in force, or [`NotAsked::Store`].
    pub async fn rehearse(&self, asked: &Asked) -> Result<Rehearsal, NotAsked> {
        self.rehearse_by(self.sites().loaded(asked.site.as_deref()), asked).await
    }

    /// The same under another configuration, such as a [draft](crate::Reloader::draft), with the rules of code.
    ///
    /// # Errors
    ///
    /// [`NotAsked::Site`] if it has no such site.
    pub async fn rehearse_under(
        &self,
        configuration: &Configuration,
        asked: &Asked,
    ) -> Result<Rehearsal, NotAsked> {
        let joined = self.reloader().map(|reloader| reloader.with_code(configuration));
        self.rehearse_by(joined.unwrap_or_else(|| configuration.loaded.clone()), asked).await
    }

    async fn rehearse_by(&self, loaded: Loaded, asked: &Asked) -> Result<Rehearsal, NotAsked> {
        let alone = match &asked.site {
            Some(name) => loaded.of_site(name).ok_or_else(|| NotAsked::Site(name.clone()))?,
            None => loaded.clone(),
        };
        let at = self.engine().shared().clock.now().wall();
        let over = |engine: Engine| self.clone().over(Arc::new(Sites::new(alone.clone(), engine)));
        let anew = over(self.engine().apart(at)).rehearsed(asked, &loaded).await;
        if !asked.is_now {
            return Ok(anew);
        }
        let engine = self.engine().apart(at);
        let budget = over(engine.clone());
        let standings = self.stand_as_now(&engine, &anew.explanation).await?;
        Ok(Rehearsal { standings, is_now: true, ..budget.rehearsed(asked, &loaded).await })
    }

    /// Lets the accounts that an explanation is about stand on an engine as they do on the budget's own.
    async fn stand_as_now(
        &self,
        engine: &Engine,
        explanation: &Explanation,
    ) -> Result<Vec<AccountStanding>, Fault> {
        let mut standings = Vec::new();
        for ExplainedRule { name, bearing, account, client } in &explanation.rules {
            let (Bearing::Applies { limits, .. }, Some(account)) = (bearing, *account) else { continue };
            let of = |engine: &Engine| engine.accounts().of_id(&explanation.site, name, account);
            // A rule of a draft need not be in force.
            let (Ok(own), Ok(theirs)) = (of(engine), of(&self.engine())) else { continue };
            let limits: Vec<_> = limits.iter().map(|explained| explained.limit).collect();
            standings.extend(own.stand_as(&theirs, *client, &limits).await?);
        }
        Ok(standings)
    }

    async fn rehearsed(self, asked: &Asked, loaded: &Loaded) -> Rehearsal {
        let explanation: Rc<RefCell<Option<Explanation>>> = Rc::default();
        let reached: Rc<RefCell<Option<String>>> = Rc::default();
        let (explains, explained) = (self.clone(), Rc::clone(&explanation));
        let serve = serving(&reached);
        let app = App::new().default_service(web::to(serve.clone()));
        let app = match &asked.route {
            Some(route) => app.route(route, web::to(serve)),
            None => app,
        };
        let app = app.wrap(self).wrap_fn(move |request, service| {
            explained.replace(Some(explains.explain(&request)));
            service.call(request)
        });
        let app = test::init_service(app).await;
        let response = test::call_service(&app, asked.request().to_request()).await;
        let answer = Answered::new(response, reached.take(), asked);
        let explanation = explanation.take().expect("the outer middleware is called first");
        let site = loaded.called(&explanation.site);
        let (request, standings) = (asked.to_string(), Vec::new());
        Rehearsal { request, site, explanation, answer, standings, is_now: false }
    }
}

/// A handler that notes the path it was reached by.
fn serving(
    reached: &Rc<RefCell<Option<String>>>,
) -> impl Fn(HttpRequest) -> Ready<HttpResponse> + Clone + 'static {
    let reached = Rc::clone(reached);
    move |request: HttpRequest| {
        reached.replace(Some(request.path().to_owned()));
        ready(HttpResponse::Ok().finish())
    }
}

impl Answered {
    fn new<B>(response: ServiceResponse<BudgetBody<B>>, reached: Option<String>, asked: &Asked) -> Self
    where
        BudgetBody<B>: MessageBody,
    {
        let status = response.status();
        let fields = response.headers().iter();
        let mut headers: Vec<_> = fields
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        headers.sort_unstable();
        let body = response.into_body().try_into_bytes().unwrap_or_default();
        let is_served = reached.is_some();
        Self {
            status: status.as_u16(),
            status_line: status.to_string(),
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
            is_served,
            instead: reached.filter(|path| path != asked.target.path()),
        }
    }
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.request)?;
        self.explanation.write(&self.site, f)?;
        for AccountStanding { rule, limit, share, .. } in &self.standings {
            if let Some(share) = share {
                writeln!(f, "share of {rule}, {limit}\n  {}", share.in_words(*limit))?;
            }
        }
        let when = if self.is_now { "as accounts stand now" } else { "where nothing has been spent yet" };
        write!(f, "answer, {when}\n{}", self.answer)
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_served, &self.instead) {
            (false, _) => writeln!(f, "  {}", self.status_line)?,
            (true, None) => writeln!(f, "  what the application answers, and")?,
            (true, Some(path)) => writeln!(f, "  {}, the page of {path} in place, and", self.status_line)?,
        }
        if self.is_served && self.headers.is_empty() {
            writeln!(f, "  no headers")?;
        }
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {value}")?;
        }
        if !self.body.is_empty() {
            writeln!(f, "\n  {}", self.body.trim_end().replace('\n', "\n  "))?;
        }
        Ok(())
    }
}

impl TimeBudget {
    /// Says which rules are about a request and which not and why, and whose accounts they use; nothing is charged.
    ///
    /// The request is seen as the budget itself sees it at this place, but for parameters in `match_info()` that the router
    /// has yet to find: those are in [`route_parameter`](crate::route_parameter).
    pub fn explain(&self, request: &ServiceRequest) -> Explanation {
        let site =
            WorkerSite::new(answering(&self.sites.table(), request.request()), &self.hooks, &Rc::default());
        let facts = RequestFacts::new(request, &site);
        let mut explanation = site.explain(&facts);
        if let Some(scope) = self.hooks.excepted(&facts) {
            explanation.exempt = Some(scope.clone());
            explanation.rules.clear();
        }
        explanation
    }
}
