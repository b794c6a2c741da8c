//! The picture of a new account, as an upload (contract/11 §9.3).

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::ids;
use crate::input::{ContentFacts, TempFile, Upload};
use crate::outbound::{Ask, Outbound, OutboundError, Payload};

const BYTES_MAX: usize = 32 * 1024 * 1024;
const TIME_MAX: Duration = Duration::from_secs(10);

/// Downloads a picture for the field `key`. Its URL comes from outside, so no origin is trusted.
pub async fn download(outbound: &Outbound, url: &str, key: &str, temp_dir: &Path) -> Result<Upload, OutboundError> {
    let (mut target, file) = create(temp_dir).await.map_err(OutboundError::Kept)?;
    let mut facts = ContentFacts::default();
    let headers = [("accept", "image/*,*/*;q=0.8")];
    let ask = Ask {
        url,
        authorization: None,
        headers: &headers,
        payload: Payload::None,
        trusted: &[],
        bytes_max: BYTES_MAX,
        time_max: TIME_MAX,
    };
    let answer = outbound.stream(ask, async |chunk: Bytes| {
        facts.add(&chunk);
        target.write_all(&chunk).await
    });
    let answer = answer.await?;
    target.flush().await.map_err(OutboundError::Kept)?;
    if !answer.is_success() || facts.size_bytes() == 0 {
        let host = answer.url.host_str().unwrap_or_default().to_owned();
        return Err(OutboundError::Failed { host, reason: "it gives no picture" });
    }
    Ok(facts.into_upload(key.to_owned(), name_of(url), file))
}

/// The last segment of the path as it was asked for, decoded.
fn name_of(url: &str) -> String {
    let Ok(url) = url::Url::parse(url) else { return String::new() };
    let last = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned()
}

async fn create(dir: &Path) -> io::Result<(File, TempFile)> {
    fs::create_dir_all(dir).await?;
    let path = dir.join(format!("mb_avatar_{}", ids::lower(20)));
    let file = File::create_new(&path).await?;
    Ok((file, TempFile::new(path)))
}
