//! The composition root: opens what lies below, wires it, stops it in order. Knows no HTTP.
//!
//! Start at [`App`]: what a request or a command works with. Called by `cli` (opens and closes) and `http` (uses).
//!
//! Invariant: everything that runs in the background is joined by [`App::close`], in the reverse order of its start.
//! Invariant: subscribers of the store hear a commit in this order: schema, settings, then what derives from them.
//! Never: a rule of the game; a feature's inside.

mod account_work;
mod background;
mod file_work;
mod log_work;
mod new_accounts;
mod stopping;
mod storage;
mod views;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::auth::{Accounts, AccountsParts, AuthCache};
use crate::clock::Clock;
use crate::collections::{Collections, SchemaLoader};
use crate::crypto::PasswordHasher;
use crate::error::{Error, Result};
use crate::files::Files;
use crate::jobs::Jobs;
use crate::logs::LogWriter;
use crate::mail::Mailer;
use crate::outbound::Outbound;
use crate::query::{Caller, Planner};
use crate::realtime::{Delta, DeltaQuestion, Hub, Judge, LogId, Setup, list_changes};
use crate::records::{Records, RecordsParts};
use crate::schema::{AuthOptions, SharedSchema};
use crate::settings::{RowKey, SharedSettings};
use crate::storage::{Remover, Storage, Uploads};
use crate::store::data_dir::{DataDir, DataDirOptions, FreshAuthOptions};
use crate::store::{Durability, Store, StoreError, changes};

pub use crate::store::data_dir::Purpose;
use file_work::FileWork;
use new_accounts::NewAccounts;

use storage::StorageFollower;

pub use stopping::Stopping;
pub use storage::s3_config;
use views::Views;

/// How far the clock of an OpenID provider may be off (contract/11 §9.6).
const ID_TOKEN_LEEWAY_SECONDS: i64 = 300;

/// Where the bytes of unfinished uploads lie: beside the storage, since a start keeps them.
const UPLOADS_DIR: &str = ".mb_uploads";

/// What opening needs to know.
#[derive(Clone, Debug)]
pub struct AppOptions {
    pub data_dir: PathBuf,
    pub purpose: Purpose,
    pub durability: Durability,
    /// For all statements of a read together.
    pub query_timeout: Duration,
    /// The key of the settings row.
    pub settings_key: RowKey,
    pub clock: Clock,
    /// Shows on the terminal what a developer wants to see, mails too.
    pub is_dev: bool,
}

/// The running application.
pub struct App {
    pub options: AppOptions,
    pub clock: Clock,
    /// `data.db`.
    pub store: Store,
    /// `auxiliary.db`: request logs.
    pub auxiliary: Store,
    pub schema: Arc<SharedSchema>,
    /// What file fields name.
    pub storage: Storage,
    /// What may be resumed, on its way into records.
    pub uploads: Uploads,
    pub files: Files,
    pub settings: Arc<SharedSettings>,
    pub collections: Collections,
    /// Who is calling.
    pub auth: Arc<AuthCache>,
    /// Passwords are hashed and checked here, beside the requests.
    pub hasher: Arc<PasswordHasher>,
    /// Compiles rules and filters.
    pub planner: Arc<Planner>,
    pub records: Arc<Records>,
    /// The activity log; only a serving process has it.
    pub log_writer: Option<LogWriter>,
    /// Background work; only a serving process has it.
    pub jobs: Option<Arc<Jobs>>,
    file_work: Option<FileWork>,
    /// Set by [`App::start_realtime`].
    hub: OnceLock<Hub>,
    /// Every way in.
    pub accounts: Arc<Accounts>,
    pub mailer: Arc<Mailer>,
    /// Begun when the server is told to stop.
    pub stopping: Stopping,
    data_dir: DataDir,
}

impl App {
    /// Opens the data directory and starts what runs in the background. Blocks.
    ///
    /// # Errors
    /// What is wrong with the directory or a database, in a sentence for the person who started the program.
    pub fn open(options: AppOptions) -> Result<Arc<Self>> {
        let clock = options.clock.clone();
        let dir_options = DataDirOptions {
            path: options.data_dir.clone(),
            purpose: options.purpose,
            durability: options.durability,
            query_timeout: options.query_timeout,
            clock: clock.clone(),
            fresh: fresh_auth_options()?,
        };
        let opening = DataDir::open(&dir_options).map_err(Error::internal)?;
        let store = opening.data.clone();
        let settings = SharedSettings::open(&store, options.settings_key.clone(), clock.clone())?;
        // Beside what follows: a thousand of them take some milliseconds.
        let collections = SchemaLoader::begin(&store)?;
        store.subscribe(settings.clone());
        let data_dir = opening.finish().map_err(Error::internal)?;
        let auxiliary = data_dir.auxiliary.clone();
        let auth = Arc::new(AuthCache::new());
        store.subscribe(auth.clone());
        let jobs = match options.purpose {
            Purpose::Serve => Some(background::start(&store, &auxiliary, &settings, &clock)?),
            Purpose::Command => None,
        };
        let log_writer = match &jobs {
            Some(jobs) => Some(log_work::start(jobs, &store, &auxiliary, &settings, &clock)?),
            None => None,
        };
        let hasher = Arc::new(PasswordHasher::start());
        let schema = collections.wait()?;
        let planner = Arc::new(Planner::new());
        store.subscribe(planner.clone());
        let collections = {
            let settings = settings.clone();
            Collections::new(
                schema.clone(),
                clock.clone(),
                planner.clone(),
                Arc::new(move |tx, old, new| settings.rename_collection(tx, old, new)),
            )
        };
        let (storage, follower) = StorageFollower::start(settings.clone(), options.data_dir.join("storage"));
        store.subscribe(follower);
        let uploads = Uploads::new(store.clone(), clock.clone(), options.data_dir.join(UPLOADS_DIR));
        let records = Arc::new(Records::new(RecordsParts {
            store: store.clone(),
            schema: schema.clone(),
            planner: planner.clone(),
            hasher: hasher.clone(),
            storage: storage.clone(),
            uploads: uploads.clone(),
            clock: clock.clone(),
        }));
        let file_work = match &jobs {
            Some(jobs) => {
                let remover = Remover::new(storage.clone(), store.clone(), schema.clone());
                Some(FileWork::start(jobs, &store, remover, uploads.clone())?)
            }
            None => None,
        };
        let files = Files::new(store.clone(), schema.clone(), planner.clone(), storage.clone(), clock.clone());
        let accounts = Arc::new(Accounts::new(AccountsParts {
            store: store.clone(),
            schema: schema.clone(),
            settings: settings.clone(),
            planner: planner.clone(),
            hasher: hasher.clone(),
            clock: clock.clone(),
            outbound: Arc::new(Outbound::new()),
            new_accounts: Arc::new(NewAccounts(records.clone())),
            temp_dir: temp_dir_of(&options),
            id_token_leeway_seconds: id_token_leeway_seconds(),
        }));
        let mailer = Arc::new(Mailer::new(settings.clone(), options.is_dev));
        if let Some(jobs) = &jobs {
            account_work::start(jobs, &store, &accounts, &mailer)?;
        }
        Ok(Arc::new(Self {
            options,
            clock,
            store,
            auxiliary,
            schema,
            storage,
            uploads,
            files,
            settings,
            collections,
            auth,
            hasher,
            planner,
            records,
            log_writer,
            jobs,
            file_work,
            hub: OnceLock::new(),
            accounts,
            mailer,
            stopping: Stopping::new(),
            data_dir,
        }))
    }

    /// Whom an auth token stands for; a guest for anything that isn't a valid one.
    pub fn authenticate(&self, token: &str) -> Result<Caller> {
        self.auth.authenticate(&self.store, &self.schema.current(), token, self.clock.now())
    }

    /// Begins to tell listeners of changes; its replays run on `runtime`. Called once, by the server. Blocks.
    pub fn start_realtime(&self, runtime: Handle) -> Result<()> {
        let log_id = self.store.read_seldom(|conn| Ok(changes::log_id(conn)?))?;
        let hub = Hub::start(Setup {
            store: self.store.clone(),
            schema: self.schema.clone(),
            judge: self.judge(),
            clock: self.clock.clone(),
            log: LogId::of(&log_id),
            runtime,
        })?;
        self.store.subscribe(Arc::new(hub.clone()));
        let _ = self.hub.set(hub); // a second call would leave the first hub in charge
        Ok(())
    }

    /// The hub of realtime connections.
    ///
    /// # Errors
    /// `Busy` in a program that doesn't serve.
    pub fn hub(&self) -> Result<&Hub> {
        self.hub.get().ok_or_else(|| StoreError::Closed.into())
    }

    /// What changed in a collection since the request's cursor (`since`), as far as its caller may know.
    pub async fn list_changes(&self, question: DeltaQuestion) -> Result<Delta> {
        let (judge, schema) = (self.judge(), self.schema.clone());
        self.store.read(move |conn| list_changes(conn, &schema.current(), &judge, &question)).await
    }

    /// What realtime judges and shows records with.
    fn judge(&self) -> Judge {
        let views = Arc::new(Views(self.records.clone()));
        Judge { planner: self.planner.clone(), views, clock: self.clock.clone() }
    }

    /// Ends every realtime connection; none can be opened after it. Blocks for a moment.
    pub fn end_streams(&self) {
        if let Some(hub) = self.hub.get() {
            hub.stop();
        }
    }

    /// Where uploads and other scratch files go: in the data directory, so that they can be renamed into place. The next
    /// start empties it, as the reference does.
    pub fn temp_dir(&self) -> PathBuf {
        temp_dir_of(&self.options)
    }

    /// Stops what runs in the background and closes the databases. Requests must have ended. Blocks.
    pub fn close(&self) {
        self.stopping.begin();
        if let Some(file_work) = &self.file_work {
            file_work.stop();
        }
        self.mailer.stop();
        if let Some(jobs) = &self.jobs {
            jobs.stop();
        }
        self.end_streams();
        if let Some(log_writer) = &self.log_writer {
            log_writer.stop();
        }
        self.data_dir.close();
    }
}

fn temp_dir_of(options: &AppOptions) -> PathBuf {
    options.data_dir.join(".pb_temp_to_delete")
}

/// As the environment says (contract/11 §9.6).
fn id_token_leeway_seconds() -> i64 {
    let named = std::env::var("PB_ID_TOKEN_LEEWAY").ok().and_then(|text| text.trim().parse().ok());
    named.filter(|seconds| *seconds >= 0).unwrap_or(ID_TOKEN_LEEWAY_SECONDS)
}

/// What the two auth collections of a new directory are stored with.
fn fresh_auth_options() -> Result<FreshAuthOptions> {
    let stored = |options: AuthOptions| serde_json::to_string(&options).map_err(Error::internal);
    Ok(FreshAuthOptions { superusers: stored(AuthOptions::of_superusers())?, users: stored(AuthOptions::of_users())? })
}
