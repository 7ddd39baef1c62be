//! The one source of chance: a named, seeded generator that gives the same numbers on every machine.
//!
//! [`Rng`] is xoshiro128++ 1.0 (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47,
//! 2021; <https://prng.di.unimi.it/xoshiro128plusplus.c>): 128 bits of state, period 2¹²⁸ − 1, seeded from 64 bits by
//! splitmix64 as its authors advise. It is for sampling, not for secrets.
//!
//! What needs chance gets a generator of its own ([`Rng::stream`] by purpose, [`Rng::split`] by order), so that adding
//! a dropout layer does not change how the data are shuffled. Deviates are made from the core's own logarithm and
//! `libm`'s sine and cosine, never from the host's.
//!
//! ```
//! use evenkeel_kernels::rng::Rng;
//! let mut rng = Rng::new(42);
//! let mut order = [0, 1, 2, 3, 4];
//! rng.shuffle(&mut order);
//! let mut noise = [0.0_f32; 5];
//! rng.fill_normal(&mut noise, 0.0, 1.0);
//! let again = Rng::from_state(rng.state()); // a checkpoint: goes on where `rng` is now
//! assert_eq!(again.unwrap().next_u32(), rng.next_u32());
//! ```

use crate::simd::{LANES, Lanes, Real};
use core::array::from_fn;

/// Added at each step of splitmix64: 2⁶⁴ / golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// splitmix64's output function: a bijection of 64 bits in which each bit of `z` moves half of the result.
const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A xoshiro128++ generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    s: [u32; 4],
}

impl Rng {
    /// A generator for a seed: its state is the first two numbers of splitmix64 started at `seed`, low half first.
    pub const fn new(seed: u64) -> Self {
        let (a, b) = (mix(seed.wrapping_add(GAMMA)), mix(seed.wrapping_add(GAMMA.wrapping_mul(2))));
        // Never all zero: `mix` is a bijection, so `a` and `b` differ.
        Self { s: [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32] }
    }

    /// The generator of `seed` for one purpose: different purposes, and the plain [`Rng::new`], are unrelated streams.
    pub const fn stream(seed: u64, purpose: u64) -> Self {
        Self::new(mix(mix(seed.wrapping_add(GAMMA)) ^ mix(purpose.wrapping_add(1))))
    }

    /// A generator of its own for a part of the work: two draws of this one, first the low half, are its seed.
    pub fn split(&mut self) -> Self {
        let low = self.next_u32() as u64;
        let high = self.next_u32() as u64;
        Self::new(mix(high << 32 | low))
    }

    /// The 128 bits that decide everything that follows.
    pub const fn state(&self) -> [u32; 4] {
        self.s
    }

    /// A generator that goes on from a state; none goes on from all zeros.
    pub fn from_state(s: [u32; 4]) -> Option<Self> {
        (s != [0; 4]).then_some(Self { s })
    }

    /// The next 32 bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        let s = &mut self.s;
        let result = s[0].wrapping_add(s[3]).rotate_left(7).wrapping_add(s[0]);
        let t = s[1] << 9;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(11);
        result
    }

    /// A number of [0, 1): one of the 2²⁴ multiples of 2⁻²⁴, the same for each type.
    #[inline]
    pub fn uniform<T: Real>(&mut self) -> T {
        T::of((self.next_u32() >> 8) as f64 * (1.0 / 16_777_216.0))
    }

    /// A whole number of 0 … n − 1, each exactly as likely; 0 if `n` is 0. (D. Lemire, "Fast random integer generation
    /// in an interval", 2019.)
    pub fn below(&mut self, n: u32) -> u32 {
        let mut product = self.next_u32() as u64 * n as u64;
        if (product as u32) < n {
            let surplus = n.wrapping_neg() % n; // 2³² mod n
            while (product as u32) < surplus {
                product = self.next_u32() as u64 * n as u64;
            }
        }
        (product >> 32) as u32
    }

    /// Puts items (fewer than 2³²) in a random order, each order as likely (Fisher-Yates, from the end).
    pub fn shuffle<A>(&mut self, items: &mut [A]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }

    /// Numbers of [lo, hi).
    pub fn fill_uniform<T: Real>(&mut self, to: &mut [T], lo: f64, hi: f64) {
        let (lo, width, hi) = (T::of(lo), T::of(hi - lo), T::of(hi));
        for x in to {
            let y = lo + width * self.uniform::<T>();
            *x = if y < hi { y } else { lo }; // rounding may reach hi
        }
    }

    /// Normal deviates, eight at a time (Box-Muller: four radii and four angles give four cosines and four sines);
    /// a shorter fill is a prefix of a longer one. With 24-bit uniforms none is beyond 5.77 `std`.
    pub fn fill_normal<T: Real>(&mut self, to: &mut [T], mean: f64, std: f64) {
        let (mean, std) = (T::V::splat(T::of(mean)), T::V::splat(T::of(std)));
        let turn = T::of(core::f64::consts::TAU);
        for block in to.chunks_mut(2 * LANES) {
            let u: [T; LANES] = from_fn(|_| T::ONE - self.uniform::<T>()); // (0, 1]
            let angle: [T; LANES] = from_fn(|_| turn * self.uniform::<T>());
            let radius = (T::V::load(&u).ln() * T::V::splat(T::of(-2.0))).max(T::V::zero()).sqrt() * std;
            let (cosines, sines) = block.split_at_mut(LANES.min(block.len()));
            (mean + radius * T::V::load(&angle.map(T::cos))).store_part(cosines);
            (mean + radius * T::V::load(&angle.map(T::sin))).store_part(sines);
        }
    }

    /// Normal deviates given that they fall in [a, b] (`torch.nn.init.trunc_normal_`: a and b are values, not multiples
    /// of `std`). By rejection, from normal deviates where at least one in eight is accepted; from uniform ones where
    /// [a, b] is narrow or far out (C. Robert, "Simulation of truncated normal variables", 1995), leaving out at most
    /// 10⁻⁷ of the mass of an endless tail. With `std` or b − a not above 0: `mean`, moved into [a, b].
    pub fn fill_trunc_normal<T: Real>(&mut self, to: &mut [T], mean: f64, std: f64, a: f64, b: f64) {
        let (low, high) = (T::of(a), T::of(b));
        let bound = |x: T| x.max2(low).min2(high);
        if !(std > 0.0 && a < b) {
            return to.fill(bound(T::of(mean)));
        }
        let (mut left, mut right) = ((a - mean) / std, (b - mean) / std);
        if left < 1.0 && right > -1.0 && right - left >= 1.0 {
            let mut trial = [T::ZERO; 2 * LANES];
            let mut done = 0;
            while done < to.len() {
                self.fill_normal(&mut trial, mean, std);
                let good = trial.into_iter().filter(|&x| low <= x && x <= high);
                for (x, trial) in to[done..].iter_mut().zip(good) {
                    *x = trial;
                    done += 1;
                }
            }
            return;
        }
        if left >= 1.0 {
            right = right.min(left + 6.0_f64.min(16.0 / left));
        } else if right <= -1.0 {
            left = left.max(right - 6.0_f64.min(-16.0 / right));
        }
        let peak = 0.0_f64.max(left).min(right);
        for x in to {
            *x = loop {
                let z = left + (right - left) * self.uniform::<f64>();
                let likelihood = T::of(0.5 * (peak - z) * (peak + z)).lane(T::V::exp);
                if self.uniform::<T>() < likelihood {
                    break bound(T::of(mean + std * z));
                }
            };
        }
    }

    /// A dropout mask: `scale` where a uniform number is below `keep`, else 0; 0 and 1 are exact.
    pub fn fill_mask<T: Real>(&mut self, to: &mut [T], keep: f64, scale: T) {
        let (keep, scale) = (T::V::splat(T::of(keep)), T::V::splat(scale));
        // Vectors, not for the arithmetic but for `select`: a branch is mispredicted as often as not.
        let (blocks, end) = to.as_chunks_mut::<LANES>();
        let mask = |u: [T; LANES]| T::V::select(T::V::load(&u).lt(keep), scale, T::V::zero());
        for block in blocks {
            mask(from_fn(|_| self.uniform())).store(block);
        }
        let mut u = [T::ZERO; LANES];
        u[..end.len()].fill_with(|| self.uniform());
        mask(u).store_part(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::{Rng as _, SeedableRng};
    use rand_xoshiro::Xoshiro128PlusPlus;

    fn numbers<const N: usize>(mut rng: Rng) -> [u32; N] {
        from_fn(|_| rng.next_u32())
    }

    /// Mean, standard deviation, skewness and kurtosis.
    fn moments(x: &[f32]) -> [f64; 4] {
        let n = x.len() as f64;
        let mean = x.iter().map(|&v| v as f64).sum::<f64>() / n;
        let m = |k: i32| x.iter().map(|&v| (v as f64 - mean).powi(k)).sum::<f64>() / n;
        let std = m(2).sqrt();
        [mean, std, m(3) / std.powi(3), m(4) / std.powi(4)]
    }

    /// Chi-square of counts that should be equal.
    fn chi_square(counts: &[u32]) -> f64 {
        let expected = counts.iter().sum::<u32>() as f64 / counts.len() as f64;
        counts.iter().map(|&c| (c as f64 - expected).powi(2) / expected).sum()
    }

    fn assert_near<const N: usize>(got: [f64; N], want: [f64; N], within: [f64; N]) {
        for i in 0..N {
            assert!((got[i] - want[i]).abs() < within[i], "{got:?} is not {want:?}");
        }
    }

    #[test]
    fn is_xoshiro128_plus_plus_seeded_by_splitmix64() {
        for seed in [0, 1, 42, 0xdead_beef_0bad_cafe, u64::MAX] {
            let (mut ours, mut theirs) = (Rng::new(seed), Xoshiro128PlusPlus::seed_from_u64(seed));
            for _ in 0..1000 {
                assert_eq!(ours.next_u32(), theirs.next_u32());
            }
        }
        let s = [1, 2, 3, 4];
        let mut bytes = [0; 16];
        bytes.chunks_mut(4).zip(s).for_each(|(to, v): (&mut [u8], u32)| to.copy_from_slice(&v.to_le_bytes()));
        let (mut ours, mut theirs) = (Rng::from_state(s).unwrap(), Xoshiro128PlusPlus::from_seed(bytes));
        for _ in 0..1000 {
            assert_eq!(ours.next_u32(), theirs.next_u32());
        }
    }

    #[test]
    fn first_numbers_never_change() {
        assert_eq!(numbers(Rng::new(0)), SNAPSHOT_0);
        assert_eq!(numbers(Rng::new(42)), SNAPSHOT_42);
        assert_eq!(numbers(Rng::new(42).split()), SNAPSHOT_SPLIT);
        assert_eq!(numbers(Rng::stream(42, 0)), SNAPSHOT_STREAM_0);
        assert_eq!(numbers(Rng::stream(42, 1)), SNAPSHOT_STREAM_1);
        let mut order = [0, 1, 2, 3, 4, 5, 6, 7];
        Rng::new(42).shuffle(&mut order);
        assert_eq!(order, SNAPSHOT_SHUFFLE);
        let mut x = [0.0_f32; 10_003];
        Rng::new(42).fill_normal(&mut x, 0.0, 1.0);
        assert_eq!(x[..8], SNAPSHOT_NORMAL);
        assert_eq!(x.iter().fold(0, |h: u32, v| h.rotate_left(5) ^ v.to_bits()), SNAPSHOT_NORMAL_BITS);
    }

    #[test]
    fn normals_are_box_muller_in_both_precisions() {
        let (mut single, mut double) = ([0.0_f32; 13], [0.0_f64; 13]);
        Rng::new(7).fill_normal(&mut single, 1.5, 0.5);
        Rng::new(7).fill_normal(&mut double, 1.5, 0.5);
        let mut rng = Rng::new(7);
        for block in 0..2 {
            let u: [f64; 8] = from_fn(|_| rng.uniform());
            for i in 0..8.min(13 - 8 * block) {
                let radius = (-2.0 * (1.0 - u[i % 4]).ln()).sqrt();
                let (sine, cosine) = (core::f64::consts::TAU * u[4 + i % 4]).sin_cos();
                let want = 1.5 + 0.5 * radius * if i < 4 { cosine } else { sine };
                assert!((double[8 * block + i] - want).abs() < 1e-14);
                assert!((single[8 * block + i] as f64 - want).abs() < 2e-6);
            }
        }
        let mut long = [0.0_f32; 29];
        Rng::new(7).fill_normal(&mut long, 1.5, 0.5);
        assert_eq!(single, long[..13], "a shorter fill is a prefix");
    }

    #[test]
    fn state_comes_back_and_zero_is_refused() {
        let mut rng = Rng::new(3);
        rng.next_u32();
        assert_eq!(Rng::from_state(rng.state()), Some(rng));
        assert_eq!(Rng::from_state([0; 4]), None);
    }

    #[test]
    fn streams_differ() {
        let mut parent = Rng::new(1);
        let mut all = vec![numbers::<2>(Rng::new(1)), numbers(parent.split()), numbers(parent.split())];
        all.extend((0..100).map(|p| numbers(Rng::stream(1, p))));
        all.extend((0..100).map(|p| numbers(Rng::stream(2, p))));
        let n = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), n);
        // Sibling streams agree on as many bits as chance has it: 64 × 32 coins, 5 standard deviations.
        let (mut a, mut b) = (Rng::stream(9, 0), Rng::stream(9, 1));
        let equal: u32 = (0..64).map(|_| (a.next_u32() ^ b.next_u32()).count_zeros()).sum();
        assert!((equal as i32 - 1024).abs() < 113, "{equal}");
    }

    #[test]
    fn uniform_is_flat_and_uncorrelated() {
        let mut rng = Rng::new(11);
        let mut x = vec![0.0_f32; 200_000];
        rng.fill_uniform(&mut x, 2.0, 4.0);
        assert!(x.iter().all(|&v| (2.0..4.0).contains(&v)));
        assert_near(moments(&x), [3.0, 1.0 / 3.0_f64.sqrt(), 0.0, 1.8], [0.006, 0.003, 0.02, 0.02]);
        let mut bins = [0; 64];
        x.iter().for_each(|&v| bins[((v - 2.0) * 32.0) as usize] += 1);
        assert!(chi_square(&bins) < 110.0); // 63 degrees of freedom: one chance in 5,000
        let lag = x.windows(2).map(|w| (w[0] as f64 - 3.0) * (w[1] as f64 - 3.0)).sum::<f64>() / x.len() as f64;
        assert!((lag * 3.0).abs() < 0.01);
        rng.fill_uniform(&mut x[..9], 1.0, 1.0);
        assert_eq!(x[..9], [1.0; 9]);
    }

    #[test]
    fn below_and_shuffle_are_unbiased() {
        let mut rng = Rng::new(12);
        for n in [1_u32, 2, 3, 10, 100] {
            let mut counts = vec![0; n as usize];
            (0..20_000).for_each(|_| counts[rng.below(n) as usize] += 1);
            assert!(chi_square(&counts) < n as f64 + 4.0 * (2.0 * n as f64).sqrt() + 4.0, "{counts:?}");
        }
        // 3·2³⁰: without rejection, numbers of one remainder come twice as often.
        let mut counts = [0; 3];
        (0..30_000).for_each(|_| counts[(rng.below(3 << 30) % 3) as usize] += 1);
        assert!(chi_square(&counts) < 18.0, "{counts:?}");
        assert_eq!(rng.below(0), 0);
        let mut orders = [0; 27];
        for _ in 0..60_000 {
            let mut x = [0, 1, 2];
            rng.shuffle(&mut x);
            orders[x[0] * 9 + x[1] * 3 + x[2]] += 1;
        }
        let seen: Vec<u32> = orders.into_iter().filter(|&c| c > 0).collect();
        assert!(seen.len() == 6 && chi_square(&seen) < 21.0, "{seen:?}");
    }

    #[test]
    fn normal_has_its_moments_and_tails() {
        let mut x = vec![0.0_f32; 400_001];
        Rng::new(13).fill_normal(&mut x, 2.0, 3.0);
        assert_near(moments(&x), [2.0, 3.0, 0.0, 3.0], [0.02, 0.015, 0.015, 0.04]);
        let beyond = |k: f32| x.iter().filter(|&&v| (v - 2.0).abs() > 3.0 * k).count() as f64 / x.len() as f64;
        assert_near([beyond(1.0), beyond(2.0), beyond(3.0)], [0.31731, 0.0455, 0.0027], [0.003, 0.0015, 0.0004]);
        let independent = x.windows(5).map(|w| (w[0] as f64 - 2.0) * (w[4] as f64 - 2.0)).sum::<f64>();
        assert!((independent / 9.0 / x.len() as f64).abs() < 0.01, "cosine and sine of a pair");
    }

    #[test]
    fn truncated_normal_by_each_method() {
        // Interval, mean and standard deviation of the truncated standard normal (from φ and Φ).
        for (a, b, mean, std) in [
            (-2.0, 2.0, 0.0, 0.879_626),
            (0.0, f64::INFINITY, 0.797_885, 0.602_810),
            (-0.3, 0.4, 0.047_992, 0.200_419),
            (2.0, f64::INFINITY, 2.373_216, 0.338_052),
            (f64::NEG_INFINITY, -5.0, -5.186_504, 0.180_822),
        ] {
            let mut x = vec![0.0_f32; 100_000];
            Rng::new(14).fill_trunc_normal(&mut x, 10.0, 2.0, 10.0 + 2.0 * a, 10.0 + 2.0 * b);
            assert!(x.iter().all(|&v| (10.0 + 2.0 * a..=10.0 + 2.0 * b).contains(&(v as f64))));
            let [m, s, ..] = moments(&x);
            assert_near([m, s], [10.0 + 2.0 * mean, 2.0 * std], [0.02, 0.02]);
        }
        let mut x = [0.0_f32; 3];
        Rng::new(1).fill_trunc_normal(&mut x, 9.0, 0.0, -1.0, 1.0);
        assert_eq!(x, [1.0; 3]);
        Rng::new(1).fill_trunc_normal(&mut x, 0.0, 1e-3, 1e6, 2e6);
        assert_eq!(x, [1e6; 3]);
    }

    #[test]
    fn masks_keep_what_they_should() {
        let mut x = vec![0.0_f32; 100_000];
        Rng::new(15).fill_mask(&mut x, 0.8, 1.25);
        let kept = x.iter().filter(|&&v| v == 1.25).count();
        assert_eq!(kept + x.iter().filter(|&&v| v == 0.0).count(), x.len());
        assert!((kept as f64 - 80_000.0).abs() < 500.0);
        Rng::new(15).fill_mask(&mut x, 1.0, 2.0);
        assert!(x.iter().all(|&v| v == 2.0));
        Rng::new(15).fill_mask(&mut x, 0.0, 2.0);
        assert!(x.iter().all(|&v| v == 0.0));
    }

    const SNAPSHOT_0: [u32; 4] = [1_179_900_579, 1_938_959_192, 3_089_844_957, 3_657_088_315];
    const SNAPSHOT_42: [u32; 4] = [2_643_743_425, 1_762_251_840, 1_632_151_183, 1_417_845_339];
    const SNAPSHOT_SPLIT: [u32; 2] = [3_634_249_334, 912_714_682];
    const SNAPSHOT_STREAM_0: [u32; 2] = [1_440_239_227, 246_742_637];
    const SNAPSHOT_STREAM_1: [u32; 2] = [835_988_712, 2_788_543_579];
    const SNAPSHOT_SHUFFLE: [u32; 8] = [0, 7, 5, 3, 1, 6, 2, 4];
    const SNAPSHOT_NORMAL: [f32; 8] =
        [0.21243404, 0.9267428, 0.9775679, -0.4337838, -1.3662817, -0.44435504, -0.021917706, -0.7830316];
    const SNAPSHOT_NORMAL_BITS: u32 = 0x3313_a05c; // wasm gives the same
}
