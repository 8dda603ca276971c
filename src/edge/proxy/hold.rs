//! Form submissions that meet a missing or stale session: kept, where they are the app's own, and never lost in silence.

use super::{
    Asked, Proxy,
    answer::Own,
    body::{BodyError, RequestBody},
    challenge::{Flow, Lack, form_page, target_of},
    head::Head,
    pace::{Pace, drain},
};
use crate::{
    domain::{secret::Token, session::Identity},
    edge::http::refusal::Refusal,
    flows::{
        World,
        hold::{self, HoldError, Holding, Submission},
    },
    ports::{
        StoreError,
        store::{Held, Sender},
        upstream::Upstream,
    },
};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};
use http_body::Body as _;
use tokio::runtime::Handle;

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
            Ok(unfinished) => self.fill(unfinished, &mut body).await,
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
                let url = self.proof_url(asked, &flow, lack, path, query, None);
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
    ) -> Result<Unfinished, HoldError> {
        let (sender, address) = (identity.map(Sender::from), asked.client);
        let origin = hold::Origin { browser: flow.browser.hash(), sender, address };
        let (world, slow, browser) = (self.world.clone(), self.slow.clone(), flow.browser.clone());
        self.on_slow(async move {
            let holding = hold::begin(&world, submission, &origin, announced).await?;
            let token = holding.token().clone();
            Ok(Unfinished { holding: Some(holding), token, browser, world, slow, is_kept: false })
        })
        .await
    }

    /// Reads the body of a submission into the store.
    pub(super) async fn fill(&self, mut unfinished: Unfinished, body: &mut RequestBody) -> Result<Token, NotKept> {
        let (mut pace, mut read) = (Pace::begin(), BytesMut::new());
        while let Some(part) = next_part(body, &mut pace, &mut read).await.map_err(NotKept::Body)? {
            unfinished = self.on_slow(unfinished.append(part)).await?;
        }
        unfinished = self.on_slow(unfinished.finish()).await?;
        unfinished.is_kept = true;
        Ok(unfinished.token.clone())
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

/// A submission that is being kept, until all of it is. Dropped before that, it is thrown away: its body broke off, or its sender
/// hung up, who is the only one that would ever have learnt of its token.
pub(super) struct Unfinished {
    /// There until all of it is.
    holding: Option<Holding>,
    token: Token,
    browser: Token,
    world: World,
    slow: Handle,
    is_kept: bool,
}

impl Unfinished {
    async fn append(mut self, part: Bytes) -> Result<Self, HoldError> {
        if let Some(holding) = &mut self.holding {
            holding.append(&self.world, &part).await?;
        }
        Ok(self)
    }

    async fn finish(mut self) -> Result<Self, HoldError> {
        if let Some(holding) = self.holding.take() {
            holding.finish(&self.world).await?;
        }
        Ok(self)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let (world, token, browser) = (self.world.clone(), self.token.clone(), self.browser.clone());
        self.slow.spawn(async move {
            // What is left behind here is swept.
            let _ = hold::discard(&world, &token, &browser).await;
        });
    }
}

/// A form as it is kept; `None` where it could not be sent again as it was.
pub(super) fn submission(asked: &Asked<'_>, path: &str, query: Option<&str>) -> Option<Submission> {
    // Byte for byte, whatever they are: a character each, which `restore` takes back.
    let content_type = asked.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    Some(Submission {
        host: asked.authority.host.clone(),
        target: target_of(path, query).parse().ok()?,
        content_type: content_type.iter().map(|&byte| char::from(byte)).collect(),
        page: form_page(asked),
    })
}

/// The next bytes of a body, as many as are kept together; none at its end.
async fn next_part(body: &mut RequestBody, pace: &mut Pace, read: &mut BytesMut) -> Result<Option<Bytes>, BodyError> {
    while read.len() < Held::PART_BYTES
        && let Some(data) = pace.next(body).await?
    {
        read.extend_from_slice(&data);
    }
    let part = read.split_to(read.len().min(Held::PART_BYTES)).freeze();
    Ok(Some(part).filter(|part| !part.is_empty()))
}

/// What the sender of a body that did not come may learn.
pub(super) fn refusal_for(error: &BodyError) -> Refusal<'static> {
    match error {
        BodyError::TooLarge | BodyError::Trailers(_) => Refusal::TooLarge,
        BodyError::NoRoom => Refusal::TooMany { again: None },
        BodyError::Stalled => Refusal::TooSlow,
        BodyError::Broken(_) | BodyError::Lost(_) | BodyError::Over => Refusal::Malformed,
    }
}
