//! Which operations of PyTorch there are rules for: one literal table, in-place forms included.

use super::lower::{Call, Made, Result};
use super::{layers, tensors};

/// Turns one node of a program into nodes of a graph.
pub type Rule = fn(&mut Call) -> Result<Made>;

/// The rule for an operation; in-place operations end in an underscore.
pub fn find(operation: &str) -> Option<Rule> {
    let exact = |name: &str| RULES.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule);
    exact(operation).or_else(|| exact(operation.strip_suffix('_').filter(|plain| !plain.starts_with('_'))?))
}

const RULES: &[(&str, Rule)] = &[
    ("_assert_scalar", |_| Ok(Made::Nothing)),
    ("_assert_tensor_metadata", |_| Ok(Made::Nothing)),
    ("_operator.add", |call| tensors::arithmetic(call, |a, b| a.checked_add(b))),
    ("_operator.floordiv", |call| tensors::arithmetic(call, |a, b| a.checked_div_euclid(b).filter(|_| b > 0))),
    ("_operator.mul", |call| tensors::arithmetic(call, |a, b| a.checked_mul(b))),
    ("_operator.sub", |call| tensors::arithmetic(call, |a, b| a.checked_sub(b))),
    ("_to_copy", tensors::to),
    ("abs", tensors::unary),
    ("adaptive_avg_pool1d", layers::adaptive_average_pool),
    ("adaptive_avg_pool2d", layers::adaptive_average_pool),
    ("adaptive_max_pool1d", layers::adaptive_max_pool),
    ("adaptive_max_pool2d", layers::adaptive_max_pool),
    ("add", tensors::add),
    ("addmm", tensors::addmm),
    ("alias", tensors::identity),
    ("amax", tensors::reduce),
    ("avg_pool1d", layers::average_pool),
    ("avg_pool2d", layers::average_pool),
    ("batch_norm", layers::batch_norm),
    ("bitwise_and", tensors::binary),
    ("bitwise_not", tensors::unary),
    ("bitwise_or", tensors::binary),
    ("bmm", tensors::matmul),
    ("cat", tensors::cat),
    ("chunk", tensors::chunk),
    ("clamp", tensors::clamp),
    ("clamp_max", tensors::clamp),
    ("clamp_min", tensors::clamp),
    ("clone", tensors::identity),
    ("concat", tensors::cat),
    ("contiguous", tensors::identity),
    ("conv1d", layers::convolution),
    ("conv2d", layers::convolution),
    ("cos", tensors::unary),
    ("detach", tensors::detach),
    ("div", tensors::div),
    ("dropout", layers::dropout),
    ("elu", layers::elu),
    ("embedding", tensors::embedding),
    ("eq", tensors::compare),
    ("erf", tensors::unary),
    ("exp", tensors::unary),
    ("expand", tensors::expand),
    ("expand_as", tensors::expand_as),
    ("feature_dropout", layers::dropout),
    ("flatten", tensors::flatten),
    ("full", tensors::full),
    ("full_like", tensors::full),
    ("ge", tensors::compare),
    ("gelu", layers::gelu),
    ("group_norm", layers::group_norm),
    ("gt", tensors::compare),
    ("hardsigmoid", tensors::unary),
    ("hardswish", tensors::unary),
    ("hardtanh", tensors::clamp),
    ("index", tensors::index),
    ("instance_norm", layers::instance_norm),
    ("layer_norm", layers::layer_norm),
    ("le", tensors::compare),
    ("leaky_relu", layers::leaky_relu),
    ("lift_fresh_copy", tensors::identity),
    ("linear", layers::linear),
    ("log", tensors::unary),
    ("log_sigmoid", tensors::unary),
    ("log_softmax", tensors::softmax),
    ("logical_and", tensors::binary),
    ("logical_not", tensors::unary),
    ("logical_or", tensors::binary),
    ("lt", tensors::compare),
    ("masked_fill", tensors::masked_fill),
    ("matmul", tensors::matmul),
    ("max_pool1d", layers::max_pool),
    ("max_pool2d", layers::max_pool),
    ("maximum", tensors::binary),
    ("mean", tensors::reduce),
    ("minimum", tensors::binary),
    ("mish", tensors::unary),
    ("mm", tensors::matmul),
    ("mul", tensors::mul),
    ("narrow", tensors::narrow),
    ("ne", tensors::compare),
    ("neg", tensors::neg),
    ("ones", tensors::full),
    ("ones_like", tensors::full),
    ("pad", tensors::pad),
    ("permute", tensors::permute),
    ("pow", tensors::pow),
    ("prelu", layers::prelu),
    ("reciprocal", tensors::unary),
    ("relu", layers::relu),
    ("relu6", tensors::clamp),
    ("reshape", tensors::reshape),
    ("rsqrt", tensors::unary),
    ("rsub", tensors::rsub),
    ("scaled_dot_product_attention", tensors::attention),
    ("select", tensors::select),
    ("selu", layers::selu),
    ("sigmoid", layers::sigmoid),
    ("silu", layers::silu),
    ("sin", tensors::unary),
    ("slice", tensors::slice),
    ("softmax", tensors::softmax),
    ("softplus", layers::softplus),
    ("split", tensors::split),
    ("split_with_sizes", tensors::split),
    ("sqrt", tensors::unary),
    ("square", tensors::square),
    ("squeeze", tensors::squeeze),
    ("stack", tensors::stack),
    ("sub", tensors::sub),
    ("sum", tensors::reduce),
    ("sym_constrain_range_for_size", |_| Ok(Made::Nothing)),
    ("sym_size", tensors::sym_size),
    ("t", tensors::permute),
    ("tanh", layers::tanh),
    ("to", tensors::to),
    ("transpose", tensors::permute),
    ("type_as", tensors::to),
    ("unbind", tensors::unbind),
    ("unflatten", tensors::unflatten),
    ("unsqueeze", tensors::unsqueeze),
    ("view", tensors::reshape),
    ("view_as", tensors::view_as),
    ("where", tensors::choose),
    ("zeros", tensors::full),
    ("zeros_like", tensors::full),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_nothing_twice() {
        assert!(RULES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn in_place_forms_are_found() {
        assert!(find("relu_").is_some() && find("relu").is_some());
        assert!(find("relu__").is_none() && find("no_such").is_none());
    }
}
