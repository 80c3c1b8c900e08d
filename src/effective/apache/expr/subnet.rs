//! Networks as httpd writes them: `10.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fe80::/10`. Knows no request.

use std::net::{IpAddr, Ipv4Addr};

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: IpAddr,
    mask: u128,
}

impl Subnet {
    /// None where the server refuses it (`apr_ipsubnet_create`).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (address, mask) = match text.split_once('/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (text, None),
        };
        let (address, given): (IpAddr, u32) = match address.parse() {
            Ok(address @ IpAddr::V4(_)) => (address, 32),
            Ok(address) => (address, 128),
            Err(_) if mask.is_none() => partial(address)?,
            Err(_) => return None,
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let mask = match mask {
            None => leading(given, width),
            Some(mask) => match mask.parse::<u32>() {
                Ok(bits) if bits >= 1 && bits <= width => leading(bits, width),
                Ok(_) => return None,
                Err(_) if width == 32 => u128::from(u32::from(mask.parse::<Ipv4Addr>().ok()?)),
                Err(_) => return None,
            },
        };
        Some(Self { address, mask })
    }

    pub fn holds(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(u32::from(own)) ^ u128::from(u32::from(other))) & self.mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (u128::from(own) ^ u128::from(other)) & self.mask == 0,
            _ => false,
        }
    }
}

/// The first numbers of an IPv4 address, and how many bits they give.
fn partial(text: &str) -> Option<(IpAddr, u32)> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let numbers: Vec<u8> = text.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let mut octets = [0; 4];
    octets.get_mut(..numbers.len())?.copy_from_slice(&numbers);
    Some((IpAddr::from(octets), numbers.len() as u32 * 8))
}

fn leading(bits: u32, width: u32) -> u128 {
    let all = if width == 128 { u128::MAX } else { (1 << width) - 1 };
    all & !(all.checked_shr(bits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, expected) in [
            ("10.1", "10.1.2.3", true),
            ("10.1.", "10.2.2.3", false),
            ("10.0.0.0/8", "10.9.9.9", true),
            ("10.0.0.0/255.0.0.0", "11.0.0.0", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("fe80::/10", "fe81::1", true),
            ("::1", "::2", false),
        ] {
            let subnet = Subnet::parse(network.as_bytes()).expect(network);
            assert_eq!(subnet.holds(address.parse().expect("an address")), expected, "{network} {address}");
        }
        assert!(
            ["", "x", "10.0.0.0/33", "10.0.0.0/", "1.2.3.4.5"]
                .iter()
                .all(|bad| Subnet::parse(bad.as_bytes()).is_none())
        );
    }
}
