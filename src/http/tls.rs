//! TLS on the listener, from PEM texts.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

/// Why a certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// The certificate file holds none.
    #[error("no certificate in it: expected PEM blocks `BEGIN CERTIFICATE`")]
    NoCertificate,
    /// The key file holds none.
    #[error("no private key in it: expected a PEM block `BEGIN PRIVATE KEY`")]
    NoKey,
    /// They do not work.
    #[error("they cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Makes a TLS acceptor that offers HTTP/2 and HTTP/1.1.
pub fn acceptor(cert: &[u8], key: &[u8]) -> Result<TlsAcceptor, BadTls> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(cert)
        .collect::<Result<_, _>>()
        .map_err(|_| BadTls::NoCertificate)?;
    if chain.is_empty() {
        return Err(BadTls::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadTls::NoKey)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
