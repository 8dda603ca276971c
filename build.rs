//! Compiles again when a migration was added: `sqlx::migrate!` alone does not see new files.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
