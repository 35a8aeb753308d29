//! `~/.docker/config.json`: the user's credentials, in the file that docker, podman and others share.
//!
//! What we do not know in it is kept as it is.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kit::{Error, Result};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Serializer, Value, json};

use super::credential::{self, Credential};
use super::helper::Helper;
use crate::lenient;

/// Where a user's credentials are.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
}

/// Where a credential was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In this file, where whoever can read it can read it.
    InFile(PathBuf),
    /// With the credential helper of this name.
    ByHelper(String),
}

impl ConfigFile {
    /// The file at `path`, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Docker's: `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`. None for who has no home.
    pub fn of_user() -> Option<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder = variable("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".docker")))?;
        Some(Self::at(folder.join("config.json")))
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is shown to the registry that is known by `key` (see [`credentials_key`](super::credentials_key)).
    ///
    /// # Errors
    /// The file cannot be read or is not what it should be; a helper fails.
    pub fn credential(&self, key: &str) -> Result<Option<Credential>> {
        let root = self.read()?;
        if let Some(helper) = self.helper(&root, key)? {
            return Helper::new(&helper)?.get(key);
        }
        let Some(auths) = self.object(&root, "auths")? else {
            return Ok(None);
        };
        // Files of old have addresses where there now are hosts.
        let entry = auths.get(key).or_else(|| {
            let mut entries = auths.iter();
            entries.find_map(|(name, entry)| (host_of_key(name) == key).then_some(entry))
        });
        entry.map_or(Ok(None), |entry| self.entry(key, entry))
    }

    /// Keeps `credential` for `key`: with the helper that the file names for it, or in the file.
    ///
    /// # Errors
    /// The file cannot be read or written; a helper fails.
    pub fn store(&self, key: &str, credential: &Credential) -> Result<Kept> {
        if credential.username().contains(':') {
            return Err(Error::new("a user's name cannot hold a colon"));
        }
        let _lock = self.lock()?;
        let mut root = self.read()?;
        let helper = self.helper(&root, key)?;
        if let Some(name) = &helper {
            Helper::new(name)?.store(key, credential)?;
        }
        let auths = self.object_mut(&mut root, "auths")?;
        let entry = auths.entry(key).or_insert_with(|| json!({}));
        if !entry.is_object() {
            *entry = json!({});
        }
        if let Some(entry) = entry.as_object_mut() {
            for field in ["auth", "username", "password", "identitytoken"] {
                entry.remove(field);
            }
            // With a helper the entry only says that there is one.
            if helper.is_none() {
                write_entry(entry, credential);
            }
        }
        self.write(&root)?;
        Ok(helper.map_or_else(|| Kept::InFile(self.path.clone()), Kept::ByHelper))
    }

    /// Forgets what is kept for `key`; false if nothing was.
    ///
    /// # Errors
    /// The file cannot be read or written; a helper fails.
    pub fn erase(&self, key: &str) -> Result<bool> {
        if self.read()?.is_empty() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        let mut root = self.read()?;
        if let Some(name) = self.helper(&root, key)? {
            Helper::new(&name)?.erase(key)?;
        }
        let auths = self.object_mut(&mut root, "auths")?;
        let before = auths.len();
        auths.retain(|name, _| name != key && host_of_key(name) != key);
        let was_there = auths.len() < before;
        self.write(&root)?;
        Ok(was_there)
    }

    /// The helper for `key`: its own, or the one for all.
    fn helper(&self, root: &Map<String, Value>, key: &str) -> Result<Option<String>> {
        let own = self.object(root, "credHelpers")?.and_then(|h| h.get(key));
        let own = own.filter(|name| !name.is_null());
        let Some(name) = own.or_else(|| lenient::field(root, "credsStore")) else {
            return Ok(None);
        };
        let name = name
            .as_str()
            .ok_or_else(|| self.wrong("a credential helper's name is not a string"))?;
        Ok((!name.is_empty()).then(|| name.to_owned()))
    }

    fn entry(&self, key: &str, entry: &Value) -> Result<Option<Credential>> {
        let field = |name| {
            let entry = entry.as_object();
            let value = entry.and_then(|entry| lenient::field(entry, name));
            value.and_then(Value::as_str).unwrap_or_default()
        };
        let (username, password) = match field("auth") {
            "" => (field("username").to_owned(), field("password").to_owned()),
            word => credential::from_basic(word).ok_or_else(|| {
                self.wrong(&format!("the entry of {key} holds no user and password"))
            })?,
        };
        let token = field("identitytoken").to_owned();
        Ok(match (token.is_empty(), username.is_empty()) {
            (false, _) => Some(Credential::IdentityToken { username, token }),
            (true, false) => Some(Credential::Password { username, password }),
            (true, true) => None,
        })
    }

    fn read(&self) -> Result<Map<String, Value>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Map::new()),
            Err(e) => return Err(Error::io("read", &self.path, &e)),
        };
        // Only where it fails is told: what stands there may be a secret.
        lenient::read_object(&text)
            .map(Option::unwrap_or_default)
            .map_err(|e| self.wrong(&format!("line {}, column {}", e.line(), e.column())))
    }

    fn object<'a>(
        &self,
        root: &'a Map<String, Value>,
        key: &str,
    ) -> Result<Option<&'a Map<String, Value>>> {
        match lenient::field(root, key) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.wrong(&format!("{key} is not an object"))),
        }
    }

    fn object_mut<'a>(
        &self,
        root: &'a mut Map<String, Value>,
        key: &str,
    ) -> Result<&'a mut Map<String, Value>> {
        self.object(root, key)?;
        let key = lenient::key_of(root, key).unwrap_or(key).to_owned();
        let value = root.entry(key.as_str()).or_insert_with(|| json!({}));
        if value.is_null() {
            *value = json!({});
        }
        value
            .as_object_mut()
            .ok_or_else(|| self.wrong(&format!("{key} is not an object")))
    }

    fn wrong(&self, what: &str) -> Error {
        Error::new(format!(
            "{} is not as Docker writes it: {what}",
            self.path.display()
        ))
    }

    /// The folder is locked, so that of two logins neither is lost; a lock file would be a stranger there.
    fn lock(&self) -> Result<File> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        make_private(folder)?;
        let file = File::open(folder).map_err(|e| Error::io("open", folder, &e))?;
        file.lock().map_err(|e| Error::io("lock", folder, &e))?;
        Ok(file)
    }

    fn write(&self, root: &Map<String, Value>) -> Result<()> {
        let mut text = Vec::new();
        // A tab, as Docker has it.
        let mut serializer =
            Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"\t"));
        root.serialize(&mut serializer)
            .map_err(|e| Error::new(format!("cannot write {}: {e}", self.path.display())))?;
        // Some keep it elsewhere and have a link here.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        kit::fs::write_privately(&path, &text)
    }
}

fn write_entry(entry: &mut Map<String, Value>, credential: &Credential) {
    let (password, token) = match credential {
        Credential::Password { password, .. } => (password.as_str(), None),
        Credential::IdentityToken { token, .. } => ("", Some(token)),
    };
    let word = credential::basic(credential.username(), password);
    entry.insert("auth".into(), word.into());
    if let Some(token) = token {
        entry.insert("identitytoken".into(), token.as_str().into());
    }
}

/// The host of a key that is an address: `https://reg.example/v1/` is `reg.example`.
pub(crate) fn host_of_key(key: &str) -> &str {
    let bare = key
        .strip_prefix("https://")
        .or(key.strip_prefix("http://"))
        .unwrap_or(key);
    bare.split('/').next().unwrap_or(bare)
}

fn make_private(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| Error::io("make the directory", folder, &e))
}

#[cfg(test)]
mod tests;
