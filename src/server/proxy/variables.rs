//! The proxy variables: whether requests to an upstream go through an HTTP proxy, and which.

use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::upstream::{Upstream, UrlError, host_and_port};

/// Values of the proxy variables, as the program found them: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in
/// capital or small letters.
///
/// The proxy of an upstream is that of its scheme, else `ALL_PROXY`. `NO_PROXY` lists, with commas, hosts that are
/// reached without: names (with all below them), addresses, networks (`10.0.0.0/8`), each with a port or without, or `*`.
/// Loopback addresses and `localhost` are always reached without.
#[derive(Debug, Clone, Default)]
pub struct ProxyVariables {
    /// For `http` upstreams.
    pub http: Option<String>,
    /// For `https` upstreams.
    pub https: Option<String>,
    /// For both, where the other is not set.
    pub all: Option<String>,
    /// What is reached without.
    pub no: Option<String>,
}

/// An HTTP proxy on the way to the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpProxy {
    /// Where it is, and whether TLS is spoken with it.
    pub(super) address: Upstream,
    /// The value of `proxy-authorization`.
    pub(super) authorization: Option<String>,
}

impl ProxyVariables {
    /// The proxy for this upstream.
    ///
    /// # Errors
    ///
    /// Why the variable that counts names no proxy that can be used.
    pub(super) fn proxy(&self, upstream: &Upstream) -> Result<Option<HttpProxy>, UrlError> {
        let own = if upstream.is_tls {
            &self.https
        } else {
            &self.http
        };
        let is_set = |value: &&String| !value.trim().is_empty();
        let chosen = own
            .as_ref()
            .filter(is_set)
            .or(self.all.as_ref().filter(is_set));
        match chosen {
            Some(value) if !self.is_exempt(upstream) => HttpProxy::parse(value.trim()).map(Some),
            _ => Ok(None),
        }
    }

    fn is_exempt(&self, upstream: &Upstream) -> bool {
        is_loopback(&upstream.host)
            || self
                .no
                .iter()
                .flat_map(|list| list.split(','))
                .any(|entry| is_match(entry.trim(), &upstream.host, upstream.port))
    }
}

impl HttpProxy {
    fn parse(value: &str) -> Result<Self, UrlError> {
        let url = match value.contains("://") {
            true => value.to_owned(),
            false => format!("http://{value}"),
        };
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        if scheme.to_ascii_lowercase().starts_with("socks") {
            return Err(UrlError::Socks);
        }
        let rest = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let (user, authority) = match rest.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, rest),
        };
        let address = format!("{scheme}://{authority}").parse()?;
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let pair = [&unescaped(name)[..], b":", &unescaped(password)[..]].concat();
            format!("Basic {}", BASE64_STANDARD.encode(pair))
        });
        Ok(Self {
            address,
            authorization,
        })
    }
}

/// Undoes percent-encoding.
fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = behind
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let value = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) if *first == b'%' => {
                out.push(value);
                rest = &behind[2..];
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}

fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_name = name == "localhost" || name.ends_with(".localhost");
    is_name || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Whether an entry of `NO_PROXY` names this host.
fn is_match(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        let parts = (network.parse(), bits.parse(), host.parse());
        return matches!(parts, (Ok(network), Ok(bits), Ok(host)) if contains(network, bits, host));
    }
    if let (Ok(entry), Ok(host)) = (entry.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return entry == host;
    }
    let entry = entry.trim_start_matches("*.");
    let Ok((name, only)) = host_and_port(entry) else {
        return false;
    };
    if only.is_some_and(|only| only != port) {
        return false;
    }
    let name = name.trim_matches('.');
    let host = host.trim_end_matches('.');
    let Some(from) = host.len().checked_sub(name.len()) else {
        return false;
    };
    let is_end = host.is_char_boundary(from) && host[from..].eq_ignore_ascii_case(name);
    is_end && !name.is_empty() && (from == 0 || host.as_bytes()[from - 1] == b'.')
}

fn contains(network: IpAddr, bits: u32, host: IpAddr) -> bool {
    match (network, host) {
        (IpAddr::V4(network), IpAddr::V4(host)) if bits <= 32 => {
            let differ = network.to_bits() ^ host.to_bits();
            differ.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(host)) if bits <= 128 => {
            let differ = network.to_bits() ^ host.to_bits();
            differ.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &ProxyVariables, url: &str) -> String {
        match variables.proxy(&url.parse().unwrap()) {
            Ok(Some(proxy)) => format!(
                "{} {}",
                proxy.address,
                proxy.authorization.unwrap_or_default()
            ),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_variable_of_the_scheme_goes_before_the_one_for_all() {
        let variables = ProxyVariables {
            http: Some("p:3128".to_owned()),
            https: Some("  ".to_owned()),
            all: Some("https://us%40er:pa%3ass@q:1/x".to_owned()),
            no: None,
        };
        assert_eq!(proxy(&variables, "http://h"), "http://p:3128 ");
        assert_eq!(
            proxy(&variables, "https://h"),
            "https://q:1 Basic dXNAZXI6cGE6c3M="
        );
        for loopback in ["http://127.0.0.9", "http://[::1]:1", "http://LocalHost:9"] {
            assert_eq!(proxy(&variables, loopback), "none", "{loopback}");
        }
        let socks = ProxyVariables {
            all: Some("socks5://p:1".to_owned()),
            ..ProxyVariables::default()
        };
        assert_eq!(
            proxy(&socks, "http://h"),
            "it is that of a SOCKS proxy, which is not spoken here"
        );
        assert_eq!(proxy(&socks, "http://localhost"), "none");
    }

    #[test]
    fn what_is_reached_without() {
        let check = |no: &str, url: &str, is_exempt: bool| {
            let variables = ProxyVariables {
                all: Some("p".to_owned()),
                no: Some(no.to_owned()),
                ..ProxyVariables::default()
            };
            assert_eq!(proxy(&variables, url) == "none", is_exempt, "{no} {url}");
        };
        check("", "http://h", false);
        check("*", "http://h", true);
        check("a, example.com", "https://api.Example.com", true);
        check(".example.com", "https://example.com", true);
        check("*.example.com", "https://a.b.example.com.", true);
        check("example.com", "https://badexample.com", false);
        check("example.com:443", "https://example.com", true);
        check("example.com:444", "https://example.com", false);
        check("10.0.0.0/8", "http://10.2.3.4", true);
        check("10.0.0.0/8", "http://11.2.3.4", false);
        check("0.0.0.0/0", "http://11.2.3.4", true);
        check("10.0.0.0/33,fd00::/8", "http://[fd12::1]", true);
        check("fd12::1", "http://[fd12::1]:8", true);
        check("10.0.0.1", "http://10.0.0.1:8080", true);
        check("/,:,[,.", "http://h", false);
    }
}
