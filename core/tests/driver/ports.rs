//! How a listener comes by its port.

use ossftp_core::driver::{PORT_REST, PassivePorts};
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const NOW: Duration = Duration::ZERO;

#[test]
fn the_first_port_that_can_be_bound_is_taken() {
    let ports = PassivePorts::new(10..=14);
    let mut tried = Vec::new();
    let bound = ports.bind(PEER, NOW, 3, |port| {
        tried.push(port);
        match port {
            13 => Err(ErrorKind::AddrInUse.into()),
            port => Ok(port),
        }
    });
    assert_eq!(bound.unwrap(), 14);
    assert_eq!(tried, [13, 14]);
}

#[test]
fn the_last_failure_says_why_there_is_none() {
    let ports = PassivePorts::new(10..=11);
    let bound = ports.bind(PEER, NOW, 0, |port| {
        Err::<(), _>(Error::other(format!("no {port}")))
    });
    assert_eq!(bound.unwrap_err().to_string(), "no 11");
}

#[test]
fn a_port_can_be_rested_while_another_is_bound() {
    let ports = PassivePorts::new(10..=11);
    let bound = ports.bind(PEER, NOW, 0, |port| {
        ports.rest(11, PEER, NOW);
        Ok(port)
    });
    assert_eq!(bound.unwrap(), 10);
    assert_eq!(ports.candidates(PEER, NOW, 0), [10]);
}

#[test]
fn where_all_ports_rest_none_is_tried() {
    let ports = PassivePorts::new(10..=10);
    ports.rest(10, PEER, NOW);
    let bound = ports.bind(PEER, NOW, 0, |_| -> std::io::Result<()> {
        panic!("the port rests");
    });
    assert_eq!(bound.unwrap_err().kind(), ErrorKind::AddrInUse);
    assert!(ports.bind(PEER, PORT_REST, 0, |_| Ok(())).is_ok());
}
