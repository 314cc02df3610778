//! # Definition
//! Numbers from the standard normal distribution, by the ids of both examples: the bar of chance.
//!
//! # Cost
//! None.
//!
//! # Reference
//! The control of every table of influence, such as Koh and Liang, ICML 2017, section 5.4.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::{Case, InfluenceMethod, ORDER};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Role;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "random",
    summary: "control: random numbers",
    reference: "Koh and Liang 2017",
    revision: 1,
    source: include_str!("random.rs"),
    read: |_| Some(Arc::new(Random)),
};

struct Random;

impl InfluenceMethod for Random {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        let rows = on.test.ids.iter().map(|&id| draw(on, id, &on.train.ids));
        Ok(Tensor::f_stack(&rows.collect::<Result<Vec<_>>>()?, 0)?)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        let own = on.train.ids.iter().map(|&id| draw(on, id, &[id]));
        Ok(Tensor::f_cat(&own.collect::<Result<Vec<_>>>()?, 0)?)
    }

    fn convention(&self) -> &'static str {
        ORDER
    }

    fn role(&self) -> Role {
        Role::Control
    }
}

/// Of a test point's id, for training examples, [N].
fn draw(on: &Case, test: u64, train: &[u64]) -> Result<Tensor> {
    let noise = on.noise.purpose("random-influence").index(test);
    Ok(noise.normal(train, &[1], Kind::Double, on.train.x.device())?.f_squeeze_dim(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::support::{Setting, largest, method};

    #[test]
    fn draws_belong_to_the_examples_and_not_to_the_batch() {
        let setting = Setting::drawn("layers = [{ linear = { out = 2 } }]", &[2], 2, 200, 20);
        let random = method("use = 'random'");
        let all = random.influence(&setting.case()).unwrap();
        let (train, test) = (setting.train.part(50, 3).unwrap(), setting.test.part(4, 2).unwrap());
        let some = random.influence(&Case { train: &train, test: &test, ..setting.case() }).unwrap();
        assert_eq!(some, all.narrow(0, 4, 2).narrow(1, 50, 3));
        // 4000 draws: the mean within three of its deviations.
        assert!(largest(&all.mean(Kind::Double)) < 3.0 / 4000f64.sqrt());
        assert!((all.std(true).double_value(&[]) - 1.0).abs() < 0.05);
    }
}
