//! Which rows are shown and where: found from one row that stays where it is, never from a sum of all heights.

/// What is held fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hold {
    /// The last row stands at the lower edge.
    End,
    /// This row begins so far below the upper edge, in points.
    Row(usize, f32),
}

/// A row and where it is, in points below the upper edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    /// Its number.
    pub(super) row: usize,
    /// Its upper edge.
    pub(super) top: f32,
    /// Its height.
    pub(super) height: f32,
}

impl Placed {
    pub(super) fn bottom(&self) -> f32 {
        self.top + self.height
    }
}

/// Places rows until the viewport is full. Asks for the height of no more rows than that takes, and ends at the
/// first and the last row; few rows stand at the lower edge.
pub(super) fn place(
    count: usize,
    hold: Hold,
    viewport: f32,
    mut height: impl FnMut(usize) -> f32,
) -> Vec<Placed> {
    let mut rows = std::collections::VecDeque::new();
    let Some(last) = count.checked_sub(1) else {
        return Vec::new();
    };
    let first = match hold {
        Hold::End => {
            let height = height(last);
            Placed {
                row: last,
                top: viewport - height,
                height,
            }
        }
        Hold::Row(row, top) => Placed {
            row: row.min(last),
            top,
            height: height(row.min(last)),
        },
    };
    rows.push_back(first);
    up(&mut rows, &mut height);
    down(&mut rows, last, viewport, &mut height);
    // Above the first row there is nothing.
    if rows[0].top > 0.0 {
        let by = -rows[0].top;
        shift(&mut rows, by);
        down(&mut rows, last, viewport, &mut height);
    }
    // Below the last row there is nothing either.
    let below = viewport - rows[rows.len() - 1].bottom();
    if below > 0.0 {
        shift(&mut rows, below);
        up(&mut rows, &mut height);
    }
    rows.retain(|row| row.bottom() > 0.0 && row.top < viewport);
    rows.into()
}

type Rows = std::collections::VecDeque<Placed>;

fn shift(rows: &mut Rows, by: f32) {
    rows.iter_mut().for_each(|row| row.top += by);
}

fn up(rows: &mut Rows, height: &mut impl FnMut(usize) -> f32) {
    while rows[0].top > 0.0 && rows[0].row > 0 {
        let row = rows[0].row - 1;
        let height = height(row);
        let top = rows[0].top - height;
        rows.push_front(Placed { row, top, height });
    }
}

fn down(rows: &mut Rows, last: usize, viewport: f32, height: &mut impl FnMut(usize) -> f32) {
    while let Some(end) = rows.back().copied()
        && end.bottom() < viewport
        && end.row < last
    {
        let row = end.row + 1;
        let height = height(row);
        rows.push_back(Placed {
            row,
            top: end.bottom(),
            height,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(hold: Hold, count: usize) -> Vec<(usize, f32)> {
        let placed = place(count, hold, 100.0, |_| 30.0);
        placed.iter().map(|row| (row.row, row.top)).collect()
    }

    #[test]
    fn the_held_row_stays_and_the_viewport_is_full() {
        let expected = [(4, -25.0), (5, 5.0), (6, 35.0), (7, 65.0), (8, 95.0)];
        assert_eq!(rows(Hold::Row(5, 5.0), 20), expected);
        let expected = [(16, -20.0), (17, 10.0), (18, 40.0), (19, 70.0)];
        assert_eq!(rows(Hold::End, 20), expected);
    }

    #[test]
    fn nothing_is_shown_above_the_first_and_below_the_last_row() {
        let expected = [(0, 0.0), (1, 30.0), (2, 60.0), (3, 90.0)];
        assert_eq!(rows(Hold::Row(1, 80.0), 20), expected);
        assert_eq!(rows(Hold::Row(19, 10.0), 20), rows(Hold::End, 20));
        assert_eq!(rows(Hold::Row(1, 10.0), 2), [(0, 40.0), (1, 70.0)]);
        assert_eq!(rows(Hold::Row(7, 0.0), 0), []);
        assert_eq!(rows(Hold::Row(900, 0.0), 1), [(0, 70.0)]);
    }

    #[test]
    fn of_a_million_rows_only_those_shown_are_measured() {
        let mut measured = 0;
        let placed = place(1_000_000, Hold::Row(500_000, -10.0), 800.0, |_| {
            measured += 1;
            40.0
        });
        assert_eq!(placed.len(), 21);
        assert!(measured <= 22, "{measured}");
    }
}
