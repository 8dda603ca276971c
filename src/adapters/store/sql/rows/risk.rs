//! What sign-ins are compared with, as rows.

use super::bad;
use crate::{
    domain::{
        risk::{Assessment, Coordinates, Country, Score, Signal, Subnet, Trace, Whereabouts},
        secret::TokenHash,
        time::Timestamp,
        user::UserId,
    },
    ports::StoreError,
};
use sqlx::FromRow;

/// The columns of an assessment.
#[derive(FromRow)]
pub(super) struct RiskRow {
    risk_score: i64,
    risk_signals: String,
}

/// A row of `traces`.
#[derive(FromRow)]
pub(in crate::adapters::store::sql) struct TraceRow {
    browser: Vec<u8>,
    subnet: String,
    country: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    left_at: i64,
    counts_from: i64,
}

/// How an assessment's score is written.
pub(in crate::adapters::store::sql) fn score(risk: &Assessment) -> i64 {
    u8::from(risk.score).into()
}

/// How its signals are written.
pub(in crate::adapters::store::sql) fn signals(risk: &Assessment) -> String {
    risk.signals.iter().map(|signal| signal.name()).collect::<Vec<_>>().join(" ")
}

impl RiskRow {
    /// The assessment; the column that can't be, if one can't.
    pub(super) fn read(&self) -> Result<Assessment, &'static str> {
        let score = u8::try_from(self.risk_score).ok().and_then(Score::new).ok_or("risk_score")?;
        let signals = self.risk_signals.split_whitespace().map(Signal::by_name).collect::<Option<_>>();
        Ok(Assessment { score, signals: signals.ok_or("risk_signals")? })
    }
}

impl TraceRow {
    /// What this user left behind.
    pub(in crate::adapters::store::sql) fn read(self, user: UserId) -> Result<Trace, StoreError> {
        let bad = |column| bad("traces", user.0, column);
        let coordinates = match (self.latitude, self.longitude) {
            (None, None) => None,
            (Some(latitude), Some(longitude)) => {
                Some(Coordinates::near(latitude, longitude).ok_or_else(|| bad("latitude"))?)
            }
            (Some(_), None) | (None, Some(_)) => return Err(bad("longitude")),
        };
        let country = self.country.map(|code| Country::parse(&code).ok_or_else(|| bad("country"))).transpose()?;
        Ok(Trace {
            browser: TokenHash::from_bytes(self.browser.try_into().map_err(|_| bad("browser"))?),
            subnet: Subnet::of(self.subnet.parse().map_err(|_| bad("subnet"))?),
            whereabouts: country.map(|country| Whereabouts { country, coordinates }),
            at: Timestamp::from_millis(self.left_at),
            counts_from: Timestamp::from_millis(self.counts_from),
        })
    }
}
