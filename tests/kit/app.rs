//! What an `App` is to actix.

use actix_web::Error;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};

/// That which makes an application's service, for each worker one.
pub(crate) trait AppFactory<B>:
    ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>
{
}

impl<T, B> AppFactory<B> for T where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        >
{
}
