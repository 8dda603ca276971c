//! Lists of addresses that have a name. They may be long, and are looked at for each request.

use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// A list of addresses with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name in the config file.
    pub name: String,
    /// What is in it.
    pub nets: Arc<Nets>,
}

/// Addresses, as ranges in order that have nothing in common.
#[derive(Debug, PartialEq, Eq)]
pub struct Nets {
    v4: Vec<Range<Ipv4Addr>>,
    v6: Vec<Range<Ipv6Addr>>,
}

/// The first and the last of some.
type Range<A> = (A, A);

impl FromIterator<IpNet> for Nets {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                IpNet::V4(net) => v4.push((net.network(), net.broadcast())),
                IpNet::V6(net) => v6.push((net.network(), net.broadcast())),
            }
        }
        Self { v4: merged(v4), v6: merged(v6) }
    }
}

impl Network {
    /// Whether an address is in it; nobody is where that is not known.
    pub fn has(&self, client: Option<IpAddr>) -> bool {
        client.is_some_and(|client| match client.to_canonical() {
            IpAddr::V4(client) => is_in(&self.nets.v4, client),
            IpAddr::V6(client) => is_in(&self.nets.v6, client),
        })
    }
}

fn merged<A: Ord + Copy>(mut ranges: Vec<Range<A>>) -> Vec<Range<A>> {
    ranges.sort_unstable();
    ranges.dedup_by(|(first, last), (_, end)| {
        let is_met = *first <= *end;
        if is_met {
            *end = (*end).max(*last);
        }
        is_met
    });
    ranges
}

fn is_in<A: Ord + Copy>(ranges: &[Range<A>], address: A) -> bool {
    let begun = ranges.partition_point(|(first, _)| *first <= address);
    let last = begun.checked_sub(1).and_then(|at| ranges.get(at));
    last.is_some_and(|(_, last)| address <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(nets: &[IpNet]) -> Network {
        Network { name: "office".into(), nets: Arc::new(nets.iter().copied().collect()) }
    }

    #[test]
    fn an_address_is_in_a_network_in_either_spelling() {
        let network = network(&["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);

        for (address, within) in
            [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("2001:db8::1", true), ("11.0.0.1", false), ("::1", false)]
        {
            assert_eq!(network.has(Some(address.parse().unwrap())), within, "{address}");
        }
        assert!(!network.has(None), "who is nowhere is in no network");
    }

    /// Few addresses, so that networks meet; the last ones too, behind which there are none.
    fn any_address() -> impl Strategy<Value = IpAddr> {
        (any::<bool>(), any::<bool>(), 0u8..64).prop_map(|(is_v4, is_high, low)| match (is_v4, is_high) {
            (true, true) => Ipv4Addr::from(u32::MAX - u32::from(low)).into(),
            (true, false) => Ipv4Addr::from(u32::from(low)).into(),
            (false, true) => Ipv6Addr::from(u128::MAX - u128::from(low)).into(),
            (false, false) => Ipv6Addr::from(u128::from(low)).into(),
        })
    }

    fn any_net() -> impl Strategy<Value = IpNet> {
        (any_address(), prop_oneof![9 => 0u8..8, 1 => 0u8..=32]).prop_map(|(address, wide)| {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            IpNet::new(address, longest - wide).unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn a_search_finds_what_a_walk_finds(nets in prop::collection::vec(any_net(), 0..8), address in any_address()) {
            let walked = nets.iter().any(|net| net.contains(&address.to_canonical()));
            prop_assert_eq!(network(&nets).has(Some(address)), walked);
        }
    }
}
