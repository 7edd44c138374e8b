//! Routes: which handler a request will reach, by number.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, Hasher as _};

use actix_web::dev::{Path, ServiceRequest, Url};
use actix_web::http::Method;
use foldhash::fast::FixedState;

use crate::middleware::parameters::Parameters;
use crate::middleware::route;
use crate::model::Paths;

/// How many paths a worker remembers the route of; a power of two.
const REMEMBERED: usize = 256;

/// Numbers of routes, remembered by path: to match a path against an application's patterns costs an allocation.
#[derive(Debug)]
pub(super) struct Routes {
    hasher: FixedState,
    /// The last request's: many servers are asked for one thing mostly.
    last: RefCell<(Method, String, u32)>,
    by_path: RefCell<Box<[(u64, u32)]>>,
    /// Which of them closures ask for parameters of.
    parameters: Parameters,
}

impl Default for Routes {
    fn default() -> Self {
        let by_path = vec![(0, 0); REMEMBERED].into_boxed_slice();
        Self {
            hasher: FixedState::default(),
            last: RefCell::new((Method::GET, String::new(), 0)),
            by_path: RefCell::new(by_path),
            parameters: Parameters::default(),
        }
    }
}

impl Routes {
    /// The number of the route that a request will reach.
    pub(super) fn of(&self, request: &ServiceRequest, paths: Paths) -> u32 {
        let (method, path) = (request.method(), request.match_info().as_str());
        let mut last = self.last.borrow_mut();
        if last.1 != path || last.0 != *method {
            last.0.clone_from(method);
            path.clone_into(&mut last.1);
            last.2 = self.look_up(request, paths);
        }
        last.2
    }

    /// Shows closures a request with its parameters, also where the router has yet to find them; what comes back is to be
    /// [put back](crate::parameters::put_back) before it does.
    ///
    /// Nothing is done for a budget around a resource, whose requests have been routed.
    #[inline]
    pub(super) fn show_parameters(
        &self,
        request: &mut ServiceRequest,
        paths: Paths,
    ) -> Option<Box<Path<Url>>> {
        if request.match_info().unprocessed().is_empty() {
            return None;
        }
        let route = self.of(request, paths);
        self.parameters.show(request, route, paths)
    }

    fn look_up(&self, request: &ServiceRequest, paths: Paths) -> u32 {
        let path = self.hash(request, request.match_info().as_str());
        let place = path as usize % REMEMBERED;
        let (remembered, route) = self.by_path.borrow()[place];
        if remembered == path {
            return route;
        }
        let pattern = route::pattern(request, paths).unwrap_or_default();
        let route = self.hash(request, &pattern) as u32;
        self.by_path.borrow_mut()[place] = (path, route);
        route
    }

    /// A method does not cost what another one on the same pattern costs.
    fn hash(&self, request: &ServiceRequest, text: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(known(request.method()).as_bytes());
        hasher.write(text.as_bytes());
        hasher.finish()
    }
}

/// A method's name; of one that HTTP does not know none, or a client could make up routes without end.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH => method.as_str(),
        Method::DELETE | Method::OPTIONS | Method::CONNECT | Method::TRACE => method.as_str(),
        _ => "",
    }
}
