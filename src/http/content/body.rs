//! Bodies that come from a file, read on blocking threads.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::{JoinHandle, spawn_blocking};

/// What one hop to a blocking thread reads: enough that the hops don't count, little enough to hold per download.
const CHUNK_BYTES: u64 = 128 * 1024;

/// `length` bytes from `start`; fewer are an error.
pub(super) async fn read(mut file: File, start: u64, length: u64) -> io::Result<Bytes> {
    let read = move || {
        file.seek(SeekFrom::Start(start))?;
        read_chunk(&mut file, length)
    };
    spawn_blocking(read).await.map_err(io::Error::other)?
}

fn read_chunk(file: &mut File, length: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(length as usize);
    file.by_ref().take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.into())
}

/// A part of a file, sent as it is read.
pub(super) struct FileBody {
    state: State,
    /// Bytes not read yet.
    left: u64,
    length: u64,
}

enum State {
    Idle(File),
    Reading(JoinHandle<io::Result<(File, Bytes)>>),
    /// Ended or failed.
    Done,
}

impl FileBody {
    pub fn new(mut file: File, start: u64, length: u64) -> Self {
        // The seek itself does no I/O; a failure shows as the first read's.
        let state = file.seek(SeekFrom::Start(start)).map_or(State::Done, |_| State::Idle(file));
        Self { state, left: length, length }
    }
}

impl MessageBody for FileBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        loop {
            match std::mem::replace(&mut this.state, State::Done) {
                State::Done if this.left == 0 => return Poll::Ready(None),
                State::Done => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                State::Idle(_) if this.left == 0 => {}
                State::Idle(mut file) => {
                    let length = this.left.min(CHUNK_BYTES);
                    this.state = State::Reading(spawn_blocking(move || {
                        let bytes = read_chunk(&mut file, length)?;
                        Ok((file, bytes))
                    }));
                }
                State::Reading(mut reading) => match reading.poll_unpin(context) {
                    Poll::Pending => {
                        this.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Ok((file, bytes)))) => {
                        this.left -= bytes.len() as u64;
                        this.state = State::Idle(file);
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    Poll::Ready(Ok(Err(error))) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                },
            }
        }
    }
}

/// Says how long the body would be, and has none: the answer to `HEAD`.
pub(super) struct HeadBody {
    pub length: u64,
}

impl MessageBody for HeadBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        Poll::Ready(None)
    }
}
