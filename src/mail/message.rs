//! A mail as it goes over the wire: `multipart/mixed` around `multipart/alternative` (contract/11 §14).

use lettre::Message;
use lettre::address::{Address, AddressError};
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use super::Mail;
use super::plain_text::plain_text;
use super::send::MailError;
use crate::ids;
use crate::settings::Meta;

/// Characters of the random part of a message id.
const MESSAGE_ID_LENGTH: usize = 15;

/// The message, with sender, `Date` and `Message-ID`.
pub fn build(mail: &Mail, meta: &Meta) -> Result<Message, MailError> {
    let address = |text: &str| {
        text.parse::<Address>().map_err(|error: AddressError| MailError::Never(format!("address {text:?}: {error}")))
    };
    let sender = address(&meta.sender_address)?;
    let domain = sender.domain().to_owned();
    let part = |content_type: ContentType, text: String| {
        SinglePart::builder().header(content_type).header(ContentTransferEncoding::QuotedPrintable).body(
            lettre::message::Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
                .expect("quoted-printable takes any text"),
        )
    };
    let alternative = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, plain_text(&mail.html)))
        .singlepart(part(ContentType::TEXT_HTML, mail.html.clone()));
    Message::builder()
        .from(Mailbox::new(Some(one_line(&meta.sender_name)), sender))
        .to(Mailbox::new(None, address(&mail.to)?))
        .subject(one_line(&mail.subject))
        .message_id(Some(format!("<{}@{domain}>", ids::lower(MESSAGE_ID_LENGTH))))
        .date_now()
        .multipart(MultiPart::mixed().multipart(alternative))
        .map_err(|error| MailError::Never(error.to_string()))
}

/// The text without control characters: a line break in a header would begin another one.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '\u{2028}' || c == '\u{2029}' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(subject: &str, sender: &str) -> String {
        let mail = Mail {
            to: "a@example.com".into(),
            subject: subject.into(),
            html: "<p>Grüße <a href=\"https://x.de/1\">x</a></p>".into(),
            otp_id: None,
        };
        let meta = Meta { sender_name: sender.into(), ..Meta::default() };
        String::from_utf8(build(&mail, &meta).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_mail_has_both_texts_and_its_headers() {
        let text = written("Hello", "Support");
        assert!(text.contains("From: Support <support@example.com>\r\n"), "{text}");
        assert!(text.contains("To: a@example.com\r\n"), "{text}");
        assert!(text.contains("Subject: Hello\r\n"), "{text}");
        assert!(text.contains("@example.com>\r\n") && text.contains("Message-ID: <"), "{text}");
        assert!(text.contains("Date: "), "{text}");
        assert!(text.contains("multipart/mixed") && text.contains("multipart/alternative"), "{text}");
        assert!(text.contains("text/plain") && text.contains("text/html"), "{text}");
        assert!(text.contains("Gr=C3=BC=C3=9Fe x (https://x.de/1)"), "{text}");
    }

    #[test]
    fn no_text_begins_a_header_of_its_own() {
        for evil in ["x\r\nBcc: evil@example.com", "x\nBcc: evil@example.com", "x\rBcc: evil@example.com", "x\0y"] {
            let text = written(evil, evil);
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
            assert!(!head.contains('\0'), "{head}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        let bad = ["a@b\r\nBcc: c@d.co", "", "a", "a@b.co, c@d.co"];
        for to in bad {
            let mail = Mail { to: to.into(), subject: String::new(), html: String::new(), otp_id: None };
            assert!(matches!(build(&mail, &Meta::default()), Err(MailError::Never(_))), "{to:?}");
        }
    }
}
