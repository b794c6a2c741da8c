//! Every command and flag (contract/22 §1–3).

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::formats::parse_flag;

/// Monobase: a self-hosted backend in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "monobase",
    version = concat!("version ", env!("CARGO_PKG_VERSION")),
    disable_help_subcommand = true,
    disable_version_flag = true,
    propagate_version = true,
    infer_long_args = false
)]
pub struct Arguments {
    #[command(flatten)]
    pub flags: GlobalFlags,
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Show the version.
    #[arg(short = 'v', long, action = ArgAction::Version)]
    pub version: (),
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server.
    Serve(ServeArguments),
    /// Manage superusers.
    Superuser {
        #[command(subcommand)]
        command: Option<SuperuserCommand>,
    },
    /// Tell whether a PocketBase directory can be served as it is, and what in it won't work; changes nothing.
    Adopt(AdoptArguments),
    /// Load the rows of a CSV, TSV or JSON lines file into a new or an existing collection.
    Import(ImportArguments),
    /// Print the changes of a topic as JSON lines; goes on where it was after a lost connection.
    Watch(WatchArguments),
}

#[derive(Debug, Args)]
pub struct AdoptArguments {
    /// The data directory, or the folder that holds pb_data, pb_hooks and pb_migrations.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
}

#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The file: .csv, .tsv, or .jsonl with one object a line.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Fill this collection instead of making one.
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub into: Option<String>,
    /// The name of the collection to be made [default: as the file's].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Which field a column fills; without a field the column is left out. May be repeated.
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<String>,
    /// The kind of a new field, where you know it better than the file shows it. May be repeated.
    #[arg(long, value_name = "COLUMN=KIND")]
    pub kind: Vec<String>,
    /// A field by which records are found: a row of a record that exists changes it.
    #[arg(long, value_name = "FIELD")]
    pub key: Option<String>,
    /// Read everything and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// All rows or none: the first one that is refused undoes everything.
    #[arg(long, conflicts_with = "dry_run")]
    pub strict: bool,
    /// Where refused rows are told: .csv or .jsonl [default: FILE.refused.jsonl].
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Don't ask.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Import a file that was imported before.
    #[arg(long)]
    pub again: bool,
    /// What the file is, if its name doesn't say so.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FileFormat>,
    /// How its characters are written, if it isn't seen rightly.
    #[arg(long, value_name = "ENCODING")]
    pub encoding: Option<FileEncoding>,
    /// What stands between cells: one character, or tab.
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<String>,
    /// What stands around a cell that holds a delimiter: one character, or none.
    #[arg(long, value_name = "CHARACTER")]
    pub quote: Option<String>,
    /// Whether the first row names the columns.
    #[arg(long, value_name = "BOOL")]
    pub header: Option<Flag>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    Csv,
    Tsv,
    Jsonl,
}

impl From<FileFormat> for crate::import::read::FileKind {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Csv => Self::Csv,
            FileFormat::Tsv => Self::Tsv,
            FileFormat::Jsonl => Self::JsonLines,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileEncoding {
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "utf-16le")]
    Utf16Le,
    #[value(name = "utf-16be")]
    Utf16Be,
    #[value(name = "latin1")]
    Latin1,
}

impl From<FileEncoding> for crate::import::read::Encoding {
    fn from(encoding: FileEncoding) -> Self {
        match encoding {
            FileEncoding::Utf8 => Self::Utf8,
            FileEncoding::Utf16Le => Self::Utf16Le,
            FileEncoding::Utf16Be => Self::Utf16Be,
            FileEncoding::Latin1 => Self::Latin1,
        }
    }
}

#[derive(Debug, Args)]
pub struct WatchArguments {
    /// What to watch: COLLECTION/* or COLLECTION/RECORD_ID.
    #[arg(value_name = "TOPIC")]
    pub topic: String,
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8090")]
    pub url: String,
    /// Whose rights to watch with: an auth token.
    #[arg(long, value_name = "TOKEN", env = "MONOBASE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Begin after this cursor (that of an earlier line) instead of now.
    #[arg(long, value_name = "CURSOR")]
    pub since: Option<String>,
}

/// What `superuser` does. Arguments are counted by the commands, which have the texts for it.
#[derive(Debug, Subcommand)]
pub enum SuperuserCommand {
    /// Create a superuser: EMAIL PASS.
    Create {
        #[arg(value_name = "EMAIL PASS")]
        arguments: Vec<String>,
    },
    /// Create a superuser, or change the password of an existing one: EMAIL PASS.
    Upsert {
        #[arg(value_name = "EMAIL PASS")]
        arguments: Vec<String>,
    },
    /// Change a superuser's password: EMAIL PASS.
    Update {
        #[arg(value_name = "EMAIL PASS")]
        arguments: Vec<String>,
    },
    /// Delete a superuser: EMAIL.
    Delete {
        #[arg(value_name = "EMAIL")]
        arguments: Vec<String>,
    },
    /// Make a one-time password for a superuser: EMAIL.
    Otp {
        #[arg(value_name = "EMAIL")]
        arguments: Vec<String>,
    },
    /// Limit the addresses that superusers may come from; without any, lift the limit.
    Ips {
        #[arg(value_name = "IP")]
        addresses: Vec<String>,
    },
}

/// Flags of every command; they may stand anywhere.
#[derive(Clone, Debug, Args)]
pub struct GlobalFlags {
    /// The data directory, created if missing [default: pb_data beside the program].
    #[arg(long, value_name = "PATH", global = true)]
    pub dir: Option<PathBuf>,
    /// The environment variable that holds the 32-character key of the settings.
    #[arg(long = "encryptionEnv", value_name = "NAME", global = true)]
    pub encryption_env: Option<String>,
    /// Print logs and SQL on the terminal; no dashboard caching.
    #[arg(long, value_name = "BOOL", global = true, num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_possible_values = true)]
    pub dev: Flag,
    /// Seconds that a SELECT statement may take.
    #[arg(long = "queryTimeout", value_name = "SECONDS", global = true, default_value_t = 30)]
    pub query_timeout: u32,
    /// Whether an answered write has been synced to the disk (full), or may be lost by a power cut (normal).
    #[arg(long, value_name = "LEVEL", global = true, default_value = "full")]
    pub durability: Durability,
    /// Static files to serve [default: pb_public beside the program].
    #[arg(long = "publicDir", value_name = "PATH", global = true)]
    pub public_dir: Option<PathBuf>,
    /// Answer unknown static paths with the root index.html.
    #[arg(long = "indexFallback", value_name = "BOOL", global = true, num_args = 0..=1, require_equals = true,
        default_value = "true", default_missing_value = "true")]
    pub index_fallback: Flag,
    /// Accepted for compatibility: there are no JavaScript migrations.
    #[arg(long = "migrationsDir", value_name = "PATH", global = true, hide = true)]
    pub migrations_dir: Option<PathBuf>,
    /// Accepted for compatibility: there are no JavaScript migrations.
    #[arg(long, value_name = "BOOL", global = true, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub automigrate: Option<Flag>,
    /// Accepted for compatibility: there are no JavaScript hooks.
    #[arg(long = "hooksDir", value_name = "PATH", global = true, hide = true)]
    pub hooks_dir: Option<PathBuf>,
    /// Accepted for compatibility: there are no JavaScript hooks.
    #[arg(long = "hooksWatch", value_name = "BOOL", global = true, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub hooks_watch: Option<Flag>,
    /// Accepted for compatibility: there are no JavaScript hooks.
    #[arg(long = "hooksPool", value_name = "N", global = true, hide = true)]
    pub hooks_pool: Option<u32>,
}

#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Domains to serve by TLS.
    #[arg(value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// The address of the plain HTTP server.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub http: String,
    /// The address of the TLS server.
    #[arg(long, value_name = "ADDR")]
    pub https: Option<String>,
    /// Origins that browsers may call from; * and ? are wildcards.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "*")]
    pub origins: Vec<String>,
}

/// When an answered write is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    Full,
    Normal,
}

impl From<Durability> for crate::store::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Full => Self::Full,
            Durability::Normal => Self::Normal,
        }
    }
}

/// A flag that may have a value after `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl FromStr for Flag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_flag(text).map(Self).ok_or_else(|| format!("{text:?} is neither true nor false"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(arguments: &[&str]) -> Arguments {
        Arguments::try_parse_from(std::iter::once(&"monobase").chain(arguments)).unwrap()
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_anywhere_and_take_their_value_either_way() {
        for arguments in [
            &["--dir", "a", "serve", "--http=:1", "--dev"][..],
            &["serve", "--http", ":1", "--dir=a", "--dev=true"],
            &["serve", "--dev", "--dir", "a", "--http", ":1"],
        ] {
            let parsed = parse(arguments);
            assert_eq!(parsed.flags.dir.as_deref(), Some(std::path::Path::new("a")), "{arguments:?}");
            assert!(parsed.flags.dev.0 && parsed.flags.index_fallback.0, "{arguments:?}");
            let Some(Command::Serve(serve)) = parsed.command else { panic!("no serve in {arguments:?}") };
            assert_eq!(serve.http, ":1");
        }
    }

    #[test]
    fn origins_are_a_list_or_repeated() {
        let parsed = parse(&["serve", "--origins=http://a,http://b", "--origins", "http://c"]);
        let Some(Command::Serve(serve)) = parsed.command else { panic!("no serve") };
        assert_eq!(serve.origins, ["http://a", "http://b", "http://c"]);
    }
}
