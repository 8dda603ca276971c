//! Certificates: chosen by the name a browser asks for, read again when their files change.

use crate::config::settings::Certificate;
use crate::domain::target::{Host, HostPattern};
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use std::{path::PathBuf, sync::Arc};

/// A certificate and the hosts it is for.
#[derive(Debug)]
pub struct Entry {
    hosts: Vec<HostPattern>,
    key: Arc<CertifiedKey>,
}

impl Entry {
    /// Whether a request for `host` may come over a connection that was opened with this certificate (HO-04).
    pub fn covers(&self, host: &Host) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// One of its files can't be read.
    #[error("can't read {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: rustls_pki_types::pem::Error,
    },
    /// The chain file holds no certificate, or one that names no host.
    #[error("{} holds no certificate for a host", .0.display())]
    NoHost(PathBuf),
    /// The key does not belong to the certificate, or is of a kind that TLS does not know.
    #[error("{} does not fit the certificate: {error}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

/// Every certificate. The first is shown to browsers that name no host.
#[derive(Debug)]
pub struct Certificates(ArcSwap<Table>);

/// Every certificate, as its files were when they were read.
#[derive(Debug)]
pub struct Table {
    files: Vec<Certificate>,
    entries: Vec<Arc<Entry>>,
}

impl Table {
    /// Reads them all.
    pub fn read(files: &[Certificate]) -> Result<Self, CertificateError> {
        let entries = files.iter().map(|files| read_one(files).map(Arc::new)).collect::<Result<_, _>>()?;
        Ok(Self { files: files.to_vec(), entries })
    }
}

impl Certificates {
    /// Reads them all.
    pub fn read(files: &[Certificate]) -> Result<Self, CertificateError> {
        Ok(Self(ArcSwap::from_pointee(Table::read(files)?)))
    }

    /// Reads them all again. New connections get what is found now; a file that can't be used changes nothing.
    pub fn reread(&self) -> Result<(), CertificateError> {
        let old = self.0.load_full();
        let new = Arc::new(Table::read(&old.files)?);
        // Who put another in its place in between has read them later.
        self.0.compare_and_swap(&old, new);
        Ok(())
    }

    /// What the settings name now. Files that they named before and that are half written stay as they were.
    pub fn next(&self, files: &[Certificate]) -> Result<Arc<Table>, CertificateError> {
        let old = self.0.load_full();
        match Table::read(files) {
            Ok(table) => Ok(Arc::new(table)),
            Err(error) if *files == *old.files => {
                tracing::warn!(%error, "certificates can't be used; the old ones stay");
                Ok(old)
            }
            Err(error) => Err(error),
        }
    }

    /// New connections get these from now on.
    pub fn put(&self, table: Arc<Table>) {
        self.0.store(table);
    }

    /// The certificate for a connection that asks for this host. A host that none is for gets none.
    pub fn find(&self, asked: Option<&str>) -> Option<Arc<Entry>> {
        let table = self.0.load();
        let Some(asked) = asked else { return table.entries.first().cloned() };
        let host = Host::parse(asked).ok()?;
        table.entries.iter().find(|entry| entry.covers(&host)).cloned()
    }

    /// When any of the files changed last, to tell whether to read them again.
    pub fn modified(&self) -> Vec<Option<std::time::SystemTime>> {
        let table = self.0.load();
        let paths = table.files.iter().flat_map(|files| [&files.cert, &files.key]);
        paths.map(|path| path.metadata().and_then(|metadata| metadata.modified()).ok()).collect()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name()).map(|entry| Arc::clone(&entry.key))
    }
}

/// TLS 1.2 and 1.3 with these certificates, HTTP/2 before HTTP/1.1, no early data (HO-06, HO-08).
pub fn server_config(certificates: Arc<Certificates>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

fn read_one(files: &Certificate) -> Result<Entry, CertificateError> {
    let unreadable = |path: &PathBuf| {
        let path = path.clone();
        move |error| CertificateError::File { path, error }
    };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(&files.cert).and_then(Iterator::collect).map_err(unreadable(&files.cert))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    let hosts = chain.first().map(hosts_of).unwrap_or_default();
    if hosts.is_empty() {
        return Err(CertificateError::NoHost(files.cert.clone()));
    }
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| CertificateError::Key { path: files.key.clone(), error })?;
    Ok(Entry { hosts, key: Arc::new(key) })
}

/// The hosts a certificate names (RFC 9525): subject alternative names only.
fn hosts_of(certificate: &CertificateDer<'_>) -> Vec<HostPattern> {
    let Ok(leaf) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    leaf.valid_dns_names().filter_map(|name| HostPattern::parse(name).ok()).collect()
}
