//! A service that reaches phones, as far as anybody can tell: it writes down what it is asked.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// What it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A running service.
pub(crate) struct Service {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    /// Answers with these in turn, the last one again and again. Who is to come again is told so for the next hour.
    pub(crate) async fn start(answers: &[(u16, &'static str)]) -> Self {
        Self::asking_to_wait(answers, "3600").await
    }

    /// The same, with another time to come again after.
    pub(crate) async fn asking_to_wait(answers: &[(u16, &'static str)], seconds: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, seen) = (Arc::new(answers.to_vec()), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, seen) = (Arc::clone(&answers), Arc::clone(&seen));
                let answer =
                    service_fn(move |request| answer(request, Arc::clone(&answers), seconds, Arc::clone(&seen)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    answers: Arc<Vec<(u16, &'static str)>>,
    seconds: &'static str,
    seen: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let asked = Asked { method: head.method, path: head.uri.to_string(), headers: head.headers, body };
    let count = {
        let mut seen = seen.lock().unwrap();
        seen.push(asked);
        seen.len()
    };
    let (status, body) = answers[count.min(answers.len()) - 1];
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    let response = response.header("Location", "/elsewhere").header("Retry-After", seconds);
    Ok(response.body(Full::from(body)).unwrap())
}
