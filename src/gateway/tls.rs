//! Certificates: chosen by the name a browser asks for, read again when their files change.

use crate::adapters::certificates::{self, CertificateError};
use crate::config::settings::Certificate;
use crate::domain::target::{Host, HostPattern};
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::sync::Arc;

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

fn read_one(Certificate { cert, key }: &Certificate) -> Result<Entry, CertificateError> {
    let (hosts, key) = certificates::read(cert, key)?;
    Ok(Entry { hosts, key: Arc::new(key) })
}
