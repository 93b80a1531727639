//! Ports of loopback that are still free when their node starts.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::setup::SetupError;

/// Below are ports that well-known services have.
const FIRST: u16 = 10_000;
/// Where most systems begin to give ports to connections that go out.
const EPHEMERAL: u16 = 32_768;
/// With fewer ports before those than this, theirs are used as well.
const ENOUGH: u16 = 2_000;
/// A process looks this far from where one begins whose number is one less.
const PER_PROCESS: u32 = 101;

/// How many ports this process has tried.
static TRIED: AtomicU32 = AtomicU32::new(0);

/// Free ports of loopback. They are fixed before a node starts, so that a restarted one has the same.
///
/// All stay bound until the last is taken. Afterwards nothing takes them by chance before their node listens: they are
/// none of those that the system gives to connections that go out, no two are the same in one process, and other
/// processes begin to look elsewhere.
#[derive(Debug, Default)]
pub struct Ports {
    held: Vec<TcpListener>,
    known: BTreeSet<u16>,
}

impl Ports {
    /// None of these either, though nobody may listen there now.
    #[must_use]
    pub fn except(known: impl IntoIterator<Item = u16>) -> Self {
        Self { held: Vec::new(), known: known.into_iter().collect() }
    }

    /// A free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(&mut self) -> Result<u16, SetupError> {
        let limits = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        self.look(&before(limits.ok().as_deref()), &TRIED)
    }

    fn look(&mut self, range: &Range<u16>, tried: &AtomicU32) -> Result<u16, SetupError> {
        let mut last = io::ErrorKind::AddrInUse.into();
        for _ in range.clone() {
            let port = nth(range, process::id(), tried.fetch_add(1, Relaxed));
            if self.known.contains(&port) {
                continue;
            }
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(socket) => {
                    self.held.push(socket);
                    self.known.insert(port);
                    return Ok(port);
                }
                Err(error) => last = error,
            }
        }
        Err(SetupError::Port(last))
    }
}

/// The ports before those that the system gives to connections that go out, of which Linux names the first and the last.
fn before(limits: Option<&str>) -> Range<u16> {
    let first = limits.and_then(|text| text.split_whitespace().next()?.parse().ok());
    let end = first.filter(|first| *first >= FIRST + ENOUGH).unwrap_or(EPHEMERAL);
    FIRST..end
}

/// Where a process looks for a port after so many others.
fn nth(range: &Range<u16>, process: u32, tried: u32) -> u16 {
    let place = process.wrapping_mul(PER_PROCESS).wrapping_add(tried) % range.len() as u32;
    range.start + place as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_differ_and_are_not_given_to_connections_that_go_out() {
        let mut ports = Ports::default();
        let taken: BTreeSet<u16> = (0..20).map(|_| ports.take().unwrap()).collect();
        assert_eq!(taken.len(), 20);
        drop(ports);
        let again: BTreeSet<u16> = (0..20).map(|_| Ports::default().take().unwrap()).collect();
        assert!(taken.is_disjoint(&again), "{taken:?} {again:?}");
        let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let any = any.local_addr().unwrap().port();
        assert!(taken.iter().chain(&again).all(|port| *port < any), "{any} is given to anybody");
    }

    #[test]
    fn a_port_that_somebody_listens_to_or_that_is_known_is_left_out() {
        let mut ports = Ports::default();
        let base = ports.take().unwrap();
        let range = base..base + 3;
        let mut more = Ports::except([base + 1]);
        let tried = AtomicU32::new(0);
        let found: Vec<u16> = (0..3).filter_map(|_| more.look(&range, &tried).ok()).collect();
        assert!(found.is_empty() || found == [base + 2], "{found:?} of {range:?}");
        drop((ports, more));
        let known = Ports::except(range.clone()).look(&range, &tried);
        assert!(matches!(known, Err(SetupError::Port(_))), "{known:?}");
    }

    #[test]
    fn the_range_ends_where_connections_that_go_out_begin() {
        assert_eq!(before(Some("32768\t60999\n")), 10_000..32_768);
        assert_eq!(before(Some("20000 60999")), 10_000..20_000);
        for limits in [None, Some(""), Some("x"), Some("1024 65535"), Some("99999 100000")] {
            assert_eq!(before(limits), 10_000..32_768);
        }
    }

    #[test]
    fn processes_look_in_different_places() {
        let range = before(None);
        assert_eq!(nth(&range, 0, 3), 10_003);
        assert_eq!(nth(&range, 1, 0), 10_101);
        assert_eq!(nth(&range, 0, u32::from(range.end - range.start)), 10_000);
        assert!(range.contains(&nth(&range, u32::MAX, u32::MAX)));
    }
}
