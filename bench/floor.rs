//! The least a server could do with the parts that Monobase is made of: a constant, one row, thirty rows, a file.
//! Usage: floor ADDRESS DATA_DIR (a directory made by bench/run)

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use actix_files::NamedFile;
use actix_web::http::header::ContentType;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use rusqlite::{Connection, OpenFlags, Row};

const CONSTANT: &str = r#"{"message":"API is healthy.","code":200,"data":{}}"#;
const COLUMNS: [&str; 7] = ["author", "created", "id", "number", "team", "title", "updated"];
const ONE: &str = "SELECT author, created, id, number, team, title, updated FROM posts WHERE id = ?1";
const MANY: &str = "SELECT author, created, id, number, team, title, updated FROM posts LIMIT 30";

thread_local! {
    /// Each worker reads over a connection of its own.
    static DATABASE: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

struct Data {
    database: PathBuf,
    file: PathBuf,
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().expect("usage: floor ADDRESS DATA_DIR");
    let home = PathBuf::from(arguments.next().expect("usage: floor ADDRESS DATA_DIR"));
    let data = web::Data::new(Data { file: largest_file(&home.join("storage")), database: home.join("data.db") });
    let server = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
        .workers(std::thread::available_parallelism()?.get())
        .bind(address)?;
    actix_web::rt::System::new().block_on(server.run())
}

/// The path is split by hand: actix tries the routes of a table one by one, which a floor doesn't pay for.
async fn answer(request: HttpRequest, data: web::Data<Data>) -> HttpResponse {
    match request.path() {
        "/constant" => json(CONSTANT.into()),
        "/rows" => json(with_database(&data, many)),
        "/file" => match NamedFile::open(&data.file) {
            Ok(file) => file.into_response(&request),
            Err(_) => HttpResponse::NotFound().finish(),
        },
        path => match path.strip_prefix("/row/") {
            Some(id) => json(with_database(&data, |database| one(database, id))),
            None => HttpResponse::NotFound().finish(),
        },
    }
}

fn json(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(body)
}

fn with_database<T>(data: &Data, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
    DATABASE.with_borrow_mut(|slot| {
        let database = slot.get_or_insert_with(|| open(&data.database));
        read(database).expect("the benchmark's own rows can be read")
    })
}

fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).expect("bench/run made the database");
    database.pragma_update(None, "mmap_size", 256 << 20).expect("a pragma");
    database
}

fn one(database: &Connection, id: &str) -> rusqlite::Result<Vec<u8>> {
    let mut statement = database.prepare_cached(ONE)?;
    statement.query_row([id], |row| {
        let mut body = Vec::with_capacity(256);
        write_row(row, &mut body)?;
        Ok(body)
    })
}

fn many(database: &Connection) -> rusqlite::Result<Vec<u8>> {
    let mut statement = database.prepare_cached(MANY)?;
    let mut rows = statement.query([])?;
    let mut body = Vec::with_capacity(8192);
    body.extend_from_slice(br#"{"items":["#);
    let mut separator: &[u8] = b"";
    while let Some(row) = rows.next()? {
        body.extend_from_slice(separator);
        write_row(row, &mut body)?;
        separator = b",";
    }
    body.extend_from_slice(br#"],"page":1,"perPage":30,"totalItems":-1,"totalPages":-1}"#);
    Ok(body)
}

fn write_row(row: &Row<'_>, body: &mut Vec<u8>) -> rusqlite::Result<()> {
    for (index, name) in COLUMNS.iter().enumerate() {
        body.extend_from_slice(if index == 0 { b"{\"" } else { b",\"" });
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(b"\":");
        match row.get_ref(index)? {
            rusqlite::types::ValueRef::Text(text) => {
                let text = std::str::from_utf8(text).map_err(|_| rusqlite::Error::InvalidQuery)?;
                serde_json::to_writer(&mut *body, text).expect("text can be written to memory");
            }
            rusqlite::types::ValueRef::Real(number) => {
                serde_json::to_writer(&mut *body, &number).expect("a number can be written to memory");
            }
            rusqlite::types::ValueRef::Integer(number) => {
                serde_json::to_writer(&mut *body, &number).expect("a number can be written to memory");
            }
            _ => body.extend_from_slice(b"null"),
        }
    }
    body.push(b'}');
    Ok(())
}

/// The only file of the data directory that is worth a download.
fn largest_file(folder: &Path) -> PathBuf {
    let mut folders = vec![folder.to_path_buf()];
    let mut largest = (0, PathBuf::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) if meta.len() > largest.0 => largest = (meta.len(), entry.path()),
                _ => {}
            }
        }
    }
    largest.1
}
