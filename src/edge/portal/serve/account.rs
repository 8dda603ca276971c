//! `/account`, and the portal's front.

use super::{Desk, Reply, Visit, onward, see_other};
use crate::{
    domain::{
        factor::Method,
        session::{Session, latest, proven},
        time::Timestamp,
    },
    edge::{
        http::words::Upcoming,
        portal::account::{AccountNotice, AccountPage, AppRow, FactorRow, SessionRow},
    },
    flows::{
        enroll::UNNAMED,
        recovery,
        sessions::{self, Bearer, Full},
    },
    ports::{
        StoreError,
        store::{PasskeyFactor, PasswordFactor, TotpFactor},
    },
};
use axum::{extract::State, http::StatusCode};
use std::{cmp::Reverse, sync::Arc};

pub(super) async fn front() -> Reply {
    see_other("/account")
}

pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit) -> Reply {
    match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(Bearer::Full(full)) => desk.account(&visit, &full, None).await,
        Ok(Bearer::Half(_)) => see_other("/challenge"),
        Ok(Bearer::Nobody(_)) => onward("/login", None),
        Err(error) => desk.unavailable(&error),
    }
}

impl Desk {
    /// The account page, with what there is to say first.
    pub(super) async fn account(&self, visit: &Visit, full: &Full, notice: Option<AccountNotice>) -> Reply {
        page(self, visit, full, notice).await.unwrap_or_else(|error| self.unavailable(&error))
    }
}

async fn page(desk: &Desk, visit: &Visit, full: &Full, notice: Option<AccountNotice>) -> Result<Reply, StoreError> {
    let (user, session) = (&full.identity.user, &full.identity.session);
    let now = desk.world.clock.now();
    sessions::touch(&desk.world, &full.identity).await?;
    let password = desk.world.store.account(user.id).await?.and_then(|account| account.password);
    let totp = desk.world.store.totp_factors(user.id).await?;
    let passkeys = desk.world.store.passkeys(user.id).await?;
    let may_have_codes = desk.world.settings.recovery_codes > 0 && !(totp.is_empty() && passkeys.is_empty());
    let recovery_codes = if may_have_codes { Some(recovery::left(&desk.world, user.id).await?) } else { None };
    let factors = factor_rows(password.as_ref(), &totp, &passkeys, now);
    let apps: Vec<_> = desk.directory.iter().map(|(title, url)| AppRow { title, url }).collect();
    let mut proofs: Vec<_> =
        proven(&session.authentications, now).filter_map(|proof| Some((proof.method, proof.at.age(now)?))).collect();
    proofs.sort_by_key(|(_, age)| *age);
    let age = session.started_at.age(now).unwrap_or_default();
    let status = match notice {
        Some(AccountNotice::PasskeyKept) => StatusCode::CONFLICT,
        Some(AccountNotice::Enrolled | AccountNotice::Recovered { .. } | AccountNotice::PasswordChanged) | None => {
            StatusCode::OK
        }
    };
    let ends = Upcoming { at: session.started_at + desk.world.settings.limits.lifetime, now };
    Ok(desk.form_page(visit, None, |hidden| {
        desk.page(
            status,
            &AccountPage {
                frame: desk.frame(),
                hidden,
                name: &user.name,
                login_id: user.login_id.as_str(),
                notice: notice.or_else(|| reminder(session, now)),
                methods: &desk.world.settings.methods,
                factors: &factors,
                recovery_codes,
                apps: &apps,
                session: SessionRow { age, ends, proofs: &proofs },
            },
        )
    }))
}

/// Reminds somebody who had to use a recovery code, until they prove an authenticator app again.
fn reminder(session: &Session, now: Timestamp) -> Option<AccountNotice> {
    let at = |method| latest(&session.authentications, &[method], now).map(|proof| proof.at);
    let recovered = at(Method::RecoveryCode).filter(|recovered| at(Method::Totp).is_none_or(|app| app < *recovered));
    recovered.map(|_| AccountNotice::Recovered { reopened: recovery::is_recovered(session, now) })
}

fn factor_rows<'a>(
    password: Option<&PasswordFactor>,
    totp: &'a [TotpFactor],
    passkeys: &'a [PasskeyFactor],
    now: Timestamp,
) -> Vec<FactorRow<'a>> {
    let age = |at: Timestamp| at.age(now).unwrap_or_default();
    let apps = totp.iter().map(|factor| FactorRow {
        method: Method::Totp,
        name: Some(factor.name.as_str()).filter(|name| *name != UNNAMED),
        added: age(factor.created_at),
        used: factor.used_at.map(age),
        removable: None,
    });
    let passkeys = passkeys.iter().map(|passkey| FactorRow {
        method: Method::Passkey,
        name: Some(passkey.name.as_str()),
        added: age(passkey.created_at),
        used: passkey.used_at.map(age),
        removable: Some(passkey.id.0),
    });
    let password = password.map(|factor| FactorRow {
        method: Method::Password,
        name: None,
        added: age(factor.changed_at),
        used: None,
        removable: None,
    });
    let mut rows: Vec<_> = apps.chain(passkeys).chain(password).collect();
    rows.sort_by_key(|row| Reverse(row.added));
    rows
}
