//! The listener of the API and the pages, and of those who ask whether the process lives, is ready, and what it has done.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ThinData};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use timebudget_control::{Control, Health};

use crate::admin::gate::{Gate, gate};
use crate::admin::{Readiness, State};
use crate::args::AdminArgs;
use crate::metrics::{self, Format, Metrics};
use crate::output::Failure;
use crate::serve;

/// Threads that serve the API: an explanation that takes its time holds up nobody else.
const WORKERS: usize = 2;

/// The admin listener, running until it is stopped.
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
}

impl Admin {
    /// Listens where the arguments say, with the pages if there is run-time control; `None` where they say nothing.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub(crate) fn start(
        args: &AdminArgs,
        control: Option<&Control>,
        metrics: Metrics,
        readiness: &Readiness,
    ) -> Result<Option<Self>, Failure> {
        let Some(listen) = &args.admin else { return Ok(None) };
        if let Some(control) = control.cloned() {
            readiness.add("database", move || State::Ready(database(&control)));
        }
        let (mounted, path) = (control.cloned(), args.page_path.clone());
        let who = Gate { control: control.cloned(), is_open: args.admin_open_metrics };
        let (metrics, readiness) = (Data::from(Arc::new(metrics)), readiness.clone());
        let app = move || {
            let app = App::new()
                .app_data(metrics.clone())
                .app_data(ThinData(readiness.clone()))
                .route("/live", web::get().to(live))
                .app_data(ThinData(who.clone()))
                .service(web::resource("/ready").route(web::get().to(ready)).wrap(from_fn(gate)))
                .service(web::resource("/metrics").route(web::get().to(page)).wrap(from_fn(gate)));
            let mounted = mounted.clone().map(|control| (control.scope(&path), ThinData(control)));
            app.configure(|app| {
                if let Some((scope, control)) = mounted {
                    app.app_data(control).service(scope);
                }
            })
        };
        // The end is told to what is served; this one is stopped when that has ended.
        let server = HttpServer::new(app).workers(WORKERS).disable_signals().shutdown_timeout(1);
        let failed = |error| serve::cannot_listen(listen, &error);
        let wanted = serve::resolved(listen).map_err(failed)?;
        let server = server.bind(wanted).map_err(failed)?;
        let address = server.addrs().first().copied().unwrap_or(wanted);
        if control.is_none() && !args.admin_open_metrics && !address.ip().is_loopback() {
            log::warn!(
                "admin: /ready and /metrics answer this machine alone, for without a database there are no members; \
                 --admin-open-metrics lets everybody in who reaches {address}"
            );
        }
        let server: Server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Some(Self { address, handle }))
    }

    /// Ends it: events that are followed end with it.
    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

/// Whether the process runs at all.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "live": true }))
}

/// Whether requests are served; 503 if not, and why.
async fn ready(ThinData(readiness): ThinData<Readiness>) -> HttpResponse {
    let (is_ready, told) = readiness.told().await;
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(told)
}

/// Whatever becomes of the database, requests are served, for the rules in force stay.
fn database(control: &Control) -> String {
    let state = match control.health() {
        Health::Up => "up",
        Health::Down { .. } => "down",
        Health::Unfit { .. } => "unfit",
        Health::Lost { .. } => "lost",
    };
    state.to_owned()
}

async fn page(
    request: HttpRequest,
    metrics: Data<Metrics>,
    ThinData(readiness): ThinData<Readiness>,
) -> HttpResponse {
    let accept = request.headers().get_all(ACCEPT).filter_map(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    let scrape = metrics.scrape(readiness.told().await.0).await;
    match metrics::write(scrape, format) {
        Ok(page) => {
            let media_type = HeaderValue::from_static(format.media_type());
            HttpResponse::Ok().insert_header((CONTENT_TYPE, media_type)).body(page)
        }
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
