//! How records are written down.

use crate::domain::{time::Timestamp, user::LoginId};

/// Instants as RFC 3339 has them, to the millisecond.
pub(super) mod instant {
    use super::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use std::borrow::Cow;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    pub(in crate::domain::record) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // Only the ends of time are out of range, and nothing was decided then.
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
        serializer.collect_str(&at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))
    }

    pub(in crate::domain::record) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let at: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Timestamp::from_millis(at.as_millisecond()))
    }
}

pub(super) mod maybe_instant {
    use super::{Timestamp, instant};
    use serde::{Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands out references")]
    pub(in crate::domain::record) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => instant::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::domain::record) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        instant::deserialize(deserializer).map(Some)
    }
}

pub(super) mod login_id {
    use super::LoginId;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use std::borrow::Cow;

    pub(in crate::domain::record) fn serialize<S: Serializer>(
        user: &LoginId,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(user.as_str())
    }

    pub(in crate::domain::record) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<LoginId, D::Error> {
        LoginId::parse(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
