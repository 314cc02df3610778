//! Images with labels, in memory.

use tch::{Device, Kind, Tensor};

use super::truth::{Truth, index};
use crate::error::{Error, Result};
use crate::noise::Noise;

/// Images to learn from and images to be judged by.
pub struct Dataset {
    /// The name of each class; labels count into it.
    pub classes: Vec<String>,
    pub train: Split,
    pub test: Split,
    /// What whoever reads the results must know of the loading, such as files that were skipped; one sentence each.
    pub notes: Vec<String>,
}

/// A set of labelled images of one shape, on the CPU.
pub struct Split {
    /// [N, C, H, W]; bytes stand for n / 255, floats for themselves in [0, 1].
    stored: Tensor,
    pub labels: Vec<i64>,
    pub truth: Option<Truth>,
    /// The same images without the evidence that `truth` speaks of, where the source can make them; stored like `stored`.
    without: Option<Tensor>,
}

impl Dataset {
    /// Divides `all` at random: a `share` of the images, rounded, becomes the test split.
    ///
    /// # Errors
    /// When one of the two would be empty.
    pub fn hold_out(classes: Vec<String>, all: Split, share: f64, noise: &Noise) -> Result<Self> {
        let test = held_out(all.len(), share)?;
        let order = noise.permutation(all.len());
        let (test, train) = (all.select(&order[..test])?, all.select(&order[test..])?);
        Ok(Self { classes, train, test, notes: Vec::new() })
    }

    /// Another handle on the same images: tensors can be sent between threads but not shared by them.
    pub fn shallow_clone(&self) -> Self {
        Self {
            classes: self.classes.clone(),
            train: self.train.shallow_clone(),
            test: self.test.shallow_clone(),
            notes: self.notes.clone(),
        }
    }
}

/// How many of `count` images a `share` of them is.
pub(super) fn held_out(count: usize, share: f64) -> Result<usize> {
    let test = (count as f64 * share).round() as usize;
    if test == 0 || test >= count {
        return Err(Error::new(format!(
            "a test share of {share} of {count} images leaves one of the two splits empty"
        )));
    }
    Ok(test)
}

impl Split {
    /// `images` [N, C, H, W] on the CPU, u8 or float in [0, 1], one label each.
    pub fn new(images: Tensor, labels: Vec<i64>, truth: Option<Truth>) -> Self {
        Self { stored: images, labels, truth, without: None }
    }

    /// The same split, knowing what its images are without their evidence; shape and kind of its images.
    pub fn with_plain(self, images: Tensor) -> Self {
        Self { without: Some(images), ..self }
    }

    /// The images as they are kept, [N, C, H, W]: bytes, or floats in [0, 1].
    pub fn stored(&self) -> &Tensor {
        &self.stored
    }

    /// The same labels of other images, stored in either way, of which it is not known where their evidence is.
    pub fn with_images(self, images: Tensor) -> Self {
        Self { stored: images, truth: None, without: None, ..self }
    }

    /// The images `ids` without their evidence, [B, C, H, W]; `None` where the source cannot make them.
    pub fn plain_images(&self, ids: &[usize], kind: Kind, device: Device) -> Result<Option<Tensor>> {
        let pick = |stored: &Tensor| in_unit_range(&stored.f_index_select(0, &index(ids))?, kind, device);
        self.without.as_ref().map(pick).transpose()
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// [C, H, W].
    pub fn shape(&self) -> Vec<i64> {
        self.stored.size()[1..].to_vec()
    }

    /// The images `ids` in [0, 1], [B, C, H, W].
    pub fn images(&self, ids: &[usize], kind: Kind, device: Device) -> Result<Tensor> {
        in_unit_range(&self.stored.f_index_select(0, &index(ids))?, kind, device)
    }

    /// Every image in [0, 1], [N, C, H, W].
    pub fn all_images(&self, kind: Kind, device: Device) -> Result<Tensor> {
        in_unit_range(&self.stored, kind, device)
    }

    /// The labels of the images `ids`, i64 [B].
    pub fn labels(&self, ids: &[usize], device: Device) -> Result<Tensor> {
        let labels: Vec<i64> = ids.iter().map(|&id| self.labels[id]).collect();
        Ok(Tensor::from_slice(&labels).f_to_device(device)?)
    }

    /// Every label, i64 [N].
    pub fn all_labels(&self, device: Device) -> Result<Tensor> {
        Ok(Tensor::from_slice(&self.labels).f_to_device(device)?)
    }

    /// The images `ids` alone, in that order.
    pub fn select(&self, ids: &[usize]) -> Result<Self> {
        Ok(Self {
            stored: self.stored.f_index_select(0, &index(ids))?,
            labels: ids.iter().map(|&id| self.labels[id]).collect(),
            truth: self.truth.as_ref().map(|truth| truth.select(ids)).transpose()?,
            without: self.without.as_ref().map(|images| images.f_index_select(0, &index(ids))).transpose()?,
        })
    }

    /// Another handle on the same images.
    pub fn shallow_clone(&self) -> Self {
        Self {
            stored: self.stored.shallow_clone(),
            labels: self.labels.clone(),
            truth: self.truth.as_ref().map(Truth::shallow_clone),
            without: self.without.as_ref().map(Tensor::shallow_clone),
        }
    }
}

/// Bytes travel to the device as bytes and are widened there.
fn in_unit_range(stored: &Tensor, kind: Kind, device: Device) -> Result<Tensor> {
    let images = stored.f_to_device(device)?;
    Ok(match stored.kind() {
        Kind::Uint8 => images.f_to_kind(kind)?.f_div_scalar_(255.0)?,
        _ => images.f_to_kind(kind)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Split {
        let images = Tensor::from_slice(&[0u8, 255, 51, 102]).reshape([1, 1, 2, 2]);
        let images = Tensor::cat(&[&images, &images.zeros_like(), &images.full_like(255)], 0);
        Split::new(images, vec![4, 5, 6], None)
    }

    /// 51 / 255 = 1/5 and 102 / 255 = 2/5.
    #[test]
    fn bytes_are_read_as_shares_of_255() {
        let split = three();
        assert_eq!((split.len(), split.shape()), (3, vec![1, 2, 2]));
        let images = split.images(&[2, 0], Kind::Double, Device::Cpu).unwrap();
        let values: Vec<f64> = images.reshape([-1]).try_into().unwrap();
        assert_eq!(values, [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.2, 0.4]);
        assert_eq!(Vec::<i64>::try_from(split.labels(&[2, 0], Device::Cpu).unwrap()).unwrap(), [6, 4]);
        assert_eq!(split.all_images(Kind::Float, Device::Cpu).unwrap().size(), [3, 1, 2, 2]);
        // The stored bytes are untouched by the scaling.
        assert_eq!(split.images(&[2], Kind::Float, Device::Cpu).unwrap().double_value(&[0, 0, 0, 0]), 1.0);
    }

    #[test]
    fn an_unknown_id_is_an_error_of_libtorch() {
        assert!(three().images(&[3], Kind::Float, Device::Cpu).is_err());
    }

    #[test]
    fn holding_out_divides_without_loss() {
        let noise = Noise::new(0);
        let parts = Dataset::hold_out(vec![], three(), 0.4, &noise).unwrap();
        assert_eq!((parts.train.len(), parts.test.len()), (2, 1));
        let mut labels = [parts.train.labels, parts.test.labels].concat();
        labels.sort();
        assert_eq!(labels, [4, 5, 6]);
        assert!(Dataset::hold_out(vec![], three(), 0.1, &noise).is_err());
        assert!(Dataset::hold_out(vec![], three(), 0.9, &noise).is_err());
    }
}
