//! One request as it is, over a connection that fits the host: what all that is asked goes through, tokens included.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kit::Error;
use ureq::Agent;
use ureq::http::{HeaderName, HeaderValue, Method, Request, header};
use ureq::unversioned::transport::DefaultConnector;

use super::answer::Answer;
use super::configuration::Configuration;
use super::failure::{Failure, broken};
use super::resolver::Names;
use super::tls;
use super::url::{Scheme, Url};

/// The connections to all hosts.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) configuration: Configuration,
    agents: Mutex<HashMap<(Scheme, String), Agent>>,
}

impl Transport {
    pub(crate) fn new(configuration: Configuration) -> Self {
        Self {
            configuration,
            agents: Mutex::default(),
        }
    }

    /// Sends one request; the answer may be a refusal.
    pub(crate) fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &[(HeaderName, HeaderValue)],
        body: Option<&[u8]>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failure> {
        let agent = self.agent(url)?;
        let mut request = Request::builder()
            .method(method)
            .uri(url.to_string())
            // A layer is named by the bytes that are sent: nobody packs them once more on the way.
            .header(header::ACCEPT_ENCODING, "identity");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let unsendable = |e| Error::new(format!("{} cannot be asked: {e}", url.shown()));
        let answered = match body {
            Some(body) => agent.run(request.body(body).map_err(unsendable)?),
            None => agent.run(request.body(()).map_err(unsendable)?),
        };
        let (parts, body) = answered.map_err(|e| broken(url, e))?.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            url: url.clone(),
        })
    }

    /// The agent for a host, which has its own certificates and perhaps a proxy; it keeps connections open.
    fn agent(&self, url: &Url) -> Result<Agent, Failure> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (url.scheme, url.authority.clone());
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let configuration = &self.configuration;
        let patience = &configuration.patience;
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("drydock/", env!("CARGO_PKG_VERSION")))
            .proxy(configuration.proxies.proxy_for(url)?)
            .timeout_connect(Some(patience.connect))
            .timeout_per_read(Some(patience.silence))
            .timeout_per_write(Some(patience.silence))
            // A push of several layers has that many connections.
            .max_idle_connections_per_host(8)
            .max_idle_age(Duration::from_secs(15));
        if url.scheme == Scheme::Https {
            let insecure = configuration.insecure.covers_url(url);
            let folders = &configuration.certificates;
            builder = builder.tls_config(tls::settings(folders, &url.authority, insecure)?);
        }
        let connector = DefaultConnector::default();
        let agent = Agent::with_parts(builder.build(), connector, Names::default());
        agents.insert(key, agent.clone());
        Ok(agent)
    }
}
