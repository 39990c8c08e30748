//! How alike two sounds are.

use std::ops::Range;

/// Where in `sound` a part of it is most likely to be: how many samples after its beginning, and the normalised
/// correlation there, 0 to 1, whatever the sign. Places are looked for within `starts`, as far as the part fits; `None`:
/// it fits nowhere.
pub fn most_alike(part: &[f32], sound: &[f32], starts: Range<usize>) -> Option<(usize, f32)> {
    let own = product(part, part);
    let likeness = |start: usize| {
        let place = &sound[start..start + part.len()];
        let energy = product(place, place);
        if energy < f32::EPSILON {
            return 0.0;
        }
        product(part, place).abs() / (own * energy).sqrt().max(f32::MIN_POSITIVE)
    };
    let fitting = (sound.len() + 1).saturating_sub(part.len());
    (starts.start..starts.end.min(fitting))
        .map(|start| (start, likeness(start)))
        .max_by(|one, other| one.1.total_cmp(&other.1))
}

/// In eight lanes, which the compiler makes one instruction of.
fn product(one: &[f32], other: &[f32]) -> f32 {
    let (eights, rest) = one.as_chunks::<8>();
    let (others, other_rest) = other.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for (a, b) in eights.iter().zip(others) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest = rest.iter().zip(other_rest).map(|(a, b)| a * b);
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_where_it_is_and_nowhere_else() {
        let sound: Vec<f32> = (0..999_u32)
            .map(|n| ((n * n % 997) as f32 / 997.0) - 0.5)
            .collect();
        let (start, alike) = most_alike(&sound[321..424], &sound, 0..usize::MAX).unwrap();
        assert_eq!(start, 321);
        assert!(alike > 0.999, "{alike}");
        let (start, alike) = most_alike(&sound[321..424], &sound, 0..300).unwrap();
        assert!(start < 300 && alike < 0.6, "{start} {alike}");
        assert_eq!(most_alike(&sound, &sound[1..], 0..usize::MAX), None);
        let silence = [0.0; 9];
        assert_eq!(most_alike(&silence, &silence, 0..1), Some((0, 0.0)));
    }
}
