//! What the browser is told where the application gave no response.

use super::body::BodyError;
use crate::ports::upstream::{BoxError, UpstreamError};
use http::StatusCode;

/// The status that fits. Everything else about the failure is for the log.
pub fn status_of(error: &UpstreamError) -> StatusCode {
    match error {
        UpstreamError::NoneHealthy | UpstreamError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        UpstreamError::Connect(_) | UpstreamError::Tls(_) | UpstreamError::Exchange(_) => StatusCode::BAD_GATEWAY,
        UpstreamError::Timeout | UpstreamError::ConnectTimeout => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::RequestBody(error) => match body_error(error) {
            Some(BodyError::TooLarge | BodyError::Trailers(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Some(BodyError::NoRoom) => StatusCode::TOO_MANY_REQUESTS,
            Some(BodyError::Stalled) => StatusCode::REQUEST_TIMEOUT,
            Some(BodyError::Lost(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Some(BodyError::Broken(_) | BodyError::Over) | None => StatusCode::BAD_REQUEST,
        },
    }
}

fn body_error(error: &BoxError) -> Option<&BodyError> {
    let first: &(dyn std::error::Error + 'static) = error.as_ref();
    std::iter::successors(Some(first), |error| error.source()).find_map(|error| error.downcast_ref())
}
