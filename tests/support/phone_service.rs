//! A service that reaches phones, as far as the gateway can tell: it writes down what it is asked.

use crate::process::{PATIENCE, POLL};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// A running service.
pub struct PhoneService {
    port: u16,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl PhoneService {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&seen)));
            }
        });
        Self { port, asked }
    }

    /// What a configuration says to have text messages and calls made by it.
    pub fn sections(&self) -> String {
        let section = |channel: &str| {
            format!(
                "\n[{channel}]\nurl = \"http://127.0.0.1:{}/{channel}\"\ncountries = [\"+44\"]\n\
                 body = '{{ \"to\": \"{{to}}\", \"text\": \"{{text}}\", \"code\": \"{{code}}\" }}'\n",
                self.port
            )
        };
        ["sms", "voice"].map(section).concat()
    }

    /// What it was asked to send by this channel, `sms` or `voice`, once there is something. It is forgotten then.
    pub async fn take(&self, channel: &str) -> Value {
        let path = format!("/{channel}");
        let found = || {
            let mut asked = self.asked.lock().unwrap();
            let at = asked.iter().position(|(of, _)| *of == path)?;
            Some(asked.remove(at).1)
        };
        let waiting = async {
            loop {
                if let Some(message) = found() {
                    return message;
                }
                sleep(POLL).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("nothing was sent by {channel}"))
    }
}

/// Reads one request, writes it down, and takes it.
async fn answer(stream: TcpStream, asked: Arc<Mutex<Vec<(String, Value)>>>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "a request ends early: {head}");
    }
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
    stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await.unwrap();
}
