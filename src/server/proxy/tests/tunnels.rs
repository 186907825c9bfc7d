//! TLS with the upstream, and HTTP proxies on the way.

use std::io::{Read, Write};

use crate::server::ProxyVariables;
use crate::server::tests::client::outline;

use super::peers::{Upstream, captured, client, options, start};

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

    use super::*;
    use crate::server::ProxyError;

    /// A certificate authority of our own, and a server configuration that it vouches for.
    fn authority() -> (String, Arc<ServerConfig>) {
        let key = rcgen::KeyPair::generate().expect("a key is made");
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).expect("it is signed");
        let issuer = rcgen::Issuer::new(params, key);
        let own_key = rcgen::KeyPair::generate().expect("a key is made");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = rcgen::CertificateParams::new(names).expect("they are names");
        let own = params.signed_by(&own_key, &issuer).expect("it is signed");
        let private = PrivateKeyDer::try_from(own_key.serialize_der()).expect("it is a key");
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("they fit")
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], private)
            .expect("they belong together");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        (ca.pem(), Arc::new(config))
    }

    /// Answers one request in TLS.
    fn answer(stream: std::net::TcpStream, config: Arc<ServerConfig>, ends_well: bool) {
        let connection = ServerConnection::new(config).expect("it begins");
        let mut stream = StreamOwned::new(connection, stream);
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"{}") {
            let mut byte = [0];
            // A client that does not trust us is gone.
            if stream.read_exact(&mut byte).is_err() {
                return;
            }
            bytes.extend(byte);
        }
        let response = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n\r\ndata: 1\n\n";
        let sent = if ends_well {
            &response[..]
        } else {
            &response[..response.len() - 4]
        };
        stream.write_all(sent).expect("the proxy reads");
        stream.flush().expect("the proxy reads");
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    }

    fn check(host: &str, ends_well: bool, is_trusted: bool, expect: &str) {
        let (pem, config) = authority();
        let upstream = Upstream::start(move |peer| answer(peer.0, config, ends_well));
        let mut options = options(upstream.address);
        let port = upstream.address.port();
        options.upstream = format!("https://{host}:{port}")
            .parse()
            .expect("it is a URL");
        let file = tempfile::NamedTempFile::new().expect("a file is made");
        let (other, _) = authority();
        std::fs::write(file.path(), if is_trusted { pem } else { other }).expect("it is written");
        options.ca = Some(file.path().to_owned());
        let proxy = start(options);
        let mut client = client(&proxy);
        client.post("{}");
        if is_trusted {
            client.read_to_end();
        } else {
            client.read_response();
        }
        upstream.join();
        let capture = captured(&proxy, 1);
        let told = outline(&capture.exchanges[0]);
        assert!(told.starts_with(expect), "{told}");
    }

    #[test]
    fn an_upstream_in_tls_needs_an_authority_that_vouches_for_it() {
        check("localhost", true, true, "200 message complete");
        check("127.0.0.1", true, true, "200 message complete");
        check("localhost", false, true, "200 +\"data:\" closed");
        check("localhost", true, false, "502 ");
    }

    #[test]
    fn an_https_upstream_is_reached_through_a_tunnel() {
        let (pem, config) = authority();
        let upstream = Upstream::start(move |mut peer| {
            let head = peer.read_head();
            peer.send(b"HTTP/1.1 200 Connected\r\nx: y\r\n\r\n");
            answer(peer.0, config, true);
            head
        });
        let mut options = options(upstream.address);
        options.upstream = "https://localhost.:8443/v1".parse().expect("it is a URL");
        // A name that only the HTTP proxy has to know; `localhost` itself is never reached through one.
        options.upstream.host = "localhost.invalid".to_owned();
        let address = upstream.address;
        options.variables = ProxyVariables {
            https: Some(format!("http://user:pass@{address}")),
            ..ProxyVariables::default()
        };
        let file = tempfile::NamedTempFile::new().expect("a file is made");
        std::fs::write(file.path(), pem).expect("it is written");
        options.ca = Some(file.path().to_owned());
        let proxy = start(options);
        let mut client = client(&proxy);
        client.post("{}");
        // The certificate is for another name.
        let response = client.read_response();
        assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
        assert_eq!(
            upstream.join(),
            "CONNECT localhost.invalid:8443 HTTP/1.1\r\nHost: localhost.invalid:8443\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"
        );
    }

    #[test]
    fn authorities_that_are_none_are_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a file is made");
        std::fs::write(file.path(), "nothing").expect("it is written");
        let mut options = options("127.0.0.1:1".parse().expect("it is an address"));
        options.upstream = "https://h".parse().expect("it is a URL");
        options.ca = Some(file.path().to_owned());
        let error = crate::server::Proxy::start(options).expect_err("there is no authority");
        assert!(matches!(error, ProxyError::Authorities { .. }), "{error}");
    }
}

#[test]
fn an_http_proxy_gets_whole_urls() {
    let upstream = Upstream::start(|mut peer| {
        let head = peer.read_until(b"{}");
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        head
    });
    let mut options = options(upstream.address);
    options.upstream = "http://api.invalid/v1".parse().expect("it is a URL");
    options.variables.http = Some(format!("u:p@{}", upstream.address));
    let proxy = start(options);
    let mut client = client(&proxy);
    client.post("{}");
    client.read_response();
    assert_eq!(
        upstream.join(),
        "POST http://api.invalid/v1/responses HTTP/1.1\r\nhost: api.invalid\r\ncontent-length: 2\r\nproxy-authorization: Basic dTpw\r\n\r\n{}"
    );
    let capture = captured(&proxy, 1);
    let request = &capture.exchanges[0].request;
    assert_eq!(request.target, "/v1/responses");
}

#[test]
fn a_websocket_goes_through_a_tunnel() {
    let upstream = Upstream::start(|mut peer| {
        let connect = peer.read_head();
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n");
        let ask = peer.read_head();
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n\x81\x02{}");
        (connect, ask)
    });
    let mut options = options(upstream.address);
    options.upstream = "http://api.invalid".parse().expect("it is a URL");
    options.variables.all = Some(upstream.address.to_string());
    let proxy = start(options);
    let mut client = client(&proxy);
    client.send(b"GET /v1/responses HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
    let (response, _) = client.read_to_end();
    assert!(
        response.ends_with("\r\n\r\n\u{fffd}\u{2}{}"),
        "{response:?}"
    );
    let (connect, ask) = upstream.join();
    assert!(connect.starts_with("CONNECT api.invalid:80 "), "{connect}");
    assert!(
        ask.starts_with("GET /v1/responses HTTP/1.1\r\nhost: api.invalid\r\n"),
        "{ask}"
    );
}

#[test]
fn a_tunnel_that_is_refused_is_told() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 407 Who are you\r\n\r\n");
        let mut rest = Vec::new();
        let _ = peer.0.read_to_end(&mut rest);
        let _ = peer.0.flush();
    });
    let mut options = options(upstream.address);
    options.upstream = "http://api.invalid".parse().expect("it is a URL");
    options.variables.all = Some(upstream.address.to_string());
    let proxy = start(options);
    let mut client = client(&proxy);
    client.send(b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
    let response = client.read_response();
    assert!(response.contains("407 Who are you"), "{response}");
    upstream.join();
}
