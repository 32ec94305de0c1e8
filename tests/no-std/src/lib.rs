//! A program without std that holds a session, to prove that the core needs none.
//!
//! It brings what std would bring: a panic handler and an allocator. If anything below the core
//! pulled std in, there would be two panic handlers, and this would not build. `main.c` calls
//! [`ossftp_no_std_check`], so that what was built is also linked and run.

#![no_std]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use ossftp_core::{Input, LoginInfo, Now, Output, Peer, Session, SessionConfig};

const HEAP: usize = 1 << 20;

/// Memory that is given out once and never taken back, as a small device might do it.
#[repr(align(64))]
struct Heap {
    bytes: UnsafeCell<[u8; HEAP]>,
    used: AtomicUsize,
}

// SAFETY: `used` gives each part of `bytes` to one caller only.
unsafe impl Sync for Heap {}

// SAFETY: each allocation lies within `bytes`, is aligned as asked for (up to the alignment of
// `Heap`, and refused beyond it), and overlaps no other, since `used` only grows.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > align_of::<Self>() {
            return core::ptr::null_mut();
        }
        let place = |used: usize| {
            let start = used.next_multiple_of(layout.align());
            let end = start.checked_add(layout.size())?;
            (end <= HEAP).then_some((start, end))
        };
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                place(used).map(|(_, end)| end)
            });
        match taken.ok().and_then(place) {
            // SAFETY: `start` lies within `bytes`, as `place` saw to.
            Some((start, _)) => unsafe { self.bytes.get().cast::<u8>().add(start) },
            None => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Heap = Heap {
    bytes: UnsafeCell::new([0; HEAP]),
    used: AtomicUsize::new(0),
};

unsafe extern "C" {
    /// Ends the program; the C library's.
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}

/// The compiled `alloc` names it for unwinding, which does not happen here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Holds a short conversation; 0 if every reply was the right one.
#[unsafe(no_mangle)]
pub extern "C" fn ossftp_no_std_check() -> i32 {
    let replies = conversation();
    let codes = replies
        .split_inclusive(|b| *b == b'\n')
        .map(|line| line.get(..3));
    let expected = [b"220", b"331", b"230", b"257", b"425", b"221"];
    i32::from(!codes.eq(expected.map(|code| Some(code.as_slice()))))
}

/// All that the server says to a client that logs in, and finds no data connection.
fn conversation() -> Vec<u8> {
    let now = Now {
        mono: Duration::ZERO,
        unix: 1_700_000_000,
    };
    let address = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let peer = Peer {
        addr: address(50_000),
        local: address(21),
    };
    let mut session = Session::new(Arc::new(SessionConfig::default()), peer, now);
    session.handle(
        now,
        Input::Control(b"USER demo\r\nPASS secret\r\nPWD\r\nRETR x\r\nQUIT\r\n"),
    );
    let mut said = Vec::new();
    loop {
        match session.poll_output() {
            Output::Send(bytes) => said.extend_from_slice(&bytes),
            Output::Login { id, .. } => {
                let result = Ok(LoginInfo::new("Welcome."));
                session.handle(now, Input::Login { id, result });
            }
            Output::Close | Output::Wait(_) => return said,
            _ => {}
        }
    }
}
