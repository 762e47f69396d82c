//! An address that stays while the server behind it goes and comes back elsewhere.

use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};

/// Forwards connections; dropping it ends it.
pub(super) struct Proxy {
    url: String,
    behind: Arc<Mutex<String>>,
    forwarding: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// In front of the server at a URL.
    pub(super) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let behind = Arc::new(Mutex::new(server.to_owned()));
        let target = behind.clone();
        let forwarding = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let address = target.lock().expect("an address").trim_start_matches("http://").to_owned();
                tokio::spawn(async move {
                    // Nobody behind it: the connection is closed.
                    if let Ok(mut far) = TcpStream::connect(address).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self { url, behind, forwarding }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Where the server is now.
    pub(super) fn moved(&self, server: &str) {
        server.clone_into(&mut self.behind.lock().expect("an address"));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}
