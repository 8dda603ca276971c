//! A kept form on its way to the application: taken once, read from the store as it is sent, then forgotten or given back.

use super::{Asked, Passage, Proxy, body::RequestBody};
use crate::{
    domain::{secret::Token, target::ReturnPath},
    edge::http::request::RequestId,
    flows::{
        World,
        hold::{self, Delivery, Taken},
    },
    ports::{StoreError, upstream::Upstream},
};
use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// Parts of a kept body that wait to be sent.
const PARTS_AHEAD: usize = 2;

/// Why a kept form is not for this request.
pub(super) enum NotTaken {
    /// It went on before.
    Before,
    /// It is not there, or not for this user, browser and target.
    Refused,
    /// Nobody is signed in, and somebody filled it in.
    Nobody,
    Store(StoreError),
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A form that was taken. Dropped, it is forgotten: it was given out, or whoever it was taken for is gone. Either way it must
/// take no room.
pub(super) struct Carried {
    pub(super) delivery: Delivery,
    waits_on: bool,
    world: World,
    slow: Handle,
    id: RequestId,
}

impl Carried {
    /// Lets it wait on.
    pub(super) async fn release(mut self) -> Result<(), StoreError> {
        // Also where that fails: nobody knows then what the store has made of it.
        self.waits_on = true;
        self.delivery.release(&self.world).await
    }

    /// Its body, read from the store as it is sent.
    pub(super) fn into_body(self) -> (RequestBody, Reading) {
        let (sender, coming) = mpsc::channel(PARTS_AHEAD);
        let ((done, given_back), (stop, stopped)) = (oneshot::channel(), oneshot::channel::<()>());
        let length = self.delivery.size();
        self.slow.clone().spawn(async move {
            let reading = async {
                for number in 0..self.delivery.parts() {
                    let part = self.delivery.part(&self.world, number).await.map(Bytes::from);
                    if let Err(error) = &part {
                        tracing::error!(%error, request.id = %self.id, "a held form could not be delivered whole");
                    }
                    // Nobody waits for more where the application has hung up.
                    if sender.send(part).await.is_err() {
                        break;
                    }
                }
            };
            tokio::select! {
                () = reading => {}
                _ = stopped => {}
            }
            // Where nobody receives it whoever delivers has gone.
            let _ = done.send(self);
        });
        (RequestBody::kept(coming, length), Reading { given_back, stop })
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if self.waits_on {
            return;
        }
        let (world, token, id) = (self.world.clone(), self.delivery.token().clone(), self.id);
        self.slow.spawn(async move {
            if let Err(error) = hold::forget(&world, &token).await {
                tracing::warn!(%error, request.id = %id, "a delivered form is left to be swept");
            }
        });
    }
}

/// What reads a kept body while it is sent.
pub(super) struct Reading {
    given_back: oneshot::Receiver<Carried>,
    /// Ends it at once, also where it is dropped.
    stop: oneshot::Sender<()>,
}

impl Reading {
    /// Waits until nobody reads any more: all is given out, or the exchange is over.
    pub(super) async fn end(self) {
        let Self { given_back, stop: _stop } = self;
        drop(given_back.await);
    }

    /// The form, at once. `None` where the process ends.
    pub(super) async fn stop(self) -> Option<Carried> {
        let Self { given_back, stop } = self;
        drop(stop);
        given_back.await.ok()
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Takes a kept form for a request that was let through, which goes on with it.
    pub(super) async fn take_for<'a>(
        &self,
        asked: &Asked<'_>,
        (token, target, browser): (Token, ReturnPath, Token),
        passage: Passage<'a>,
    ) -> Result<(Carried, Passage<'a>), NotTaken> {
        let (world, slow, host, id) = (self.world.clone(), self.slow.clone(), asked.authority.host.clone(), asked.id);
        let Passage { admission, seen, matched, path, now, pays, form } = passage;
        let asks_nobody = admission.identity().is_none();
        let signed_in =
            if asks_nobody { self.visitors.look(asked.headers, asked.authority).await?.user() } else { None };
        let taking = self.on_slow(async move {
            match hold::take(&world, &token, &host, &target, &browser, &admission, signed_in).await? {
                Taken::Now(delivery) => Ok((Carried { delivery, waits_on: false, world, slow, id }, admission)),
                Taken::Before => Err(NotTaken::Before),
                Taken::Refused if asks_nobody && signed_in.is_none() => Err(NotTaken::Nobody),
                Taken::Refused => Err(NotTaken::Refused),
            }
        });
        let (carried, admission) = taking.await?;
        Ok((carried, Passage { admission, seen, matched, path, now, pays, form }))
    }
}
