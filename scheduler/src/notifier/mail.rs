//! E-mails, over SMTP.

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::response::Response;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::PATIENCE;
use super::send::Undelivered;
use super::settings::{MailSettings, MailTls};
use crate::causes::with_causes;

/// What is sent.
pub(super) struct Letter<'a> {
    pub(super) to: &'a [String],
    pub(super) cc: &'a [String],
    pub(super) subject: &'a str,
    pub(super) body: &'a str,
    pub(super) is_html: bool,
    /// The same whenever it is sent again.
    pub(super) name: &'a str,
}

/// Hands a letter to the mail server; what that answered.
pub(super) async fn send(settings: &MailSettings, letter: Letter<'_>) -> Result<String, Undelivered> {
    let message = message(settings, &letter).map_err(Undelivered::for_good)?;
    let transport = transport(settings).map_err(Undelivered::for_good)?;
    match transport.send(message).await {
        Ok(response) => Ok(said(&response)),
        Err(error) => {
            let reason = format!("the mail server {} did not take it: {}", settings.host, with_causes(&error));
            let is_final = error.is_permanent();
            Err(if is_final { Undelivered::for_good(reason) } else { Undelivered::for_now(reason) })
        }
    }
}

fn said(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), lines.join(" ")).trim().to_owned()
}

fn message(settings: &MailSettings, letter: &Letter<'_>) -> Result<Message, String> {
    let mailbox = |address: &String| {
        address.trim().parse::<Mailbox>().map_err(|error| format!("`{address}` is not an e-mail address: {error}"))
    };
    let from = mailbox(&settings.from)?;
    let domain = from.email.domain().to_owned();
    if letter.to.is_empty() {
        return Err("it goes to nobody: `to` is empty".to_owned());
    }
    let mut builder = Message::builder()
        .from(from)
        .subject(letter.subject)
        .message_id(Some(format!("<{}@{domain}>", letter.name)))
        .header(if letter.is_html { ContentType::TEXT_HTML } else { ContentType::TEXT_PLAIN });
    for address in letter.to {
        builder = builder.to(mailbox(address)?);
    }
    for address in letter.cc {
        builder = builder.cc(mailbox(address)?);
    }
    builder.body(letter.body.to_owned()).map_err(|error| format!("the e-mail cannot be made: {error}"))
}

fn transport(settings: &MailSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let tls = || {
        TlsParameters::new(settings.host.clone())
            .map_err(|error| format!("no secret connection to {} can be made: {error}", settings.host))
    };
    let tls = match settings.tls {
        MailTls::None => Tls::None,
        MailTls::StartTls => Tls::Required(tls()?),
        MailTls::Tls => Tls::Wrapper(tls()?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
        .port(settings.port)
        .tls(tls)
        .timeout(Some(PATIENCE));
    if let Some((user, password)) = &settings.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}
