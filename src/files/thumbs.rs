//! Thumbs: made once, on a bounded pool, one request making what many wait for (contract/13 §3).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, Shared};
use futures_util::stream::TryStreamExt;
use md5::{Digest, Md5};
use tokio::sync::Semaphore;

use super::image::{self, ThumbSize};
use crate::error::Result;
use crate::storage::{Attributes, Content, FileKey, Storage, StorageError, StoredFile};

/// Types that thumbs are made of.
const IMAGE_TYPES: [&str; 5] = ["image/png", "image/jpg", "image/jpeg", "image/gif", "image/webp"];
/// A bigger file isn't read into memory for a thumb; photographs stay far below.
const ORIGINAL_BYTES_MAX: u64 = 64 << 20;
/// Millions of pixels that are decoded at a time: at about 8 bytes each, what bounds the memory of all thumbs together.
const MEGAPIXELS_AT_ONCE: u32 = 64;
/// How long a request waits for its turn, if the environment says nothing.
const WAIT_DEFAULT: Duration = Duration::from_secs(60);

/// A thumb that is being made; tells whether it was.
type Making = Shared<BoxFuture<'static, bool>>;

pub struct Thumbs {
    storage: Storage,
    /// Turns of the pool.
    turns: Arc<Semaphore>,
    megapixels: Arc<Semaphore>,
    wait: Duration,
    /// What is being made now, so that it is made once.
    making: Arc<Mutex<HashMap<String, Making>>>,
}

impl Thumbs {
    pub fn new(storage: Storage) -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok()).filter(|n| *n > 0);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = number("PB_THUMBS_MAX_WORKERS").map_or(cores + 2, |workers| workers.min(64) as usize);
        let wait = number("PB_THUMBS_MAX_WAIT").map_or(WAIT_DEFAULT, |seconds| Duration::from_secs(seconds.into()));
        Self {
            storage,
            turns: Arc::new(Semaphore::new(workers)),
            megapixels: Arc::new(Semaphore::new(MEGAPIXELS_AT_ONCE as usize)),
            wait,
            making: Arc::default(),
        }
    }

    /// The thumb of a file in this size; `None` where none can be made.
    pub async fn find_or_make(
        &self,
        original: &FileKey,
        size: &str,
        read_ahead_bytes: u64,
    ) -> Result<Option<StoredFile>> {
        let Some(parsed) = ThumbSize::parse(size) else { return Ok(None) };
        let key = original.thumb(size);
        let store = self.storage.current();
        // The original must be there, whether or not its thumb is.
        let Some(file) = store.open(original, 0).await? else { return Ok(None) };
        if !IMAGE_TYPES.contains(&file.content_type.as_str()) || file.size_bytes > ORIGINAL_BYTES_MAX {
            return Ok(None);
        }
        if let Some(found) = store.open(&key, read_ahead_bytes).await? {
            return Ok(Some(found));
        }
        if !self.make(file, parsed, &key).await {
            return Ok(None);
        }
        Ok(store.open(&key, read_ahead_bytes).await?)
    }

    /// Makes a thumb, or waits for the one who does.
    async fn make(&self, original: StoredFile, size: ThumbSize, key: &FileKey) -> bool {
        let path = key.path();
        let making = {
            let mut all = self.making.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = || {
                // A task of its own: it goes on when the client that asked first goes away.
                let task = tokio::spawn(self.begin(original, size, key.clone()));
                async move { task.await.unwrap_or(false) }.boxed().shared()
            };
            all.entry(path.clone()).or_insert_with(begin).clone()
        };
        let made = making.await;
        self.making.lock().unwrap_or_else(PoisonError::into_inner).remove(&path);
        made
    }

    fn begin(
        &self,
        original: StoredFile,
        size: ThumbSize,
        key: FileKey,
    ) -> impl Future<Output = bool> + Send + 'static {
        let (storage, turns, megapixels) = (self.storage.clone(), self.turns.clone(), self.megapixels.clone());
        let wait = self.wait;
        async move {
            let Ok(Ok(_turn)) = tokio::time::timeout(wait, turns.acquire_owned()).await else { return false };
            match make_thumb(&storage, &megapixels, original, size, &key).await {
                Ok(made) => made,
                Err(error) => {
                    tracing::warn!(%key, %error, "thumb not made; the original is served");
                    false
                }
            }
        }
    }
}

async fn make_thumb(
    storage: &Storage,
    megapixels: &Semaphore,
    original: StoredFile,
    size: ThumbSize,
    key: &FileKey,
) -> Result<bool, StorageError> {
    let parts: Vec<Bytes> = original.reader.read(0..original.size_bytes).try_collect().await?;
    let bytes = parts.concat();
    let Some(pixels) = image::pixels_of(&bytes) else { return Ok(false) };
    let share = u32::try_from(pixels / 1_000_000 + 1).unwrap_or(u32::MAX).min(MEGAPIXELS_AT_ONCE);
    let Ok(_share) = megapixels.acquire_many(share).await else { return Ok(false) };
    let made = tokio::task::spawn_blocking(move || image::thumb_of(&bytes, size)).await;
    // A decoder that panics has met a broken image as well.
    let Ok(Some(thumb)) = made else { return Ok(false) };
    let attributes = Attributes {
        content_type: thumb.content_type.to_owned(),
        original_name: None,
        md5: Md5::digest(&thumb.bytes).into(),
    };
    storage.current().put(key, Content::Bytes(thumb.bytes.into()), &attributes).await?;
    Ok(true)
}
