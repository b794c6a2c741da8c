//! The settings in force: one immutable snapshot, swapped when the row changes. Readers take an `Arc`, never a lock.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use arc_swap::ArcSwap;
use serde_json::Value as Json;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::formats::IpBlock;
use crate::store::{Conn, Event, Store, Subscriber, Tx};

use super::stored::{LoadError, RowKey, StoredRow, load_row, load_settings, save_settings};
use super::{Settings, WrongType};

const LOAD_FAILED: &str = "An error occurred while loading the submitted data.";
const SAVE_FAILED: &str = "An error occurred while saving the new settings.";

/// The settings of one moment, with what requests need of them ready-made.
#[derive(Debug)]
pub struct LiveSettings {
    pub document: Settings,
    /// Where superusers may come from; empty is everywhere.
    pub superuser_blocks: Vec<IpBlock>,
    /// Whom rate limits don't count.
    pub excluded_blocks: Vec<IpBlock>,
    /// Names of trusted proxy headers, in lower case.
    pub proxy_headers: Vec<String>,
    /// Grows with every saved change, so that what was derived from an older snapshot is told from this one's.
    pub generation: u64,
}

impl LiveSettings {
    /// What is in force with this document.
    pub fn new(document: Settings, generation: u64) -> Self {
        // A row that another program wrote may hold what our checks refuse: such an entry matches no address.
        let blocks = |texts: &[String]| texts.iter().filter_map(|text| IpBlock::parse(text)).collect();
        Self {
            superuser_blocks: blocks(&document.superuser_ips),
            excluded_blocks: blocks(&document.rate_limits.excluded_ips),
            proxy_headers: document.trusted_proxy.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            document,
            generation,
        }
    }
}

impl LiveSettings {
    /// Whether superusers may come from this address (contract/14 §3).
    pub fn lets_superusers_in_from(&self, address: IpAddr) -> bool {
        self.superuser_blocks.is_empty() || self.superuser_blocks.iter().any(|block| block.contains(address))
    }
}

/// The settings in force, shared. A [`Subscriber`] of the store: it follows saves, here and in other processes.
pub struct SharedSettings {
    current: ArcSwap<LiveSettings>,
    /// The state of the row that `current` was made of. The writer's thread alone takes it.
    fingerprint: Mutex<[u8; 32]>,
    key: RowKey,
    clock: Clock,
}

impl SharedSettings {
    /// Reads the stored row, writing the defaults if there is none. Blocks.
    ///
    /// # Errors
    /// A row that can't be read, with the text of a failed start.
    pub fn open(store: &Store, key: RowKey, clock: Clock) -> Result<Arc<Self>> {
        let (of_row, now) = (key.clone(), clock.now_text());
        let row = store.write_blocking(move |tx| {
            if let Some(row) = load_row(tx, &of_row)? {
                return Ok(Some(row));
            }
            save_settings(tx, &of_row, &Settings::default(), &now)?;
            Ok(load_row(tx, &of_row)?)
        })?;
        let row = row.ok_or_else(|| Error::internal("the settings row vanished while the program started"))?;
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(LiveSettings::new(row.settings, 0)),
            fingerprint: Mutex::new(row.fingerprint),
            key,
            clock,
        }))
    }

    /// The settings in force. Cheap: a reference count.
    pub fn current(&self) -> Arc<LiveSettings> {
        self.current.load_full()
    }

    /// Merges a change into the stored document, checks the whole and saves it (contract/20 §2); gives the new one.
    ///
    /// # Errors
    /// 400 with the contract's texts for a value of a wrong type or a refused document.
    pub fn update(&self, tx: &dyn Tx, change: Json) -> Result<Settings> {
        self.change(tx, |settings| settings.merged(change))
    }

    /// Saves the document after `change`.
    fn change(&self, tx: &dyn Tx, change: impl FnOnce(Settings) -> Result<Settings, WrongType>) -> Result<Settings> {
        let stored = load_settings(tx, &self.key)?.unwrap_or_default();
        let settings = change(stored).map_err(|error| Error::bad_request_from(LOAD_FAILED, error))?;
        settings.validate().into_result(SAVE_FAILED)?;
        save_settings(tx, &self.key, &settings, &self.clock.now_text())?;
        Ok(settings)
    }

    /// Gives the rate limits of a renamed collection its new name (contract/20 §2, Effects). Saves only if one has it.
    pub fn rename_collection(&self, tx: &dyn Tx, old_name: &str, new_name: &str) -> Result<()> {
        let mut settings = load_settings(tx, &self.key)?.unwrap_or_default();
        let mut is_changed = false;
        for rule in &mut settings.rate_limits.rules {
            if let Some(tag) = rule.label.strip_prefix(old_name).and_then(|rest| rest.strip_prefix(':')) {
                rule.label = format!("{new_name}:{tag}");
                is_changed = true;
            }
        }
        if is_changed {
            save_settings(tx, &self.key, &settings, &self.clock.now_text())?;
        }
        Ok(())
    }

    fn reload(&self, conn: &dyn Conn, was_saved: bool) -> Result<(), LoadError> {
        let Some(StoredRow { settings, fingerprint }) = load_row(conn, &self.key)? else { return Ok(()) };
        let mut known = self.fingerprint.lock().unwrap_or_else(PoisonError::into_inner);
        if was_saved || *known != fingerprint {
            *known = fingerprint;
            let generation = self.current.load().generation + 1;
            self.current.store(Arc::new(LiveSettings::new(settings, generation)));
        }
        Ok(())
    }
}

impl Subscriber for SharedSettings {
    fn on_commit(&self, conn: &dyn Conn, events: &[Event]) {
        let was_saved = events.iter().any(|event| matches!(event, Event::SettingsChanged));
        let may_have_changed = was_saved || events.iter().any(|event| matches!(event, Event::ForeignWrite));
        if may_have_changed && let Err(error) = self.reload(conn, was_saved) {
            tracing::error!(%error, "the settings were changed but can't be read; the former ones stay in force");
        }
    }
}
