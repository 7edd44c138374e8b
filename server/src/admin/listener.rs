//! The listener of the API and the pages, and of those who ask whether the process lives.

use std::net::SocketAddr;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web::ThinData;
use actix_web::{App, HttpResponse, HttpServer, web};
use timebudget_control::{Control, Health};

use crate::args::AdminArgs;
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
    /// Listens where the arguments say; `None` where they say nothing.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub(crate) fn start(args: &AdminArgs, control: &Control) -> Result<Option<Self>, Failure> {
        let Some(listen) = &args.admin else { return Ok(None) };
        let (mounted, path) = (control.clone(), args.page_path.clone());
        let app = move || {
            App::new()
                .app_data(ThinData(mounted.clone()))
                .route("/live", web::get().to(live))
                .route("/ready", web::get().to(ready))
                .service(mounted.scope(&path))
        };
        // The end is told to what is served; this one is stopped when that has ended.
        let server = HttpServer::new(app).workers(WORKERS).disable_signals().shutdown_timeout(1);
        let failed = |error| serve::cannot_listen(listen, &error);
        let wanted = serve::resolved(listen).map_err(failed)?;
        let server = server.bind(wanted).map_err(failed)?;
        let address = server.addrs().first().copied().unwrap_or(wanted);
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

/// Whether it serves: it does, whatever becomes of the database, for the rules in force stay.
async fn ready(ThinData(control): ThinData<Control>) -> HttpResponse {
    let database = match control.health() {
        Health::Up => "up",
        Health::Down { .. } => "down",
        Health::Lost { .. } => "lost",
    };
    HttpResponse::Ok().json(serde_json::json!({ "ready": true, "database": database }))
}
