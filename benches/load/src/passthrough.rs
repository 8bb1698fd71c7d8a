//! The floor: a bare hyper reverse proxy on one thread. It copies method, path, headers and body to one
//! provider and streams the answer back.
//!
//! `--peek` adds the least that any gateway for models must do: buffer the request, read `model` and `stream`
//! out of it, and put another key in the place of the caller's.

use std::{borrow::Cow, convert::Infallible, io, rc::Rc};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING},
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpListener;

/// Options of `passthrough`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long, default_value = "127.0.0.1:9200")]
    listen: String,
    #[arg(long, default_value = "127.0.0.1:9100")]
    upstream: String,
    /// Also buffer the request, read `model` and `stream`, replace the key
    #[arg(long)]
    peek: bool,
}

#[derive(serde::Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(default)]
    stream: bool,
}

type Body = Either<Incoming, Full<Bytes>>;

struct Proxy {
    client: Client<HttpConnector, Body>,
    args: Args,
}

/// Serves until killed.
pub(crate) async fn run(args: Args) -> io::Result<()> {
    let listener = TcpListener::bind(&args.listen).await?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector);
    let proxy = Rc::new(Proxy { client, args });
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        let proxy = proxy.clone();
        let service = service_fn(move |request| {
            let proxy = proxy.clone();
            async move { Ok::<_, Infallible>(proxy.pass(request).await) }
        });
        tokio::task::spawn_local(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

impl Proxy {
    async fn pass(&self, request: Request<Incoming>) -> Response<Body> {
        let request = match self.prepare(request).await {
            Ok(request) => request,
            Err(message) => return refusal(400, message),
        };
        match self.client.request(request).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                head.headers.remove(CONNECTION);
                head.headers.remove(TRANSFER_ENCODING);
                Response::from_parts(head, Either::Left(body))
            }
            Err(error) => refusal(502, error.to_string()),
        }
    }

    async fn prepare(&self, request: Request<Incoming>) -> Result<Request<Body>, String> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = Uri::builder()
            .scheme("http")
            .authority(self.args.upstream.as_str())
            .path_and_query(path)
            .build()
            .map_err(|error| error.to_string())?;
        head.headers.remove(HOST);
        head.headers.remove(CONNECTION);
        if !self.args.peek {
            return Ok(Request::from_parts(head, Either::Left(body)));
        }
        let collected = body.collect().await.map_err(|error| error.to_string())?;
        let bytes = collected.to_bytes();
        let peek: Peek<'_> = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        std::hint::black_box((&peek.model, peek.stream));
        let key = HeaderValue::from_static("Bearer sk-upstream");
        head.headers.insert(AUTHORIZATION, key);
        head.headers.remove(TRANSFER_ENCODING);
        Ok(Request::from_parts(head, Either::Right(Full::new(bytes))))
    }
}

fn refusal(status: u16, message: String) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::new(message.into())));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
}
