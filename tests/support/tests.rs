//! The parts themselves: a test that fails here isn't the program's fault.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::parts::{Behaviour, S3, Smtp};

/// Speaks SMTP by hand: one mail, each answer's code checked.
fn send_mail(port: u16, recipient_code: &str) {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
    let mut say = |line: &str, code: &str| {
        stream.get_mut().write_all(line.as_bytes()).unwrap();
        loop {
            let mut answer = String::new();
            stream.read_line(&mut answer).unwrap();
            assert!(answer.starts_with(code), "{line:?}: {answer:?}");
            if answer.as_bytes()[3] == b' ' {
                return;
            }
        }
    };
    say("", "220");
    say("EHLO test\r\n", "250");
    say("MAIL FROM:<a@example.com>\r\n", "250");
    say("RCPT TO:<b@example.com>\r\n", recipient_code);
    if recipient_code == "250" {
        say("DATA\r\n", "354");
        say("Subject: =?utf-8?Q?h=C3=A4llo?=\r\n\r\nbody\r\n.\r\n", "250");
    }
}

#[test]
fn the_mail_server_keeps_what_it_gets() {
    let smtp = Smtp::start(Behaviour::Accepts);
    send_mail(smtp.port(), "250");
    let mails = smtp.wait_for(1);
    assert_eq!((mails[0].from.as_str(), mails[0].to.as_slice()), ("a@example.com", &["b@example.com".to_owned()][..]));
    assert_eq!(mails[0].header("subject").as_deref(), Some("=?utf-8?Q?h=C3=A4llo?="));
}

#[test]
fn the_mail_server_refuses_when_told_to() {
    let smtp = Smtp::start(Behaviour::Refuses);
    send_mail(smtp.port(), "550");
    assert!(smtp.mails().is_empty());
}

#[test]
fn the_store_starts_and_checks_signatures() {
    let s3 = S3::start();
    let address = s3.settings()["endpoint"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
    let answer = crate::raw(address, b"GET /files/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(answer.status, 403);
}
