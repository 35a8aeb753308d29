//! `images login` and `images logout`.

use std::io::Read;

use clap::Args;
use kit::{Error, Result};

use super::prompt::{ask, ask_secretly, is_possible};
use super::{Settings, Streams};
use crate::registry::{Client, ConfigFile, Credential, HUB, Kept, Server};

/// Options of `login`.
#[derive(Args, Clone)]
pub struct Options {
    /// Username
    #[arg(short, long)]
    username: Option<String>,

    /// Password or personal access token; whoever lists the processes of this machine can read it
    #[arg(short, long)]
    password: Option<String>,

    /// Take the password or personal access token from stdin
    #[arg(long)]
    password_stdin: bool,

    /// The registry [default: Docker Hub]
    #[arg(value_name = "SERVER")]
    server: Option<String>,
}

/// A password is not written to a log because somebody printed the options.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("username", &self.username)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

pub(super) fn run(options: &Options, settings: &Settings, streams: &mut Streams<'_>) -> Result<()> {
    let server = Server::new(options.server.as_deref())?;
    let (client, file) = settings.client_and_credentials()?;
    let login = Login {
        server,
        client,
        file,
    };
    let password = password(options, streams)?;
    if options.username.is_none() && password.is_none() && login.with_existing(streams)? {
        return Ok(());
    }
    let credential = login.ask(options.username.clone(), password, streams)?;
    login.with(&credential, streams)
}

/// What the command line and the standard input say.
fn password(options: &Options, streams: &mut Streams<'_>) -> Result<Option<String>> {
    if !options.password_stdin {
        if options.password.is_some() {
            streams
                .warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
        }
        return Ok(options.password.clone().filter(|word| !word.is_empty()));
    }
    if options.password.is_some() {
        return Err(Error::new(
            "conflicting options: cannot specify both --password and --password-stdin",
        ));
    }
    if options.username.as_ref().is_none_or(String::is_empty) {
        return Err(Error::new(
            "the --password-stdin option requires --username to be set",
        ));
    }
    let mut word = String::new();
    std::io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut word)
        .map_err(|e| Error::io("read the password from", "the standard input", &e))?;
    let word = word.strip_suffix('\n').unwrap_or(&word);
    let word = word.strip_suffix('\r').unwrap_or(word);
    Ok(Some(word.to_owned()).filter(|word| !word.is_empty()))
}

/// Tokens have some thousand characters.
const LONGEST: u64 = 1 << 16;

struct Login {
    server: Server,
    client: Client,
    file: ConfigFile,
}

impl Login {
    /// With what was kept before, if anything was; false if that is refused and somebody is there to be asked.
    fn with_existing(&self, streams: &mut Streams<'_>) -> Result<bool> {
        let Some(credential) = self.file.credential(self.server.key())? else {
            return Ok(false);
        };
        streams.warn(format_args!(
            "Authenticating with existing credentials... [Username: {}]\n\n \
             Info -> To login with a different account, run 'images logout' followed by 'images login'\n\n",
            credential.username()
        ));
        match self.with(&credential, streams) {
            Ok(()) => Ok(true),
            Err(error) if is_possible() => {
                streams.warn(format_args!("Login did not succeed, error: {error}"));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn ask(
        &self,
        username: Option<String>,
        password: Option<String>,
        streams: &mut Streams<'_>,
    ) -> Result<Credential> {
        let username = username.filter(|name| !name.is_empty());
        if let (Some(username), Some(password)) = (&username, &password) {
            return Ok(Credential::password(username, password));
        }
        if !is_possible() {
            return Err(
                Error::new("cannot perform an interactive login from a non TTY device")
                    .hint("in a script: `images login -u NAME --password-stdin SERVER <FILE`"),
            );
        }
        if self.server.is_hub() && username.is_none() {
            streams.warn(
                "Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't \
                 have a Docker ID, head over to https://hub.docker.com/ to create one.",
            );
        }
        let username = username.map_or_else(|| ask("Username: ", streams), Ok)?;
        if username.trim().is_empty() {
            return Err(Error::new("username is required"));
        }
        let password = password.map_or_else(|| ask_secretly("Password: ", streams), Ok)?;
        if password.is_empty() {
            return Err(Error::new("password is required"));
        }
        Ok(Credential::password(username.trim(), password))
    }

    fn with(&self, credential: &Credential, streams: &mut Streams<'_>) -> Result<()> {
        if let Kept::InFile(path) = self.client.login(&self.server, credential, &self.file)? {
            streams.warn(format_args!(
                "\nWARNING! Your credentials are stored unencrypted in '{}'.\n\
                 Configure a credential helper to remove this warning. See\n\
                 https://docs.docker.com/go/credential-store/\n",
                path.display()
            ));
        }
        streams.line("Login Succeeded")
    }
}

/// Options of `logout`.
#[derive(Args, Clone, Debug)]
pub struct LogoutOptions {
    /// The registry [default: Docker Hub]
    #[arg(value_name = "SERVER")]
    server: Option<String>,
}

pub(super) fn logout(
    options: &LogoutOptions,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<()> {
    let server = Server::new(options.server.as_deref())?;
    let (_, file) = settings.client_and_credentials()?;
    streams.line(format_args!(
        "Removing login credentials for {}",
        server.key()
    ))?;
    // Docker says the same whether there were any.
    file.erase(server.key()).map(drop)
}

impl Server {
    fn is_hub(&self) -> bool {
        self.key() == crate::registry::credentials_key(HUB)
    }
}
