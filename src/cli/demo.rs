//! `doorward demo`: everything on localhost.

pub mod app;
