//! What the gateway promises when providers fail: every fault on every surface, judged from outside by what the
//! caller got, what the providers saw and what the books say.

mod answers;
mod budget;
mod classes;
mod clients;
mod cuts;
mod judge;
mod keys;
mod matrix;
mod outage;
mod pair;
mod probes;
mod room;
mod secrets;
mod table;
mod voice;
mod wire;
