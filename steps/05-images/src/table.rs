//! A table as Docker's commands print it (Go's `text/tabwriter` with a minimum of 10 and a padding of 3).

const MINIMUM: usize = 10;
const PADDING: usize = 3;

/// Lines of cells, in columns as wide as their widest cell. The last column is not filled up.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count() + PADDING).max();
        widest.unwrap_or(0).max(MINIMUM)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            match column + 1 == row.len() {
                true => text += cell,
                false => text += &format!("{cell:<width$}", width = widths[column]),
            }
        }
        text.push('\n');
    }
    text
}

/// The same of words that are at hand.
pub fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_ten_wide_at_least_and_three_apart() {
        let rows = [row(["A", "LONG HEADER", "END"]), row(["b", "c", "d"])];
        assert_eq!(
            table(&rows),
            "A         LONG HEADER   END\nb         c             d\n"
        );
        assert_eq!(table(&[]), "");
    }
}
