//! `timebudget explain`: what becomes of a request, and why.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::{App, HttpRequest, HttpResponse, rt, test, web};
use timebudget::config::{Environment, Loaded};
use timebudget::explanation::Explanation;
use timebudget::store::memory::Memory;
use timebudget::{BudgetBody, TimeBudget};
use timebudget::{Clock as _, Engine, ManualClock, Sites, SystemClock};

use crate::args::ExplainArgs;
use crate::asked::Asked;
use crate::output::Failure;
use crate::rehearsal::{Answer, Rehearsal};
use crate::source::Source;
use crate::{limits, output};

/// Prints which rules match a request, whose accounts they use, and what is answered where nothing has been spent yet.
///
/// # Errors
///
/// All that is wrong with the request or the configuration.
pub(crate) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let asked = Asked::of(args)?;
    let read = Source::of(&args.source).read(&Environment::from_process()).map_err(Failure::wrong)?;
    limits::tell(&read);
    let rehearsal = rt::System::new().block_on(rehearse(&asked, &read.loaded))?;
    output::to_stdout(&rehearsal.to_string());
    Ok(())
}

/// Sends the request through the middleware itself, over accounts of its own, a clock that stands, and an application
/// that answers whatever reaches it.
async fn rehearse(asked: &Asked, loaded: &Loaded) -> Result<Rehearsal, Failure> {
    let engine = Engine::new(Memory::default(), ManualClock::at(SystemClock::new().now().wall()));
    let budget = TimeBudget::of_sites(Arc::new(Sites::new(loaded.clone(), engine)));
    let explanation: Rc<RefCell<Option<Explanation>>> = Rc::default();
    let reached: Rc<RefCell<Option<String>>> = Rc::default();
    let (explains, explained) = (budget.clone(), Rc::clone(&explanation));
    let serve = serving(&reached);
    let app = App::new().default_service(web::to(serve.clone()));
    let app = match &asked.route {
        Some(route) => app.route(route, web::to(serve)),
        None => app,
    };
    let app = app.wrap(budget).wrap_fn(move |request, service| {
        explained.replace(Some(explains.explain(&request)));
        service.call(request)
    });
    let app = test::init_service(app).await;
    let answered = test::try_call_service(&app, asked.request().to_request()).await;
    let answer = answer(answered.map_err(Failure::system)?, reached.take(), asked);
    let explanation = explanation.take().ok_or_else(|| Failure::system("the request was lost"))?;
    let site = limits::heading(&explanation.site, loaded);
    Ok(Rehearsal { request: asked.to_string(), site, explanation, answer })
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

fn answer<B>(response: ServiceResponse<BudgetBody<B>>, reached: Option<String>, asked: &Asked) -> Answer
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
    Answer {
        status: status.to_string(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        is_served,
        instead: reached.filter(|path| path != asked.path()),
    }
}
