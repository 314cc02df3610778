//! What a layer of a recurrent network computes, step by step: libtorch's fused layers have no second derivatives.

use tch::Tensor;

use super::aten::{Recurrent, Unit};
use crate::error::{Error, Result};

/// No sequence may be longer: each step is a few operations of its own.
const MOST_STEPS: i64 = 1 << 14;

/// See [`Recurrent`] for the inputs and their shapes.
pub fn apply(layer: &Recurrent, inputs: &[&Tensor]) -> Result<Tensor> {
    let lacks = || Error::new(format!("{} lacks inputs: {} are given", layer.unit.name(), inputs.len()));
    let (x, rest) = inputs.split_first().ok_or_else(lacks)?;
    let (first, weights) = rest.split_at_checked(layer.unit.states()).ok_or_else(lacks)?;
    let x = if layer.batch_first { x.f_transpose(0, 1)? } else { x.shallow_clone() };
    let (mut states, mut cells) = (Vec::new(), Vec::new());
    for (direction, weights) in (0..layer.directions()).zip(weights.chunks(layer.weights())) {
        let first = first.iter().map(|first| first.f_select(0, direction)?.f_to_kind(x.kind()));
        let first = first.collect::<Result<Vec<_>, _>>()?;
        let (all, cell) = along(layer.unit, &x, &first, weights, direction == 1)?;
        states.push(all);
        cells.extend(cell);
    }
    if layer.cells {
        return Ok(Tensor::f_stack(&cells, 0)?);
    }
    let states = Tensor::f_cat(&states, -1)?;
    Ok(if layer.batch_first { states.f_transpose(0, 1)? } else { states })
}

/// All states `[T, B, H]` of one direction, in the order of the sequence, and the last cell of an LSTM.
fn along(
    unit: Unit,
    x: &Tensor,
    first: &[Tensor],
    weights: &[&Tensor],
    backwards: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let ([of_input, of_state, biases @ ..], [state, ..]) = (weights, first) else {
        return Err(Error::new(format!("{} lacks weights or states", unit.name())));
    };
    // What comes from the sequence does not wait for the states.
    let driven = x.f_linear(of_input, biases.first().copied())?;
    let steps = x.size().first().copied().unwrap_or(0);
    let (mut state, mut cell) = (state.shallow_clone(), first.get(1).map(Tensor::shallow_clone));
    let mut states = Vec::new();
    for step in 0..steps {
        let given = driven.f_select(0, if backwards { steps - 1 - step } else { step })?;
        let kept = state.f_linear(of_state, biases.get(1).copied())?;
        state = match (unit, &cell) {
            (Unit::Lstm, Some(before)) => {
                let gates = given.f_add(&kept)?.f_chunk(4, -1)?;
                let [enters, stays, new, shows] = &gates[..] else { return Err(uneven(unit)) };
                let held = stays.f_sigmoid()?.f_mul(before)?;
                let now = held.f_add(&enters.f_sigmoid()?.f_mul(&new.f_tanh()?)?)?;
                let shown = shows.f_sigmoid()?.f_mul(&now.f_tanh()?)?;
                cell = Some(now);
                shown
            }
            (Unit::Gru, _) => {
                let (given, kept) = (given.f_chunk(3, -1)?, kept.f_chunk(3, -1)?);
                let ([reset, update, new], [reset_kept, update_kept, new_kept]) = (&given[..], &kept[..]) else {
                    return Err(uneven(unit));
                };
                let reset = reset.f_add(reset_kept)?.f_sigmoid()?;
                let update = update.f_add(update_kept)?.f_sigmoid()?;
                let new = new.f_add(&reset.f_mul(new_kept)?)?.f_tanh()?;
                // (1 - update) new + update state
                new.f_add(&update.f_mul(&state.f_sub(&new)?)?)?
            }
            (Unit::Tanh, _) => given.f_add(&kept)?.f_tanh()?,
            (Unit::Relu, _) => given.f_add(&kept)?.f_relu()?,
            (Unit::Lstm, None) => return Err(uneven(unit)),
        };
        states.push(state.shallow_clone());
    }
    if backwards {
        states.reverse();
    }
    Ok((Tensor::f_stack(&states, 0)?, cell))
}

fn uneven(unit: Unit) -> Error {
    Error::new(format!("{} has weights that do not make up its gates", unit.name()))
}

/// The shape of what it gives for inputs of these shapes, the batch included.
pub fn shape(layer: &Recurrent, x: &[i64], rest: &[&[i64]]) -> Result<Vec<i64>, String> {
    let [one, two, features] = x else { return Err(format!("expects sequences of 3 dimensions, got {x:?}")) };
    let (steps, batch) = if layer.batch_first { (two, one) } else { (one, two) };
    if !(1..=MOST_STEPS).contains(steps) {
        return Err(format!("expects sequences of 1 to {MOST_STEPS} steps, got {x:?}"));
    }
    let directions = layer.directions();
    let states = layer.unit.states();
    let Some([_, _, hidden]) = rest.first() else { return Err("expects first states [D, B, H]".to_string()) };
    let gates = layer.unit.gates().saturating_mul(*hidden);
    let of_direction = [&[gates, *features][..], &[gates, *hidden], &[gates], &[gates]];
    let weights = (0..directions).flat_map(|_| of_direction.into_iter().take(layer.weights()));
    let state = [directions, *batch, *hidden];
    let expected: Vec<&[i64]> = (0..states).map(|_| &state[..]).chain(weights).collect();
    if *hidden < 1 || rest != expected {
        return Err(format!("expects first states and weights {expected:?}, got {rest:?}"));
    }
    Ok(match (layer.cells, layer.batch_first) {
        (true, _) => state.to_vec(),
        (false, true) => vec![*batch, *steps, directions * hidden],
        (false, false) => vec![*steps, *batch, directions * hidden],
    })
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::noise::Noise;

    fn layer(unit: Unit, both_ways: bool) -> Recurrent {
        Recurrent { unit, biases: true, both_ways, batch_first: true, cells: false }
    }

    fn of(values: &[f64], shape: &[i64]) -> Tensor {
        Tensor::from_slice(values).view(shape)
    }

    /// x = 1, 2; the weight is 1, that of the state 1/2. Forwards 1, 2 + 1/2; backwards 2, then 1 + 1.
    #[test]
    fn a_relu_network_by_hand() {
        let layer = Recurrent { biases: false, ..layer(Unit::Relu, true) };
        let (x, first) = (of(&[1.0, 2.0], &[1, 2, 1]), of(&[0.0, 0.0], &[2, 1, 1]));
        let (one, half) = (of(&[1.0], &[1, 1]), of(&[0.5], &[1, 1]));
        let states = apply(&layer, &[&x, &first, &one, &half, &one, &half]).unwrap();
        assert_eq!(states, of(&[1.0, 2.0, 2.5, 2.0], &[1, 2, 2]));
    }

    /// What libtorch's own layers give, in both directions, and the shapes that are told before.
    #[test]
    fn steps_are_those_of_libtorch() {
        let (batch, steps, features, hidden) = (2, 5, 3, 4);
        for unit in [Unit::Lstm, Unit::Gru, Unit::Tanh, Unit::Relu] {
            for both_ways in [false, true] {
                let layer = layer(unit, both_ways);
                let (ways, gates) = (layer.directions(), unit.gates() * hidden);
                let draw = |at: u64, shape: &[i64]| {
                    let drawn = Noise::new(at).normal(&[0], shape, Kind::Double, Device::Cpu).unwrap();
                    drawn.squeeze_dim(0)
                };
                let x = draw(0, &[batch, steps, features]);
                let first: Vec<Tensor> =
                    (0..unit.states()).map(|at| draw(1 + at as u64, &[ways, batch, hidden])).collect();
                let shapes = [&[gates, features][..], &[gates, hidden], &[gates], &[gates]];
                let shapes = (0..ways).flat_map(|_| shapes).enumerate();
                let weights: Vec<Tensor> = shapes.map(|(at, shape)| draw(9 + at as u64, shape)).collect();
                let (theirs, cells) = match unit {
                    Unit::Lstm => {
                        let (all, _, cells) = x.lstm(&first, &weights, true, 1, 0.0, false, both_ways, true);
                        (all, Some(cells))
                    }
                    Unit::Gru => (x.gru(&first[0], &weights, true, 1, 0.0, false, both_ways, true).0, None),
                    Unit::Tanh => (x.rnn_tanh(&first[0], &weights, true, 1, 0.0, false, both_ways, true).0, None),
                    Unit::Relu => (x.rnn_relu(&first[0], &weights, true, 1, 0.0, false, both_ways, true).0, None),
                };
                let inputs: Vec<&Tensor> = [&x].into_iter().chain(&first).chain(&weights).collect();
                let sizes: Vec<Vec<i64>> = inputs[1..].iter().map(|input| input.size()).collect();
                let sizes: Vec<&[i64]> = sizes.iter().map(Vec::as_slice).collect();
                let same = |layer: &Recurrent, theirs: &Tensor| {
                    let ours = apply(layer, &inputs).unwrap();
                    assert!((&ours - theirs).abs().max().double_value(&[]) < 1e-12, "{layer:?}");
                    assert_eq!(shape(layer, &x.size(), &sizes).unwrap(), ours.size());
                };
                same(&layer, &theirs);
                if let Some(cells) = cells {
                    same(&Recurrent { cells: true, ..layer }, &cells);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_told_before_it_runs() {
        let layer = Recurrent { biases: false, ..layer(Unit::Gru, false) };
        let weights: [&[i64]; 3] = [&[1, 2, 4], &[12, 3], &[12, 4]];
        assert_eq!(shape(&layer, &[2, 5, 3], &weights).unwrap(), [2, 5, 4]);
        assert!(shape(&layer, &[3, 5, 3], &weights).unwrap_err().contains("expects first states"));
        assert!(shape(&layer, &[2, 5, 9], &weights).is_err());
        assert!(shape(&layer, &[2, 1 << 20, 3], &weights).unwrap_err().contains("16384 steps"));
        assert!(shape(&layer, &[2, 5, 3], &weights[..2]).is_err());
    }
}
