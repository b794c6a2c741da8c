//! Bodies that come from a file.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};

use super::ranges::{Parts, Piece};
use crate::storage::{FileReader, StorageError};

/// A streamed body of a known size. One that breaks off ends the connection, so that the client sees it.
pub(super) struct SizedBody {
    size: u64,
    stream: BoxStream<'static, Result<Bytes, StorageError>>,
}

impl SizedBody {
    /// Says how long the body would be, and has none: the answer to `HEAD`.
    pub fn empty(size: u64) -> Self {
        Self { size, stream: stream::empty().boxed() }
    }
}

/// The pieces one after the other, read as they are sent.
pub(super) fn read_pieces(parts: Parts, reader: Box<dyn FileReader>) -> SizedBody {
    let size = parts.size();
    if let Some(range) = parts.single() {
        return SizedBody { size, stream: reader.read(range) };
    }
    let pieces = stream::iter(parts.pieces).flat_map(move |piece| match piece {
        Piece::Bytes(bytes) => stream::once(async { Ok(bytes) }).boxed(),
        Piece::File(range) => reader.read(range),
    });
    SizedBody { size, stream: pieces.boxed() }
}

impl MessageBody for SizedBody {
    type Error = StorageError;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StorageError>>> {
        Pin::new(&mut self.stream).poll_next(context)
    }
}
