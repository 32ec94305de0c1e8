//! The signals that end the program: ctrl-c and SIGTERM, on Windows ctrl-c and closing.

use std::io;

/// Signals that are caught from now on.
pub(crate) struct Signals(imp::Signals);

impl Signals {
    /// Catches them.
    pub(crate) fn catch() -> io::Result<Self> {
        imp::Signals::catch().map(Self)
    }

    /// Waits for the first one. From then on the next one ends the program at once, for whoever
    /// does not want to wait until it has stopped in order.
    pub(crate) fn wait(mut self) {
        self.0.wait();
        // Without this thread a second signal is only not heard.
        let _ = std::thread::Builder::new()
            .name("second-signal".into())
            .spawn(move || {
                self.0.wait();
                std::process::exit(1);
            });
    }
}

#[cfg(unix)]
mod imp {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use std::io;

    pub(super) struct Signals(signal_hook::iterator::Signals);

    impl Signals {
        pub(super) fn catch() -> io::Result<Self> {
            signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map(Self)
        }

        pub(super) fn wait(&mut self) {
            let _ = self.0.forever().next();
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;
    use std::sync::mpsc::{Receiver, channel};

    pub(super) struct Signals(Receiver<()>);

    impl Signals {
        pub(super) fn catch() -> io::Result<Self> {
            let (sender, receiver) = channel();
            ctrlc::set_handler(move || {
                let _ = sender.send(());
            })
            .map_err(io::Error::other)?;
            Ok(Self(receiver))
        }

        pub(super) fn wait(&mut self) {
            let _ = self.0.recv();
        }
    }
}
