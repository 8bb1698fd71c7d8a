//! Reading Prometheus' text format.

/// The sum of all samples of this name that have these labels.
pub(crate) fn sum(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |sample: &str| {
        let label = |(key, value): &(&str, &str)| sample.contains(&format!("{key}=\"{value}\""));
        labels.iter().all(label)
    };
    let value = |line: &str| -> Option<f64> {
        let (sample, value) = line.rsplit_once(' ')?;
        let this = sample.split('{').next() == Some(name) && has(sample);
        this.then(|| value.parse().unwrap())
    };
    // An empty sum of floats is -0.
    text.lines().filter_map(value).sum::<f64>() + 0.0
}

/// The names of all samples.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap())
}
