//! Connections to servers: TCP, and TLS that is always verified (HO-10).

use super::{HttpVersion, Settings};
use crate::{adapters::system::keep_asking, ports::upstream::UpstreamError};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// What HTTP/2 is called in a TLS handshake (RFC 9113 3.1).
const H2: &[u8] = b"h2";

/// Who may vouch for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Whom the operating system trusts.
    System,
    /// Only the authorities in this PEM file.
    Authorities(PathBuf),
}

impl Trust {
    /// Whether there is anybody in it.
    pub fn check(&self) -> Result<(), NotTrusted> {
        client_config(self).map(drop)
    }

    /// What the authorities' file holds now; nothing where there is none, or none that can be read.
    pub(super) fn held(&self) -> Option<Vec<u8>> {
        match self {
            Self::System => None,
            Self::Authorities(path) => std::fs::read(path).ok(),
        }
    }
}

/// Why no server could ever be trusted. Stops the start (HO-09).
#[derive(Debug, thiserror::Error)]
pub enum NotTrusted {
    /// The file of authorities can't be read.
    #[error("can't read the authorities in {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// There is no certificate of an authority at all.
    #[error("no certificate authority to verify servers with")]
    NoAuthority,
    /// A certificate is none of an authority, or the TLS library refuses the set-up.
    #[error("a certificate authority can't be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Opens connections for one app.
pub(super) struct Connector {
    /// Only where a server is reached by `https`.
    tls: Option<TlsConnector>,
    http: HttpVersion,
    connect_max: Duration,
}

/// A fresh connection.
pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connector {
    pub(super) fn new(settings: &Settings) -> Result<Self, NotTrusted> {
        let wants_tls = settings.servers.iter().any(|server| server.tls_name().is_some());
        let tls = if wants_tls {
            let mut config = client_config(&settings.trust)?;
            if settings.http == HttpVersion::Two {
                config.alpn_protocols = vec![H2.to_vec()];
            }
            Some(TlsConnector::from(Arc::new(config)))
        } else {
            None
        };
        Ok(Self { tls, http: settings.http, connect_max: settings.connect_max })
    }

    /// Connects to `address`; with TLS where there is a name to verify.
    pub(super) async fn connect(
        &self,
        address: SocketAddr,
        name: Option<&ServerName<'static>>,
    ) -> Result<Connection, UpstreamError> {
        let connecting = async {
            let tcp = TcpStream::connect(address).await.map_err(UpstreamError::Connect)?;
            tcp.set_nodelay(true).map_err(UpstreamError::Connect)?;
            keep_asking(&tcp).map_err(UpstreamError::Connect)?;
            let Some(name) = name else { return Ok(Connection::Plain(tcp)) };
            let tls = self.tls.as_ref().ok_or_else(|| UpstreamError::Tls(io::Error::other("TLS is not set up")))?;
            let stream = tls.connect(name.clone(), tcp).await.map_err(UpstreamError::Tls)?;
            if self.http == HttpVersion::Two && stream.get_ref().1.alpn_protocol() != Some(H2) {
                return Err(UpstreamError::Tls(io::Error::other("it does not offer HTTP/2")));
            }
            Ok(Connection::Tls(Box::new(stream)))
        };
        timeout(self.connect_max, connecting).await.map_err(|_| UpstreamError::ConnectTimeout)?
    }
}

pub(in crate::adapters) fn client_config(trust: &Trust) -> Result<ClientConfig, NotTrusted> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            // Systems ship authorities that the TLS library can't use; the others still count.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Trust::Authorities(path) => {
            let unreadable = |source| NotTrusted::Unreadable { path: path.clone(), source };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?)?;
            }
        }
    }
    if roots.is_empty() {
        return Err(NotTrusted::NoAuthority);
    }
    // The provider is named: what the process has installed must not matter here.
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
