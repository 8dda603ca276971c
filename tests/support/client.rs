//! A client that behaves like a browser where that matters: it keeps cookies, and finds every host on the loopback.

use crate::certificates::Authority;
use reqwest::{
    Client, ClientBuilder,
    dns::{Name, Resolve, Resolving},
    redirect,
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// A client with cookies of its own that trusts the authority and no other, and follows no redirect: where one leads is
/// what tests look at.
pub fn client(authority: &Authority) -> Client {
    builder(authority).build().unwrap()
}

/// The same, to be changed before it is built.
pub fn builder(authority: &Authority) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(authority.client_config(&["h2", "http/1.1"]))
        .cookie_store(true)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(Loopback))
}

/// Every name is this machine, as `*.localhost` is in a browser.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        // The port of the URL replaces this one.
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Box::pin(async move { Ok(Box::new(std::iter::once(here)) as Box<dyn Iterator<Item = SocketAddr> + Send>) })
    }
}
