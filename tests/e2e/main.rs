//! End to end: the real program on free ports, real FTP clients, both runtimes.
//!
//! Each test has a store and a gateway of its own, in processes of their own. With
//! `OSS_TEST_BUCKET` and its companions in the environment (see `tests/real-oss`) the same tests
//! run against that bucket of the real OSS instead.

#![forbid(unsafe_code)]

mod support;

mod bsd_ftp;
mod cli;
mod commands;
mod curl;
mod curl_options;
mod demo;
mod devices;
mod ftplib;
mod gbk;
mod killed;
mod lftp;
mod memory;
mod oss;
mod readme;
mod resume;
mod wget;
