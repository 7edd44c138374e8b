//! A client's connection: whether another request may come on it.
//!
//! The server reads ahead. What has come together with a request is served after it, also where the answer has closed the
//! connection; and behind a head that could be read in two ways, nobody knows what is a request at all.

use std::any::Any;
use std::cell::Cell;

use actix_web::dev::Extensions;
use actix_web::http::{ConnectionType, StatusCode, Version};
use actix_web::{HttpRequest, HttpResponse};

/// A connection of HTTP/1.
#[derive(Debug, Default)]
pub(crate) struct Client {
    is_over: Cell<bool>,
}

impl Client {
    /// Has a new connection known.
    pub(crate) fn greet(_: &dyn Any, data: &mut Extensions) {
        data.insert(Self::default());
    }

    /// That of a request; `None` over HTTP/2, whose streams have nothing to do with each other.
    pub(crate) fn of(request: &HttpRequest) -> Option<&Self> {
        if request.head().version >= Version::HTTP_2 { None } else { request.conn_data() }
    }

    /// Whether this request may come: its connection has not been closed by an answer, nor at the wish of a request before it.
    pub(crate) fn admits(&self, request: &HttpRequest) -> bool {
        let is_last = request.head().connection_type() == ConnectionType::Close;
        !self.is_over.replace(self.is_over.get() || is_last)
    }

    /// Says so where the server closes the connection after an answer, as it does after each request for another protocol: what
    /// it would say by itself is that the protocol was switched.
    pub(crate) fn tells_of_its_end(&self, request: &HttpRequest, response: &mut HttpResponse) {
        let is_switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if request.head().connection_type() == ConnectionType::Upgrade && !is_switched {
            response.head_mut().set_connection_type(ConnectionType::Close);
            self.close();
        }
    }

    /// From now on no request may come.
    pub(crate) fn close(&self) {
        self.is_over.set(true);
    }
}
