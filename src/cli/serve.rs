//! `serve`: the server (contract/22 §2).

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use anyhow::{Context, bail};
use jiff::ZonedDateTime;

use super::arguments::{GlobalFlags, ServeArguments};
use super::{beside_executable, failure, open_app, process};
use crate::app::{App, Purpose};
use crate::auth::superusers;
use crate::error::Result;
use crate::http::{DashboardCaching, Origins, ServeOptions, Server, Statics};
use crate::ids;

/// Nobody is told the installer account's password.
const INSTALLER_PASSWORD_LENGTH: usize = 50;

pub fn run(flags: &GlobalFlags, arguments: &ServeArguments) -> anyhow::Result<()> {
    if arguments.https.is_some() || !arguments.domains.is_empty() {
        bail!("TLS isn't built in yet: serve plain HTTP behind a proxy that ends it, without domains and --https");
    }
    process::raise_open_files_limit();
    process::survive_file_size_limit();
    let public_dir = match &flags.public_dir {
        Some(dir) => dir.clone(),
        None => beside_executable("pb_public")?,
    };
    let app = open_app(flags, Purpose::Serve)?;
    let options = ServeOptions {
        address: arguments.http.clone(),
        origins: Origins::new(arguments.origins.clone()),
        dashboard_caching: if flags.dev.0 { DashboardCaching::Off } else { DashboardCaching::On },
        statics: Statics { dir: public_dir, index_fallback: flags.index_fallback.0 },
    };
    let server = Server::bind(app.clone(), options).map_err(|error| bind_failure(&arguments.http, error))?;
    let installer = installer_token(&app).map_err(failure)?;
    let url = base_url(&arguments.http, server.address());
    let served = server.run(|| print_banner(&url, installer.as_deref()));
    app.close();
    served.context("the server stopped")
}

/// As the reference words it for a busy port.
fn bind_failure(address: &str, error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!("listen tcp {address}: bind: address already in use"),
        ErrorKind::PermissionDenied => anyhow::anyhow!("listen tcp {address}: bind: permission denied"),
        _ => anyhow::Error::new(error).context(format!("listen tcp {address}")),
    }
}

/// The URL that the start lines name: the host as given, the port as it is.
fn base_url(given: &str, address: SocketAddr) -> String {
    let host = given.rsplit_once(':').map_or("", |(host, _)| host);
    let host = if host.is_empty() || given.ends_with(":http") { "127.0.0.1" } else { host };
    match address.port() {
        80 => format!("http://{host}"),
        port => format!("http://{host}:{port}"),
    }
}

/// While there is no superuser, a token with which the dashboard makes the first one.
fn installer_token(app: &App) -> Result<Option<String>> {
    let (schema, clock) = (app.schema.clone(), app.clock.clone());
    let of_look = schema.clone();
    if app.store.read_seldom(move |conn| superusers::has_superuser(conn, &of_look.current()))? {
        return Ok(None);
    }
    let password = superusers::hash_password(&schema.current(), &ids::secret(INSTALLER_PASSWORD_LENGTH))?;
    app.store.write_blocking(move |tx| superusers::installer_token(tx, &schema.current(), &clock, password.clone()))
}

fn print_banner(url: &str, installer: Option<&str>) -> io::Result<()> {
    let now = ZonedDateTime::now().strftime("%Y/%m/%d %H:%M:%S");
    let mut out = io::stdout().lock();
    writeln!(out, "{now} Server started at {url}")?;
    writeln!(out, "├─ REST API:  {url}/api/")?;
    writeln!(out, "└─ Dashboard: {url}/_/")?;
    if let Some(token) = installer {
        let program = std::env::args().next().unwrap_or_else(|| "monobase".to_owned());
        writeln!(out)?;
        writeln!(
            out,
            "(!) Launch the URL below in the browser if it hasn't been open already to create your first superuser account:"
        )?;
        writeln!(out, "{url}/_/#/pbinstall/{token}")?;
        writeln!(out, "(you can also create your first superuser by running: {program} superuser upsert EMAIL PASS)")?;
        writeln!(out)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_line_names_the_host_given_and_the_port_it_got() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        for (given, port, expected) in [
            ("127.0.0.1:8090", 8090, "http://127.0.0.1:8090"),
            ("127.0.0.1:0", 41234, "http://127.0.0.1:41234"),
            (":8090", 8090, "http://127.0.0.1:8090"),
            ("0.0.0.0:80", 80, "http://0.0.0.0"),
            ("localhost:8090", 8090, "http://localhost:8090"),
            ("[::1]:8090", 8090, "http://[::1]:8090"),
        ] {
            assert_eq!(base_url(given, at(port)), expected, "{given}");
        }
    }
}
