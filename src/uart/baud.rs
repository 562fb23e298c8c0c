//! The speeds that serial ports are set to.

/// Speeds that a measure is taken for if it is near one of them; no two are nearer to each other than 8 %.
const COMMON: [u32; 33] = [
    110, 150, 300, 600, 1200, 1800, 2400, 3600, 4800, 7200, 9600, 14_400, 19_200, 28_800, 31_250, 38_400, 57_600,
    74_880, 100_000, 115_200, 153_600, 187_500, 230_400, 250_000, 460_800, 500_000, 576_000, 921_600, 1_000_000,
    1_152_000, 1_500_000, 2_000_000, 3_000_000,
];

/// Speeds next to a common one: only where the measure says exactly this.
///
/// 56000 and 76800 are left out: a common speed that is 3 % off is likelier.
const RARE: [u32; 6] = [125_000, 128_000, 256_000, 512_000, 1_843_200, 4_000_000];

/// How far off a common speed may be.
const NEAR: f64 = 0.036;

/// How far off a rare speed may be.
const EXACT: f64 = 0.001;

/// The speed that a port was set to, of which so many bits a second were measured; `None` for an unusual one.
///
/// `blur` is the relative uncertainty of the measure.
pub(super) fn standard(measured: f64, blur: f64) -> Option<u32> {
    let off = |baud: u32| (measured / f64::from(baud) - 1.0).abs();
    let rare = RARE.into_iter().find(|&baud| off(baud) < EXACT);
    let near = NEAR + blur.clamp(0.0, 0.03);
    let common = || COMMON.into_iter().filter(|&baud| off(baud) < near).min_by(|&a, &b| off(a).total_cmp(&off(b)));
    rare.or_else(common)
}

/// The common speeds, slow ones first.
pub(super) fn common() -> impl Iterator<Item = u32> {
    COMMON.into_iter().chain([4_000_000])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_find_their_speed() {
        for baud in common() {
            for off in [-0.03, -0.01, 0.0, 0.01, 0.03] {
                if baud != 4_000_000 || off == 0.0 {
                    assert_eq!(standard(f64::from(baud) * (1.0 + off), 0.0), Some(baud), "{baud} {off}");
                }
            }
        }
        assert_eq!(standard(128_010.0, 0.0), Some(128_000));
        assert_eq!(standard(85_000.0, 0.0), None);
        assert_eq!(standard(12.0, 0.0), None);
    }
}
