//! What all commands that speak to registries go by.

use std::path::PathBuf;

use clap::Args;
use kit::Result;

use crate::registry::{Client, Configuration};

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

    fn configuration(&self) -> Result<Configuration> {
        let mut configuration = Configuration::from_environment();
        configuration.apply_daemon_file(self.config_file.as_deref())?;
        Ok(configuration)
    }
}
