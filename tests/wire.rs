//! The wire guard in front of a real hyper.

mod wire {
    mod differential;
    mod served;
}
