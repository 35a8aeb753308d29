//! What is no registry's: a file at an address, for `import`.

use std::io::Read;

use kit::{Error, Result};

use super::client::Client;
use super::exchange::Ask;
use super::failure::Failure;
use super::url::Url;

impl Client {
    /// Opens what is at `address`, by proxies and certificates as a registry's. Nobody is told who asks.
    ///
    /// # Errors
    /// It is no address, the host cannot be reached or refuses.
    pub fn download(&self, address: &str) -> Result<Box<dyn Read>> {
        let url = Url::parse(address)?;
        let answer = self
            .exchange
            .ask_anonymously(&url, &Ask::get("", &[]))
            .map_err(Failure::into_error)
            .map_err(|e: Error| e.within("the archive cannot be downloaded"))?;
        Ok(Box::new(answer.body.into_reader()))
    }
}
