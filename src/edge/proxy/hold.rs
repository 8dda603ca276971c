//! Form submissions that meet a missing or stale session: kept, where they are the app's own, and never lost in silence.

use super::{
    Asked, Proxy,
    answer::Own,
    body::{BodyError, RequestBody},
    challenge::{Flow, Lack, form_page, target_of},
    kind::Kind,
};
use crate::{
    domain::secret::Token,
    edge::http::refusal::Refusal,
    flows::hold::{self, HoldError, Holding, Submission},
    ports::{
        StoreError,
        store::{Held, Sender},
        upstream::Upstream,
    },
};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, Method, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use std::time::Duration;

/// How long the rest of a body that is not kept may take. Browsers show no answer before they have sent the whole of it.
const DRAIN_MAX: Duration = Duration::from_secs(30);

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a submission was not kept.
enum NotKept {
    Hold(HoldError),
    Body(BodyError),
}

impl From<HoldError> for NotKept {
    fn from(error: HoldError) -> Self {
        Self::Hold(error)
    }
}

/// Whether a page of this very host sent it, and nobody else can have (SU-05): the browser says so, or, where it does
/// not say, its `Origin` does.
pub(super) fn is_own_form(asked: &Asked<'_>) -> bool {
    let comes_from_here = || match asked.headers.get(FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => {
            asked.headers.get(header::ORIGIN).is_some_and(|origin| *origin == *format!("https://{}", asked.authority))
        }
    };
    asked.kind == Kind::Form && *asked.method == Method::POST && comes_from_here()
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Keeps a submission, and sends its sender to the portal. What can't be kept is dropped, and said so.
    pub(super) async fn hold(
        &self,
        asked: &Asked<'_>,
        lack: &Lack<'_>,
        mut body: RequestBody,
        path: &str,
        query: Option<&str>,
    ) -> Own {
        let flow = self.flow(asked);
        let content_type = asked.headers.get(header::CONTENT_TYPE).map_or(Ok(""), |value| value.to_str());
        let (Ok(target), Ok(content_type)) = (target_of(path, query).parse(), content_type) else {
            return self.challenge(asked, &flow, lack, path, query, None);
        };
        let submission = Submission {
            host: asked.authority.host.clone(),
            target,
            content_type: content_type.to_owned(),
            page: form_page(asked),
        };
        match self.keep(asked, &flow, lack, submission, &mut body).await {
            Ok(token) => {
                tracing::info!(request.id = %asked.id, app = asked.app.name, "a form is held");
                self.challenge(asked, &flow, lack, path, query, Some(token))
            }
            Err(NotKept::Hold(HoldError::TooLarge)) => {
                tracing::info!(request.id = %asked.id, app = asked.app.name, "a form is too large to be held");
                drain(&mut body).await;
                let url = self.portal_url(asked, &flow, lack, path, query, None);
                let refusal = Refusal::TooLargeToKeep { app: &asked.app.title, confirm: &url };
                flow.keep(self.refuse(asked, refusal, None))
            }
            Err(NotKept::Hold(HoldError::Full)) => {
                tracing::warn!(request.id = %asked.id, app = asked.app.name, "too much is held already: a form was dropped");
                drain(&mut body).await;
                self.challenge(asked, &flow, lack, path, query, None)
            }
            Err(NotKept::Hold(HoldError::Store(error))) => {
                tracing::error!(%error, request.id = %asked.id, "a form could not be held");
                self.refuse(asked, Refusal::Unavailable, None)
            }
            Err(NotKept::Body(error)) => {
                tracing::info!(%error, request.id = %asked.id, "a form did not arrive whole");
                self.refuse(asked, refusal_for(&error), None)
            }
        }
    }

    async fn keep(
        &self,
        asked: &Asked<'_>,
        flow: &Flow,
        lack: &Lack<'_>,
        submission: Submission,
        body: &mut RequestBody,
    ) -> Result<Token, NotKept> {
        let origin = hold::Origin {
            browser: flow.browser.hash(),
            sender: lack.identity.as_deref().map(Sender::from),
            address: asked.client,
        };
        let (world, announced) = (self.world.clone(), body.size_hint().exact());
        let holding = self.on_slow(async move { hold::begin(&world, submission, &origin, announced).await }).await?;
        let token = holding.token().clone();
        let kept = self.fill(holding, body).await;
        if kept.is_err() {
            let (world, browser) = (self.world.clone(), flow.browser.clone());
            // What is left behind here is swept.
            let _ = self.on_slow(async move { hold::discard(&world, &token, &browser).await }).await;
        }
        kept
    }

    async fn fill(&self, mut holding: Holding, body: &mut RequestBody) -> Result<Token, NotKept> {
        let mut read = BytesMut::new();
        while let Some(part) = next_part(body, &mut read).await.map_err(NotKept::Body)? {
            let world = self.world.clone();
            let appended = async move { holding.append(&world, &part).await.map(|()| holding) };
            holding = self.on_slow(appended).await?;
        }
        let world = self.world.clone();
        Ok(self.on_slow(async move { holding.finish(&world).await }).await?)
    }

    /// Speaks to the store, off the threads that move bytes.
    pub(super) async fn on_slow<T, E>(&self, act: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let done = self.slow.spawn(act).await;
        done.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string()).into()))
    }
}

/// The next bytes of a body, as many as are kept together; none at its end.
async fn next_part(body: &mut RequestBody, read: &mut BytesMut) -> Result<Option<Bytes>, BodyError> {
    while read.len() < Held::PART_BYTES
        && let Some(frame) = body.frame().await
    {
        if let Ok(data) = frame?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    let part = read.split_to(read.len().min(Held::PART_BYTES)).freeze();
    Ok(Some(part).filter(|part| !part.is_empty()))
}

/// Reads what is left of a body, for its sender to see the answer.
async fn drain(body: &mut RequestBody) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // Who takes longer than this sees a broken connection, as with any upload that is too large.
    let _ = tokio::time::timeout(DRAIN_MAX, rest).await;
}

/// What the sender of a body that did not come may learn.
pub(super) fn refusal_for(error: &BodyError) -> Refusal<'static> {
    match error {
        BodyError::TooLarge => Refusal::TooLarge,
        BodyError::Stalled => Refusal::TooSlow,
        BodyError::Broken(_) | BodyError::Lost(_) => Refusal::Malformed,
    }
}
