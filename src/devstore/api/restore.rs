//! RestoreObject: objects of the archive classes become readable for some days.

use std::time::Duration;

use ossftp_oss::time;

use super::{Answer, Call, unix_now_ms};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};
use crate::devstore::store::{Frost, Object, Restore, StorageClass};
use crate::devstore::xml;

/// Seconds of a day.
const DAY: i64 = 86_400;

impl Call<'_> {
    pub(super) fn restore(&self, body: &mut Body<'_>) -> Answer {
        self.need_bucket()?;
        let bytes = self.xml_body(body)?;
        let wanted =
            xml::parse_restore(&bytes).ok_or_else(|| ApiError::malformed_xml("0016-00000608"))?;
        let status = self
            .store()
            .update_object(self.bucket, self.key, |object| {
                self.begin_restore(object, &wanted)
            })
            .map_err(|error| self.failed(error))??;
        Ok(Response::empty(status))
    }

    /// Writes the restore into the object and returns the status of the answer.
    fn begin_restore(
        &self,
        object: &mut Object,
        wanted: &xml::RestoreRequest,
    ) -> Result<u16, ApiError> {
        let days = i64::from(wanted.days);
        let longest = match object.class {
            StorageClass::Standard | StorageClass::InfrequentAccess => {
                return Err(ApiError::not_supported("0016-00000702"));
            }
            StorageClass::Archive => 7,
            StorageClass::ColdArchive | StorageClass::DeepColdArchive => 365,
        };
        if !(1..=longest).contains(&days) {
            return Err(ApiError::invalid_argument("Days", &days.to_string()));
        }
        let now_ms = unix_now_ms();
        match object.frost(now_ms) {
            Frost::Thawing => Err(ApiError::new(
                409,
                "RestoreAlreadyInProgress",
                "",
                "The restore operation is in progress.",
            )),
            // Asked for again: readable for longer.
            Frost::Thawed(_) => {
                object.restore = Some(Restore {
                    ready_ms: now_ms,
                    expires: now_ms / 1000 + days * DAY,
                });
                Ok(200)
            }
            Frost::Frozen | Frost::Never => {
                let ready_ms = now_ms.saturating_add(self.duration(object.class, wanted)?);
                object.restore = Some(Restore {
                    ready_ms,
                    expires: (ready_ms / 1000).saturating_add(days * DAY),
                });
                Ok(202)
            }
        }
    }

    /// How long it takes, in milliseconds. Archive has no tiers, DeepColdArchive no `Bulk`.
    fn duration(&self, class: StorageClass, wanted: &xml::RestoreRequest) -> Result<i64, ApiError> {
        let times = match (class, wanted.tier.as_deref()) {
            (StorageClass::Archive, _) | (_, Some("Expedited")) => 1,
            (_, None | Some("Standard")) => 3,
            (StorageClass::ColdArchive, Some("Bulk")) => 10,
            (_, Some(other)) => return Err(ApiError::invalid_argument("Tier", other)),
        };
        let whole: Duration = self.service.settings.restore_time.saturating_mul(times);
        Ok(i64::try_from(whole.as_millis()).unwrap_or(i64::MAX))
    }
}

/// `x-oss-restore` and `RestoreInfo` of an object, if it was restored at all.
pub(super) fn state(object: &Object, now_ms: i64) -> Option<String> {
    match object.frost(now_ms) {
        Frost::Never | Frost::Frozen => None,
        Frost::Thawing => Some("ongoing-request=\"true\"".to_owned()),
        Frost::Thawed(until) => Some(format!(
            "ongoing-request=\"false\", expiry-date=\"{}\"",
            time::format_http(until)
        )),
    }
}
