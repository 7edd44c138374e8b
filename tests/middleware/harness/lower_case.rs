//! A layer inside of a budget that takes letters of any case for one.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::middleware::Next;

/// Shows what is inside the path in lower case, as routers do that ignore the case of letters; of ASCII alone.
pub(crate) async fn in_lower_case<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = (lower(request.uri().path()) + &query).parse::<Uri>() {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
    next.call(request).await
}

/// A path in lower case. Letters that are escaped stay so.
fn lower(path: &str) -> String {
    let mut lower = path.to_ascii_lowercase();
    for letter in b'A'..=b'Z' {
        let small = letter.to_ascii_lowercase();
        lower = lower.replace(&format!("%{letter:02x}"), &format!("%{small:02x}"));
    }
    lower
}
