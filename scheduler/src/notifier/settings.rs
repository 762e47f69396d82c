//! What deliveries are made with.

use model::callback::Links;

/// How the connection to a mail server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all: for a server on this machine.
    None,
    /// It begins in the open and must then change.
    StartTls,
    /// From the beginning.
    Tls,
}

impl MailTls {
    /// The port that mail servers have for it.
    pub const fn port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::StartTls => 587,
            Self::Tls => 465,
        }
    }
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is secret.
    pub tls: MailTls,
    /// Who logs in, and how.
    pub credentials: Option<(String, String)>,
    /// Whom e-mails come from.
    pub from: String,
}

impl std::fmt::Debug for MailSettings {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailSettings").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// What deliveries are made with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationSettings {
    /// Where e-mails go; none: they are refused.
    pub mail: Option<MailSettings>,
    /// Where the pages are that messages link to.
    pub links: Links,
}
