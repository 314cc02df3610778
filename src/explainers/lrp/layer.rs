//! The rules for a layer that is linear in its input.

use tch::Tensor;

use crate::error::{Error, Result};
use crate::model::rules::{Local, Visit};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    Epsilon,
    ZPlus,
    AlphaBeta { alpha: f64, beta: f64 },
    Gamma(f64),
    Box,
}

/// A layer with the weights that count, which a batch norm may have changed.
pub struct Layer<'a> {
    pub visit: &'a Visit<'a>,
    pub weight: &'a Tensor,
    pub bias: Option<&'a Tensor>,
    pub epsilon: f64,
}

/// One of several linear maps whose outputs are added: its input, its weights, perhaps a bias, and how often it counts.
struct Term {
    input: Tensor,
    weight: Tensor,
    bias: Option<Tensor>,
    times: f64,
}

/// A number away from 0: `z` + epsilon sign(z), where sign(0) = 1.
pub fn stabilise(z: &Tensor, epsilon: f64) -> Result<Tensor> {
    let sign = z.f_ge(0.0)?.f_to_kind(z.kind())?.f_mul_scalar(2.0 * epsilon)?.f_sub_scalar(epsilon)?;
    Ok(z.f_add(&sign)?)
}

impl Layer<'_> {
    /// The relevance of each input.
    pub fn send(&self, rule: Rule) -> Result<Tensor> {
        let relevance = self.visit.signal;
        match rule {
            Rule::Epsilon | Rule::Box => self.share(self.plain()?, relevance),
            Rule::ZPlus => self.share(self.positive(0.0, 1.0)?, relevance),
            Rule::AlphaBeta { alpha, beta } => {
                let for_it = self.share(self.positive(0.0, 1.0)?, &relevance.f_mul_scalar(alpha)?)?;
                if beta == 0.0 {
                    return Ok(for_it);
                }
                let against = self.share(self.negative(0.0, 1.0)?, &relevance.f_mul_scalar(beta)?)?;
                Ok(for_it.f_sub(&against)?)
            }
            Rule::Gamma(gamma) => {
                let z = self.output()?;
                let raised = self.share(self.positive(1.0, gamma)?, &relevance.f_mul(&z.f_gt(0.0)?)?)?;
                let lowered = self.share(self.negative(1.0, gamma)?, &relevance.f_mul(&z.f_lt(0.0)?)?)?;
                Ok(raised.f_add(&lowered)?)
            }
        }
    }

    /// The relevance of each input by the box rule, for inputs that lie between `low` and `high`, both [1, ..]. The bias, its
    /// positive and its negative part cancel.
    pub fn boxed(&self, low: &Tensor, high: &Tensor) -> Result<Tensor> {
        let x = &self.visit.inputs[0];
        let term = |input: &Tensor, weight: Tensor, times: f64| -> Result<Term> {
            Ok(Term { input: input.f_expand_as(x)?.f_contiguous()?, weight, bias: None, times })
        };
        let terms = vec![
            term(x, self.weight.shallow_clone(), 1.0)?,
            term(low, self.weight.f_clamp_min(0.0)?, -1.0)?,
            term(high, self.weight.f_clamp_max(0.0)?, -1.0)?,
        ];
        self.share(terms, self.visit.signal)
    }

    fn plain(&self) -> Result<Vec<Term>> {
        let bias = self.bias.map(Tensor::shallow_clone);
        Ok(vec![Term {
            input: self.visit.inputs[0].shallow_clone(),
            weight: self.weight.shallow_clone(),
            bias,
            times: 1.0,
        }])
    }

    /// What the layer gives, the batch norm that was merged into it included.
    fn output(&self) -> Result<Tensor> {
        let mut plain = self.plain()?;
        Ok(self.local(&plain.remove(0))?.output)
    }

    /// `keep` times all contributions, plus `more` times the positive ones, those of the bias too.
    fn positive(&self, keep: f64, more: f64) -> Result<Vec<Term>> {
        self.by_sign(keep, more, |part| part.f_clamp_min(0.0), |part| part.f_clamp_max(0.0))
    }

    /// `keep` times all contributions, plus `more` times the negative ones, those of the bias too.
    fn negative(&self, keep: f64, more: f64) -> Result<Vec<Term>> {
        self.by_sign(keep, more, |part| part.f_clamp_max(0.0), |part| part.f_clamp_min(0.0))
    }

    /// Contributions of one sign come from positive inputs with weights of that sign, and from negative inputs with weights of
    /// the other.
    fn by_sign(&self, keep: f64, more: f64, with: Part, against: Part) -> Result<Vec<Term>> {
        let x = &self.visit.inputs[0];
        let raised = |tensor: &Tensor, part: Part| -> Result<Tensor> {
            let part = part(tensor)?.f_mul_scalar(more)?;
            Ok(if keep == 0.0 { part } else { tensor.f_mul_scalar(keep)?.f_add(&part)? })
        };
        let bias = self.bias.map(|bias| raised(bias, with)).transpose()?;
        // Behind a ReLU there are no others.
        let all_positive = x.f_min()?.f_double_value(&[])? >= 0.0;
        let input = if all_positive { x.shallow_clone() } else { x.f_clamp_min(0.0)? };
        let mut terms = vec![Term { input, weight: raised(self.weight, with)?, bias, times: 1.0 }];
        if !all_positive {
            let weight = raised(self.weight, against)?;
            terms.push(Term { input: x.f_clamp_max(0.0)?, weight, bias: None, times: 1.0 });
        }
        Ok(terms)
    }

    /// Divides the relevance of each output among what the terms make it of.
    fn share(&self, terms: Vec<Term>, relevance: &Tensor) -> Result<Tensor> {
        let locals = terms.iter().map(|term| self.local(term)).collect::<Result<Vec<_>>>()?;
        let mut z = locals[0].output.f_mul_scalar(terms[0].times)?;
        for (local, term) in locals.iter().zip(&terms).skip(1) {
            z = z.f_add(&local.output.f_mul_scalar(term.times)?)?;
        }
        let each = relevance.f_div(&stabilise(&z, self.epsilon)?)?;
        let mut sent: Option<Tensor> = None;
        for (local, term) in locals.iter().zip(&terms) {
            let part = local.pull(&each)?.remove(0).f_mul(&term.input)?.f_mul_scalar(term.times)?;
            sent = Some(match sent {
                Some(before) => before.f_add(&part)?,
                None => part,
            });
        }
        sent.ok_or_else(|| Error::new("a layer without terms"))
    }

    fn local(&self, term: &Term) -> Result<Local<'_>> {
        let inputs = [Some(&term.input), Some(&term.weight), term.bias.as_ref()];
        self.visit.elsewhere(&inputs.into_iter().flatten().collect::<Vec<_>>())
    }
}

/// The positive or the negative part of a tensor.
type Part = fn(&Tensor) -> Result<Tensor, tch::TchError>;
