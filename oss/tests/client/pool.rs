//! Connections that are used again.

use std::collections::BTreeSet;
use std::sync::Barrier;

use super::*;

const LANES: usize = 16;
const ROUNDS: usize = 4;

#[test]
fn parallel_requests_use_their_connections_again() {
    let server = Server::start((0..LANES * ROUNDS).map(|_| uploaded(b"x")));
    let bucket = bucket(&server);
    let barrier = Barrier::new(LANES);
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    // All at once, so that no lane finds the connection of another.
                    barrier.wait();
                    put(&bucket, b"x").unwrap();
                }
            });
        }
    });
    let requests = server.requests();
    assert_eq!(requests.len(), LANES * ROUNDS);
    let connections: BTreeSet<usize> = requests.iter().map(|request| request.connection).collect();
    assert!(
        connections.len() <= LANES,
        "{} connections",
        connections.len()
    );
    let config = bucket.client().config();
    assert!(config.max_idle_per_host >= LANES && config.max_idle_connections >= LANES);
}
