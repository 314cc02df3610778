//! Which operations of PyTorch there are rules for: one literal table, in-place forms included.

use super::call::{Call, Result};
use super::lower::Made;
use super::{layers, makers, parts, pointwise, products, recurrent, shapes, windows};

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
    ("_operator.add", |call| shapes::arithmetic(call, |a, b| a.checked_add(b))),
    ("_operator.floordiv", |call| shapes::arithmetic(call, |a, b| a.checked_div_euclid(b).filter(|_| b > 0))),
    ("_operator.mul", |call| shapes::arithmetic(call, |a, b| a.checked_mul(b))),
    ("_operator.sub", |call| shapes::arithmetic(call, |a, b| a.checked_sub(b))),
    ("_to_copy", makers::to),
    ("abs", pointwise::unary),
    ("adaptive_avg_pool1d", windows::adaptive_average_pool),
    ("adaptive_avg_pool2d", windows::adaptive_average_pool),
    ("adaptive_max_pool1d", windows::adaptive_max_pool),
    ("adaptive_max_pool2d", windows::adaptive_max_pool),
    ("add", pointwise::add),
    ("addmm", products::addmm),
    ("alias", makers::identity),
    ("amax", products::reduce),
    ("avg_pool1d", windows::average_pool),
    ("avg_pool2d", windows::average_pool),
    ("batch_norm", layers::batch_norm),
    ("bitwise_and", pointwise::binary),
    ("bitwise_not", pointwise::unary),
    ("bitwise_or", pointwise::binary),
    ("bmm", products::matmul),
    ("cat", parts::cat),
    ("chunk", parts::chunk),
    ("clamp", pointwise::clamp),
    ("clamp_max", pointwise::clamp),
    ("clamp_min", pointwise::clamp),
    ("clone", makers::identity),
    ("concat", parts::cat),
    ("contiguous", makers::identity),
    ("conv1d", windows::convolution),
    ("conv2d", windows::convolution),
    ("conv_transpose1d", windows::transposed_convolution),
    ("conv_transpose2d", windows::transposed_convolution),
    ("cos", pointwise::unary),
    ("detach", makers::detach),
    ("div", pointwise::div),
    ("dropout", layers::dropout),
    ("elu", layers::elu),
    ("embedding", parts::embedding),
    ("eq", pointwise::compare),
    ("erf", pointwise::unary),
    ("exp", pointwise::unary),
    ("expand", shapes::expand),
    ("expand_as", shapes::expand_as),
    ("feature_dropout", layers::dropout),
    ("flatten", shapes::flatten),
    ("full", makers::full),
    ("full_like", makers::full),
    ("ge", pointwise::compare),
    ("gelu", layers::gelu),
    ("group_norm", layers::group_norm),
    ("gru", recurrent::recurrent),
    ("gt", pointwise::compare),
    ("hardsigmoid", pointwise::unary),
    ("hardswish", pointwise::unary),
    ("hardtanh", pointwise::clamp),
    ("index", parts::index),
    ("instance_norm", layers::instance_norm),
    ("layer_norm", layers::layer_norm),
    ("le", pointwise::compare),
    ("leaky_relu", layers::leaky_relu),
    ("lift_fresh_copy", makers::identity),
    ("linear", layers::linear),
    ("log", pointwise::unary),
    ("log_sigmoid", pointwise::unary),
    ("log_softmax", products::softmax),
    ("logical_and", pointwise::binary),
    ("logical_not", pointwise::unary),
    ("logical_or", pointwise::binary),
    ("lstm", recurrent::recurrent),
    ("lt", pointwise::compare),
    ("masked_fill", pointwise::masked_fill),
    ("matmul", products::matmul),
    ("max_pool1d", windows::max_pool),
    ("max_pool2d", windows::max_pool),
    ("maximum", pointwise::binary),
    ("mean", products::reduce),
    ("minimum", pointwise::binary),
    ("mish", pointwise::unary),
    ("mm", products::matmul),
    ("mul", pointwise::mul),
    ("narrow", parts::narrow),
    ("ne", pointwise::compare),
    ("neg", pointwise::neg),
    ("ones", makers::full),
    ("ones_like", makers::full),
    ("pad", parts::pad),
    ("permute", shapes::permute),
    ("pow", pointwise::pow),
    ("prelu", layers::prelu),
    ("reciprocal", pointwise::unary),
    ("relu", layers::relu),
    ("relu6", pointwise::clamp),
    ("reshape", shapes::reshape),
    ("rnn_relu", recurrent::recurrent),
    ("rnn_tanh", recurrent::recurrent),
    ("rsqrt", pointwise::unary),
    ("rsub", pointwise::rsub),
    ("scaled_dot_product_attention", products::attention),
    ("select", parts::select),
    ("selu", layers::selu),
    ("sigmoid", layers::sigmoid),
    ("silu", layers::silu),
    ("sin", pointwise::unary),
    ("slice", parts::slice),
    ("softmax", products::softmax),
    ("softplus", layers::softplus),
    ("split", parts::split),
    ("split_with_sizes", parts::split),
    ("sqrt", pointwise::unary),
    ("square", pointwise::square),
    ("squeeze", shapes::squeeze),
    ("stack", parts::stack),
    ("sub", pointwise::sub),
    ("sum", products::reduce),
    ("sym_constrain_range_for_size", |_| Ok(Made::Nothing)),
    ("sym_size", shapes::sym_size),
    ("t", shapes::permute),
    ("tanh", layers::tanh),
    ("to", makers::to),
    ("transpose", shapes::permute),
    ("type_as", makers::to),
    ("unbind", parts::unbind),
    ("unflatten", shapes::unflatten),
    ("unsqueeze", shapes::unsqueeze),
    ("upsample_bilinear2d", windows::resize),
    ("upsample_nearest2d", windows::resize),
    ("view", shapes::reshape),
    ("view_as", shapes::view_as),
    ("where", pointwise::choose),
    ("zeros", makers::full),
    ("zeros_like", makers::full),
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
