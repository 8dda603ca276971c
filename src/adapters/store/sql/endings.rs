//! What more than one room does to all that an account has.

statements! {
    /// Takes the account's row before anything else of it is changed: who changes one account waits for each other, and nobody
    /// waits the other way round.
    HOLD_ACCOUNT = "UPDATE accounts SET login_id = login_id WHERE id = $1";
    END_ATTEMPTS = "DELETE FROM attempts WHERE user_id = $1";
    END_SESSIONS = "DELETE FROM sessions WHERE user_id = $1";
    END_RESETS = "DELETE FROM password_resets WHERE user_id = $1";
    FORGET_DEVICES = "DELETE FROM devices WHERE user_id = $1";
    FORGET_BROWSERS = "DELETE FROM known_browsers WHERE user_id = $1";
}
