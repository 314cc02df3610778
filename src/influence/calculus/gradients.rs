//! Gradients of all examples of a split by the parameters, in blocks: never N x P numbers at once.

use tch::Tensor;

use super::place::{Place, Unfolded};
use super::tape::{Part, Tape};
use super::{Parameters, blocks, rows_of};
use crate::error::{Error, Result};
use crate::influence::quantity::second_root;
use crate::influence::{Case, Points, Quantity};
use crate::model::Model;
use crate::model::convex::Loss;

/// The gradients of quantities of single examples, without the regulariser, in one state of a network.
pub struct Gradients<'a> {
    model: &'a Model,
    parameters: Parameters,
    loss: Loss,
    chunk: usize,
}

impl<'a> Gradients<'a> {
    pub fn of(on: &Case<'a>) -> Self {
        Self::at(on.model, on.loss, on.chunk)
    }

    /// In another state, such as a checkpoint.
    pub fn at(model: &'a Model, loss: Loss, chunk: usize) -> Self {
        Self { model, parameters: Parameters::of(&model.graph), loss, chunk }
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// In smaller blocks, for as many gradients of each example as there are classes.
    pub fn fewer(self) -> Result<Self> {
        let shapes = self.model.graph.shapes()?;
        let classes = shapes[self.model.graph.output].iter().product::<i64>();
        let chunk = self.chunk.min(rows_of(self.parameters.count().saturating_mul(classes)));
        Ok(Self { chunk, ..self })
    }

    /// How many examples' gradients a block holds.
    pub fn rows(&self) -> usize {
        self.chunk.min(rows_of(self.parameters.count()))
    }

    /// Shows the examples block by block: the place of the first, and a view of them.
    pub fn each(&self, points: &Points, show: &mut dyn FnMut(i64, &View) -> Result<()>) -> Result<()> {
        for (start, count) in blocks(points.len(), self.rows()) {
            let tape = Tape::of(self.model, &self.parameters, &points.x.f_narrow(0, start, count)?)?;
            show(start, &View { tape, labels: points.labels.f_narrow(0, start, count)?, loss: self.loss })?;
        }
        Ok(())
    }

    /// The gradients of all examples, [N, P]: for few.
    pub fn all(&self, points: &Points, quantity: Quantity) -> Result<Tensor> {
        let mut all = Vec::new();
        self.each(points, &mut |_, view| {
            all.push(view.gradients(quantity)?);
            Ok(())
        })?;
        Ok(Tensor::f_cat(&all, 0)?)
    }

    /// The products of vectors [m, P] with the gradients of all examples, [m, N].
    pub fn products(&self, vectors: &Tensor, points: &Points, quantity: Quantity) -> Result<Tensor> {
        let mut all = Vec::new();
        self.each(points, &mut |_, view| {
            let start = quantity.first(self.loss, &view.tape.logits, &view.labels)?;
            let of_layer = |(place, unfolded): (Place, Unfolded)| unfolded.products(&place.read(vectors)?);
            let mut layers = view.tape.unfolded(&start)?.into_iter().map(of_layer);
            let first = layers.next().ok_or_else(|| Error::new("the network has no parameters"))??;
            all.push(layers.try_fold(first, |sum, layer| Ok::<_, Error>(sum.f_add(&layer?)?))?);
            Ok(())
        })?;
        Ok(Tensor::f_cat(&all, 0)?.f_tr()?.f_contiguous()?)
    }

    /// The inner products of the gradients of a quantity of some examples with those of a quantity of others, [A, B].
    pub fn gram(
        &self,
        (some, of_some): (&Points, Quantity),
        (others, of_others): (&Points, Quantity),
    ) -> Result<Tensor> {
        let mut rows = Vec::new();
        // As many as may stay while all others pass by.
        for (start, count) in blocks(some.len(), rows_of(self.parameters.count())) {
            let mut mine = Vec::new();
            self.each(&some.part(start, count)?, &mut |_, view| {
                mine.push(view.parts(of_some)?);
                Ok(())
            })?;
            let mut block = Vec::new();
            self.each(others, &mut |_, view| {
                let theirs = view.parts(of_others)?;
                let products = mine.iter().map(|mine| sum(mine, &theirs, Part::products));
                block.push(Tensor::f_cat(&products.collect::<Result<Vec<_>>>()?, 0)?);
                Ok(())
            })?;
            rows.push(Tensor::f_cat(&block, 1)?);
        }
        Ok(Tensor::f_cat(&rows, 0)?)
    }

    /// The inner product of two quantities' gradients of each example, [N].
    pub fn pairs(&self, points: &Points, one: Quantity, two: Quantity) -> Result<Tensor> {
        let mut all = Vec::new();
        self.each(points, &mut |_, view| {
            all.push(sum(&view.parts(one)?, &view.parts(two)?, Part::pairs)?);
            Ok(())
        })?;
        Ok(Tensor::f_cat(&all, 0)?)
    }
}

/// A block of examples.
pub struct View<'a> {
    pub tape: Tape<'a>,
    /// [B]
    pub labels: Tensor,
    loss: Loss,
}

impl View<'_> {
    /// [B, P]
    pub fn gradients(&self, quantity: Quantity) -> Result<Tensor> {
        self.tape.gradients(&quantity.first(self.loss, &self.tape.logits, &self.labels)?)
    }

    /// The Gauss-Newton curvature of each example's loss is the sum of K outer products: their vectors, K times [B, P].
    pub fn curvature(&self) -> Result<Vec<Tensor>> {
        self.roots()?.iter().map(|start| self.tape.gradients(start)).collect()
    }

    /// Where they start: K times [B, K].
    pub fn roots(&self) -> Result<Vec<Tensor>> {
        let root = second_root(self.loss, &self.tape.logits, &self.labels)?;
        (0..root.size()[2]).map(|column| Ok(root.f_select(2, column)?)).collect()
    }

    fn parts(&self, quantity: Quantity) -> Result<Vec<Part>> {
        self.tape.parts(&quantity.first(self.loss, &self.tape.logits, &self.labels)?)
    }
}

/// The sum over the layers.
fn sum(one: &[Part], two: &[Part], product: impl Fn(&Part, &Part) -> Result<Tensor>) -> Result<Tensor> {
    let mut total: Option<Tensor> = None;
    for (one, two) in one.iter().zip(two) {
        let of_layer = product(one, two)?;
        total = Some(match total {
            Some(total) => total.f_add(&of_layer)?,
            None => of_layer,
        });
    }
    total.ok_or_else(|| Error::new("the network has no parameters"))
}

#[cfg(test)]
mod tests;
