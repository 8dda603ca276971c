//! Accounts on a page of text, or as JSON.

use super::Told;
use crate::{
    cli::{
        Failure,
        output::{self, minute, rfc3339},
        session,
    },
    config::duration,
    domain::{
        contact::{Contact, EmailAddress, Kind},
        enrolment::Grace,
        factor::Method,
        time::Timestamp,
        user::LoginId,
    },
    flows::{
        World,
        administer::{self, SecondFactor, Status},
    },
    ports::store::{Account, Invitation},
};
use serde_json::{Value, json};
use std::time::Duration;

/// Every account, a line each.
pub(super) async fn all(world: &World) -> Result<Told, Failure> {
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for account in administer::accounts(world).await.map_err(Failure::refused)? {
        let factors = factors(world, &account).await?;
        let contacts = administer::contacts(world, account.user.id).await.map_err(Failure::refused)?;
        rows.push([
            account.user.login_id.to_string(),
            account.user.name.clone(),
            reached(&contacts),
            account.user.groups.join(", "),
            state(&account).to_owned(),
            if factors.is_empty() { "none".to_owned() } else { methods(&factors) },
            minute(account.user.created_at),
        ]);
        values.push(as_json(&account, &factors, &contacts));
    }
    let text = if rows.is_empty() {
        "there is no account yet; `doorward user add` makes one".to_owned()
    } else {
        output::table(["LOGIN ID", "NAME", "REACHED AT", "GROUPS", "STATE", "SECOND FACTORS", "ADDED"], &rows)
    };
    Ok(Told { text, value: Value::Array(values) })
}

/// One account with all that hangs on it.
pub(super) async fn one(world: &World, login_id: &LoginId) -> Result<Told, Failure> {
    let account = administer::account(world, login_id).await.map_err(Failure::refused)?;
    let factors = factors(world, &account).await?;
    let contacts = administer::contacts(world, account.user.id).await.map_err(Failure::refused)?;
    let (sessions, now) = session::live(world, Some(login_id)).await?;
    let user = &account.user;
    let mut lines = vec![
        ("Login id", user.login_id.to_string()),
        ("Name", user.name.clone()),
        ("E-mail", known(&contacts, Kind::Email)),
        ("Phone", known(&contacts, Kind::Phone)),
        ("Groups", if user.groups.is_empty() { "none".to_owned() } else { user.groups.join(", ") }),
        ("State", state(&account).to_owned()),
        ("Added", minute(user.created_at)),
        (
            "Password",
            account.password.as_ref().map_or("none".to_owned(), |it| format!("set {}", minute(it.changed_at))),
        ),
    ];
    lines.extend(factors.iter().map(|factor| ("Factor", spell(factor))));
    if let Some(approval) = account.approval.filter(|approval| factors.is_empty() && now < approval.until) {
        lines.push(("Factor", format!("none; the first can be set up until {}", minute(approval.until))));
    } else if factors.is_empty() {
        lines.push(("Factor", "none; `doorward user reset-mfa` lets them set one up".to_owned()));
    }
    let status = administer::status(world, user).await.map_err(Failure::refused)?;
    lines.extend(status.sent.iter().map(|method| ("Factor", format!("{} to an address above", method.name()))));
    lines.push(("Required", required(&status, now)));
    let codes = usize::try_from(status.recovery_codes).unwrap_or(usize::MAX);
    lines.push(("Recovery", format!("{} left", output::count(codes, "code", "codes"))));
    lines.push(("Sessions", sessions.len().to_string()));
    let text: Vec<_> = lines.iter().map(|(label, text)| output::plain(&format!("{label:<10}{text}"))).collect();
    let mut value = as_json(&account, &factors, &contacts);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("factors".to_owned(), factors.iter().map(factor_as_json).collect());
        fields.insert("recovery_codes_left".to_owned(), status.recovery_codes.into());
        fields.insert("sent_methods".to_owned(), status.sent.iter().map(|method| method.name()).collect());
        fields.insert("requirement".to_owned(), status.requirement.name().into());
        fields.insert("grace".to_owned(), status.grace.map_or(Value::Null, grace_as_json));
        fields.insert("sessions".to_owned(), sessions.iter().map(|summary| session::as_json(summary, now)).collect());
    }
    Ok(Told { text: text.join("\n"), value })
}

/// What signing in takes, and how long it takes less.
fn required(status: &Status, now: Timestamp) -> String {
    let requirement = status.requirement.name();
    match status.grace {
        None => requirement.to_owned(),
        Some(Grace::Ahead) => format!("{requirement}; grace begins with the next sign-in"),
        Some(Grace::Until(ends)) => {
            let left = now.age(ends).unwrap_or_default();
            format!("{requirement}; grace until {}, {} left", minute(ends), spell_left(left))
        }
        Some(Grace::Over) => format!("{requirement}; no grace: the next sign-in takes a second factor"),
    }
}

/// To the minute: it is read by people.
fn spell_left(left: Duration) -> String {
    if left < Duration::from_mins(1) {
        "less than 1m".to_owned()
    } else {
        duration::spell(Duration::from_secs(left.as_secs() / 60 * 60))
    }
}

fn grace_as_json(grace: Grace) -> Value {
    match grace {
        Grace::Ahead => json!({ "state": "ahead" }),
        Grace::Until(ends) => json!({ "state": "running", "ends_at": rfc3339(ends) }),
        Grace::Over => json!({ "state": "over" }),
    }
}

/// Every invitation that nobody has used, a line each.
pub(super) fn invitations(open: &[Invitation]) -> Told {
    let rows: Vec<_> = open
        .iter()
        .map(|invitation| {
            [
                invitation.login_id.to_string(),
                invitation.name.clone().unwrap_or_else(|| "-".to_owned()),
                invitation.email.as_ref().map_or("-", EmailAddress::as_str).to_owned(),
                invitation.groups.join(", "),
                minute(invitation.ends_at),
            ]
        })
        .collect();
    let text = if rows.is_empty() {
        "nobody is invited".to_owned()
    } else {
        output::table(["LOGIN ID", "NAME", "MAILED TO", "GROUPS", "ENDS"], &rows)
    };
    Told { text, value: open.iter().map(invitation_as_json).collect() }
}

fn invitation_as_json(invitation: &Invitation) -> Value {
    json!({
        "login_id": invitation.login_id.as_str(),
        "name": invitation.name,
        "email": invitation.email.as_ref().map(EmailAddress::as_str),
        "groups": invitation.groups,
        "ends_at": rfc3339(invitation.ends_at),
    })
}

async fn factors(world: &World, account: &Account) -> Result<Vec<SecondFactor>, Failure> {
    administer::second_factors(world, account.user.id).await.map_err(Failure::refused)
}

fn state(account: &Account) -> &'static str {
    match (account.user.disabled, &account.password) {
        (true, _) => "disabled",
        (false, None) => "no password",
        (false, Some(_)) => "enabled",
    }
}

fn methods(factors: &[SecondFactor]) -> String {
    let of = |method: Method| factors.iter().filter(|factor| factor.method == method).count();
    let counted = Method::ALL.iter().map(|method| (method, of(*method))).filter(|(_, count)| *count > 0);
    let spelled =
        counted.map(|(method, count)| if count == 1 { method.to_string() } else { format!("{count} {method}") });
    spelled.collect::<Vec<_>>().join(", ")
}

fn spell(factor: &SecondFactor) -> String {
    let used = factor.used_at.map_or("never used".to_owned(), |at| format!("last used {}", minute(at)));
    format!("{}, {}, added {}, {used}", factor.method, factor.name, minute(factor.created_at))
}

/// Every address on one line; those that serve nothing yet are marked.
fn reached(contacts: &[Contact]) -> String {
    let addresses = contacts.iter().map(|contact| match contact.verified_at {
        Some(_) => contact.address.as_str().to_owned(),
        None => format!("{} (unverified)", contact.address.as_str()),
    });
    addresses.collect::<Vec<_>>().join(", ")
}

/// The address of this kind, and whether it is known to be theirs.
fn known(contacts: &[Contact], kind: Kind) -> String {
    let contact = contacts.iter().find(|contact| contact.address.kind() == kind);
    contact.map_or("none".to_owned(), |contact| match contact.verified_at {
        Some(at) => format!("{}, verified {}", contact.address.as_str(), minute(at)),
        None => format!("{}, not verified: it serves nothing", contact.address.as_str()),
    })
}

fn as_json(Account { user, password, approval }: &Account, factors: &[SecondFactor], contacts: &[Contact]) -> Value {
    json!({
        "id": user.id.0,
        "login_id": user.login_id.as_str(),
        "name": user.name,
        "email": user.email,
        "contacts": contacts.iter().map(contact_as_json).collect::<Vec<_>>(),
        "groups": user.groups,
        "disabled": user.disabled,
        "created_at": rfc3339(user.created_at),
        "password_changed_at": password.as_ref().map(|password| rfc3339(password.changed_at)),
        "second_factors": factors.len(),
        "enrol_until": approval.map(|approval| rfc3339(approval.until)),
    })
}

fn contact_as_json(contact: &Contact) -> Value {
    json!({
        "kind": contact.address.kind().name(),
        "address": contact.address.as_str(),
        "verified_at": contact.verified_at.map(rfc3339),
    })
}

fn factor_as_json(factor: &SecondFactor) -> Value {
    json!({
        "id": factor.id.0,
        "method": factor.method.name(),
        "name": factor.name,
        "created_at": rfc3339(factor.created_at),
        "used_at": factor.used_at.map(rfc3339),
    })
}
