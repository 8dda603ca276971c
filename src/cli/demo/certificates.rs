//! A certificate authority for one machine, and what it vouches for.

use super::state::{CA, CA_KEY, CERTIFICATE, KEY, StateError, StateFolder};
use crate::domain::time::Timestamp;
use jiff::{Span, Zoned, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};

/// Nobody wants to trust a new one every quarter.
const CA_YEARS: i64 = 10;

/// A new one is made at every start, so no demo meets its end.
const CERTIFICATE_DAYS: i64 = 90;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    /// The folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The key of the authority is not one, and the like.
    #[error("no certificate can be made ({0}); delete {CA} and {CA_KEY} in the state folder to begin anew")]
    Made(#[from] rcgen::Error),
    /// No calendar has this day.
    #[error("the clock of this machine is out of range: {0}")]
    Clock(#[from] jiff::Error),
}

/// Makes a certificate for these hosts, signed by the authority of the folder. The first start makes the authority.
pub(super) fn issue(folder: &StateFolder, hosts: &[&str], now: Timestamp) -> Result<(), CertificateError> {
    let today = jiff::Timestamp::from_millisecond(now.as_millis())?.to_zoned(TimeZone::UTC);
    let (ca, authority) = if let (Some(ca), Some(key)) = (folder.read(CA)?, folder.read(CA_KEY)?) {
        // Names and key usage are the same in every authority of ours: what tells them apart is the key.
        (ca, Issuer::new(authority(&today)?, KeyPair::from_pem(&key)?))
    } else {
        let (params, key) = (authority(&today)?, KeyPair::generate()?);
        let ca = params.self_signed(&key)?.pem();
        folder.write(CA_KEY, &key.serialize_pem())?;
        folder.publish(CA, &ca)?;
        (ca, Issuer::new(params, key))
    };
    let mut params = CertificateParams::new(hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name = named("Doorward demo");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    lasting(&mut params, &today, Span::new().days(CERTIFICATE_DAYS))?;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    folder.write(KEY, &key.serialize_pem())?;
    folder.write(CERTIFICATE, &[certificate.pem(), ca].concat())?;
    Ok(())
}

/// One that browsers believe about localhost and nothing else, wherever its key may get to.
fn authority(today: &Zoned) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Doorward demo authority of this machine");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("localhost".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    lasting(&mut params, today, Span::new().years(CA_YEARS))?;
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// From yesterday, for clocks that are behind.
fn lasting(params: &mut CertificateParams, today: &Zoned, span: Span) -> Result<(), CertificateError> {
    let midnight = |day: Zoned| date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs());
    params.not_before = midnight(today.yesterday()?);
    params.not_after = midnight(today.checked_add(span)?);
    Ok(())
}
