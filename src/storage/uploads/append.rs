//! Adding bytes to an upload.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use super::{Checksum, PartialUpload, Turn, Uploads, table};
use crate::error::Error;
use crate::storage::error::StorageError;

/// Bytes that go to the disk in one step, each a hop to a blocking thread.
const WRITE_BYTES: usize = 256 * 1024;
/// After so many bytes they are synced and counted: what a crash can cost a client.
const CHECKPOINT_BYTES: u64 = 8 << 20;

/// Why a body has no more bytes though it isn't whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    TooLong,
    BrokenOff,
}

/// Why bytes weren't added, or not all.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another request writes to it.
    #[error("another request writes to this upload")]
    Locked,
    /// The client counts otherwise than we do.
    #[error("the upload has {0} bytes")]
    WrongOffset(u64),
    /// More bytes than the upload was begun for.
    #[error("more bytes than were announced")]
    TooLong,
    /// Nothing of the request is kept.
    #[error("the bytes don't have the checksum")]
    WrongChecksum,
    /// The body broke off; without a checksum, what came of it is kept.
    #[error("the body broke off")]
    BrokenOff,
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StorageError> for AppendError {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.into())
    }
}

impl Uploads {
    /// Adds the bytes of `body` from `offset` on, which must be where the upload ends. What was received is kept when
    /// the body breaks off, unless there is a checksum to judge the whole by.
    ///
    /// # Errors
    /// `NotFound` as of [`Uploads::find`]; `Busy` when the disk is full; see [`AppendError`].
    pub async fn append(
        &self,
        owner: &str,
        id: &str,
        offset: u64,
        body: impl Stream<Item = Result<Bytes, BodyFault>> + Unpin,
        checksum: Option<Checksum>,
    ) -> Result<PartialUpload, AppendError> {
        let turn = Arc::new(self.busy.take(id).ok_or(AppendError::Locked)?);
        let mut upload = self.find(owner, id)?;
        if offset != upload.received_bytes {
            return Err(AppendError::WrongOffset(upload.received_bytes));
        }
        let target = self.open(&upload, turn.clone(), checksum).await?;
        let result = self.receive(target, &mut upload, body).await;
        if result.is_err() {
            self.cut(&upload, turn).await; // what doesn't count takes no room
        }
        result.map(|()| upload)
    }

    /// Writes a body, and moves the count of `upload` along.
    async fn receive(
        &self,
        mut target: Target,
        upload: &mut PartialUpload,
        mut body: impl Stream<Item = Result<Bytes, BodyFault>> + Unpin,
    ) -> Result<(), AppendError> {
        let mut waiting = BytesMut::new();
        let ended = loop {
            match body.next().await {
                Some(Ok(chunk)) => waiting.extend_from_slice(&chunk),
                Some(Err(BodyFault::TooLong)) => return Err(AppendError::TooLong),
                Some(Err(BodyFault::BrokenOff)) => break Err(AppendError::BrokenOff),
                None => break Ok(()),
            }
            if target.end + waiting.len() as u64 > upload.size_bytes {
                return Err(AppendError::TooLong);
            }
            if waiting.len() >= WRITE_BYTES {
                target = target.write(waiting.split().freeze()).await?;
                if target.checksum.is_none() && target.end - upload.received_bytes >= CHECKPOINT_BYTES {
                    target = self.checkpoint(target, upload).await?;
                }
            }
        };
        if ended.is_err() && target.checksum.is_some() {
            return Err(AppendError::BrokenOff);
        }
        target = target.write(waiting.freeze()).await?;
        if target.checksum.take().is_some_and(|checksum| !checksum.holds()) {
            return Err(AppendError::WrongChecksum);
        }
        self.checkpoint(target, upload).await?;
        ended
    }

    /// Shortens the file to the bytes that count; what fails here is done by the next request, or the sweep.
    async fn cut(&self, upload: &PartialUpload, turn: Arc<Turn>) {
        let (path, end) = (self.path(&upload.id), upload.received_bytes);
        let cut = blocking(move || {
            let _turn = turn;
            match OpenOptions::new().write(true).open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                file => file?.set_len(end),
            }
        });
        if let Err(error) = cut.await {
            tracing::warn!(%error, "bytes of a refused request take room until the next one");
        }
    }

    /// The upload's file, without what an interrupted request left behind the bytes that count.
    async fn open(
        &self,
        upload: &PartialUpload,
        turn: Arc<Turn>,
        checksum: Option<Checksum>,
    ) -> Result<Target, StorageError> {
        let (dir, path, end) = (self.dir.clone(), self.path(&upload.id), upload.received_bytes);
        blocking(move || {
            fs::create_dir_all(&dir)?;
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            file.set_len(end)?;
            if end == 0 {
                File::open(&dir)?.sync_all()?; // so that the file's name outlives a power cut
            }
            Ok(Target { file, end, checksum, _turn: turn })
        })
        .await
    }

    /// Syncs what is written, and counts it.
    async fn checkpoint(&self, target: Target, upload: &mut PartialUpload) -> Result<Target, AppendError> {
        let target = blocking(move || target.file.sync_data().map(|()| target)).await?;
        upload.received_bytes = target.end;
        upload.expires = self.expiry();
        let (id, received, expires) = (upload.id.clone(), upload.received_bytes, upload.expires);
        let is_there = self.store.write(move |tx| Ok(table::advance(tx, &id, received, expires)?)).await?;
        if !is_there {
            // Given up meanwhile: the file was made again by this request, or lies unlinked.
            self.remove_file(&upload.id);
            return Err(Error::not_found().into());
        }
        Ok(target)
    }
}

/// The file being written. It goes along to the blocking threads with the turn, so that nobody else writes while a step
/// whose request has gone is still under way.
struct Target {
    file: File,
    /// Where the next byte goes.
    end: u64,
    checksum: Option<Checksum>,
    _turn: Arc<Turn>,
}

impl Target {
    async fn write(mut self, bytes: Bytes) -> Result<Self, StorageError> {
        if bytes.is_empty() {
            return Ok(self);
        }
        blocking(move || {
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&bytes);
            }
            self.file.write_all_at(&bytes, self.end)?;
            self.end += bytes.len() as u64;
            Ok(self)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(io::Error::other(error).into()),
    }
}
