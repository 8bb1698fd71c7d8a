//! The load generator: one thread, three ways to ask, one JSON line of results.
//!
//! `--conns N` is a closed loop: each connection asks again as soon as it is answered. With `--rate R`
//! requests leave on a timetable and latency counts from the planned instant, so that a slow gateway cannot
//! slow its own measurement down. `--streams N` holds N streams at once and counts every chunk.

mod ask;
mod connection;
mod observe;
mod stats;
mod target;

use std::{cell::RefCell, io, rc::Rc, time::Duration};

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::clock;
use observe::Observer;
use stats::Stats;

pub(crate) use target::Target;

/// How long requests in flight may take at the end.
const GRACE: f64 = 20.0;

/// Options of `load`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// What the run is called in the results
    #[arg(long, default_value = "")]
    test: String,
    /// Which repetition it is
    #[arg(long, default_value_t = 1)]
    rep: u32,
    /// Connections
    #[arg(long, default_value_t = 64)]
    conns: usize,
    /// Requests a second, on a timetable
    #[arg(long)]
    rate: Option<f64>,
    /// Streams at once, one on each connection
    #[arg(long)]
    streams: Option<usize>,
    /// Content chunks of each stream
    #[arg(long, default_value_t = 60)]
    chunks: u32,
    /// Milliseconds between chunks
    #[arg(long, default_value_t = 50)]
    delay_ms: u32,
    /// Size of the prompt in KiB
    #[arg(long, default_value_t = 0)]
    body_kib: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 4.0)]
    secs: f64,
    /// Seconds before that
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// The gateway, for its CPU time and memory
    #[arg(long)]
    pid: Option<u32>,
    /// Providers, whose CPU time is not noise; may be repeated
    #[arg(long)]
    mock_pid: Vec<u32>,
}

/// When a run begins, is measured, and must be over; in nanoseconds of the clock.
#[derive(Clone, Copy)]
struct Window {
    start: u64,
    from: u64,
    /// The far future for streams, which are measured to their end.
    to: u64,
    end: u64,
}

impl Window {
    fn of(args: &Args) -> Self {
        let start = clock::now() + clock::nanos(0.02);
        let from = start + clock::nanos(args.warmup);
        let to = from + clock::nanos(args.secs);
        match args.streams {
            None => Self {
                start,
                from,
                to,
                end: to + clock::nanos(GRACE),
            },
            Some(_) => Self {
                start,
                from: start,
                to: u64::MAX,
                end: to + clock::nanos(GRACE),
            },
        }
    }

    fn measures(&self, instant: u64) -> bool {
        (self.from..self.to).contains(&instant)
    }
}

/// What all connections of a run share.
struct Run {
    args: Args,
    request: Vec<u8>,
    window: Window,
    stats: RefCell<Stats>,
}

/// Makes the load and prints the results.
pub(crate) async fn run(args: Args) -> io::Result<()> {
    raise_file_limit();
    let window = Window::of(&args);
    let request = args.target.request(&body(&args).to_string(), "");
    let observer = Observer::start(args.pid, args.mock_pid.clone(), window);
    let run = Rc::new(Run {
        args,
        request,
        window,
        stats: RefCell::new(Stats::new()?),
    });
    let tasks = match (run.args.streams, run.args.rate) {
        (Some(streams), _) => ask::streams(&run, streams),
        (None, Some(rate)) => ask::at_rate(&run, rate)?,
        (None, None) => ask::in_loop(&run),
    };
    let unfinished = finish(tasks, window.end).await;
    let measured_to = clock::now().min(window.to);
    let seen = observer.finish().await;

    let mut stats = run.stats.borrow_mut();
    for _ in 0..unfinished {
        stats.error("unfinished".into());
    }
    let seconds = (measured_to - window.from) as f64 / 1e9;
    let Args { target, .. } = &run.args;
    let mut line = json!({"name": target.name, "test": run.args.test, "rep": run.args.rep, "secs": seconds, "body_bytes": run.request.len()});
    merge(&mut line, stats.report(seconds));
    merge(&mut line, seen.report(stats.ok, stats.chunks));
    println!("{line}");
    match stats.ok {
        0 => Err(io::Error::other("nothing was answered")),
        _ => Ok(()),
    }
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// The request's body: a short or a long prompt, and the directive for the provider's stream.
fn body(args: &Args) -> Value {
    let mut prompt = String::new();
    if args.streams.is_some() {
        let (chunks, delay) = (args.chunks, args.delay_ms);
        prompt = format!("[[mock chunks={chunks} delay_ms={delay}]] ");
    }
    prompt.push_str(&target::prose(args.body_kib * 1024));
    let mut body = json!({
        "model": args.target.model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": prompt},
        ],
        "temperature": 0.7,
        "max_tokens": 256,
    });
    if args.streams.is_some() {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

/// Waits for all tasks until `end`, and counts those that were not done by then.
async fn finish(tasks: Vec<JoinHandle<()>>, end: u64) -> usize {
    let mut unfinished = 0;
    for mut task in tasks {
        let left = Duration::from_nanos(end.saturating_sub(clock::now()));
        if timeout(left, &mut task).await.is_err() {
            task.abort();
            unfinished += 1;
        }
    }
    unfinished
}

fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it may not be raised, connecting will say so.
    let _ = setrlimit(Resource::Nofile, limit);
}
