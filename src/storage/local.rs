//! Files in a directory (contract/01 §8).

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

use super::attributes::{Attributes, read_sidecar};
use super::error::StorageError;
use super::file_store::{Content, FileReader, FileStore, Listed, StoredFile};
use super::key::FileKey;
use crate::ids;
use crate::input::TempFile;

/// Bytes of one step of a download: each is a hop to a blocking thread.
const READ_BYTES: u64 = 256 * 1024;
/// Objects of one page of a listing.
const PAGE_ITEMS: usize = 500;
/// A directory may vanish between being made and being written into, when its last other file is removed; so often is
/// it made anew.
const DIRECTORY_TRIES: usize = 5;
/// Removing takes a millisecond; a client that emptied a collection isn't kept for all of it.
const REMOVAL_WAIT_MAX: Duration = Duration::from_secs(2);
const SIDECAR: &str = "attrs";
/// Where files lie until they are whole: a directory that no collection can have.
const TEMPORARY: &str = ".mb_new";

/// Files in a directory, each with a side file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LocalStore {
    root: Arc<Path>,
}

impl LocalStore {
    /// The store in `root`, which is made when the first file comes.
    pub fn new(root: PathBuf) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, key: &FileKey) -> PathBuf {
        self.root.join(key.path())
    }

    fn put_blocking(&self, key: &FileKey, content: Content, attributes: &Attributes) -> Result<(), StorageError> {
        let target = self.path(key);
        let directory = target.parent().ok_or(StorageError::BadKey)?;
        match &content {
            Content::File(file) => File::open(file.path())?.sync_all()?,
            Content::Bytes(_) => {}
        }
        let mut content = Some(content);
        let mut tries = 0;
        loop {
            tries += 1;
            let new_from = make_directories(&self.root, directory)?;
            match self.write_pair(&target, &mut content, attributes) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < DIRECTORY_TRIES => continue,
                result => result?,
            }
            return Ok(sync_directories(directory, &new_from)?);
        }
    }

    fn open_blocking(&self, key: &FileKey, read_ahead_bytes: u64) -> Result<Option<StoredFile>, StorageError> {
        let path = self.path(key);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let sidecar = fs::read(sidecar_of(&path)).unwrap_or_default(); // a missing one is tolerated
        let (content_type, md5) = read_sidecar(&sidecar);
        let modified = metadata.modified()?;
        let size_bytes = metadata.len();
        Ok(Some(StoredFile {
            size_bytes,
            modified,
            content_type,
            etag: etag_of(md5, size_bytes, modified),
            reader: file_reader(file, size_bytes, read_ahead_bytes)?,
        }))
    }

    fn remove_blocking(&self, key: &FileKey) -> Result<(), StorageError> {
        let path = self.path(key);
        for gone in [path.clone(), sidecar_of(&path)] {
            match fs::remove_file(&gone) {
                Err(error) if !is_absent(&error) => return Err(error.into()),
                _ => {}
            }
        }
        // Upwards while directories are empty; the root stays. One that isn't empty refuses, which ends it.
        let mut directory = path.parent();
        while let Some(empty) = directory.filter(|directory| **directory != *self.root) {
            if fs::remove_dir(empty).is_err() {
                break;
            }
            directory = empty.parent();
        }
        Ok(())
    }

    /// Writes the side file, then the file, each under a temporary name that is renamed when it is whole and synced.
    fn write_pair(&self, target: &Path, content: &mut Option<Content>, attributes: &Attributes) -> io::Result<()> {
        self.write_renamed(&sidecar_of(target), attributes.to_sidecar().as_bytes())?;
        match content {
            Some(Content::Bytes(bytes)) => self.write_renamed(target, bytes),
            Some(Content::File(file)) => {
                self.move_file(file.path(), target)?;
                *content = None; // what it named is in its place
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn write_renamed(&self, target: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.temporary()?;
        let mut file = File::create_new(temporary.path())?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(temporary.path(), target)
    }

    /// Renames a file into its place; over the border of a file system (`storage` may be a mount) it is copied first.
    fn move_file(&self, from: &Path, target: &Path) -> io::Result<()> {
        match fs::rename(from, target) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let temporary = self.temporary()?;
                fs::copy(from, temporary.path())?;
                File::open(temporary.path())?.sync_all()?;
                fs::rename(temporary.path(), target)
            }
            result => result,
        }
    }

    /// A name for a file that is being written.
    fn temporary(&self) -> io::Result<TempFile> {
        let directory = self.root.join(TEMPORARY);
        fs::create_dir_all(&directory)?;
        Ok(TempFile::new(directory.join(ids::lower(20))))
    }

    fn tidy_blocking(&self, age: Duration) -> Result<(), StorageError> {
        let entries = match fs::read_dir(self.root.join(TEMPORARY)) {
            Err(error) if is_absent(&error) => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let is_old = entry.metadata()?.modified()?.elapsed().is_ok_and(|elapsed| elapsed >= age);
            if is_old {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl FileStore for LocalStore {
    fn put<'a>(
        &'a self,
        key: &'a FileKey,
        content: Content,
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let (store, key, attributes) = (self.clone(), key.clone(), attributes.clone());
        Box::pin(blocking(move || store.put_blocking(&key, content, &attributes)))
    }

    fn open<'a>(
        &'a self,
        key: &'a FileKey,
        read_ahead_bytes: u64,
    ) -> BoxFuture<'a, Result<Option<StoredFile>, StorageError>> {
        let (store, key) = (self.clone(), key.clone());
        Box::pin(blocking(move || store.open_blocking(&key, read_ahead_bytes)))
    }

    fn remove<'a>(&'a self, key: &'a FileKey) -> BoxFuture<'a, Result<(), StorageError>> {
        let (store, key) = (self.clone(), key.clone());
        Box::pin(blocking(move || store.remove_blocking(&key)))
    }

    fn removal_wait_max(&self) -> Duration {
        REMOVAL_WAIT_MAX
    }

    fn tidy(&self, age: Duration) -> BoxFuture<'_, Result<(), StorageError>> {
        let store = self.clone();
        Box::pin(blocking(move || store.tidy_blocking(age)))
    }

    fn list(&self, prefix: String) -> BoxStream<'static, Result<Vec<Listed>, StorageError>> {
        let root = self.root.clone();
        let (sender, receiver) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            let mut lister = Lister { root: &root, page: Vec::new(), sender: &sender };
            let result = lister.walk(&root.join(prefix)).and_then(|()| lister.flush());
            if let Err(error) = result {
                let _ = sender.blocking_send(Err(error.into())); // nobody listens any more
            }
        });
        Box::pin(stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) }))
    }
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(job).await.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

/// Makes a directory and those above it up to `root`; gives the topmost one that was there before.
fn make_directories(root: &Path, directory: &Path) -> io::Result<PathBuf> {
    let mut tries = 0;
    loop {
        tries += 1;
        let existing = directory.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(root).to_owned();
        match fs::create_dir_all(directory) {
            // One that was there a moment ago: a removal was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < DIRECTORY_TRIES => {}
            result => return result.map(|()| existing),
        }
    }
}

/// Syncs the directory of a new file, and those above it down from `topmost`, so that the file's name outlives a power
/// cut.
fn sync_directories(directory: &Path, topmost: &Path) -> io::Result<()> {
    for ancestor in directory.ancestors() {
        File::open(ancestor)?.sync_all()?;
        if ancestor == topmost {
            break;
        }
    }
    Ok(())
}

fn sidecar_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(SIDECAR);
    path.with_file_name(name)
}

/// A path that leads through a file, or is too long, names nothing either.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

/// From the content where its digest is known, else from size and time.
fn etag_of(md5: Option<[u8; 16]>, size_bytes: u64, modified: SystemTime) -> String {
    match md5 {
        Some(md5) => md5.iter().map(|byte| format!("{byte:02x}")).collect(),
        None => {
            let nanoseconds = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            format!("{size_bytes:x}-{nanoseconds:x}")
        }
    }
}

fn read_at(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

/// Reads an open file of this size; up to `read_ahead_bytes` it is read at once. Blocks.
pub fn file_reader(file: File, size_bytes: u64, read_ahead_bytes: u64) -> io::Result<Box<dyn FileReader>> {
    let whole = if size_bytes <= read_ahead_bytes { Some(read_at(&file, 0..size_bytes)?) } else { None };
    Ok(Box::new(LocalReader { file: Arc::new(file), whole }))
}

struct LocalReader {
    file: Arc<File>,
    whole: Option<Bytes>,
}

/// The bytes of a range of a file, in pieces.
pub(super) fn read_stream(file: Arc<File>, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StorageError>> {
    let steps = stream::unfold(range, move |rest| {
        let file = file.clone();
        async move {
            if rest.is_empty() {
                return None;
            }
            let step = rest.start..rest.end.min(rest.start + READ_BYTES);
            let next = step.end..rest.end;
            let read = blocking(move || Ok(read_at(&file, step)?)).await;
            let next = if read.is_ok() { next } else { 0..0 };
            Some((read, next))
        }
    });
    steps.boxed()
}

impl FileReader for LocalReader {
    fn read(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StorageError>> {
        read_stream(self.file.clone(), range)
    }

    fn whole(&self) -> Option<Bytes> {
        self.whole.clone()
    }
}

/// Walks a directory and sends pages of what lies in it.
struct Lister<'a> {
    root: &'a Path,
    page: Vec<Listed>,
    sender: &'a mpsc::Sender<Result<Vec<Listed>, StorageError>>,
}

impl Lister<'_> {
    /// The depth is that of our keys; deeper directories are none of ours.
    fn walk(&mut self, directory: &Path) -> io::Result<()> {
        const DEPTH_MAX: usize = 4;
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            let Some(relative) = path.strip_prefix(self.root).ok().and_then(Path::to_str) else { continue };
            let metadata = match fs::symlink_metadata(&path) {
                Err(error) if is_absent(&error) => continue, // removed meanwhile
                metadata => metadata?,
            };
            if metadata.is_dir() {
                if relative.split('/').count() < DEPTH_MAX {
                    self.walk(&path)?;
                }
            } else if metadata.is_file() && path.extension().is_none_or(|extension| extension != SIDECAR) {
                let modified = metadata.modified()?;
                self.page.push(Listed { path: relative.to_owned(), size_bytes: metadata.len(), modified });
                if self.page.len() >= PAGE_ITEMS {
                    self.flush()?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let page = std::mem::take(&mut self.page);
        if page.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(Ok(page)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests;
