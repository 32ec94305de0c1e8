//! The frame around the commands: HTTP, half-closed connections, deadlines, and what was prepared.

use super::*;
