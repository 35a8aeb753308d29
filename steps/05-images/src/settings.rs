//! What all commands that speak to registries go by.

use std::path::PathBuf;

use clap::Args;
use kit::{Error, Result};

use crate::registry::{Client, ConfigFile, Configuration};

/// Options of all commands.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Settings {
    /// Registry mirrors and insecure registries, in the format of Docker's daemon.json [default: /etc/drydock/daemon.json]
    #[arg(long, value_name = "FILE", global = true)]
    pub config_file: Option<PathBuf>,
}

impl Settings {
    /// A client that goes by them and by the user's environment.
    ///
    /// # Errors
    /// The configuration file cannot be used.
    pub fn client(&self) -> Result<Client> {
        self.configuration().map(Client::new)
    }

    /// The client, and where the user's credentials are kept.
    pub(crate) fn client_and_credentials(&self) -> Result<(Client, ConfigFile)> {
        let configuration = self.configuration()?;
        let file = configuration.credentials.clone().ok_or_else(|| {
            Error::new("there is no place for credentials")
                .hint("set HOME, or DOCKER_CONFIG to the directory of your config.json")
        })?;
        Ok((Client::new(configuration), file))
    }

    fn configuration(&self) -> Result<Configuration> {
        let mut configuration = Configuration::from_environment();
        configuration.apply_daemon_file(self.config_file.as_deref())?;
        Ok(configuration)
    }
}
