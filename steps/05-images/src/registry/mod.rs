//! The registry client: images by the OCI distribution protocol, from any registry that speaks it.
//!
//! ```text
//! client   manifests, tags   ┐
//! blob     layers            ├─ what is asked
//! push     the other way     │
//! search, login              ┘
//! exchange       one question: TLS or not, 401 answered, redirects, again after a failure
//! transport      one request
//! authorization  what a 401 wants: Basic or a token; credential, config_file, helper hold what it takes
//! endpoint       who is asked: the registry, before Docker Hub its mirrors
//! ```
//!
//! What every line of it defends: content is what its digest says, and a secret reaches the host that it is for and no
//! other, whatever an answer says.
//!
//! ```no_run
//! use images::registry::{Client, Configuration, Repository, Version};
//!
//! # fn main() -> kit::Result<()> {
//! let client = Client::new(Configuration::from_environment());
//! let busybox = Repository::new("docker.io", "library/busybox")?;
//! let accept = ["application/vnd.oci.image.index.v1+json"];
//! let index = client.manifest(&busybox, &Version::tag("latest")?, &accept)?;
//! # drop(index);
//! # Ok(())
//! # }
//! ```

mod answer;
mod authorization;
mod blob;
mod challenge;
mod client;
mod config_file;
mod configuration;
mod credential;
mod daemon;
mod download;
mod endpoint;
mod exchange;
mod failure;
mod helper;
mod insecure;
mod link;
mod login;
mod manifest;
mod name;
mod network;
mod proxy;
mod push;
mod resolver;
mod search;
mod tls;
mod transport;
mod url;
mod verified;

pub use blob::Blob;
pub use client::{Client, Described};
pub use config_file::{ConfigFile, Kept};
pub use configuration::{Configuration, Mirrors, Patience};
pub use credential::Credential;
pub use daemon::DAEMON_FILE;
pub use endpoint::{HUB, credentials_key};
pub use insecure::Insecure;
pub use login::Server;
pub use manifest::Manifest;
pub use name::{Repository, Version};
pub use proxy::Proxies;
pub use push::Pushed;
pub use search::{Filter, Found, LIMIT as SEARCH_LIMIT};
pub use verified::{Beginning, Verified};
