//! Real parts beside the program: a mail server, an S3 store. Each is a process on a port of its own choice; when its
//! program isn't installed the test fails and says how to install it (`make test` does).

mod process;
mod s3;
mod smtp;

pub use s3::S3;
pub use smtp::{Behaviour, Mail, Smtp};
