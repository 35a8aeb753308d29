//! Whom TLS believes: the machine's authorities and those of the registry's own folder, as Docker reads
//! `/etc/docker/certs.d/HOST:PORT/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use kit::{Error, Result};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

/// The settings for one registry. One that is `insecure` is believed whatever it shows.
pub(crate) fn settings(folders: &[PathBuf], authority: &str, insecure: bool) -> Result<TlsConfig> {
    let folder = folders
        .iter()
        .map(|folder| folder.join(authority))
        // A registry names itself, and `..` is a name.
        .find(|folder| !authority.starts_with('.') && folder.is_dir());
    let (mut roots, client) = match &folder {
        Some(folder) => (authorities(folder)?, client_certificate(folder)?),
        None => Default::default(),
    };
    // Of no use where nothing is checked, and not free to read.
    if !insecure {
        roots.extend_from_slice(system_roots());
    }
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .client_cert(client)
        .disable_verification(insecure)
        .build())
}

/// The machine's authorities; read once. What cannot be read among them is left out, as OpenSSL does.
fn system_roots() -> &'static [Certificate<'static>] {
    static ROOTS: OnceLock<Vec<Certificate<'static>>> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let loaded = rustls_native_certs::load_native_certs();
        loaded.certs.iter().map(certificate).collect()
    })
}

fn certificate(der: &CertificateDer<'_>) -> Certificate<'static> {
    Certificate::from_der(der).to_owned()
}

/// The certificates of all `*.crt`.
fn authorities(folder: &Path) -> Result<Vec<Certificate<'static>>> {
    let mut roots = Vec::new();
    for path in files(folder, "crt")? {
        roots.extend(certificates(&path)?.iter().map(certificate));
    }
    Ok(roots)
}

/// The first `*.cert` with its `*.key`. Docker refuses one without the other, and so do we.
fn client_certificate(folder: &Path) -> Result<Option<ClientCert>> {
    let pair = |path: &Path, other: &str| {
        let other = path.with_extension(other);
        if other.is_file() {
            return Ok(other);
        }
        Err(Error::new(format!(
            "{} is missing, which belongs to {}",
            other.display(),
            path.display()
        )))
    };
    for key in files(folder, "key")? {
        pair(&key, "cert")?;
    }
    let Some(path) = files(folder, "cert")?.into_iter().next() else {
        return Ok(None);
    };
    let key_path = pair(&path, "key")?;
    let chain = certificates(&path)?;
    let key = PrivateKeyDer::from_pem_file(&key_path)
        .map_err(|e| unreadable("the private key", &key_path, e))?;
    // Tried here: ureq panics on a pair that does not fit.
    CertifiedKey::from_der(chain.clone(), key, &ring::default_provider()).map_err(|e| {
        Error::new(format!(
            "{} and {} cannot be used together: {e}",
            path.display(),
            key_path.display()
        ))
    })?;
    let pem = fs::read(&key_path).map_err(|e| Error::io("read", &key_path, &e))?;
    let key =
        PrivateKey::from_pem(&pem).map_err(|e| unreadable("the private key", &key_path, e))?;
    let chain: Vec<_> = chain.iter().map(certificate).collect();
    Ok(Some(ClientCert::new_with_certs(&chain, key)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let fails = |e| unreadable("the certificate", path, e);
    let read: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(fails)?
        .collect::<std::result::Result<_, _>>()
        .map_err(fails)?;
    if read.is_empty() {
        return Err(
            Error::new(format!("{} holds no certificate", path.display()))
                .hint("it must be PEM: BEGIN CERTIFICATE and so on"),
        );
    }
    Ok(read)
}

fn unreadable(what: &str, path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new(format!("cannot read {what} {}: {error}", path.display()))
}

/// The files of `folder` that end in `.extension`, by their names.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let fails = |e: std::io::Error| Error::io("list the certificates in", folder, &e);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(fails)? {
        let path = entry.map_err(fails)?.path();
        if path.extension().is_some_and(|ending| ending == extension) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn read(files: &[(&str, &str)]) -> Result<TlsConfig> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("reg:5000");
        fs::create_dir(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        settings(&[dir.path().to_owned()], "reg:5000", false)
    }

    #[test]
    fn a_folder_may_hold_authorities_and_a_pair() {
        let (cert, key) = pair();
        let files = [
            ("ca.crt", cert.as_str()),
            ("client.cert", &cert),
            ("client.key", &key),
            ("README", "no certificate"),
        ];
        assert!(read(&files).unwrap().client_cert().is_some());
        assert!(read(&files[..1]).unwrap().client_cert().is_none());
        assert!(read(&[]).is_ok());
    }

    #[test]
    fn what_does_not_belong_together_is_an_error_and_no_panic() {
        let (cert, key) = pair();
        let (_, other) = pair();
        for (files, want) in [
            (vec![("ca.crt", "text")], "holds no certificate"),
            (
                vec![("client.cert", cert.as_str())],
                "client.key is missing",
            ),
            (vec![("client.key", key.as_str())], "client.cert is missing"),
            (
                vec![("client.cert", &cert), ("client.key", &other)],
                "cannot be used together",
            ),
            (
                vec![("client.cert", &cert), ("client.key", "text")],
                "private key",
            ),
        ] {
            let error = read(&files).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
