//! Names that are read as another.

/// What a name looks like at a glance: names with the same look are taken for each other. Only the letters that names
/// of tools may have are known (others are refused, Cyrillic ones that look like these included). The letters are those
/// of Unicode's confusables.txt within ASCII; case and kind of separator are what people and models mix up as well.
pub(super) fn look(name: &str) -> String {
    let small = name.to_ascii_lowercase();
    let letters = small.chars().map(|letter| match letter {
        '0' => 'o',
        '1' | 'i' => 'l',
        '-' | '.' => '_',
        other => other,
    });
    let look: String = letters.collect();
    look.replace("rn", "m").replace("vv", "w")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_the_same_look() {
        for (left, right) in [
            ("read_file", "read_fi1e"),
            ("read_file", "Read.File"),
            ("read_file", "read-fiIe"),
            ("delete_0rder", "delete.order"),
            ("confirm", "confirrn"),
            ("swap", "svvap"),
        ] {
            assert_eq!(look(left), look(right), "{left} {right}");
        }
        for (left, right) in [
            ("read_file", "read_files"),
            ("get", "put"),
            ("a1", "a2"),
            ("read_file", "readFile"),
        ] {
            assert_ne!(look(left), look(right), "{left} {right}");
        }
    }
}
