use futures_util::TryStreamExt;
use tempfile::TempDir;

use super::*;

fn attributes() -> Attributes {
    Attributes { content_type: "text/plain; charset=utf-8".into(), original_name: Some("A.txt".into()), md5: [7; 16] }
}

fn key(path: &str) -> FileKey {
    FileKey::parse(path).unwrap()
}

struct Directory {
    dir: TempDir,
    store: LocalStore,
}

impl Directory {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        Self { store: LocalStore::new(dir.path().join("storage")), dir }
    }

    async fn put(&self, path: &str, text: &'static str) {
        self.store.put(&key(path), Content::Bytes(text.into()), &attributes()).await.unwrap();
    }

    /// The paths of all files, side files included, sorted.
    fn files(&self) -> Vec<String> {
        fn walk(at: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(at).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => walk(&path, root, found),
                    false => found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        let (root, mut found) = (self.dir.path().join("storage"), Vec::new());
        walk(&root, &root, &mut found);
        found.sort();
        found
    }
}

async fn read(store: &LocalStore, path: &str, range: Range<u64>) -> Vec<u8> {
    let file = store.open(&key(path), 0).await.unwrap().unwrap();
    file.reader
        .read(range)
        .try_fold(Vec::new(), |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_file_is_found_as_it_was_put() {
    let directory = Directory::new();
    directory.put("c/r/a.txt", "hello").await;
    assert_eq!(directory.files(), ["c/r/a.txt", "c/r/a.txt.attrs"]);
    let file = directory.store.open(&key("c/r/a.txt"), 0).await.unwrap().unwrap();
    assert_eq!(file.size_bytes, 5);
    assert_eq!(file.content_type, "text/plain; charset=utf-8");
    assert_eq!(file.etag, "07".repeat(16));
    assert_eq!(file.reader.whole(), None);
    assert_eq!(read(&directory.store, "c/r/a.txt", 0..5).await, b"hello");
    assert_eq!(read(&directory.store, "c/r/a.txt", 1..3).await, b"el");
    let at_once = directory.store.open(&key("c/r/a.txt"), 5).await.unwrap().unwrap();
    assert_eq!(at_once.reader.whole().as_deref(), Some(b"hello".as_slice()));
}

#[tokio::test]
async fn a_temporary_file_moves_into_its_place() {
    let directory = Directory::new();
    let upload = directory.dir.path().join("upload");
    let content = vec![b'x'; 700_000];
    fs::write(&upload, &content).unwrap();
    let file = Content::File(TempFile::new(upload.clone()));
    directory.store.put(&key("c/r/big.bin"), file, &attributes()).await.unwrap();
    assert!(!upload.exists());
    assert_eq!(read(&directory.store, "c/r/big.bin", 0..700_000).await, content);
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let directory = Directory::new();
    directory.put("c/r/a.txt", "hello").await;
    for path in ["c/r/b.txt", "c/x/a.txt", "x/r/a.txt", "c/r/thumbs_a.txt/1x1_a.txt"] {
        assert!(directory.store.open(&key(path), 0).await.unwrap().is_none(), "{path}");
    }
    // A directory is no file, and a path through a file leads nowhere.
    fs::create_dir_all(directory.dir.path().join("storage/c/r/dir")).unwrap();
    assert!(directory.store.open(&key("c/r/dir"), 0).await.unwrap().is_none());
    fs::write(directory.dir.path().join("storage/c/file"), "").unwrap();
    assert!(directory.store.open(&key("c/file/a.txt"), 0).await.unwrap().is_none());
}

#[tokio::test]
async fn a_file_without_a_side_file_is_of_an_unknown_type() {
    let directory = Directory::new();
    directory.put("c/r/a.txt", "hello").await;
    fs::remove_file(directory.dir.path().join("storage/c/r/a.txt.attrs")).unwrap();
    let file = directory.store.open(&key("c/r/a.txt"), 0).await.unwrap().unwrap();
    assert_eq!(file.content_type, "application/octet-stream");
    assert!(file.etag.starts_with("5-"));
}

#[tokio::test]
async fn removing_takes_empty_directories_along() {
    let directory = Directory::new();
    directory.put("c/r/a.txt", "a").await;
    directory.put("c/r/b.txt", "b").await;
    directory.store.remove(&key("c/r/a.txt")).await.unwrap();
    directory.store.remove(&key("c/r/a.txt")).await.unwrap();
    assert_eq!(directory.files(), ["c/r/b.txt", "c/r/b.txt.attrs"]);
    directory.store.remove(&key("c/r/b.txt")).await.unwrap();
    let root = directory.dir.path().join("storage");
    assert!(root.is_dir() && !root.join("c").exists());
}

#[tokio::test]
async fn a_listing_has_every_file_below_the_prefix() {
    let directory = Directory::new();
    for path in ["c/r/a.txt", "c/r/thumbs_a.txt/1x1_a.txt", "c/s/b.txt", "d/r/c.txt"] {
        directory.put(path, "x").await;
    }
    let list = async |prefix: &str| {
        let pages: Vec<Vec<Listed>> = directory.store.list(prefix.to_owned()).try_collect().await.unwrap();
        let mut paths: Vec<String> = pages.concat().into_iter().map(|listed| listed.path).collect();
        paths.sort();
        paths
    };
    assert_eq!(list("").await, ["c/r/a.txt", "c/r/thumbs_a.txt/1x1_a.txt", "c/s/b.txt", "d/r/c.txt"]);
    assert_eq!(list("c/").await, ["c/r/a.txt", "c/r/thumbs_a.txt/1x1_a.txt", "c/s/b.txt"]);
    assert_eq!(list("c/s/").await, ["c/s/b.txt"]);
    assert_eq!(list("nope/").await, [""; 0]);
}

#[tokio::test]
async fn interrupted_writes_are_tidied_away() {
    let directory = Directory::new();
    directory.put("c/r/a.txt", "x").await;
    let left = directory.dir.path().join("storage/.mb_new/left");
    fs::write(&left, "half").unwrap();
    directory.store.tidy(Duration::from_secs(3600)).await.unwrap();
    assert!(left.exists());
    directory.store.tidy(Duration::ZERO).await.unwrap();
    assert!(!left.exists());
}

#[tokio::test]
async fn writing_into_a_directory_that_is_being_removed_works() {
    let directory = Directory::new();
    let (a, b) = (key("c/r/a.txt"), key("c/r/b.txt"));
    let attributes = attributes();
    for _ in 0..50 {
        directory.put("c/r/a.txt", "a").await;
        let put = directory.store.put(&b, Content::Bytes("b".into()), &attributes);
        let (removed, put) = tokio::join!(directory.store.remove(&a), put);
        removed.unwrap();
        put.unwrap();
        assert_eq!(read(&directory.store, "c/r/b.txt", 0..1).await, b"b");
        directory.store.remove(&b).await.unwrap();
    }
}
