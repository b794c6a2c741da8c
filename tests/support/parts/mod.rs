//! Real parts beside the program: a mail server, an S3 store, an OpenID provider. Each is a process on a port of its own choice; when its
//! program isn't installed the test fails and says how to install it (`make test` does).

mod ill_s3;
mod oidc;
mod process;
mod provider;
mod s3;
mod smtp;

pub use ill_s3::{Answering, IllS3};
pub use oidc::{Oidc, UserInfo};
pub use provider::{Asked, Reply, Scripted};
pub use s3::S3;
pub use smtp::{Behaviour, Mail, Smtp};
