//! Where a request comes from: the other end of its connection, or, when that is a proxy of the deployment, whom the
//! proxy got it from.
//!
//! Only `X-Forwarded-For` is read, which all proxies write. A proxy that writes one header hands the other on as the
//! client sent it, so a server that believed `Forwarded` too would believe the client.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word counts.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// What is neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor a network")]
pub struct NoNetwork(pub String);

impl FromStr for TrustedProxies {
    type Err = NoNetwork;

    /// Addresses and networks, separated by commas.
    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| network(part).ok_or_else(|| NoNetwork(part.to_owned()))).collect::<Result<_, _>>().map(Self)
    }
}

/// An IPv4 address in the clothes of IPv6 is written as what it is; a network of them would never be met.
fn network(text: &str) -> Option<IpNet> {
    let address = text.parse().ok().map(|address: IpAddr| IpNet::from(address.to_canonical()));
    let network = address.or_else(|| text.parse().ok())?;
    (network.addr().to_canonical() == network.addr()).then_some(network)
}

impl TrustedProxies {
    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request that came from `peer` with these values of `X-Forwarded-For`: the last address of them, and
    /// of the addresses before it, that is not a trusted proxy's. What stands further left was written by that client.
    pub fn client<'a>(&self, peer: IpAddr, forwarded_for: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        let mut earlier = forwarded_for.rev().flat_map(|value| value.rsplit(','));
        while self.has(client) {
            // Where a proxy wrote no address, it is the last thing that is known.
            let Some(before) = earlier.next().and_then(address) else { break };
            client = before;
        }
        client
    }
}

/// An address, which some proxies write with its port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// Notes who sent a request, for all that ask [`of`].
pub(crate) async fn note(State(proxies): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let client = proxies.client(peer.ip(), forwarded_for(request.headers()));
        request.extensions_mut().insert(Client(client));
    }
    next.run(request).await
}

/// A value that is no text says nothing, as an empty one does.
fn forwarded_for(headers: &HeaderMap) -> impl DoubleEndedIterator<Item = &str> {
    headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default())
}

#[derive(Debug, Clone, Copy)]
struct Client(IpAddr);

/// Who sent a request, if it came over the network.
pub(crate) fn of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Client>().map(|Client(address)| *address)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRUSTED: &str = "127.0.0.1, 10.0.0.0/8, fd00::/8";

    fn client(trusted: &str, peer: &str, values: &[&str]) -> String {
        let trusted: TrustedProxies = trusted.parse().expect("networks");
        trusted.client(peer.parse().expect("an address"), values.iter().copied()).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxys_is_the_client() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            // The client wrote the first, the outer proxy the second, the inner one the third.
            ("10.0.0.1", &["198.51.100.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.7,10.0.0.2"], "203.0.113.7"),
            ("::ffff:10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("127.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("127.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("127.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            // People on the proxies' own network.
            ("127.0.0.1", &["10.0.0.9"], "10.0.0.9"),
            ("127.0.0.1", &["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        ];
        for (peer, values, expected) in cases {
            assert_eq!(client(TRUSTED, peer, values), *expected, "{peer} {values:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_skipped_over_to_what_the_client_wrote() {
        for value in ["198.51.100.1, unknown", "198.51.100.1,", "198.51.100.1, a\u{e9}", "198.51.100.1, 10.0.0.2, x"] {
            assert_eq!(client(TRUSTED, "127.0.0.1", &[value]), "127.0.0.1", "{value}");
        }
        assert_eq!(client(TRUSTED, "127.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(TRUSTED, "127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client(TRUSTED, "127.0.0.1", &["198.51.100.1", ""]), "127.0.0.1");
    }

    #[test]
    fn networks_are_read_from_a_list_and_a_mistake_is_named() {
        assert!("".parse::<TrustedProxies>().is_ok_and(|none| none.0.is_empty()));
        assert_eq!(client("::ffff:10.0.0.1", "10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        for wrong in ["nginx", "10.0.0.0/33", "10.0.0", "10.0.0.1:80", "*", "::ffff:10.0.0.0/104"] {
            let refused = format!("127.0.0.1, {wrong}").parse::<TrustedProxies>().expect_err("a mistake");
            assert_eq!(refused, NoNetwork(wrong.to_owned()));
        }
    }

    fn anything() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<IpAddr>().prop_map(|address| address.to_string()),
            any::<[u8; 3]>().prop_map(|[a, b, c]| format!("10.{a}.{b}.{c}")),
            any::<SocketAddr>().prop_map(|address| address.to_string()),
            "[ -~]{0,12}",
        ]
    }

    proptest! {
        #[test]
        fn nobody_but_a_trusted_proxy_is_believed(peer: IpAddr, values in prop::collection::vec(anything(), 0..4)) {
            let trusted: TrustedProxies = TRUSTED.parse().expect("networks");
            let found = trusted.client(peer, values.iter().map(String::as_str));
            prop_assert!(trusted.has(peer.to_canonical()) || found == peer.to_canonical());
            prop_assert_eq!(TrustedProxies::default().client(peer, values.iter().map(String::as_str)), peer.to_canonical());
        }

        /// Whatever a client sends of its own, its proxy writes its address behind it.
        #[test]
        fn a_client_cannot_choose_its_address(forged in prop::collection::vec(anything(), 0..4), last in 0u8..) {
            let trusted: TrustedProxies = TRUSTED.parse().expect("networks");
            let (client, peer) = (IpAddr::from([203, 0, 113, last]), IpAddr::from([10, 0, 0, 1]));
            let appended = format!("{}, {client}", forged.join(", "));
            prop_assert_eq!(trusted.client(peer, [appended.as_str()].into_iter()), client);
            let separate: Vec<String> = forged.into_iter().chain([client.to_string()]).collect();
            prop_assert_eq!(trusted.client(peer, separate.iter().map(String::as_str)), client);
        }
    }
}
