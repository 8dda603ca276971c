//! Certificates and their keys, as the files hold them.

use crate::domain::target::HostPattern;
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject as _},
};
use std::path::{Path, PathBuf};

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// One of its files can't be read.
    #[error("can't read {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// The chain file holds no certificate, or one that names no host.
    #[error("{} holds no certificate for a host", .0.display())]
    NoHost(PathBuf),
    /// The key file holds no key.
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    /// The key is that of another certificate.
    #[error("{} is not the key of this certificate", .0.display())]
    OtherKey(PathBuf),
    /// The key is of a kind that TLS does not know.
    #[error("{} holds a key that can't be used: {error}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

impl CertificateError {
    /// The file that is to blame.
    pub fn path(&self) -> &Path {
        match self {
            Self::File { path, .. }
            | Self::NoHost(path)
            | Self::NoKey(path)
            | Self::OtherKey(path)
            | Self::Key { path, .. } => path,
        }
    }
}

/// Reads a chain and its key, both PEM; gives the hosts that it is for besides.
pub fn read(chain: &Path, key: &Path) -> Result<(Vec<HostPattern>, CertifiedKey), CertificateError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| CertificateError::File { path, error }
    };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(chain).and_then(Iterator::collect).map_err(unreadable(chain))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => CertificateError::NoKey(key.to_owned()),
        error => unreadable(key)(error),
    })?;
    let hosts = certificates.first().map(hosts_of).unwrap_or_default();
    if hosts.is_empty() {
        return Err(CertificateError::NoHost(chain.to_owned()));
    }
    let certified =
        CertifiedKey::from_der(certificates, secret, &aws_lc_rs::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::OtherKey(key.to_owned()),
            error => CertificateError::Key { path: key.to_owned(), error },
        })?;
    Ok((hosts, certified))
}

/// The hosts a certificate names (RFC 9525): subject alternative names only.
fn hosts_of(certificate: &CertificateDer<'_>) -> Vec<HostPattern> {
    let Ok(leaf) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    leaf.valid_dns_names().filter_map(|name| HostPattern::parse(name).ok()).collect()
}
