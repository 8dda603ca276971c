//! What somebody reads who has just started the demo.

use super::{
    PAYROLL, PORTAL, REPORTS,
    person::Person,
    state::{CA, CONFIG, OUTBOX, StateFolder},
};
use crate::cli::{
    Failure,
    totp::{grouped, qr},
};
use std::path::{Path, absolute};

/// What somebody reads who has just started the demo.
pub(super) struct Leaflet<'a> {
    pub(super) folder: &'a StateFolder,
    pub(super) port: u16,
    pub(super) person: &'a Person,
}

impl Leaflet<'_> {
    pub(super) fn text(&self) -> Result<String, Failure> {
        let Self { folder, port, person: Person { login_id, password, totp_key, totp_uri } } = self;
        let ca = quoted(&absolute(folder.path(CA)).map_err(Failure::refused)?);
        let outbox = quoted(&folder.path(OUTBOX));
        let config = quoted(&folder.path(CONFIG));
        let qr = qr(totp_uri).map_err(Failure::refused)?;
        let grouped = grouped(totp_key);
        let page = |host: &str| format!("{:<width$}", format!("https://{host}:{port}/"), width = 34);
        let (payroll, reports, portal) = (page(PAYROLL), page(REPORTS), page(PORTAL));
        Ok(format!(
            "The demo is running. Open one of these in a browser on this machine:

  {payroll}  Payroll: a new transfer wants a code from the last two minutes
  {reports}  Reports: opens without another sign-in
  {portal}  the portal, where people sign in

  Login      {login_id}
  Password   {password}
  TOTP key   {grouped}
             scan the code below with an authenticator app,
             or run: oathtool --totp --base32 {totp_key}

{qr}

Mail, text messages and calls become files in {outbox}.

Browsers warn until they trust the authority that this demo made for itself.
It can vouch for names under localhost and for no others. Its certificate:

  {ca}

  Firefox           Settings, search for \"certificates\", View Certificates, Authorities, Import
  Chrome, Chromium  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n 'Doorward demo' -i {ca}
                    (from the package libnss3-tools)
  Debian, Ubuntu    sudo cp {ca} /usr/local/share/ca-certificates/doorward-demo.crt
                    sudo update-ca-certificates
  curl              curl --cacert {ca} --resolve {PAYROLL}:{port}:127.0.0.1 \\
                      https://{PAYROLL}:{port}/healthz

The config file is {config}. With DOORWARD_LOG=info each refusal is logged.
A page that asks for one more proof shows a reference, and this says why it asked:

  doorward explain -c {config} --id REFERENCE

Ctrl-C ends the demo; the next start finds the same account."
        ))
    }
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
