//! Random projections of vectors as long as a network has parameters.

use tch::{Device, Tensor};

use super::calculus::{blocks, rows_of};
use crate::error::Result;
use crate::noise::Noise;

/// By a matrix [P, k] of random signs over sqrt(k), which keeps inner products in the mean (Achlioptas, 2003). Never in memory as a
/// whole: number p k + j is one bit of what the noise says of it. Where k is not below P, nothing is projected.
pub struct Projection {
    noise: Noise,
    length: i64,
    dimension: i64,
}

impl Projection {
    pub fn new(noise: Noise, length: i64, dimension: i64) -> Self {
        Self { noise, length, dimension }
    }

    /// Vectors [m, P] as [m, k].
    pub fn of(&self, vectors: &Tensor) -> Result<Tensor> {
        if self.length <= self.dimension {
            return Ok(vectors.shallow_clone());
        }
        let mut sum = Tensor::f_zeros([vectors.size()[0], self.dimension], (vectors.kind(), vectors.device()))?;
        for (start, rows) in blocks(self.length, rows_of(self.dimension)) {
            let signs = self.signs(start, rows, vectors.device())?;
            let _ = sum.f_addmm_(&vectors.f_narrow(1, start, rows)?, &signs)?;
        }
        Ok(sum.f_div_scalar((self.dimension as f64).sqrt())?)
    }

    fn signs(&self, start: i64, rows: i64, device: Device) -> Result<Tensor> {
        let (first, count) = ((start * self.dimension) as u64, (rows * self.dimension) as usize);
        let mut signs = Vec::with_capacity(count);
        let mut at = first;
        while signs.len() < count {
            let bits = self.noise.uniform_u64(at / 64) >> (at % 64);
            let these = (64 - at % 64).min((count - signs.len()) as u64);
            signs.extend((0..these).map(|bit| if bits >> bit & 1 == 1 { 1.0 } else { -1.0 }));
            at += these;
        }
        Ok(Tensor::f_from_slice::<f64>(&signs)?.f_view([rows, self.dimension])?.f_to_device(device)?)
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn signs_do_not_depend_on_the_block_and_keep_inner_products() {
        let projection = Projection::new(Noise::new(4), 100, 37);
        let cpu = Device::Cpu;
        let whole = projection.signs(0, 100, cpu).unwrap();
        assert_eq!(projection.signs(13, 50, cpu).unwrap(), whole.narrow(0, 13, 50));
        assert!(whole.mean(Kind::Double).double_value(&[]).abs() < 3.0 / 3700f64.sqrt());
        // Of lengths of 10 in 4000 dimensions: to about 100 / sqrt(4000) = 1.6.
        let wide = Projection::new(Noise::new(4), 5000, 4000);
        let vectors = Noise::new(1).normal(&[0, 1], &[5000], Kind::Double, cpu).unwrap() * 10.0 / 5000f64.sqrt();
        let (before, after) = (vectors.matmul(&vectors.tr()), wide.of(&vectors).unwrap());
        let apart = (after.matmul(&after.tr()) - before).abs().max().double_value(&[]);
        assert!(apart < 8.0, "{apart}");
        let narrow = Projection::new(Noise::new(4), 5000, 5000);
        assert_eq!(narrow.of(&vectors).unwrap(), vectors);
    }
}
