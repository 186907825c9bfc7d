//! Where requests go: the upstream's URL, and how the targets of requests are joined to its path.

use std::fmt;
use std::str::FromStr;

/// The address of a real server: `http://HOST[:PORT][/PATH]` or `https://…`.
///
/// Of the path, what its end and the beginning of a request's path have in common counts once: with
/// `https://api.example` as with `https://api.example/v1`, a request for `/v1/responses` goes to `/v1/responses`; with
/// `https://api.example/api/v1` it goes to `/api/v1/responses`, as does one for `/responses`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub(super) is_tls: bool,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Without a slash at its end.
    path: String,
}

/// Why a text is no URL that the proxy can use.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// It begins with no scheme that is spoken.
    #[error("it does not begin with http:// or https://")]
    Scheme,
    /// It is that of a SOCKS proxy.
    #[error("it is that of a SOCKS proxy, which is not spoken here")]
    Socks,
    /// It has user and password, which belong in no command line.
    #[error("it holds user or password")]
    Credentials,
    /// It has no host, or one with characters that no host has.
    #[error("its host is missing or is none")]
    Host,
    /// Its port is no number from 1 to 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// It has a query or fragment.
    #[error("it has a query or fragment")]
    Query,
    /// Its path has white space or control characters.
    #[error("its path holds white space or characters that are not ASCII")]
    Path,
}

impl FromStr for Upstream {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let (is_tls, rest) = scheme(url).ok_or(UrlError::Scheme)?;
        if rest.contains(['?', '#']) {
            return Err(UrlError::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::Credentials);
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlError::Path);
        }
        let (host, port) = host_and_port(authority)?;
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port: port.unwrap_or(default_port(is_tls)),
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl Upstream {
    /// Whether the URL has a path.
    pub fn has_path(&self) -> bool {
        !self.path.is_empty()
    }

    /// Host and port as a `Host` field has them: without the port that the scheme implies.
    pub(super) fn authority(&self) -> String {
        match self.port == default_port(self.is_tls) {
            true => bracketed(&self.host),
            false => self.host_and_port(),
        }
    }

    /// Host and port, always with the port.
    pub(super) fn host_and_port(&self) -> String {
        format!("{}:{}", bracketed(&self.host), self.port)
    }

    /// The target of a request that a client sent with this one: path and query.
    pub(super) fn target(&self, asked: &str) -> String {
        let asked = origin_form(asked);
        if asked == "*" || self.path.is_empty() {
            return asked.to_owned();
        }
        let end = asked.find('?').unwrap_or(asked.len());
        let (path, query) = asked.split_at(end);
        let starts = self.path.match_indices('/').map(|(at, _)| at);
        let common = starts
            .map(|at| &self.path[at..])
            .find(|part| begins_with_segments(path, part));
        let rest = common.map_or(path, |part| &path[part.len()..]);
        match rest {
            "" | "/" if common.is_none() => format!("{}{query}", self.path),
            rest => format!("{}{rest}{query}", self.path),
        }
    }
}

/// Whether a path is this one or below it.
fn begins_with_segments(path: &str, part: &str) -> bool {
    let rest = path.strip_prefix(part);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Path and query of a target, which clients that take us for a forward proxy send with scheme and host.
fn origin_form(target: &str) -> &str {
    match scheme(target) {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    }
}

/// Whether a URL is one of `https`, and what stands behind `://`.
fn scheme(url: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_tls = scheme.eq_ignore_ascii_case("https");
    (is_tls || scheme.eq_ignore_ascii_case("http")).then_some((is_tls, rest))
}

fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

fn bracketed(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

/// Takes `host`, `host:port` or `[address]:port` apart; the host comes without brackets.
pub(super) fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']').ok_or(UrlError::Host)?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| UrlError::Host)?;
            match behind.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if behind.is_empty() => (host, None),
                None => return Err(UrlError::Host),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let is_name = !host.is_empty() && host.bytes().all(is_name_byte);
    if !is_name {
        return Err(UrlError::Host);
    }
    let port = match port {
        // `host:` is allowed (RFC 3986, section 3.2.3).
        None | Some("") => None,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(UrlError::Port),
            Ok(port) => Some(port),
        },
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where() {
        let check = |url: &str, expect: &str| {
            let upstream: Upstream = url.parse().unwrap();
            let told = format!("{upstream} {}", upstream.host_and_port());
            assert_eq!(told, expect, "{url}");
        };
        check("http://h", "http://h h:80");
        check("HTTPS://h/", "https://h h:443");
        check("https://h:8443/v1/", "https://h:8443/v1 h:8443");
        check("https://h:443/v1", "https://h/v1 h:443");
        check("http://[::1]:9000/a/b", "http://[::1]:9000/a/b [::1]:9000");
        check("http://127.0.0.1:", "http://127.0.0.1 127.0.0.1:80");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        let check = |url: &str, expect: UrlError| {
            assert_eq!(url.parse::<Upstream>(), Err(expect), "{url}");
        };
        check("api.openai.com", UrlError::Scheme);
        check("ftp://h", UrlError::Scheme);
        check("http://", UrlError::Host);
        check("http:///v1", UrlError::Host);
        check("http://a b/", UrlError::Host);
        check("http://[::1/", UrlError::Host);
        check("http://[::1]x/", UrlError::Host);
        check("http://h:0", UrlError::Port);
        check("http://h:70000", UrlError::Port);
        check("http://h:80:80", UrlError::Port);
        check("http://u:p@h/", UrlError::Credentials);
        check("http://h/?a=1", UrlError::Query);
        check("http://h#a", UrlError::Query);
        check("http://h/a b", UrlError::Path);
        check("http://h/a\r\nx: y", UrlError::Path);
    }

    #[test]
    fn what_both_paths_have_in_common_counts_once() {
        let check = |url: &str, asked: &str, expect: &str| {
            let upstream: Upstream = url.parse().unwrap();
            assert_eq!(upstream.target(asked), expect, "{url} {asked}");
        };
        check("http://h", "/v1/responses", "/v1/responses");
        check("http://h/v1", "/v1/responses", "/v1/responses");
        check("http://h/v1/", "/v1/responses?a=/v1", "/v1/responses?a=/v1");
        check("http://h/v1", "/responses", "/v1/responses");
        check("http://h/api/v1", "/v1/responses", "/api/v1/responses");
        check("http://h/api/v1", "/api/v1/responses", "/api/v1/responses");
        check("http://h/api/v1", "/v10/responses", "/api/v1/v10/responses");
        check("http://h/v1", "/v1", "/v1");
        check("http://h/v1", "/v1/", "/v1/");
        check("http://h/v1", "/", "/v1");
        check("http://h/v1", "/?a=1", "/v1?a=1");
        check("http://h/v1", "http://x/v1/models", "/v1/models");
        check("http://h/v1", "http://x", "/v1");
        check("http://h/v1", "*", "*");
    }
}
