//! Where files are kept follows the settings, without a restart (contract/13 §5).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use crate::settings::{S3, SharedSettings};
use crate::storage::{FileStore, LocalStore, S3Config, S3Store, Storage};
use crate::store::{Conn, Event, Subscriber};

/// Hears of saved settings and changes the store.
pub struct StorageFollower {
    storage: Storage,
    settings: Arc<SharedSettings>,
    local_dir: PathBuf,
    /// What is in force, so that other settings don't cost a new client.
    applied: Mutex<Json>,
}

impl StorageFollower {
    /// A storage as the settings want it, and who keeps it so.
    pub fn start(settings: Arc<SharedSettings>, local_dir: PathBuf) -> (Storage, Arc<Self>) {
        let storage = Storage::local(local_dir.clone());
        let applied = Mutex::new(Json::Null);
        let follower = Self { storage: storage.clone(), settings, local_dir, applied };
        follower.apply();
        (storage, Arc::new(follower))
    }

    fn apply(&self) {
        let wanted = self.settings.current().document.s3.clone();
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = serde_json::json!([serde_json::to_value(&wanted).ok(), wanted.secret.expose()]);
        if *applied == fingerprint {
            return;
        }
        let is_first = applied.is_null();
        *applied = fingerprint;
        let store: Arc<dyn FileStore> = match wanted.enabled {
            false if is_first => return, // it begins with the directory
            false => Arc::new(LocalStore::new(self.local_dir.clone())),
            true => match S3Store::new(s3_config(&wanted)) {
                Ok(store) => Arc::new(store),
                Err(error) => {
                    tracing::error!(%error, "the S3 storage of the settings can't be used; files stay where they are");
                    return;
                }
            },
        };
        self.storage.replace(store);
    }
}

impl Subscriber for StorageFollower {
    fn on_commit(&self, _conn: &dyn Conn, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::SettingsChanged | Event::ForeignWrite)) {
            self.apply();
        }
    }
}

/// The bucket of a part of the settings.
pub fn s3_config(settings: &S3) -> S3Config {
    S3Config {
        bucket: settings.bucket.clone(),
        region: settings.region.clone(),
        endpoint: settings.endpoint.clone(),
        access_key: settings.access_key.clone(),
        secret: settings.secret.expose().clone(),
        force_path_style: settings.force_path_style,
    }
}
