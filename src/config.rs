//! Reads `config.toml`.

pub mod settings;

pub use settings::Settings;
