//! TLS: who is trusted. The certificates in `tls/` are for 127.0.0.1 and for these tests alone.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

use customerio_mcp::api::{Api, ApiConfig, Fate, UpstreamErrorKind};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{config, permit, scope};

/// A host whose certificate was issued by `tls/ca.pem`; accepts everything with 200.
fn tls_host() -> String {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/host.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/host.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let (listener, tls) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(tls));
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            // A client that does not trust us ends the handshake here.
            if stream.read(&mut [0; 4096]).is_ok() {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}").unwrap();
            }
        }
    });
    url
}

#[tokio::test]
// Other systems judge certificates by rules of their own, the length of their validity among them.
#[cfg(target_os = "linux")]
async fn a_certificate_of_the_extra_ca_is_trusted() {
    let extra_ca_pem = Some(include_bytes!("tls/ca.pem").to_vec());
    let api = Api::new(ApiConfig { extra_ca_pem, ..config(&tls_host()) }).unwrap();
    api.suppress(&permit(), &scope(), &super::ann()).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_is_not() {
    let extra_ca_pem = Some(include_bytes!("tls/unrelated-ca.pem").to_vec());
    let mut config = ApiConfig { extra_ca_pem, ..config(&tls_host()) };
    config.retry.max_attempts = 1;
    let error = Api::new(config).unwrap().suppress(&permit(), &scope(), &super::ann()).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (UpstreamErrorKind::Connection, Fate::NotSent));
    assert!(error.message.contains("TLS") && error.message.contains("CA file"), "{error}");
}
