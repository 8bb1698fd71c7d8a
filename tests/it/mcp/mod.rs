//! MCP from outside: what a client sends and what it reads.

mod asks;
mod lists;
mod said;
mod speaker;
mod tasks;
