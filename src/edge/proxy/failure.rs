//! What the browser is told where the application gave no response.

use super::body::BodyError;
use crate::ports::upstream::{BoxError, UpstreamError};
use http::StatusCode;

/// The status that fits. Everything else about the failure is for the log.
pub fn status_of(error: &UpstreamError) -> StatusCode {
    match error {
        UpstreamError::NoneHealthy => StatusCode::SERVICE_UNAVAILABLE,
        UpstreamError::Connect(_) | UpstreamError::Tls(_) | UpstreamError::Exchange(_) => StatusCode::BAD_GATEWAY,
        UpstreamError::Timeout => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::RequestBody(error) if is_too_large(error) => StatusCode::PAYLOAD_TOO_LARGE,
        UpstreamError::RequestBody(_) => StatusCode::BAD_REQUEST,
    }
}

fn is_too_large(error: &BoxError) -> bool {
    let first: &(dyn std::error::Error + 'static) = error.as_ref();
    std::iter::successors(Some(first), |error| error.source())
        .any(|error| matches!(error.downcast_ref(), Some(BodyError::TooLarge)))
}
