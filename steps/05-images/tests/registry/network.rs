//! A small internet on the loopback device: hosts with names and certificates, reached through a proxy that knows where
//! they are. What is on the loopback device is insecure by definition; these hosts are not.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use images::registry::{Configuration, Proxies};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::fixtures::configuration;
use crate::server::{Reply, Request, Server, Wrap};

type Routes = Arc<Mutex<HashMap<String, SocketAddr>>>;

/// The hosts, their authority and their proxy.
pub(crate) struct Network {
    authority: CertifiedIssuer<'static, KeyPair>,
    routes: Routes,
    asked: Arc<Mutex<Vec<String>>>,
    proxy: SocketAddr,
    certificates: PathBuf,
}

impl Network {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let (routes, asked) = (Routes::default(), Arc::default());
        let proxy = proxy(Arc::clone(&routes), Arc::clone(&asked));
        Self {
            authority,
            routes,
            asked,
            proxy,
            certificates: harness::directory().join("certs.d"),
        }
    }

    /// What a client is told that lives here.
    pub(crate) fn configuration(&self) -> Configuration {
        let proxy = format!("http://user:word@{}", self.proxy);
        Configuration {
            proxies: Proxies::from_environment(|name| {
                ["HTTP_PROXY", "HTTPS_PROXY"]
                    .contains(&name)
                    .then(|| proxy.clone())
            }),
            certificates: vec![self.certificates.clone()],
            ..configuration()
        }
    }

    /// A host by the name of `name`, over TLS. Its authority is trusted.
    pub(crate) fn host(
        &self,
        name: &str,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Server {
        self.trust(name);
        self.stranger(name, handler)
    }

    /// Has clients believe this network's authority about `name`; the folder that says so.
    pub(crate) fn trust(&self, name: &str) -> PathBuf {
        let folder = self.certificates.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ca.crt"), self.authority.pem()).unwrap();
        folder
    }

    /// The same, but nobody trusts its authority.
    pub(crate) fn stranger(
        &self,
        name: &str,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let server = Server::start(over_tls(self.tls(name)), Box::new(handler));
        self.route(&format!("{name}:443"), server.address);
        server
    }

    /// A host in the clear, at both ports.
    pub(crate) fn plain(
        &self,
        name: &str,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let server = Server::new(handler);
        self.route(&format!("{name}:443"), server.address);
        self.route(&format!("{name}:80"), server.address);
        server
    }

    /// Has `authority`, a name and a port, lead to `address`.
    pub(crate) fn route(&self, authority: &str, address: SocketAddr) {
        self.routes
            .lock()
            .unwrap()
            .insert(authority.to_owned(), address);
    }

    /// What the proxy was asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// A certificate of this network's authority and its key, with the key to it.
    pub(crate) fn certificate(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.authority).unwrap(), key)
    }

    fn tls(&self, name: &str) -> Arc<ServerConfig> {
        let (certificate, key) = self.certificate(name);
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        Arc::new(
            builder
                .with_single_cert(chain(&certificate), private(&key))
                .unwrap(),
        )
    }

    /// A host that lets in only who shows a certificate of this network's authority.
    pub(crate) fn host_for_known(
        &self,
        name: &str,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let (certificate, key) = self.certificate(name);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        );
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain(&certificate), private(&key))
            .unwrap();
        let server = Server::start(over_tls(Arc::new(config)), Box::new(handler));
        self.route(&format!("{name}:443"), server.address);
        server
    }
}

fn over_tls(config: Arc<ServerConfig>) -> Box<Wrap> {
    Box::new(move |tcp| {
        let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, tcp)))
    })
}

fn chain(certificate: &rcgen::Certificate) -> Vec<CertificateDer<'static>> {
    vec![certificate.der().clone()]
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

/// A proxy that makes tunnels. It ends with the process: nothing keeps it but a thread that waits.
fn proxy(routes: Routes, asked: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (routes, asked) = (Arc::clone(&routes), Arc::clone(&asked));
            std::thread::spawn(move || drop(tunnel(client, &routes, &asked)));
        }
    });
    address
}

fn tunnel(client: TcpStream, routes: &Routes, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let authority = head.split(' ').nth(1).unwrap_or_default().to_owned();
    // `user:word`, as the configuration has it.
    assert!(
        head.contains("Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n"),
        "{head}"
    );
    let server = routes.lock().unwrap().get(&authority).copied();
    asked.lock().unwrap().push(authority);
    let mut client = client;
    let Some(server) = server else {
        return client.write_all(b"HTTP/1.1 502 No such host\r\n\r\n");
    };
    let server = TcpStream::connect(server)?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ended = io::copy(&mut from, &mut to);
        let _gone = to.shutdown(std::net::Shutdown::Both);
    });
    let mut server = server;
    let _ended = io::copy(&mut reader, &mut server);
    server.shutdown(std::net::Shutdown::Both)
}
