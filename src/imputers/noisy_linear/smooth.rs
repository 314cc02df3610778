//! Removed pixels from the means of their neighbours: conjugate gradients for many planes at once.
//!
//! Times the sum d_i of the weights of its neighbours, the equation of a removed pixel is d_i x_i - sum_j w_ij x_j = 0. With
//! the known pixels on the right, that is a part of a graph's Laplacian: symmetric, and positive definite as soon as one pixel
//! is known, since every pixel of an image can be reached from every other.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// Iterations between two looks at which planes are done: each look waits for the device.
const BETWEEN_LOOKS: usize = 8;

/// How many numbers are worked on at once on a CPU: an iteration is fastest while its vectors stay in the cache.
const CPU_NUMBERS: i64 = 1 << 18;

/// `planes` [M, H, W] with the pixels where `removed` (bool, the same shape) is true solved for, from what stands there as the
/// first guess. A plane without a known pixel has no solution and stays as it is.
///
/// # Errors
/// If a plane takes many times the iterations that exact arithmetic would.
pub fn fill(planes: &Tensor, removed: &Tensor) -> Result<Tensor> {
    let (count, height, width) = planes.size3()?;
    let at_once = if planes.device() == Device::Cpu { (CPU_NUMBERS / (height * width)).max(1) } else { count.max(1) };
    let parts = planes.f_split(at_once, 0)?.into_iter().zip(removed.f_split(at_once, 0)?);
    let solved: Vec<Tensor> = parts.map(|(planes, removed)| solve(&planes, &removed)).collect::<Result<_>>()?;
    Ok(Tensor::f_cat(&solved, 0)?)
}

fn solve(planes: &Tensor, removed: &Tensor) -> Result<Tensor> {
    let known = removed.f_flatten(1, 2)?.f_all_dim(1, false)?.f_logical_not()?.f_view([-1, 1, 1])?;
    let grid = Grid::new(planes)?;
    let mut answer = planes.f_detach_copy()?;
    let mut open = Open::start(&grid, planes, &removed.f_logical_and(&known)?)?;
    open.retire(&grid, &mut answer)?;
    let pixels = grid.total.numel();
    // In exact arithmetic there are at most as many iterations as unknowns.
    for _ in 0..10 + 4 * pixels / BETWEEN_LOOKS {
        if open.is_empty() {
            break;
        }
        for _ in 0..BETWEEN_LOOKS {
            open.step(&grid)?;
        }
        open.retire(&grid, &mut answer)?;
    }
    if !open.is_empty() {
        let count = open.places.numel();
        return Err(Error::new(format!("noisy-linear: {count} planes of {pixels} pixels could not be solved")));
    }
    Ok(answer)
}

/// The neighbourhood that all planes share.
struct Grid {
    /// d, [H, W].
    total: Tensor,
    /// The residual's squared norm at which a plane is solved.
    enough: f64,
}

impl Grid {
    fn new(planes: &Tensor) -> Result<Self> {
        let one = Tensor::f_ones([1, planes.size()[1], planes.size()[2]], (planes.kind(), planes.device()))?;
        let miss: f64 = if planes.kind() == Kind::Double { 1e-14 } else { 1e-6 };
        Ok(Self { total: neighbours(&one)?.f_squeeze_dim(0)?, enough: miss * miss })
    }

    /// d x - w x of planes [M, H, W].
    fn apply(&self, planes: &Tensor) -> Result<Tensor> {
        Ok(planes.f_mul(&self.total)?.f_sub_(&neighbours(planes)?)?)
    }
}

/// The weighted sum of each pixel's neighbours; there are none beyond the border. In twelfths the weights and a middle of 4 are
/// 1 2 1 along rows times 1 2 1 along columns, and 1 2 1 is the sum of two neighbours taken twice: on a CPU such sums take
/// a fraction of the time of a convolution of one channel.
fn neighbours(planes: &Tensor) -> Result<Tensor> {
    let pairs = |planes: Tensor, dim: i64| -> Result<Tensor> {
        let count = planes.size()[dim as usize] - 1;
        Ok(planes.f_narrow(dim, 0, count)?.f_add(&planes.f_narrow(dim, 1, count)?)?)
    };
    let along = pairs(pairs(planes.f_constant_pad_nd([1, 1, 1, 1])?, 2)?, 2)?;
    let mut both = pairs(pairs(along, 1)?, 1)?;
    Ok(both.f_sub_(&planes.f_mul_scalar(4.0)?)?.f_div_scalar_(12.0)?)
}

/// The planes that are not solved yet.
struct Open {
    /// Which they are, int64 [M].
    places: Tensor,
    /// 1 where a pixel is solved for, else 0; [M, H, W], as the next three.
    removed: Tensor,
    x: Tensor,
    residual: Tensor,
    direction: Tensor,
    /// Of the residual, squared; [M].
    norm: Tensor,
}

impl Open {
    fn start(grid: &Grid, planes: &Tensor, removed: &Tensor) -> Result<Self> {
        let removed = removed.f_to_kind(planes.kind())?;
        let residual = grid.apply(planes)?.f_neg_()?.f_mul_(&removed)?;
        Ok(Self {
            places: Tensor::f_arange(planes.size()[0], (Kind::Int64, planes.device()))?,
            removed,
            x: planes.f_detach_copy()?,
            direction: residual.f_detach_copy()?,
            norm: dot(&residual, &residual)?,
            residual,
        })
    }

    fn is_empty(&self) -> bool {
        self.places.size()[0] == 0
    }

    /// One iteration. A solved plane keeps still while others go on, so that it does not depend on which they are.
    fn step(&mut self, grid: &Grid) -> Result<()> {
        let image = grid.apply(&self.direction)?.f_mul_(&self.removed)?;
        let open = self.norm.f_gt(grid.enough)?;
        let length = quotient(&self.norm, &dot(&self.direction, &image)?, &open)?;
        let _ = self.x.f_addcmul_(&length, &self.direction)?;
        let _ = self.residual.f_addcmul_(&length.f_neg()?, &image)?;
        let norm = dot(&self.residual, &self.residual)?;
        let share = quotient(&norm, &self.norm, &norm.f_gt(grid.enough)?)?;
        self.direction = self.direction.f_mul_(&share)?.f_add_(&self.residual)?;
        self.norm = norm;
        Ok(())
    }

    /// Hands the solved planes over to the answer.
    fn retire(&mut self, grid: &Grid, answer: &mut Tensor) -> Result<()> {
        let left = self.norm.f_flatten(0, -1)?.f_gt(grid.enough)?.f_nonzero()?.f_squeeze_dim(1)?;
        if left.size() == self.places.size() {
            return Ok(());
        }
        let _ = answer.f_index_copy_(0, &self.places, &self.x)?;
        let fields = [&mut self.places, &mut self.removed, &mut self.x, &mut self.residual, &mut self.direction];
        for field in fields.into_iter().chain([&mut self.norm]) {
            *field = field.f_index_select(0, &left)?;
        }
        Ok(())
    }
}

/// The inner product plane by plane, [M, 1, 1].
fn dot(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Ok(a.f_mul(b)?.f_sum_dim_intlist([1, 2].as_slice(), true, a.kind())?)
}

/// `a` / `b` where `there`, else 0.
fn quotient(a: &Tensor, b: &Tensor, there: &Tensor) -> Result<Tensor> {
    Ok(a.f_div(b)?.f_where_self(there, &a.f_zeros_like()?)?)
}
