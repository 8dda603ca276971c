//! Form submissions that meet a missing or stale session: kept, where they are the app's own, and never lost in silence.

use super::{
    Asked, Proxy,
    answer::Own,
    body::{BodyError, RequestBody},
    challenge::{Flow, Lack, form_page, target_of},
    head::Head,
};
use crate::{
    domain::{secret::Token, session::Identity},
    edge::http::refusal::Refusal,
    flows::hold::{self, HoldError, Holding, Submission},
    ports::{
        StoreError,
        store::{Held, Sender},
        upstream::Upstream,
    },
};
use bytes::{Bytes, BytesMut};
use http::header;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use std::time::Duration;

/// How long the rest of a body that is not kept may take. Browsers show no answer before they have sent the whole of it, so
/// whoever sent a large file would see a broken connection where a few KiB are drained (FR-12), and not the page that
/// says what to do. Nothing of it is kept in memory, and `body_max` bounds it too.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// Why a submission was not kept.
pub(super) enum NotKept {
    Hold(HoldError),
    Body(BodyError),
}

impl From<HoldError> for NotKept {
    fn from(error: HoldError) -> Self {
        Self::Hold(error)
    }
}

/// Whether a page of this very host sent it as a form (SU-05).
pub(super) fn is_own_form(asked: &Asked<'_>) -> bool {
    Head::from(asked).is_own_form()
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
        let Some(submission) = submission(asked, path, query) else {
            drain(&mut body).await;
            return self.challenge(asked, &flow, lack, path, query, None);
        };
        let announced = body.size_hint().exact();
        let kept = match self.begin(asked, &flow, lack.identity.as_deref(), submission, announced).await {
            Ok(holding) => self.fill(holding, &flow, &mut body).await,
            Err(error) => Err(NotKept::Hold(error)),
        };
        match kept {
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
            Err(why) => self.refuse_unkept(asked, &why),
        }
    }

    /// The answer to a submission that is lost, by no fault of its length.
    pub(super) fn refuse_unkept(&self, asked: &Asked<'_>, why: &NotKept) -> Own {
        match why {
            NotKept::Hold(error) => {
                tracing::error!(%error, request.id = %asked.id, "a form could not be held");
                self.refuse(asked, Refusal::Unavailable, None)
            }
            NotKept::Body(error) => {
                tracing::info!(%error, request.id = %asked.id, "a form did not arrive whole");
                self.refuse(asked, refusal_for(error), None)
            }
        }
    }

    /// Makes room for a submission. Not a byte of its body is read before.
    pub(super) async fn begin(
        &self,
        asked: &Asked<'_>,
        flow: &Flow,
        identity: Option<&Identity>,
        submission: Submission,
        announced: Option<u64>,
    ) -> Result<Holding, HoldError> {
        let (sender, address) = (identity.map(Sender::from), asked.client);
        let origin = hold::Origin { browser: flow.browser.hash(), sender, address };
        let world = self.world.clone();
        self.on_slow(async move { hold::begin(&world, submission, &origin, announced).await }).await
    }

    /// Reads the body of a submission into the store.
    pub(super) async fn fill(&self, holding: Holding, flow: &Flow, body: &mut RequestBody) -> Result<Token, NotKept> {
        let token = holding.token().clone();
        let kept = self.read_into(holding, body).await;
        if kept.is_err() {
            let (world, browser) = (self.world.clone(), flow.browser.clone());
            // What is left behind here is swept.
            let _ = self.on_slow(async move { hold::discard(&world, &token, &browser).await }).await;
        }
        kept
    }

    async fn read_into(&self, mut holding: Holding, body: &mut RequestBody) -> Result<Token, NotKept> {
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

/// A form as it is kept; `None` where it could not be sent again as it was.
pub(super) fn submission(asked: &Asked<'_>, path: &str, query: Option<&str>) -> Option<Submission> {
    let content_type = asked.headers.get(header::CONTENT_TYPE).map_or(Ok(""), |value| value.to_str()).ok()?;
    Some(Submission {
        host: asked.authority.host.clone(),
        target: target_of(path, query).parse().ok()?,
        content_type: content_type.to_owned(),
        page: form_page(asked),
    })
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
pub(super) async fn drain(body: &mut RequestBody) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // Who takes longer than this sees a broken connection, as with any upload that is too large.
    let _ = tokio::time::timeout(DRAIN_MAX, rest).await;
}

/// What the sender of a body that did not come may learn.
pub(super) fn refusal_for(error: &BodyError) -> Refusal<'static> {
    match error {
        BodyError::TooLarge | BodyError::Trailers(_) => Refusal::TooLarge,
        BodyError::Stalled => Refusal::TooSlow,
        BodyError::Broken(_) | BodyError::Lost(_) | BodyError::Cut(_) => Refusal::Malformed,
    }
}
