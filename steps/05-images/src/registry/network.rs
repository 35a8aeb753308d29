//! Ranges of addresses in CIDR notation (RFC 4632), as insecure registries and proxies are told by.

use std::net::IpAddr;
use std::str::FromStr;

/// A range: `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    prefix: u32,
}

impl Cidr {
    /// Whether `address` is in it. An IPv4 address that was written as an IPv6 one counts as what it is.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let masked = |bits: u128, width: u32| bits.checked_shr(width - self.prefix).unwrap_or(0);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(other)) => {
                masked(mine.to_bits().into(), 32) == masked(other.to_bits().into(), 32)
            }
            (IpAddr::V6(mine), IpAddr::V6(other)) => {
                masked(mine.to_bits(), 128) == masked(other.to_bits(), 128)
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        let address: IpAddr = address.parse().map_err(drop)?;
        let prefix = prefix.parse().map_err(drop)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= width)
            .then_some(Self { address, prefix })
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_range() {
        for (range, address, inside) in [
            ("127.0.0.0/8", "127.255.0.9", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.2", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::1/128", "::1", true),
            ("::/0", "fd00::1", true),
            ("fd00::/8", "fe00::1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ] {
            let range: Cidr = range.parse().unwrap();
            assert_eq!(
                range.contains(address.parse().unwrap()),
                inside,
                "{address}"
            );
        }
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for wrong in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "a/8",
        ] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
    }
}
