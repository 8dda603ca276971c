//! Room in memory for what is read whole before it may pass: bodies that a proof pays for. One for the process, so that however
//! many such requests are under way, they take no more than this.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All of it, in KiB.
const KIB_MAX: u32 = 64 * 1024;
/// What is taken at a time, in KiB: as it is needed, and not as it is announced.
const KIB_STEP: u32 = 256;

/// The room that there is.
#[derive(Debug, Clone)]
pub struct Shelf(Arc<Semaphore>);

/// What one body takes of it, until it is sent on.
#[derive(Debug)]
pub(super) struct Place {
    shelf: Shelf,
    taken: Option<OwnedSemaphorePermit>,
}

/// Others take what there is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl Default for Shelf {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(KIB_MAX).unwrap_or(Semaphore::MAX_PERMITS))))
    }
}

impl Shelf {
    pub(super) fn place(&self) -> Place {
        Place { shelf: self.clone(), taken: None }
    }
}

impl Place {
    /// Takes room for so many bytes in all. A body that is longer than the shelf may have all of it to itself.
    pub(super) fn cover(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(KIB_MAX).next_multiple_of(KIB_STEP).min(KIB_MAX);
        let taken = self.taken.as_ref().map_or(0, |taken| u32::try_from(taken.num_permits()).unwrap_or(KIB_MAX));
        let Some(more) = kib.checked_sub(taken).filter(|more| *more > 0) else { return Ok(()) };
        let more = Arc::clone(&self.shelf.0).try_acquire_many_owned(more).map_err(|_| NoRoom)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn bodies_take_what_they_need_and_no_more_than_there_is() {
        let shelf = Shelf::default();
        let mut places: Vec<_> = (0..6).map(|_| shelf.place()).collect();
        for place in &mut places {
            for bytes in [1, MIB, 10 * MIB] {
                assert_eq!(place.cover(bytes), Ok(()));
            }
        }

        let mut late = shelf.place();
        assert_eq!((late.cover(4 * MIB), late.cover(5 * MIB)), (Ok(()), Err(NoRoom)));
        places.pop();
        assert_eq!(late.cover(5 * MIB), Ok(()), "what is sent on is free again");
    }

    #[test]
    fn what_is_longer_than_the_shelf_has_it_to_itself() {
        let shelf = Shelf::default();
        let mut large = shelf.place();

        assert_eq!(large.cover(500 * MIB), Ok(()));
        assert_eq!(shelf.place().cover(1), Err(NoRoom));
        drop(large);
        assert_eq!(shelf.place().cover(1), Ok(()));
    }
}
