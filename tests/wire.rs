//! The wire guard in front of a real hyper.

// Says to the linter that helpers are tests too.
#[cfg(test)]
mod wire {
    mod differential;
    mod served;
}
