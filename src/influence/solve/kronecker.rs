//! The inverse of a curvature taken layer by layer, diagonal in the eigenbasis of each layer's Kronecker factors.

use tch::{Kind, Tensor};

use super::Inverse;
use crate::error::{Error, Result};
use crate::influence::Case;
use crate::influence::calculus::{Gradients, Place, Unfolded, View};

/// (G + l2 + damping)^-1, where G is what is kept of the Gauss-Newton curvature.
pub struct Kronecker {
    layers: Vec<(Place, Basis)>,
}

/// The basis of one layer's parameters and the curvature along it.
enum Basis {
    /// Eigenvectors of the signals [O, O] and of the inputs [I, I], and the curvature [O, I].
    Factors { signals: Tensor, inputs: Tensor, curvature: Tensor },
    /// The parameters themselves, [numbers].
    Own(Tensor),
}

impl Kronecker {
    pub fn of(on: &Case, damping: f64) -> Result<Self> {
        if on.l2 + damping <= 0.0 {
            return Err(Error::refused(
                "without a regulariser this Hessian has directions without curvature",
                "give the method a `damping`, or the recipe a `weight_decay`",
            ));
        }
        let gradients = Gradients::of(on).fewer()?;
        let mut layers: Vec<(Place, Basis)> = Vec::new();
        // First the factors, which stand in the place of their eigenvectors, then the curvature.
        gradients.each(on.train, &mut |_, view| {
            each_class(view, |at, place, part| {
                if layers.len() == at {
                    layers.push((place.clone(), Basis::empty(place, part)?));
                }
                layers[at].1.add_factors(part)
            })
        })?;
        for (_, basis) in &mut layers {
            basis.diagonalise()?;
        }
        gradients.each(on.train, &mut |_, view| each_class(view, |at, _, part| layers[at].1.add_curvature(part)))?;
        for (_, basis) in &mut layers {
            let (Basis::Factors { curvature, .. } | Basis::Own(curvature)) = basis;
            *curvature = curvature.f_div_scalar(on.train.len() as f64)?.f_add_scalar(on.l2 + damping)?;
        }
        Ok(Self { layers })
    }
}

/// Shows the layers of a block, once for each column of the losses' curvature.
fn each_class(view: &View, mut show: impl FnMut(usize, &Place, &Unfolded) -> Result<()>) -> Result<()> {
    for start in view.roots()? {
        for (at, (place, part)) in view.tape.unfolded(&start)?.iter().enumerate() {
            show(at, place, part)?;
        }
    }
    Ok(())
}

impl Basis {
    fn empty(place: &Place, part: &Unfolded) -> Result<Self> {
        Ok(match part {
            Unfolded::Positions { input, signal } => {
                let options = (Kind::Double, input.device());
                let (inputs, outputs) = (input.size()[2], signal.size()[2]);
                Self::Factors {
                    signals: Tensor::f_zeros([outputs, outputs], options)?,
                    inputs: Tensor::f_zeros([inputs, inputs], options)?,
                    curvature: Tensor::f_zeros([outputs, inputs], options)?,
                }
            }
            Unfolded::Dense(part) => Self::Own(Tensor::f_zeros([place.count()], (Kind::Double, part.device()))?),
        })
    }

    fn add_factors(&mut self, part: &Unfolded) -> Result<()> {
        if let (Self::Factors { signals, inputs, .. }, Unfolded::Positions { input, signal }) = (self, part) {
            for (sum, rows) in [(signals, signal), (inputs, input)] {
                let rows = rows.f_flatten(0, 1)?;
                let _ = sum.f_addmm_(&rows.f_tr()?, &rows)?;
            }
        }
        Ok(())
    }

    fn diagonalise(&mut self) -> Result<()> {
        if let Self::Factors { signals, inputs, .. } = self {
            (*signals, *inputs) = (signals.f_linalg_eigh("L")?.1, inputs.f_linalg_eigh("L")?.1);
        }
        Ok(())
    }

    fn add_curvature(&mut self, part: &Unfolded) -> Result<()> {
        match (self, part) {
            (Self::Factors { signals, inputs, curvature }, Unfolded::Positions { input, signal }) => {
                let (input, signal) = (input.f_matmul(inputs)?, signal.f_matmul(signals)?);
                let gradient = signal.f_transpose(1, 2)?.f_matmul(&input)?;
                let _ = curvature.f_add_(&gradient.f_square()?.f_sum_dim_intlist(0, false, Kind::Double)?)?;
            }
            (Self::Own(curvature), Unfolded::Dense(gradient)) => {
                let _ = curvature.f_add_(&gradient.f_square()?.f_sum_dim_intlist(0, false, Kind::Double)?)?;
            }
            _ => return Err(Error::new("a layer changed between two passes")),
        }
        Ok(())
    }

    /// (curvature)^-1 times vectors of the layer, as its place gives them.
    fn apply(&self, vectors: &Tensor) -> Result<Tensor> {
        match self {
            Self::Factors { signals, inputs, curvature } => {
                let turned = signals.f_tr()?.f_matmul(vectors)?.f_matmul(inputs)?;
                Ok(signals.f_matmul(&turned.f_div(curvature)?)?.f_matmul(&inputs.f_tr()?)?)
            }
            Self::Own(curvature) => Ok(vectors.f_div(curvature)?),
        }
    }
}

impl Inverse for Kronecker {
    fn apply(&self, vectors: &Tensor) -> Result<Tensor> {
        let all = vectors.f_zeros_like()?;
        for (place, basis) in &self.layers {
            place.write(&all, &basis.apply(&place.read(vectors)?)?)?;
        }
        Ok(all)
    }
}
