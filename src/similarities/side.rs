//! One side of a comparison: the maps, and what the similarities work out of them alone. A map is compared with hundreds of others,
//! and several similarities want its ranks; each of these is made once, when the first of them asks.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tch::Tensor;

use crate::error::{Error, Result};

/// Numbers in one piece: 2 MB, so that what is made of a piece stays in the processor's cache, and the memory that it takes does
/// not follow the number of images.
const PIECE: usize = 1 << 18;

/// Maps of some images, float64 [B, H, W].
pub struct Side {
    maps: Tensor,
    made: RefCell<HashMap<(TypeId, i64), Rc<dyn Any>>>,
}

impl Side {
    pub fn new(maps: Tensor) -> Self {
        Self { maps, made: RefCell::default() }
    }

    /// The same maps [B, H, W] as several sides, in order; maps of equal shape are divided equally.
    pub fn pieces(maps: &Tensor) -> Result<Vec<Self>> {
        let (count, height, width) = maps.size3()?;
        let numbers = usize::try_from(height * width).unwrap_or(0).max(1);
        let together = i64::try_from((PIECE / numbers).max(1)).unwrap_or(1);
        let starts = (0..count).step_by(usize::try_from(together).unwrap_or(1));
        starts.map(|start| Ok(Self::new(maps.f_narrow(0, start, together.min(count - start))?))).collect()
    }

    pub fn maps(&self) -> &Tensor {
        &self.maps
    }

    /// How many maps there are.
    pub fn len(&self) -> usize {
        self.maps.size().first().map_or(0, |count| usize::try_from(*count).unwrap_or(0))
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `make` makes of the maps: the same each time it is asked for a type with this `setting`, which says all that it
    /// depends on beside the maps.
    pub(super) fn once<T: 'static>(&self, setting: i64, make: impl FnOnce(&Tensor) -> Result<T>) -> Result<Rc<T>> {
        let key = (TypeId::of::<T>(), setting);
        let found = self.made.borrow().get(&key).cloned();
        let found = match found {
            Some(found) => found,
            None => {
                let made: Rc<dyn Any> = Rc::new(make(&self.maps)?);
                self.made.borrow_mut().insert(key, made.clone());
                made
            }
        };
        found.downcast().map_err(|_| Error::new("what was made of a map has another type"))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn what_is_made_is_made_once_for_each_setting() {
        let side = Side::new(Tensor::zeros([2, 3, 3], (Kind::Double, Device::Cpu)));
        let made = RefCell::new(0);
        let ask = |setting: i64| {
            let count = |_: &Tensor| {
                *made.borrow_mut() += 1;
                Ok(setting)
            };
            *side.once(setting, count).unwrap()
        };
        assert_eq!([ask(4), ask(4), ask(5), ask(4)], [4, 4, 5, 4]);
        assert_eq!(*made.borrow(), 2);
        assert!(side.once(6, |_| Err::<i64, _>(Error::new("no"))).is_err());
        assert_eq!(ask(6), 6, "a failure is not kept");
    }

    #[test]
    fn pieces_hold_all_maps_in_order() {
        let maps = Tensor::arange(700 * 32 * 32, (Kind::Double, Device::Cpu)).view([700, 32, 32]);
        let pieces = Side::pieces(&maps).unwrap();
        assert_eq!(pieces.iter().map(Side::len).collect::<Vec<_>>(), [256, 256, 188]);
        let whole = Tensor::cat(&pieces.iter().map(|piece| piece.maps().shallow_clone()).collect::<Vec<_>>(), 0);
        assert_eq!(whole, maps);
        // A map that is larger than a piece is a piece.
        let large = Tensor::zeros([2, 600, 600], (Kind::Double, Device::Cpu));
        assert_eq!(Side::pieces(&large).unwrap().len(), 2);
        assert!(Side::pieces(&Tensor::zeros([0, 5, 5], (Kind::Double, Device::Cpu))).unwrap().is_empty());
    }
}
