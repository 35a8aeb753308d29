//! Programs that keep credentials for us: `docker-credential-NAME`, of Docker's own protocol.
//!
//! The action is the argument, what it is about comes on standard input, the answer on standard output; a failure is
//! an exit code other than 0 and the reason on standard output.

use std::io::Write;
use std::process::{Command, Stdio};

use kit::{Error, Result};
use serde::{Deserialize, Serialize};

use super::credential::Credential;
use crate::lenient;

/// A helper by its name: `pass` is the program `docker-credential-pass`.
#[derive(Clone, Debug)]
pub(crate) struct Helper {
    program: String,
}

/// What is said in both directions.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Spoken {
    #[serde(rename = "ServerURL")]
    server_url: String,
    username: String,
    secret: String,
}

/// The user name that marks a secret as an identity token.
const TOKEN: &str = "<token>";
/// How a helper says that it has none: by a sentence, in whatever case.
const NOT_FOUND: &str = "credentials not found";

impl Helper {
    /// # Errors
    /// The name would lead out of `PATH`.
    pub(crate) fn new(name: &str) -> Result<Self> {
        if name.is_empty() || name.contains(['/', '\0']) {
            return Err(Error::new(format!(
                "{name:?} cannot be the name of a credential helper"
            )));
        }
        Ok(Self {
            program: format!("docker-credential-{name}"),
        })
    }

    /// What it has for `server`, if anything.
    pub(crate) fn get(&self, server: &str) -> Result<Option<Credential>> {
        let said = match self.call("get", server)? {
            Ok(said) => said,
            Err(reason) if reason.to_ascii_lowercase().starts_with(NOT_FOUND) => return Ok(None),
            Err(reason) => return Err(self.failed("get credentials from", &reason)),
        };
        // serde's own text would quote the secret.
        let spoken: Spoken = lenient::read_first(said.as_bytes())
            .map_err(|_| self.failed("get credentials from", "its answer is not understood"))?;
        if spoken.secret.is_empty() && spoken.username.is_empty() {
            return Ok(None);
        }
        Ok(Some(match spoken.username.as_str() {
            TOKEN => Credential::IdentityToken {
                username: String::new(),
                token: spoken.secret,
            },
            _ => Credential::password(spoken.username, spoken.secret),
        }))
    }

    /// Has it keep `credential` for `server`.
    pub(crate) fn store(&self, server: &str, credential: &Credential) -> Result<()> {
        let (username, secret) = match credential {
            Credential::Password { username, password } => (username.as_str(), password),
            Credential::IdentityToken { token, .. } => (TOKEN, token),
        };
        let spoken = Spoken {
            server_url: server.to_owned(),
            username: username.to_owned(),
            secret: secret.clone(),
        };
        let input = serde_json::to_string(&spoken)
            .map_err(|e| Error::new(format!("cannot write credentials as JSON: {e}")))?;
        self.call("store", &input)?
            .map_err(|reason| self.failed("store credentials with", &reason))?;
        Ok(())
    }

    /// Has it forget what it has for `server`; to have nothing is no failure.
    pub(crate) fn erase(&self, server: &str) -> Result<()> {
        match self.call("erase", server)? {
            Err(reason) if !reason.to_ascii_lowercase().starts_with(NOT_FOUND) => {
                Err(self.failed("erase credentials from", &reason))
            }
            _ => Ok(()),
        }
    }

    /// What it said: `Err` is its reason for a failure.
    fn call(&self, action: &str, input: &str) -> Result<std::result::Result<String, String>> {
        let fails = |e: std::io::Error| {
            Error::io("run the credential helper", &self.program, &e).hint(
                "install it, or take it out of `credsStore` and `credHelpers` in ~/.docker/config.json",
            )
        };
        let mut child = Command::new(&self.program)
            .arg(action)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(fails)?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read what it is told says in its exit code what it made of it.
            let _unread = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(fails)?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(match output.status.success() {
            true => Ok(said),
            false if said.is_empty() => Err(output.status.to_string()),
            false => Err(said),
        })
    }

    fn failed(&self, doing: &str, reason: &str) -> Error {
        Error::new(format!("cannot {doing} {}: {reason}", self.program))
    }
}
