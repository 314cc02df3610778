//! Where one layer's parameters lie among all.

use tch::Tensor;

use crate::error::Result;

/// A layer's gradients, before anything is summed.
pub enum Unfolded {
    /// Sums over positions of outer products of `signal` [B, T, O] and `input` [B, T, I], a 1 behind it where there is a bias.
    Positions { input: Tensor, signal: Tensor },
    /// [B, numbers]
    Dense(Tensor),
}

impl Unfolded {
    /// The products, [B, m], of each example's gradient with vectors, [m, O, I] or [m, numbers].
    pub fn products(&self, vectors: &Tensor) -> Result<Tensor> {
        let m = vectors.size()[0];
        match self {
            // The gradient of one position is an outer product, and is never made: d' V a.
            Self::Positions { input, signal } if input.size()[1] == 1 && m < input.size()[2] => {
                let (input, signal) = (input.f_squeeze_dim(1)?, signal.f_squeeze_dim(1)?);
                let (batch, outputs) = signal.size2()?;
                let sent = input.f_matmul(&vectors.f_reshape([m * outputs, -1])?.f_tr()?)?;
                let sent = sent.f_view([batch, m, outputs])?.f_mul(&signal.f_unsqueeze(1)?)?;
                Ok(sent.f_sum_dim_intlist([2].as_slice(), false, signal.kind())?)
            }
            Self::Positions { input, signal } => {
                let gradient = signal.f_transpose(1, 2)?.f_matmul(input)?.f_flatten(1, -1)?;
                Ok(gradient.f_matmul(&vectors.f_reshape([m, -1])?.f_tr()?)?)
            }
            Self::Dense(gradient) => Ok(gradient.f_matmul(&vectors.f_tr()?)?),
        }
    }
}

/// The pieces of the vector of all parameters that are one layer's.
#[derive(Clone)]
pub struct Place {
    /// Where each begins, and how long it is.
    pieces: Vec<(i64, i64)>,
    /// The rows, where the layer is a matrix [O, I], with its bias as a last column.
    rows: Option<i64>,
}

impl Place {
    pub fn of_matrix(weight: i64, rows: i64, columns: i64, bias: Option<i64>) -> Self {
        let pieces = std::iter::once((weight, rows * columns)).chain(bias.map(|bias| (bias, rows)));
        Self { pieces: pieces.collect(), rows: Some(rows) }
    }

    pub fn of_pieces(pieces: Vec<(i64, i64)>) -> Self {
        Self { pieces, rows: None }
    }

    /// How many numbers.
    pub fn count(&self) -> i64 {
        self.pieces.iter().map(|(_, length)| length).sum()
    }

    /// The layer's part of vectors [m, P]: [m, O, I] of a matrix, else [m, numbers].
    pub fn read(&self, vectors: &Tensor) -> Result<Tensor> {
        let (m, rows) = (vectors.size()[0], self.rows);
        let part = |&(start, length): &(i64, i64)| -> Result<Tensor> {
            let part = vectors.f_narrow(1, start, length)?;
            Ok(match rows {
                Some(rows) => part.f_reshape([m, rows, length / rows])?,
                None => part,
            })
        };
        Ok(Tensor::f_cat(&self.pieces.iter().map(part).collect::<Result<Vec<_>>>()?, -1)?)
    }

    /// Puts it there.
    pub fn write(&self, vectors: &Tensor, part: &Tensor) -> Result<()> {
        let mut from = 0;
        for &(start, length) in &self.pieces {
            let columns = length / self.rows.unwrap_or(1);
            let values = part.f_narrow(-1, from, columns)?.f_reshape([vectors.size()[0], length])?;
            vectors.f_narrow(1, start, length)?.f_copy_(&values)?;
            from += columns;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    /// A matrix [2, 2] at 1 and its bias at 6 of 8 numbers.
    #[test]
    fn a_matrix_and_its_bias_are_read_and_written_as_one() {
        let vectors = Tensor::arange(8, (Kind::Double, tch::Device::Cpu)).unsqueeze(0);
        let place = Place::of_matrix(1, 2, 2, Some(6));
        let read = place.read(&vectors).unwrap();
        assert_eq!(read, Tensor::from_slice(&[1.0, 2.0, 6.0, 3.0, 4.0, 7.0]).view([1, 2, 3]));
        let all = vectors.zeros_like();
        place.write(&all, &read).unwrap();
        assert_eq!(all, Tensor::from_slice(&[0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 6.0, 7.0]).unsqueeze(0));
        let pieces = Place::of_pieces(vec![(5, 2), (0, 1)]);
        assert_eq!(pieces.read(&vectors).unwrap(), Tensor::from_slice(&[5.0, 6.0, 0.0]).unsqueeze(0));
        assert_eq!((place.count(), pieces.count()), (6, 3));
    }
}
