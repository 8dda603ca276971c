//! Why bytes did not pass.

use std::error::Error;

use http::StatusCode;

/// Why the guard refused a request. The connection closes after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not `method target HTTP/1.x`, with one space each, at the very beginning.
    #[error("the request line is not `method target HTTP/1.1`")]
    RequestLine,
    /// The method is no token, or longer than 32 bytes.
    #[error("the method is not a token of at most 32 bytes")]
    Method,
    /// CONNECT, TRACE or TRACK.
    #[error("the method is never served")]
    MethodNotAllowed,
    /// A byte that no target may hold.
    #[error("the target holds a byte that must be percent-encoded")]
    TargetByte,
    /// Neither a path nor a full http URL.
    #[error("the target is neither a path nor a full URL")]
    TargetForm,
    /// Longer than the limit.
    #[error("the target is too long")]
    TargetTooLong,
    /// A version of HTTP other than 1.0 and 1.1.
    #[error("the version is neither HTTP/1.1 nor HTTP/1.0")]
    Version,
    /// CR without LF, or LF without CR.
    #[error("a line does not end in CR LF")]
    LineEnd,
    /// A field line that begins with a blank.
    #[error("a field line begins with a blank")]
    Folding,
    /// A field without a colon, or whose name is no token.
    #[error("a field name is not a token")]
    FieldName,
    /// A control byte in a field value.
    #[error("a field value holds a control byte")]
    FieldValue,
    /// More bytes or fields than the limits allow.
    #[error("the fields are too many or too long")]
    FieldsTooLarge,
    /// No Host field.
    #[error("there is no Host field")]
    HostMissing,
    /// More than one Host field.
    #[error("there is more than one Host field")]
    HostRepeated,
    /// Host is no host.
    #[error("the Host field holds no valid host")]
    HostInvalid,
    /// The target names another host than the Host field.
    #[error("the target and the Host field disagree")]
    HostMismatch,
    /// Content-Length is not digits, or is repeated.
    #[error("Content-Length is not one number")]
    ContentLength,
    /// Content-Length, or a chunk, beyond 2^63-1.
    #[error("the body is too large")]
    BodyTooLarge,
    /// Transfer-Encoding repeated, beside Content-Length, or in HTTP/1.0.
    #[error("the body is framed in more than one way")]
    Framing,
    /// A transfer coding other than `chunked`.
    #[error("the transfer coding is not `chunked`")]
    TransferCoding,
    /// A name that application servers fold into a framing field.
    #[error("a field name looks like a framing field")]
    FramingLookalike,
    /// An upgrade that also sends a body.
    #[error("an upgrade can't have a body")]
    UpgradeWithBody,
    /// The head did not come in time.
    #[error("the request took too long to arrive")]
    HeadTimeout,
    /// A chunk size that is not 1 to 16 hexadecimal digits, or data that does not end where it says.
    #[error("a chunk is malformed")]
    Chunk,
    /// A control byte in a chunk extension, or too many of them.
    #[error("a chunk extension is malformed or too long")]
    ChunkExtension,
    /// A trailer that frames, routes or nominates.
    #[error("a trailer has the name of a framing field")]
    TrailerName,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::FieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::RequestLine
            | Self::Method
            | Self::TargetByte
            | Self::TargetForm
            | Self::LineEnd
            | Self::Folding
            | Self::FieldName
            | Self::FieldValue
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostInvalid
            | Self::HostMismatch
            | Self::ContentLength
            | Self::Framing
            | Self::FramingLookalike
            | Self::UpgradeWithBody
            | Self::Chunk
            | Self::ChunkExtension
            | Self::TrailerName => StatusCode::BAD_REQUEST,
        }
    }

    /// A word for logs, metrics and `code`s. It never changes.
    pub fn word(self) -> &'static str {
        match self {
            Self::RequestLine => "request-line",
            Self::Method => "method",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::TargetByte => "target-byte",
            Self::TargetForm => "target-form",
            Self::TargetTooLong => "target-too-long",
            Self::Version => "version",
            Self::LineEnd => "line-end",
            Self::Folding => "folding",
            Self::FieldName => "field-name",
            Self::FieldValue => "field-value",
            Self::FieldsTooLarge => "fields-too-large",
            Self::HostMissing => "host-missing",
            Self::HostRepeated => "host-repeated",
            Self::HostInvalid => "host-invalid",
            Self::HostMismatch => "host-mismatch",
            Self::ContentLength => "content-length",
            Self::BodyTooLarge => "body-too-large",
            Self::Framing => "framing",
            Self::TransferCoding => "transfer-coding",
            Self::FramingLookalike => "framing-lookalike",
            Self::UpgradeWithBody => "upgrade-with-body",
            Self::HeadTimeout => "head-timeout",
            Self::Chunk => "chunk",
            Self::ChunkExtension => "chunk-extension",
            Self::TrailerName => "trailer-name",
        }
    }

    /// The refusal behind an error of a request body, if one is: hyper wraps what [`super::GuardedIo`] returned.
    pub fn find_in(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref::<Self>() {
                return Some(*refusal);
            }
            // The source of an `io::Error` is that of the error inside it, not the error itself.
            let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if let Some(refusal) = inner.and_then(|inner| inner.downcast_ref::<Self>()) {
                return Some(*refusal);
            }
            next = error.source();
        }
        None
    }
}
