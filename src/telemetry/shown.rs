//! Gauges that are set when metrics are asked for: how things are now, and nothing of those that are gone.

use std::collections::BTreeMap;

use prometheus::{
    core::{Atomic, Collector, GenericGaugeVec},
    proto::{LabelPair, MetricFamily},
};

/// Makes these all the series of a gauge: by their labels, in the order of the table of metrics. A series that stays is
/// never away, because somebody else may read in between.
pub fn show<P: Atomic + 'static>(gauge: &GenericGaugeVec<P>, series: &BTreeMap<Vec<&str>, P::T>) {
    for (labels, value) in series {
        gauge.with_label_values(labels).set(*value);
    }
    let described = gauge.desc();
    let names = described.iter().flat_map(|it| &it.variable_labels);
    for metric in gauge.collect().iter().flat_map(MetricFamily::get_metric) {
        let label = |name: &String| {
            let mut labels = metric.get_label().iter();
            labels.find(|label| label.name() == name)
        };
        let labels = names.clone().filter_map(label).map(LabelPair::value);
        let labels: Vec<&str> = labels.collect();
        if !series.contains_key(&labels) {
            // Another reader may have taken it out already.
            let _ = gauge.remove_label_values(&labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn a_series_that_stays_is_never_away_and_one_that_is_gone_is() {
        let metrics = Metrics::new();
        let gauge = &metrics.breaker_state;
        let of = |model| vec!["p", model, "key"];
        show(gauge, &BTreeMap::from([(of("stays"), 3), (of("goes"), 1)]));
        let stays = gauge.with_label_values(&of("stays"));
        show(gauge, &BTreeMap::from([(of("stays"), 2)]));
        assert_eq!(stays.get(), 2, "it is the same one");
        let text = metrics.render();
        let line = r#"waypost_breaker_state{credential="key",model="stays",provider="p"} 2"#;
        assert!(text.contains(line) && !text.contains("goes"), "{text}");
    }
}
