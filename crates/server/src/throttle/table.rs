//! A table whose size never changes: values by key, each with the time at which it ends. A full set of slots forgets the
//! entry that ends first. When an entry counts is up to the caller.

const WAYS: usize = 8;
const EMPTY: i64 = i64::MIN;

pub(super) struct Table<T> {
    sets: Box<[[Slot<T>; WAYS]]>,
}

#[derive(Clone, Copy)]
pub(super) struct Slot<T> {
    pub(super) key: u64,
    pub(super) until: i64,
    pub(super) value: T,
}

impl<T: Copy + Default> Table<T> {
    /// An empty table. All the memory it will ever use is taken here.
    pub(super) fn new(slots: usize) -> Self {
        let sets = slots.div_ceil(WAYS).next_power_of_two();
        let empty = Slot {
            key: 0,
            until: EMPTY,
            value: T::default(),
        };
        Self {
            sets: vec![[empty; WAYS]; sets].into_boxed_slice(),
        }
    }

    pub(super) fn find(&self, key: u64) -> Option<&Slot<T>> {
        let set = &self.sets[self.index(key)];
        set.iter()
            .find(|slot| slot.key == key && slot.until != EMPTY)
    }

    pub(super) fn find_mut(&mut self, key: u64) -> Option<&mut Slot<T>> {
        let set = &mut self.sets[self.index(key)];
        set.iter_mut()
            .find(|slot| slot.key == key && slot.until != EMPTY)
    }

    /// Writes the entry of `key`, over the one of its set that ends first if there was none.
    pub(super) fn put(&mut self, key: u64, until: i64, value: T) {
        let entry = Slot { key, until, value };
        if let Some(slot) = self.find_mut(key) {
            *slot = entry;
            return;
        }
        let set = &mut self.sets[self.index(key)];
        let first_to_end = set.iter_mut().min_by_key(|slot| slot.until);
        *first_to_end.expect("a set has slots") = entry;
    }

    /// The entries that end after `now`.
    pub(super) fn live(&self, now: i64) -> impl Iterator<Item = &Slot<T>> {
        self.sets
            .iter()
            .flatten()
            .filter(move |slot| slot.until > now)
    }

    /// How many entries there is room for.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.sets.len() * WAYS
    }

    fn index(&self, key: u64) -> usize {
        // The number of sets is a power of two: these are the low bits of the hash.
        key as usize & (self.sets.len() - 1)
    }
}
